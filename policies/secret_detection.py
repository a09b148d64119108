"""Recognising a secret in plain text: by its name, by its format, by its randomness.

Nothing here returns or prints what it found; every function answers with a description of the
kind of secret. Names and formats follow what the stores and services of Plinth really use.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from itertools import groupby
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

SECRET_WORDS = re.compile(
    r"password|passwd|passphrase|secret"  # also inside a word: PGPASSWORD
    r"|(?:^|_)(?:token|credential|(?:api|private|access|encryption|signing|vault|service)_key"
    r"|dsn|connection_string|requirepass|masterauth)s?(?:_|$)"
)
"""What makes a name in snake case look like a secret's."""

SETTING_SUFFIXES = (
    "alg", "algorithm", "aud", "base64", "characters", "claim", "cost", "count", "enabled",
    "encryption", "exp", "expiry", "file", "generation", "header", "id", "interval", "issuer",
    "length", "limit", "lifetime", "method", "name", "names", "path", "policy", "prefix",
    "required", "rotation", "seconds", "ttl", "type", "uri", "url", "version",
)  # fmt: skip
"""Last words that make a name a setting about a secret, not the secret: `PASSWORD_MIN_LENGTH`."""

SETTING_PHRASES = re.compile(r"(?:^|_)rate_limit_")
"""What makes a name one of a setting, whatever it ends with: `RATE_LIMIT_TOKEN_REFRESH`."""

DIGEST_WORDS = frozenset(
    {"checksum", "commit", "digest", "fingerprint", "hash", "revision", "sha256", "version"}
)
"""Words in a name whose value may look random without being a secret."""

SECRET_FORMATS: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("a private key in PEM form", re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----")),
    ("a JSON Web Token", re.compile(r"\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]{16,}")),
    ("a private JSON Web Key", re.compile(r'\\?"(?:d|k)\\?"\s*:\s*\\?"[\w-]{16,}')),
    ("a secret API key", re.compile(r"\bsb_secret_[\w-]{8,}")),
    ("an AWS access key", re.compile(r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b")),
    ("a provider token", re.compile(r"\b(?:gh[pousr]_\w{20,}|sk-[\w-]{20,}|xox[abps]-[\w-]{10,})")),
    ("a URL with a password", re.compile(r"\b[a-z][a-z0-9+.-]*://[^\s:/@]*:(?![$%{<*])[^\s/@]+@")),
    ("a SQL password literal", re.compile(r"(?i)\bpassword\s+'(?![$%{:])[^']+'")),
)

_WORD_BOUNDARY = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_HARMLESS_VALUE = re.compile(r"(?i)|true|false|nil|null|none|yes|no|on|off")
_REFERENCE = re.compile(r"[$%].*|\{\{.*|<.*>")
_PUBLIC_PARTS = re.compile(
    r'\\?"(?:x|y|n|e|kid)\\?"\s*:\s*\\?"[\w-]*\\?"'  # members of a public JSON Web Key, RFC 7517
    r"|-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]*-----END CERTIFICATE-----"  # RFC 7468
    r"|\bsb_publishable_[\w-]+"
    r"|\bsha(?:256|512)[:-][A-Za-z0-9+/=]+"
)
_TOKEN = re.compile(r"[A-Za-z0-9+/_-]{24,}={0,2}")
_SEPARATOR = re.compile(r"[+/_-]")
_WORDS_TOGETHER = re.compile(r"(?:[A-Z][a-z]+)+")
_SHORTEST_MEAN_WORD = 4
_HEXADECIMAL = re.compile(r"[0-9a-f]{32,}|[0-9A-F]{32,}")
_ASSIGNMENT = re.compile(
    r"""(?mx)
    ^\s*(?:-\s+)?(?:export\s+|set\s+)?
    ["']?(?P<name>[A-Za-z][\w.-]*)["']?
    (?P<separator>\s*[:=]\s*)
    (?P<value>"[^"\n]*"|'[^'\n]*'|[^\s"',;()]+)\s*,?\s*$
    """
)
_QUOTED_ASSIGNMENT = re.compile(
    r"""["'](?P<name>[A-Za-z][\w.-]*)["']\s*:\s*"(?P<value>[^"\n]*)\""""
)
_REDIS_PASSWORD = re.compile(
    r"(?m)^\s*(?:(?:requirepass|masterauth|primaryauth)\s+\S+|user\s.*\s[>#]\S+)"
)
_BARE_IDENTIFIER = re.compile(r"[A-Za-z_][][A-Za-z_.]*")
_MINIMUM_ENTROPY = 3.8
_MINIMUM_HEXADECIMAL_ENTROPY = 3.0
_LONGEST_WORD = 12
_LONGEST_MEAN_RUN = 2.9


def snake_case(name: str) -> str:
    """A name in lower case with underscores: `adminPassword` and `admin-password` are the same."""
    return re.sub(r"[^a-z0-9]+", "_", _WORD_BOUNDARY.sub("_", name).lower()).strip("_")


def name_is_secret(name: str) -> bool:
    """Whether a name says that its value is a secret."""
    words = snake_case(name)
    if words.rsplit("_", maxsplit=1)[-1] in SETTING_SUFFIXES or SETTING_PHRASES.search(words):
        return False
    return SECRET_WORDS.search(words) is not None


def is_public_key_set(value: str) -> bool:
    """Whether a value is a JSON Web Key set, or key, that holds public keys alone."""
    return value.lstrip().startswith("{") and '"kty"' in value and secret_format(value) is None


def secret_format(text: str) -> str | None:
    """The kind of secret whose format appears in a text, or None."""
    return next((kind for kind, pattern in SECRET_FORMATS if pattern.search(text)), None)


def _looks_random(token: str) -> bool:
    """Whether a token is random characters: high entropy, no words, letters mixed with digits.

    Shannon entropy alone also hits long identifiers; those have words, thus long runs of one
    character class, which random characters have not.
    """
    if max(map(len, _SEPARATOR.split(token.rstrip("=")))) <= _LONGEST_WORD:
        return False
    if _WORDS_TOGETHER.fullmatch(token):
        words = sum(map(str.isupper, token))
        if len(token) / words >= _SHORTEST_MEAN_WORD:
            return False
    entropy = -sum(
        count / len(token) * math.log2(count / len(token)) for count in Counter(token).values()
    )
    if _HEXADECIMAL.fullmatch(token):
        return entropy >= _MINIMUM_HEXADECIMAL_ENTROPY
    runs = [
        sum(1 for _ in run)
        for _, run in groupby(token, key=lambda c: (c.isdigit(), c.isupper(), c.islower()))
    ]
    return entropy >= _MINIMUM_ENTROPY and len(token) / len(runs) <= _LONGEST_MEAN_RUN


def has_random_token(text: str) -> bool:
    """Whether a text holds a token that looks generated, public parts left out."""
    return any(_looks_random(match) for match in _TOKEN.findall(_PUBLIC_PARTS.sub(" ", text)))


def _is_literal(value: str) -> bool:
    """Whether a value is a value, not a switch and not a reference to one kept elsewhere."""
    return not _HARMLESS_VALUE.fullmatch(value) and not _REFERENCE.fullmatch(value)


def secret_in_pair(name: str, value: str) -> str | None:
    """The kind of secret that a named value seems to be, or None.

    Args:
        name: Of an environment variable, label, build argument or configuration key.
        value: In plain text.
    """
    kind = secret_format(value)
    if kind:
        return f"holds {kind}"
    if name_is_secret(name) and _is_literal(value) and not is_public_key_set(value):
        return "has a secret's name"
    if not DIGEST_WORDS & set(snake_case(name).split("_")) and has_random_token(value):
        return "holds a value that looks generated"
    return None


def _assignments(text: str) -> Iterator[tuple[str, str]]:
    """Names and literal values in a configuration file of any common syntax."""
    for match in _ASSIGNMENT.finditer(text):
        value = match["value"]
        spaced_identifier = match["separator"] == " = " and _BARE_IDENTIFIER.fullmatch(value)
        if not spaced_identifier:  # `token = name` is an expression of a script, not a literal
            yield match["name"], value.strip("\"'")
    for match in _QUOTED_ASSIGNMENT.finditer(text):
        yield match["name"], match["value"]


def secret_in_text(text: str) -> str | None:
    """The kind of secret that a file's content seems to hold, or None."""
    kind = secret_format(text)
    if kind:
        return f"holds {kind}"
    if _REDIS_PASSWORD.search(text):
        return "holds a Redis password"
    for name, value in _assignments(text):
        if name_is_secret(name) and _is_literal(value):
            return "sets a key with a secret's name"
    return "holds a value that looks generated" if has_random_token(text) else None


_PASSWORD_FLAGS = {"redis-cli": "-a", "mongosh": "-p", "mongo": "-p", "mysql": "-p"}
"""Short options that take a password, by program."""


def secret_in_arguments(arguments: list[str]) -> Iterator[tuple[int, str]]:
    """Positions in an argument list that seem to hold a secret, each with its kind.

    A shell command in one argument is split at white space and judged the same way.
    """
    for position, argument in enumerate(arguments):
        words = argument.split()
        kind = secret_format(argument) or _secret_in_words(words)
        if kind is None and position:
            kind = _secret_after(arguments[:position], argument)
        if kind is None and has_random_token(argument):
            kind = "a value that looks generated"
        if kind:
            yield position, f"holds {kind}"


def _secret_in_words(words: list[str]) -> str | None:
    """The kind of secret in one argument: `--password=x`, `NAME_SECRET=x`, `redis-cli -a x`."""
    for position, word in enumerate(words):
        name, separator, value = word.lstrip("-").partition("=")
        if separator and name_is_secret(name) and _is_literal(value.strip("\"'")):
            return "an option with a secret's name"
        if position and (kind := _secret_after(words[:position], word)):
            return kind
    return None


def _secret_after(before: list[str], value: str) -> str | None:
    """The kind of secret that a value is because of the words before it."""
    option = before[-1]
    value = value.strip("\"'")
    if value.startswith("-") or not _is_literal(value):
        return None
    if option.startswith("--") and "=" not in option and name_is_secret(option.lstrip("-")):
        return "the value of an option with a secret's name"
    programs = (word.rsplit("/", maxsplit=1)[-1] for word in before)
    if any(_PASSWORD_FLAGS.get(program) == option for program in programs):
        return "the value of a password option"
    return None
