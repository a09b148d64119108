"""What the gateway is told: addresses, keys, who issues tokens, and limits.

The model refuses what would leave a hole or a gateway that cannot work, so a rendered
configuration is one that holds.
"""

from __future__ import annotations

import json
import re
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

import jwt
from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

from infra.gateway.routes import ROUTES, OpenApiAccess, Route

ApiKeyRole = Literal["anon", "service_role"]

ALGORITHM_BY_KEY_TYPE = {"EC": "ES256", "oct": "HS256"}
"""The one algorithm that each type of key of the key set may verify (RFC 8725, section 3.1)."""

_CREDENTIAL = re.compile(r"[A-Za-z0-9_.\-]{20,4096}")
_ROUTE_NAMES = frozenset(route.name for route in ROUTES)


METRICS_PORT = 9902

DRAIN_SECONDS = 20
"""How long requests that are under way may take to end after a stop."""

STOP_GRACE_SECONDS = DRAIN_SECONDS + 10
"""After which the engine kills what has not ended."""

_SLOWEST_UPLOAD_BYTES_PER_SECOND = 16 * 1024
"""What a client must manage, or its upload does not fit into its time."""


class ApiKey(BaseModel):
    """An API key and the token that takes its place behind the gateway."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    value: SecretStr
    """The key as clients send it: an opaque key, or a legacy HS256 key."""

    role: ApiKeyRole
    token: SecretStr
    """ES256 token with this role, of the gateway's issuer and audience."""

    @field_validator("value", "token")
    @classmethod
    def _safe_characters(cls, credential: SecretStr) -> SecretStr:
        # Both are written into the gateway's script: nothing that could end a string there.
        if not _CREDENTIAL.fullmatch(credential.get_secret_value()):
            raise ValueError("must be 20 to 4096 letters, digits, '_', '-' or '.'")
        return credential


class Upstream(BaseModel):
    """Address of a component where it is not reached by its own name and port."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    host: str = Field(min_length=1)
    port: int = Field(ge=1, le=65535)
    health_port: int | None = Field(default=None, ge=1, le=65535)
    """Where it says whether it is ready; None for `port`."""


class ClientLimits(BaseModel):
    """What clients may take of the gateway's time and memory."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    header_seconds: float = Field(default=10, gt=0)
    """For a request's headers to arrive."""

    body_seconds: float = Field(default=60, gt=0)
    """For its body to arrive, where the route's limit does not ask for more."""

    silence_seconds: float = Field(default=120, gt=0)
    """Without a byte in either direction while a request is under way. Does not hold where a route
    has no time limit."""

    idle_seconds: float = Field(default=300, gt=0)
    """For a connection without a request. Less while memory is short; see `overload`."""

    connections: int = Field(default=16_000, ge=1)
    """Open at the same time. The engine lets a container have 20,000 files open, and connections
    to components count as well."""

    def arrival_seconds(self, route: Route) -> float:
        """How long a request with the largest body of a route may take to arrive."""
        return max(self.body_seconds, route.body_limit_bytes / _SLOWEST_UPLOAD_BYTES_PER_SECOND)


class Tls(BaseModel):
    """Where clients reach a gateway that speaks TLS itself."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    public_host: str = Field(min_length=1)
    public_port: int = Field(ge=1, le=65535)
    challenges: bool = False
    """Whether the component `certificates` proves to a directory that the host is this one."""


class GatewaySettings(BaseModel):
    """Everything that the rendered configuration depends on, besides the route table."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    listen_port: int = Field(default=8000, ge=1, le=65535)
    admin_port: int = Field(default=9901, ge=1, le=65535)
    """On the loopback address of the gateway's own network namespace."""

    metrics_port: int = Field(default=METRICS_PORT, ge=1, le=65535)
    """On every address of that namespace; see `metrics`."""

    redirect_port: int = Field(default=8001, ge=1, le=65535)
    """Where plain HTTP is sent to HTTPS, with `tls`."""

    tls: Tls | None = None
    """None for plain HTTP. The certificate is in the files that `runtime` names."""

    secure: bool = False
    """Whether clients come by HTTPS, to the gateway or to a proxy in front of it."""

    api_keys: tuple[ApiKey, ...] = Field(min_length=1)
    jwks: SecretStr
    """JSON Web Key Set as text. Public EC keys; an `oct` key only while legacy keys are on."""

    issuer: str = Field(min_length=1)
    audience: str = "authenticated"
    cors_origins: tuple[str, ...] = ()
    trusted_proxies: int = Field(default=0, ge=0, le=8)
    """How many proxies in front of the gateway append to X-Forwarded-For. It decides which
    address a client is counted by; too high a number lets clients choose their address."""

    rate_limits: bool = True
    rate_limit_per_minute: dict[str, Annotated[int, Field(ge=1, le=1_000_000)]] = {}
    """By route name, in place of the table's value."""

    rest_openapi: OpenApiAccess = "service_role"
    profiles: frozenset[str] = frozenset({"core"})
    client_limits: ClientLimits = ClientLimits()
    upstreams: dict[str, Upstream] = {}
    """By component name; a component that is not named is reached by its own name and port."""

    def requests_per_minute(self, route: Route) -> int:
        """The configured limit of a route, or the table's."""
        return self.rate_limit_per_minute.get(route.name, route.requests_per_minute)

    @field_validator("cors_origins")
    @classmethod
    def _explicit_origins(cls, origins: tuple[str, ...]) -> tuple[str, ...]:
        for origin in origins:
            if "*" in origin:
                raise ValueError(
                    f"{origin!r}: a wildcard cannot go with credentials; name each origin"
                )
            parts = urlsplit(origin)
            if origin != f"{parts.scheme}://{parts.netloc}" or parts.scheme not in {
                "http",
                "https",
            }:
                raise ValueError(
                    f"{origin!r}: write scheme, host and port only, as in https://app.example.org"
                )
        return origins

    @field_validator("rate_limit_per_minute")
    @classmethod
    def _known_routes(cls, limits: dict[str, int]) -> dict[str, int]:
        if unknown := sorted(limits.keys() - _ROUTE_NAMES):
            raise ValueError(
                f"no such route: {', '.join(unknown)}; routes are {', '.join(sorted(_ROUTE_NAMES))}"
            )
        return limits

    @field_validator("jwks")
    @classmethod
    def _verifying_keys(cls, jwks: SecretStr) -> SecretStr:
        try:
            keys = json.loads(jwks.get_secret_value())["keys"]
        except (ValueError, KeyError, TypeError):
            # The parser's message would quote the text, which may hold a symmetric key.
            raise ValueError("must be a JSON Web Key Set: an object with a list `keys`") from None
        if not keys:
            raise ValueError("must hold at least one key")
        for position, key in enumerate(keys):
            where = f"key {position}"
            if ALGORITHM_BY_KEY_TYPE.get(key.get("kty")) != key.get("alg", ""):
                raise ValueError(f"{where}: must be an EC key with ES256 or an oct key with HS256")
            if key["kty"] == "EC" and "d" in key:
                raise ValueError(f"{where}: holds a private key; give the public part only")
            if not key.get("kid"):
                raise ValueError(f"{where}: needs a `kid`")
        return jwks

    @model_validator(mode="after")
    def _tokens_fit(self) -> Self:
        values = [key.value.get_secret_value() for key in self.api_keys]
        if len(set(values)) != len(values):
            raise ValueError("api_keys: the same value is listed twice")
        for position, key in enumerate(self.api_keys):
            try:
                claims = jwt.decode(
                    key.token.get_secret_value(), options={"verify_signature": False}
                )
            except jwt.DecodeError:
                raise ValueError(f"api_keys[{position}].token: is not a JSON Web Token") from None
            expected = {"iss": self.issuer, "aud": self.audience, "role": key.role}
            for claim, value in expected.items():
                if claims.get(claim) != value:
                    raise ValueError(f"api_keys[{position}].token: claim {claim} must be {value!r}")
        return self
