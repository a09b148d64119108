"""What it means when an engine cannot pull from, or push to, a registry.

The texts are the engine's own and those that it passes on from registries
(https://distribution.github.io/distribution/spec/api/#errors-2).
"""

import re
from dataclasses import dataclass
from typing import Final

from docker.auth import resolve_repository_name

# The engine's texts, in the order in which they are looked for, what is wrong and the mend.
_MEANINGS: Final = (
    (
        (
            r"verification failed|invalid checksum|digest (?:did not match|mismatch)|"
            r"unexpected EOF|unexpected end of JSON|corrupt|invalid character"
        ),
        "registry {host} sent something else than the digest names",
        "do not deploy from it; find out who changed its content, then publish the image again",
    ),
    (
        r"unauthorized|authentication required|no basic auth|denied|forbidden|incorrect username",
        "registry {host} refuses this login",
        "run docker login {host} with an account that may do this",
    ),
    (
        r"manifest unknown|name unknown|repository name not known|unknown blob|not found",
        "registry {host} does not have it",
        "check the name, the tag and the digest, or publish the image again",
    ),
    (
        r"unexpected HTTP status: 5\d\d|internal server error|bad gateway|service unavailable",
        "registry {host} failed",
        "look into its log, then run again",
    ),
    (
        r"HTTP response to HTTPS client",
        "registry {host} speaks HTTP, which the engine allows on loopback only",
        "give it a certificate",
    ),
    (
        r"x509|certificate",
        "the engine does not trust the certificate of registry {host}",
        "put its authority into /etc/docker/certs.d/{host}/ca.crt of the engine",
    ),
    (
        r"no space left on device",
        "a disk is full, the engine's or that of registry {host}",
        "free space and run again",
    ),
    (
        (
            r"connection refused|no such host|timeout|deadline exceeded|unreachable|"
            r"no route to host|connection reset|\bEOF\b|Temporary failure"
        ),
        "registry {host} does not answer",
        "check its address and the network",
    ),
)


@dataclass(frozen=True)
class Refusal:
    """Why a registry did not do as it was asked.

    Attributes:
        what: what is wrong, with the engine's own words.
        mend: how to mend it.
    """

    what: str
    mend: str


def host_of(reference: str) -> str:
    """The registry that an image's name leads to; `docker.io` where it names none."""
    host: str = resolve_repository_name(reference.partition("@")[0])[0]
    return host


def refusal(reference: str, answer: str) -> Refusal:
    """Say what an engine's answer about an image of a registry means.

    Args:
        reference: The image's name.
        answer: The engine's text.
    """
    words = " ".join(answer.split())
    host = host_of(reference)
    for pattern, what, mend in _MEANINGS:
        if re.search(pattern, words, re.IGNORECASE):
            return Refusal(f"{what.format(host=host)} ({words})", mend.format(host=host))
    return Refusal(words, "mend that and run again")
