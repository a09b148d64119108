"""Hooks that are HTTP endpoints: how requests are signed, and which answers count."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import hmac
import json
import socket
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest

from services.auth.errors import AuthError
from services.auth.hooks.access_token import AccessTokenHook, accepted_claims
from services.auth.hooks.endpoint import LONGEST_ANSWER_BYTES, call_endpoint, signed_headers
from services.auth.hooks.targets import DatabaseFunction, Endpoint, parse_target
from services.auth.models import Client

if TYPE_CHECKING:
    from collections.abc import Iterator

SECRET = "v1,whsec_" + base64.b64encode(bytes(range(32))).decode()
OTHER_SECRET = "v1,whsec_" + base64.b64encode(bytes(range(32, 64))).decode()
JSON = {"Content-Type": "application/json"}
CLAIMS: dict[str, Any] = {
    "aud": "authenticated",
    "exp": 2,
    "iat": 1,
    "sub": "5b0cf04c-5b0d-4b8e-9d3d-3c6b4d0f2a11",
    "email": "ann@example.com",
    "phone": "",
    "role": "authenticated",
    "aal": "aal1",
    "session_id": "5b0cf04c-5b0d-4b8e-9d3d-3c6b4d0f2a12",
    "is_anonymous": False,
    "app_metadata": {},
    "user_metadata": {},
    "amr": [{"method": "password", "timestamp": 1}],
}


@dataclass(frozen=True)
class Answer:
    """What the endpoint answers a request with."""

    status: int = 200
    headers: dict[str, str] = field(default_factory=lambda: dict(JSON))
    body: bytes = b"{}"
    after_seconds: float = 0


@dataclass
class HookServer:
    """A real HTTP server: it gives its answers in turn, the last one again and again."""

    port: int
    answers: list[Answer] = field(default_factory=lambda: [Answer()])
    requests: list[tuple[dict[str, str], bytes]] = field(default_factory=list)

    @property
    def endpoint(self) -> Endpoint:
        target = parse_target(f"http://127.0.0.1:{self.port}/hook", SECRET)
        assert isinstance(target, Endpoint)
        return target


@pytest.fixture
def server() -> Iterator[HookServer]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            hook.requests.append(({name.lower(): v for name, v in self.headers.items()}, body))
            answer = hook.answers.pop(0) if len(hook.answers) > 1 else hook.answers[0]
            time.sleep(answer.after_seconds)
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.end_headers()
            with contextlib.suppress(BrokenPipeError):  # who asks has given up
                self.wfile.write(answer.body)

        def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002  (the base class's name)
            """Write nothing."""

    listener = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    hook = HookServer(listener.server_port)
    thread = threading.Thread(target=listener.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield hook
    listener.shutdown()
    listener.server_close()


async def call(server: HookServer, *, timeout_seconds: float = 5) -> bytes | None:
    return await call_endpoint(
        server.endpoint, b'{"a": 1}', timeout_seconds=timeout_seconds, pause_seconds=0
    )


async def refusal(server: HookServer, *answers: Answer, timeout_seconds: float = 5) -> AuthError:
    server.answers = list(answers)
    with pytest.raises(AuthError) as refused:
        await call(server, timeout_seconds=timeout_seconds)
    return refused.value


def test_a_request_is_signed_as_the_specification_does() -> None:
    target = Endpoint("http://localhost", (base64.b64decode("plJ3nmyCDGBKInavdOK15jsl"),))
    payload = b'{"event_type":"ping","data":{"success":true}}'
    headers = signed_headers(
        target, payload, identifier="msg_loFOjxBNrRLzqYUf", timestamp=1731705121
    )

    assert headers["webhook-signature"] == "v1,rAvfW3dJ/X/qxhsaXPOyyCGmRKsaKWcsNccKXlIktD0="


def test_each_secret_signs() -> None:
    target = parse_target("https://example.com", f"{SECRET}|{OTHER_SECRET}")
    assert isinstance(target, Endpoint)
    headers = signed_headers(target, b"{}", identifier="a", timestamp=1)

    assert [part[:3] for part in headers["webhook-signature"].split(" ")] == ["v1,", "v1,"]


async def test_the_endpoint_can_verify_what_it_gets(server: HookServer) -> None:
    await call(server)
    headers, body = server.requests[0]
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    digest = hmac.new(bytes(range(32)), signed, hashlib.sha256).digest()

    assert headers["webhook-signature"] == "v1," + base64.b64encode(digest).decode()


async def test_an_answer_without_content_is_none(server: HookServer) -> None:
    server.answers = [Answer(204, headers={}, body=b"")]

    assert await call(server) is None


@pytest.mark.parametrize(
    ("answer", "status", "code"),
    [
        (Answer(400), 500, "unexpected_failure"),
        (Answer(401), 500, "unexpected_failure"),
        (Answer(404), 500, "unexpected_failure"),
        (Answer(302, headers={"Location": "http://169.254.169.254/"}), 500, "unexpected_failure"),
        (Answer(503), 500, "unexpected_failure"),
        (Answer(headers={}), 400, "hook_payload_invalid_content_type"),
        (Answer(headers={"Content-Type": "text/html"}), 400, "hook_payload_invalid_content_type"),
        (Answer(body=b"x" * (LONGEST_ANSWER_BYTES + 1)), 422, "hook_payload_over_size_limit"),
    ],
    ids=["400", "401", "404", "redirect", "503", "no type", "html", "too long"],
)
async def test_an_answer_that_does_not_count_is_refused(
    server: HookServer, answer: Answer, status: int, code: str
) -> None:
    refused = await refusal(server, answer)

    assert (refused.status, refused.code) == (status, code)


async def test_a_redirect_is_not_followed(server: HookServer) -> None:
    address = f"http://127.0.0.1:{server.port}/elsewhere"
    await refusal(server, Answer(307, headers={"Location": address}))

    assert len(server.requests) == 1


async def test_a_busy_endpoint_is_asked_again(server: HookServer) -> None:
    server.answers = [Answer(429, headers={**JSON, "Retry-After": "1"}), Answer(body=b'{"b": 2}')]

    assert await call(server) == b'{"b": 2}'


async def test_a_busy_endpoint_is_asked_three_times(server: HookServer) -> None:
    await refusal(server, Answer(503, headers={**JSON, "Retry-After": "1"}))

    assert len(server.requests) == 3


async def test_an_endpoint_that_takes_too_long_is_given_up(server: HookServer) -> None:
    refused = await refusal(server, Answer(after_seconds=1), timeout_seconds=0.1)

    assert (refused.status, refused.code) == (422, "hook_timeout")


async def test_an_endpoint_that_is_not_there_is_given_up() -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        target = parse_target(f"http://127.0.0.1:{listener.getsockname()[1]}", SECRET)
    assert isinstance(target, Endpoint)
    with pytest.raises(AuthError) as refused:
        await call_endpoint(target, b"{}", pause_seconds=0)

    assert refused.value.code == "hook_timeout_after_retry"


async def ask(server: HookServer, answer: bytes) -> dict[str, Any]:
    """Claims that the hook makes of CLAIMS."""
    server.answers = [Answer(body=answer)]
    hook = AccessTokenHook(server.endpoint)
    connection: Any = None  # an endpoint needs none
    return await hook.change(connection, CLAIMS, "password", Client("", "203.0.113.9"))


async def test_the_hook_changes_claims(server: HookServer) -> None:
    claims = {**CLAIMS, "tenant": "a"}

    assert await ask(server, json.dumps({"claims": claims}).encode()) == claims


async def test_the_hook_is_told_who_signs_in_and_how(server: HookServer) -> None:
    await ask(server, json.dumps({"claims": CLAIMS}).encode())
    told = json.loads(server.requests[0][1])

    assert (
        told["user_id"],
        told["claims"],
        told["authentication_method"],
        told["metadata"]["name"],
        told["metadata"]["ip_address"],
    ) == (CLAIMS["sub"], CLAIMS, "password", "customize-access-token", "203.0.113.9")


async def test_an_answer_that_is_no_json_is_refused(server: HookServer) -> None:
    with pytest.raises(AuthError, match="Error unmarshaling JSON output"):
        await ask(server, b"{")


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        ({"http_code": 403, "message": "no"}, 403, "unknown"),
        ({"message": "no"}, 500, "unexpected_failure"),
        ({"http_code": 200, "message": "no"}, 500, "unexpected_failure"),
        ({"http_code": "403", "message": "no"}, 500, "unexpected_failure"),
    ],
)
def test_an_error_of_the_hook_is_the_answer(error: object, status: int, code: str) -> None:
    with pytest.raises(AuthError) as refused:
        accepted_claims({"error": error, "claims": CLAIMS})

    assert (refused.value.status, refused.value.code, refused.value.message) == (status, code, "no")


@pytest.mark.parametrize(
    "name",
    sorted(CLAIMS.keys() - {"app_metadata", "user_metadata", "amr"}),
)
def test_a_token_needs_its_claims(name: str) -> None:
    with pytest.raises(AuthError, match=rf"\(root\): {name} is required"):
        accepted_claims({"claims": {key: CLAIMS[key] for key in CLAIMS if key != name}})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("aud", 1),
        ("exp", "2"),
        ("exp", True),
        ("iat", 1.5),
        ("sub", None),
        ("email", None),
        ("role", ["service_role"]),
        ("app_metadata", []),
        ("amr", {}),
        ("amr", [1]),
        ("client_id", 1),
    ],
)
def test_a_claim_has_its_type(name: str, value: object) -> None:
    with pytest.raises(AuthError, match=rf"{name}.*: Invalid type"):
        accepted_claims({"claims": {**CLAIMS, name: value}})


@pytest.mark.parametrize("answer", [None, [], "text", {}, {"claims": None}, {"claims": []}])
def test_an_answer_without_claims_is_refused(answer: object) -> None:
    with pytest.raises(AuthError):
        accepted_claims(answer)


def test_a_function_is_named_by_its_address() -> None:
    address = "pg-functions://postgres/hooks/add_claims"

    assert parse_target(address, "") == DatabaseFunction(address, "hooks", "add_claims")


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "[::1]", "host.docker.internal"])
def test_an_endpoint_on_this_machine_may_be_plain(host: str) -> None:
    assert isinstance(parse_target(f"http://{host}:8080/hook", SECRET), Endpoint)


@pytest.mark.parametrize(
    ("address", "secrets"),
    [
        ("", SECRET),
        ("ftp://example.com", SECRET),
        ("https://", SECRET),
        ("http://example.com/hook", SECRET),
        ("http://169.254.169.254/", SECRET),
        ("https://user:password@example.com/hook", SECRET),
        ("https://example.com/hook", ""),
        ("https://example.com/hook", "whsec_AAAA"),
        ("https://example.com/hook", "v1,whsec_%%%%"),
        ("https://example.com/hook", "v1,whsec_c2hvcnQ="),
        ("https://example.com/hook", f"{SECRET}|v1a,whsk_x"),
        ("pg-functions://other/hooks/f", ""),
        ("pg-functions://postgres/f", ""),
        ("pg-functions://postgres/hooks/f/g", ""),
        ('pg-functions://postgres/hooks/f"();drop', ""),
        ("pg-functions://postgres/hooks/" + "f" * 64, ""),
    ],
)
def test_an_address_that_cannot_be_a_hook_is_refused(address: str, secrets: str) -> None:
    with pytest.raises(ValueError, match=r"^(is|must|has) "):
        parse_target(address, secrets)


def test_a_refused_secret_is_not_told() -> None:
    with pytest.raises(ValueError, match="base64") as refused:
        parse_target("https://example.com/hook", "v1,whsec_%secret%")

    assert "%secret%" not in str(refused.value)
