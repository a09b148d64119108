"""Secrets that everybody knows: of demos, examples, tutorials and defaults.

Long ones are refused wherever they stand, kept here as SHA-256 so that this file itself holds none.
Short ones are ordinary words: they are refused where a name says that a secret is expected.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import re
from typing import TYPE_CHECKING, Any, Final

from policies.properties import block, blocks, elements, environment, given
from policies.secret_detection import name_is_secret
from policies.violation import Violation, entry

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from policies.properties import Properties
    from policies.subject import Subject

KNOWN: Final[Mapping[str, str]] = {
    "a064b502e61d27e94b8717290e5e1b32e36720e9fbdf952ec81a84c07128cb37": (
        "the JWT secret of Supabase's local stack"
    ),
    "1453cea2dc3799e9026e42b3e465e455256d5a149582e4c5b92d4c8d604731a2": (
        "the JWT secret of Supabase's example"
    ),
    "53d3eb3d9500cdcdbbe39c030eb2959438bcc459d5de9380db2a3c85b5de5360": (
        "the PostgreSQL password of Supabase's example"
    ),
    "80d1c192cf2210c5282179cc9989f4be2e9b24605daabe1bc7da10fd9ed842ed": (
        "the dashboard password of Supabase's example"
    ),
    "52f004438faf780274c9c95f79d1cf39d2355fbcf035899fc0242b1437f30df3": (
        "the key base of Supabase's example"
    ),
    "0a53c0992edae8ceb04c7a32ee47b49ad0b229c17b073e8c24683111c843d45e": (
        "the vault key of Supabase's example"
    ),
    "627507f04b33fb434001b83fa1d73b39c7d9a88f2b9a3aec652527a7f0ea571a": (
        "the metadata key of Supabase's example"
    ),
    "4feb5df17e31da658971467f079e9dfa946712c0281386fe631830bdfa1e7332": (
        "a log token of Supabase's example"
    ),
    "272b1f97285638be545049c9d56ed0c07b252faf0d47867068482d2b2374a2a9": (
        "a log token of Supabase's example"
    ),
    "a51986d52a4109b0a31bd6cf76780b978e415c37e02fe9e4a7a67963028cbd3f": (
        "a log token of Supabase's example"
    ),
    "b0f3a96ded759f6c5f13d27881ffcbfd7821fd6bb5858b0ab819e7a187e46452": (
        "the S3 key of Supabase's example"
    ),
    "7f59edafa4d502ca0156b8fddf28394634d77b1843838b5783a7c9c95fcbd32f": (
        "the S3 secret of Supabase's example"
    ),
    "5bfa6b2a8e5415178fdcb40120fe401f54f9362f7617428b3379be332d676444": (
        "the mail password of Supabase's example"
    ),
    "390d4757bf1b75e305984c99cdedfb1e7c201a2d143a53cfbc35075fa5f9a56f": (
        "the object store's password of Supabase's example"
    ),
    "ad9858116e63b0c5a4d7dc7f50f034c7247e56838dae22c1832712ffde48e694": (
        "MinIO's default password"
    ),
    "05f9868540cd09c4fb61c8564a54d7b857ca8d438d65fb72662ba79e480d9051": (
        "a JWT secret of tutorials"
    ),
    "f2576631cb6eb36997237002fc6f3298a60e672167f5fb357a7d0023c564330c": (
        "a JWT secret of tutorials"
    ),
    "f7d838701b86c5dfb57bf95fbc5ce6df204cfc9f15ad6cdb39fd22f8776e47b6": (
        "the secret of jwt.io's example"
    ),
    "1a5d44a2dca19669d72edf4c4f1c27c4c1ca4b4408fbb17f6ce4ad452d78ddb3": (
        "the access key of AWS's documentation"
    ),
    "78314b11be2e581549ac1c4f616563fad3fdf0c3b71678f6e2299182080e0598": (
        "the secret key of AWS's documentation"
    ),
}
"""What each is, by the SHA-256 of its text."""

WEAK: Final = frozenset(
    {
        "123456", "12345678", "123456789", "admin", "administrator", "change-me", "change_me",
        "changeit", "changeme", "default", "demo", "example", "foobar", "guest", "insecure",
        "letmein", "minio", "minio123", "mongo", "p@ssw0rd", "pass", "passw0rd", "password",
        "password1", "plinth", "postgres", "postgresql", "qwerty", "redis", "root", "s3cr3t",
        "secret", "supabase", "supersecret", "test", "test123", "toor", "user", "welcome",
    }
)  # fmt: skip
"""Words that are no secret, in lower case."""

_DEMO_ISSUER = "supabase-demo"
"""`iss` of the anon and service_role keys in Supabase's examples, whatever their dates."""

_TOKEN_WITH_CLAIMS = re.compile(r"\beyJ[\w-]+\.(?P<claims>[\w-]+)\.[\w-]+")
_SEPARATOR = re.compile(r"[\s\"'`,;<>(){}\[\]]+")
_ASSIGNMENT = re.compile(r"[=:@?&]+")
_MEND = "Have one generated: credentials.password, or Output of a RandomPassword"


def _claims(encoded: str) -> Mapping[str, Any]:
    """The claims of a JSON Web Token; none where it is not one."""
    try:
        decoded = json.loads(base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)))
    except (binascii.Error, ValueError):
        return {}
    return decoded if isinstance(decoded, dict) else {}


def _candidates(text: str) -> Iterator[str]:
    """The text itself, its words, and the parts of a word around `=`, `:` and `@`."""
    yield text.strip()
    for word in _SEPARATOR.split(text):
        yield word
        yield from _ASSIGNMENT.split(word)


def known_in_text(text: str) -> str | None:
    """Which well-known secret stands in a text, or None."""
    for match in _TOKEN_WITH_CLAIMS.finditer(text):
        if _claims(match["claims"]).get("iss") == _DEMO_ISSUER:
            return "an API key of Supabase's examples"
    for candidate in _candidates(text):
        if known := KNOWN.get(hashlib.sha256(candidate.encode()).hexdigest()):
            return known
    return None


def known_in_pair(name: str, value: str) -> str | None:
    """Which well-known secret a named value is, or None."""
    if known := known_in_text(value):
        return known
    return "a word that anybody would try" if name_is_secret(name) and _is_weak(value) else None


def _is_weak(value: str) -> bool:
    return value.strip().lower() in WEAK


def _named_values(properties: Properties) -> Iterator[tuple[str, str, str]]:
    """Every named value of a resource: its path, its name and its text."""
    for position, name, value in environment(properties):
        yield f"envs{entry(name, position)}", name, value
    for position, each in blocks(properties, "labels"):
        key, text = given(each, "label"), given(each, "value")
        if isinstance(key, str) and isinstance(text, str):
            yield f"labels{entry(key, position)}", key, text
    for kind in ("args", "buildArgs"):
        arguments = block(block(properties, "build"), kind)
        for position, argument in enumerate(arguments):
            text = given(arguments, argument)
            if isinstance(text, str):
                yield f"build.{kind}{entry(argument, position)}", argument, text


def _texts(properties: Properties) -> Iterator[tuple[str, str]]:
    """Every text of a resource that has no name: its path and itself."""
    lists = (
        ("command", properties, "command"),
        ("entrypoints", properties, "entrypoints"),
        ("healthcheck.tests", block(properties, "healthcheck"), "tests"),
    )
    for path, holder, name in lists:
        for position, element in enumerate(elements(holder, name)):
            if isinstance(element, str):
                yield f"{path}[{position}]", element
    for position, upload in blocks(properties, "uploads"):
        content, file = given(upload, "content"), given(upload, "file")
        if isinstance(content, str):
            name = file if isinstance(file, str) else ""
            yield f"uploads{entry(name, position)}.content", content


def resource(subject: Subject) -> Iterator[Violation]:
    """No resource holds a well-known secret, marked as secret or not."""
    for path, name, value in _named_values(subject.properties):
        if known := known_in_pair(name, value):
            yield Violation(path, f"holds {known}", _MEND)
    for path, text in _texts(subject.properties):
        if known := known_in_text(text):
            yield Violation(path, f"holds {known}", _MEND)


def _leaves(path: str, value: object) -> Iterator[tuple[str, str]]:
    """Every text in a value, with its path."""
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, dict):
        for name, part in value.items():
            yield from _leaves(f"{path}.{name}", part)
    elif isinstance(value, list):
        for position, part in enumerate(value):
            yield from _leaves(f"{path}[{position}]", part)


def configuration(subject: Subject) -> Iterator[Violation]:
    """The stack's configuration, of every namespace, holds no well-known secret."""
    for key, text in sorted(subject.configuration.items()):
        try:
            value = json.loads(text)
        except ValueError:
            value = text
        for path, leaf in _leaves(key, value):
            name = path.rsplit(".", maxsplit=1)[-1].rsplit(":", maxsplit=1)[-1]
            if known := known_in_pair(name, leaf):
                yield Violation(
                    f"configuration {path}",
                    f"holds {known}",
                    "Replace it by a generated one",
                )
