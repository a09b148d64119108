"""What a hook is: a function in the database or an HTTP endpoint, by GoTrue's addresses."""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass, field
from urllib.parse import urlsplit

_LOCAL_HOSTS = frozenset({"localhost", "127.0.0.1", "::1", "host.docker.internal"})
_SQL_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,62}")
_SECRET_MARK = "v1,whsec_"  # noqa: S105  (what every secret begins with)
_SHORTEST_SECRET_BYTES = 24  # of the Standard Webhooks specification
_LONGEST_SECRET_BYTES = 64


@dataclass(frozen=True)
class DatabaseFunction:
    """`pg-functions://postgres/<schema>/<function>`."""

    address: str
    schema: str
    name: str


@dataclass(frozen=True)
class Endpoint:
    """`https://…`, or `http://…` on this machine.

    Attributes:
        address: Where requests go.
        secrets: Keys that each request is signed with: several while they are exchanged.
    """

    address: str
    secrets: tuple[bytes, ...] = field(repr=False)


Target = DatabaseFunction | Endpoint


def parse_target(address: str, secrets: str) -> Target:
    """A hook's target.

    Args:
        address: As GoTrue takes it.
        secrets: `v1,whsec_<base64>`, several separated by `|`; for endpoints.

    Raises:
        ValueError: One of them cannot be used; the message holds no secret.
    """
    url = urlsplit(address)
    if url.scheme == "pg-functions":
        return _database_function(address, url.netloc, url.path)
    if url.scheme not in {"http", "https"} or not url.hostname:
        raise ValueError(
            "is no address of a hook: pg-functions://postgres/<schema>/<function> or https://…"
        )
    if url.username is not None or url.password is not None:
        raise ValueError("must not hold a user or password: requests are signed")
    if url.scheme == "http" and url.hostname not in _LOCAL_HOSTS:
        raise ValueError("must be https, except on this machine: tokens go through it")
    keys = tuple(_secret(secret) for secret in secrets.split("|") if secret)
    if not keys:
        raise ValueError("is an endpoint, whose requests are signed, but there is no secret")
    return Endpoint(address, keys)


def _database_function(address: str, database: str, path: str) -> DatabaseFunction:
    names = path.split("/")[1:]
    usable = len(names) == len(("schema", "function")) and all(map(_SQL_NAME.fullmatch, names))
    if database != "postgres" or not usable:
        raise ValueError("is not pg-functions://postgres/<schema>/<function>")
    return DatabaseFunction(address, *names)


def _secret(text: str) -> bytes:
    if not text.startswith(_SECRET_MARK):
        raise ValueError(f"has a secret that does not begin with {_SECRET_MARK}")
    try:
        key = base64.b64decode(text.removeprefix(_SECRET_MARK), validate=True)
    except binascii.Error:
        raise ValueError("has a secret that is not base64") from None
    if not _SHORTEST_SECRET_BYTES <= len(key) <= _LONGEST_SECRET_BYTES:
        raise ValueError(
            f"has a secret of {len(key)} bytes; it must have "
            f"{_SHORTEST_SECRET_BYTES} to {_LONGEST_SECRET_BYTES}"
        )
    return key
