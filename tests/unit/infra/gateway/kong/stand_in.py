"""Runs a rendered declarative file's scripts in LuaJIT, in the order in which Kong runs them.

It stands in for Kong's router (regular expressions by `regex_priority`, on the normalised path),
its sandbox, the functions of its plugin development kit that the scripts call,
`request-termination` and `correlation-id`, and for the modules of OpenSSL, by the same operations
of `cryptography`. What it does not have is nginx, and the plugins that count requests and bytes.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
import time
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_plus

import jwt
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from lupa.luajit21 import LuaRuntime, lua_type

from infra.gateway.kong.scripts import SANDBOX_MODULES

if TYPE_CHECKING:
    from collections.abc import Sequence

Headers = list[tuple[str, str]]

NULL = object()
"""JSON's null, as `cjson.null` is."""

REQUEST_ID = "X-Request-ID"
BODY_BUFFER_BYTES = 1024 * 1024
"""nginx's `client_body_buffer_size`, which test_component.py looks at."""
_UNRESERVED = re.compile(r"%([0-9A-Fa-f]{2})")
_BYTES_OF_ADDRESS = "198.51.100.7"


@dataclass
class Answer:
    """What the client gets, what the component got, and what the log says."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    """By name in lower case."""
    body: str = ""
    component: dict[str, Any] | None = None
    """Path, query and headers of the request that the component got; None for none."""
    log: dict[str, object] = field(default_factory=dict)

    @property
    def code(self) -> str:
        """The refusal's code."""
        return str(json.loads(self.body)["error"]["code"])


@dataclass(frozen=True)
class ComponentAnswer:
    """What the component answers."""

    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()
    body: str = "component"
    source: str = "service"
    """`exit` for what a plugin between the scripts answers in the component's place, `error` for
    what nginx does."""


def refused(status: int) -> ComponentAnswer:
    """What nginx or a plugin between the scripts refuses with."""
    return ComponentAnswer(status, body="refused", source="error")


class Kong:
    """Kong with one declarative file."""

    def __init__(self, declaration: dict[str, Any]) -> None:
        self._plugins = {plugin["name"]: plugin["config"] for plugin in declaration["plugins"]}
        self._routes = [
            *declaration["routes"],
            *(route for service in declaration["services"] for route in service["routes"]),
        ]
        lua = LuaRuntime(encoding="latin-1", unpack_returned_tuples=True)
        self._lua = lua
        source = Path(__file__).with_name("stand_in.lua").read_text(encoding="utf-8")
        names = [name for name in dir(self) if name.startswith("lua_")]
        host = lua.table_from({name.removeprefix("lua_"): getattr(self, name) for name in names})
        host["null"] = NULL
        load, self._next_request = lua.eval("loadstring")(source)(host)
        self._scripts = {
            (name, phase): load(text)
            for name in ("pre-function", "post-function")
            for phase, texts in self._plugins[name].items()
            for text in texts
        }
        self.connection = _BYTES_OF_ADDRESS
        self.scheme = "http"

    def send(
        self,
        target: str,
        headers: Sequence[tuple[str, str]] = (),
        *,
        method: str = "GET",
        component: ComponentAnswer | None = None,
        body: str = "",
    ) -> Answer:
        """Send a request.

        Args:
            target: As on the request's first line.
            headers: Names and values, as often as they are sent.
            method: Of the request.
            component: What the component answers, or somebody in its place.
            body: Of the request.
        """
        self._next_request()
        self._method, self._request_body = method, body
        self._raw_path, _, self._query = target.partition("?")
        self._path = normalised(self._raw_path)
        self.request_headers: Headers = [(name.lower(), value) for name, value in headers]
        self._route = self._match()
        self._answer, self._source, self._exited = Answer(), "exit", False
        self._body = ""
        self._upstream_path = self._path
        self._access(component or ComponentAnswer())
        self._run("pre-function", "header_filter")
        request_id = self._header(REQUEST_ID)
        self.lua_set_response_header(REQUEST_ID, request_id or str(uuid.uuid4()))
        self._run("post-function", "header_filter")
        self._run("post-function", "body_filter")
        self._answer.body = self._body
        # As Kong's serializer has them, with everything that must not be written.
        self._answer.log = {
            "request": {"uri": target, "url": target, "headers": dict(headers)},
            "upstream_uri": target,
            "response": {"headers": self._answer.headers},
            "correlation_id": request_id,
        }
        self._run("pre-function", "log")
        self._answer.log = {k: v for k, v in self._answer.log.items() if v is not None}
        return self._answer

    @property
    def route_name(self) -> str:
        """Name of the route that the last request has taken; empty for none."""
        return str(self._route.get("name", ""))

    def _access(self, component: ComponentAnswer) -> None:
        self._run("pre-function", "access")
        if self._exited:
            return
        if not self._header(REQUEST_ID):
            self.lua_set_header(REQUEST_ID, str(uuid.uuid4()))
        if component.source != "service":
            self._reply(component)
            return
        plugins = {plugin["name"]: plugin["config"] for plugin in self._route.get("plugins", [])}
        if ends := plugins.get("request-termination"):
            self._exit(ends["status_code"], ends.get("body") or ends["message"], "exit")
            return
        self._run("post-function", "access")
        if self._exited:
            return
        self._answer.component = {
            "path": self._upstream_path,
            "query": self._query,
            "headers": dict(self.request_headers),
        }
        self._reply(component)

    def _reply(self, component: ComponentAnswer) -> None:
        self._exit(component.status, component.body, component.source)
        for name, value in component.headers:
            self.lua_set_response_header(name, value)

    def _exit(self, status: int, body: str, source: str) -> None:
        self._answer.status, self._body, self._source = status, body, source
        self._exited = True
        self._answer.headers["content-length"] = str(len(body))

    def _run(self, plugin: str, phase: str) -> None:
        if script := self._scripts.get((plugin, phase)):
            script()

    def _match(self) -> dict[str, Any]:
        def matches(route: dict[str, Any]) -> bool:
            expressions = [path.removeprefix("~") for path in route["paths"]]
            return any(re.match(expression, self._path) for expression in expressions)

        found = list(filter(matches, self._routes))
        highest = max((route["regex_priority"] for route in found), default=None)
        first = [route for route in found if route["regex_priority"] == highest]
        assert len(first) <= 1, f"Kong could take any of {[route['name'] for route in first]}"
        return first[0] if first else {}

    def _header(self, name: str) -> str | None:
        return next((v for n, v in self.request_headers if n == name.lower()), None)

    # kong.request, kong.client, kong.router

    def lua_get_headers(self, maximum: int = 100) -> Any:
        grouped: dict[str, list[str]] = {}
        for name, value in self.request_headers[:maximum]:
            grouped.setdefault(name, []).append(value)
        return self._lua.table_from(
            {
                name: values[0] if len(values) == 1 else self._lua.table_from(values)
                for name, values in grouped.items()
            }
        )

    def lua_get_method(self) -> str:
        return self._method

    def lua_get_path(self) -> str:
        return self._path

    def lua_get_raw_path(self) -> str:
        return self._raw_path

    def lua_get_raw_query(self) -> str:
        return self._query

    def lua_get_request_body(self) -> str | None:
        return self._request_body if len(self._request_body) <= BODY_BUFFER_BYTES else None

    def lua_get_scheme(self) -> str:
        return self.scheme

    def lua_get_start_time(self) -> int:
        return int(time.time() * 1000)

    def lua_get_ip(self) -> str:
        return self.connection

    def lua_get_route(self) -> Any:
        return self._lua.table_from({"name": self._route["name"]}) if self._route else None

    # kong.service.request

    def lua_set_header(self, name: str, value: str) -> None:
        self.lua_clear_header(name)
        self.request_headers.append((name.lower(), value))

    def lua_clear_header(self, name: str) -> None:
        self.request_headers = [
            (other, value) for other, value in self.request_headers if other != name.lower()
        ]

    def lua_set_path(self, path: str) -> None:
        assert path.startswith("/")
        self._upstream_path = path

    def lua_set_raw_query(self, query: str) -> None:
        self._query = query

    # kong.response

    def lua_exit(self, status: int, body: Any = None, headers: Any = None) -> None:
        text = body if isinstance(body, str) else json.dumps(self._python(body))
        self._exit(status, text, "exit")
        for name, value in (headers or {}).items():
            self.lua_set_response_header(name, value)

    def lua_get_source(self) -> str:
        return self._source

    def lua_get_status(self) -> int:
        return self._answer.status

    def lua_set_status(self, status: int) -> None:
        self._answer.status = status

    def lua_get_response_header(self, name: str) -> str | None:
        return self._answer.headers.get(name.lower())

    def lua_set_response_header(self, name: str, value: str) -> None:
        self._answer.headers[name.lower()] = str(value)

    def lua_clear_response_header(self, name: str) -> None:
        self._answer.headers.pop(name.lower(), None)

    def lua_get_raw_body(self) -> str:
        return self._body

    def lua_set_raw_body(self, body: str) -> None:
        assert "content-length" not in self._answer.headers, "the length of another body"
        self._body = body

    # kong.log, ngx and the modules

    def lua_set_log_value(self, name: str, value: object = None) -> None:
        self._answer.log[name] = value

    def lua_variable(self, name: str) -> str:
        return {"request_length": "321", "bytes_sent": "123"}[name]

    def lua_now(self) -> float:
        return time.time()

    def lua_time(self) -> int:
        return int(time.time())

    def lua_decode_base64(self, text: str) -> str | None:
        try:
            return base64.b64decode(text, validate=True).decode("latin-1")
        except ValueError:
            return None

    def lua_json_decode(self, text: str) -> Any:
        try:
            return self._table(json.loads(text.encode("latin-1")))
        except ValueError:
            return None

    def lua_json_encode(self, value: Any) -> str:
        return json.dumps(self._python(value))

    def lua_hmac(self, secret: str, algorithm: str, text: str) -> str:
        assert algorithm == "sha256"
        digest = hmac.digest(secret.encode("latin-1"), text.encode("latin-1"), hashlib.sha256)
        return digest.decode("latin-1")

    def lua_verify(self, jwk: str, signature: str, text: str, digest: str, raw: object) -> bool:
        assert (digest, raw) == ("sha256", True)
        key = jwt.PyJWK.from_json(jwk, algorithm="ES256").key
        octets = signature.encode("latin-1")
        halves = (int.from_bytes(half, "big") for half in (octets[:32], octets[32:]))
        try:
            key.verify(encode_dss_signature(*halves), text.encode("latin-1"), ec.ECDSA(SHA256()))
        except InvalidSignature:
            return False
        return True

    def lua_may_require(self, name: str) -> bool:
        return name in SANDBOX_MODULES

    def _table(self, value: Any) -> Any:
        if isinstance(value, dict):
            return self._lua.table_from({name: self._table(it) for name, it in value.items()})
        if isinstance(value, list):
            return self._lua.table_from([self._table(it) for it in value])
        return NULL if value is None else value

    def _python(self, value: Any) -> Any:
        if lua_type(value) == "table":
            return {name: self._python(it) for name, it in value.items()}
        return None if value is NULL else value


def normalised(path: str) -> str:
    """A path as Kong's router sees it: RFC 3986, section 6.2.2, and one slash for several."""

    def unescaped(match: re.Match[str]) -> str:
        character = unquote_plus(match[0])
        plain = character.isascii() and (character.isalnum() or character in "-._~")
        return character if plain else match[0].upper()

    segments: list[str] = []
    parts = re.sub(r"/+", "/", _UNRESERVED.sub(unescaped, path)).split("/")[1:]
    for position, part in enumerate(parts):
        if part == "..":
            segments = segments[:-1]
        elif part != ".":
            segments.append(part)
            continue
        if position == len(parts) - 1:
            segments.append("")
    return "/" + "/".join(segments)
