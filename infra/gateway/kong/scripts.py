"""The scripts that Kong's `pre-function` and `post-function` run, with what they know.

Each is one text: its definitions, the files whose functions it uses, and the file that it is. Kong
runs it once to have the function at its end, and that function for each request. The sandbox gives
them `kong`, `ngx`, Lua's own functions and the modules of `SANDBOX_MODULES`.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from infra.gateway import credential, headers, lua
from infra.gateway.errors import ROLES
from infra.gateway.kong import refusals
from infra.gateway.kong.entities import CLIENT_HEADER, paths, terms
from infra.gateway.kong.plugins import PostFunction, PreFunction
from infra.gateway.routes import METHODS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from infra.gateway.lua import Value
    from infra.gateway.routes import Route
    from infra.gateway.settings import GatewaySettings, Tls

SANDBOX_MODULES = ("cjson.safe", "resty.openssl.hmac", "resty.openssl.pkey")
"""What the scripts `require`; Kong has them all."""

_FOLDER = Path(__file__).parent
_HTTPS_PORT = 443

_REMOVED_FROM_ANSWERS = ("Server", "Via", "X-Powered-By")

KONG_LOG_FIELDS = frozenset(
    (
        "authenticated_entity",
        "client_ip",
        "consumer",
        "correlation_id",
        "latencies",
        "request",
        "response",
        "route",
        "service",
        "source",
        "started_at",
        "trace_id",
        "tries",
        "upstream_status",
        "upstream_uri",
        "workspace",
        "workspace_name",
    )
)
"""Every field of `kong.log.serialize` in Kong 3.9."""


def before(routes: Sequence[Route], settings: GatewaySettings) -> PreFunction:
    """What comes before every plugin."""
    return PreFunction(
        access=(_request(routes, settings),),
        header_filter=(_script({"PERMISSIONS": headers.PERMISSIONS}, "component_answer"),),
        log=(_access_log(routes),),
    )


def after(routes: Sequence[Route], settings: GatewaySettings) -> PostFunction:
    """What comes after every plugin. Holds keys: the text is a secret."""
    return PostFunction(
        access=(_identity(routes, settings),),
        header_filter=(_answer(settings),),
        body_filter=(_script({}, "answer_body"),),
    )


def _request(routes: Sequence[Route], settings: GatewaySettings) -> str:
    known: dict[str, Value] = {
        **refusals.definitions(),
        "TRUSTED_PROXIES": settings.trusted_proxies,
        "METHODS": _set(METHODS),
        "WEBSOCKET_ROUTES": _set(
            path.name for route in routes if route.websocket for path in paths(route)
        ),
        "REMOVED_HEADERS": _set(headers.removed_from_requests(settings.trusted_proxies)),
        "REMOVED_PREFIXES": headers.IDENTITY_PREFIXES,
        "MAXIMUM_HEADERS": headers.MAXIMUM_COUNT,
        "CLIENT_HEADER": CLIENT_HEADER,
        "REDIRECT": _public_url(settings.tls) if settings.tls else "",
    }
    own = _script(known, "refuse", "joined", "client", "request")
    return f"{credential.QUERY_SCRIPT}\n{own}"


def _identity(routes: Sequence[Route], settings: GatewaySettings) -> str:
    known: dict[str, Value] = {
        **refusals.definitions(),
        "ROUTES": terms(routes),
        "KEYS": _keys(settings),
        "ISSUER": settings.issuer,
        "AUDIENCE": settings.audience,
        "ROLES": _set(ROLES),
        "CLOCK_SKEW": credential.CLOCK_SKEW_SECONDS,
        "CLIENT_HEADER": CLIENT_HEADER,
    }
    own = _script(known, "refuse", "joined", "token", "identity")
    return f"{credential.script(settings)}\n{own}"


def _keys(settings: GatewaySettings) -> Value:
    """The key set as the scripts take it: public keys as JWK text, symmetric ones as they are."""
    key_set = json.loads(settings.jwks.get_secret_value())["keys"]
    return [
        {
            "id": key["kid"],
            "algorithm": key["alg"],
            **({"secret": key["k"]} if key["kty"] == "oct" else {"jwk": _public_jwk(key)}),
        }
        for key in key_set
    ]


def _public_jwk(key: Mapping[str, str]) -> str:
    return json.dumps({name: key[name] for name in ("kty", "crv", "x", "y")}, sort_keys=True)


def _answer(settings: GatewaySettings) -> str:
    known: dict[str, Value] = {
        **refusals.definitions(),
        "REFUSAL_BY_STATUS": refusals.REFUSAL_BY_STATUS,
        "SECURITY_HEADERS": dict(headers.security(secure=settings.secure)),
        "REMOVED_HEADERS": _REMOVED_FROM_ANSWERS,
    }
    return _script(known, "answer")


def _access_log(routes: Sequence[Route]) -> str:
    names: dict[str, Value] = {path.name: route.name for route in routes for path in paths(route)}
    return _script(
        {
            "OMITTED": sorted(KONG_LOG_FIELDS),
            "ROUTES": {**names, "health": "health", "none": "none"},
        },
        "access_log",
    )


def _script(known: Mapping[str, Value], *files: str) -> str:
    texts = (_FOLDER.joinpath(f"{name}.lua").read_text(encoding="utf-8") for name in files)
    return "\n".join((lua.definitions(known), "", *texts))


def _set(entries: Iterable[str]) -> Value:
    return dict.fromkeys(entries, True)


def _public_url(tls: Tls) -> str:
    port = "" if tls.public_port == _HTTPS_PORT else f":{tls.public_port}"
    return f"https://{tls.public_host}{port}"
