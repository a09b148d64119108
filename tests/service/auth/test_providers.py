"""Answers of a provider to a code: which ones count.

A real provider does not answer most of these; `test_external_sign_in` signs in with one.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from services.auth.external import outbound as outbound_module
from services.auth.external.discovery import WELL_KNOWN
from services.auth.external.outbound import Outbound, ProviderError
from services.auth.external.providers import (
    GitHubProvider,
    OpenIdProvider,
    Question,
    requested_scopes,
)
from services.auth.external.settings import ProviderSettings
from services.shared.metrics import Metrics
from tests.service.auth.documents import HANGS, Documents, answer, json_answer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

HERE = "127.0.0.1"
QUESTION = Question(state="state", nonce="the-nonce", verifier="v" * 43)
ACCESS_TOKEN = "of-the-provider"
KEY = ec.generate_private_key(ec.SECP256R1())


def half_hash(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()[:16]
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


@pytest.fixture
async def documents() -> AsyncIterator[Documents]:
    """An issuer whose token endpoint the test decides about."""
    running = Documents()
    server = await asyncio.start_server(running.serve, HERE, running.port)
    endpoints = {
        "authorization_endpoint": f"{running.url}/authorize",
        "token_endpoint": f"{running.url}/token",
        "jwks_uri": f"{running.url}/keys",
        "userinfo_endpoint": f"{running.url}/userinfo",
    }
    jwk = jwt.algorithms.ECAlgorithm.to_jwk(KEY.public_key(), as_dict=True)
    running.answers[WELL_KNOWN] = json_answer({"issuer": running.url, **endpoints})
    running.answers["/keys"] = json_answer({"keys": [{**jwk, "kid": "first"}]})
    yield running
    server.close()


@pytest.fixture
def outbound() -> Outbound:
    return Outbound(Metrics(), plain_http=True)


@pytest.fixture
def settings(documents: Documents) -> ProviderSettings:
    return ProviderSettings(
        "keycloak", documents.url, ("a:b",), "s/e", "https://x.example/callback"
    )


@pytest.fixture
def provider(settings: ProviderSettings, outbound: Outbound) -> OpenIdProvider:
    return OpenIdProvider(settings, outbound, plain_http=True)


def claims_of(documents: Documents, **changes: Any) -> dict[str, Any]:
    """Claims of an ID token that is accepted, with changes; None takes one out."""
    now = int(time.time())
    claims = {
        "iss": documents.url,
        "sub": "7",
        "aud": "a:b",
        "iat": now,
        "exp": now + 300,
        "nonce": QUESTION.nonce,
        "email": "ann@example.com",
        "email_verified": True,
        **changes,
    }
    return {name: value for name, value in claims.items() if value is not None}


def tokens(documents: Documents, **changes: Any) -> bytes:
    """Answer of the token endpoint."""
    id_token = jwt.encode(
        claims_of(documents, **changes), KEY, algorithm="ES256", headers={"kid": "first"}
    )
    return json_answer({"access_token": ACCESS_TOKEN, "id_token": id_token})


async def test_a_code_is_exchanged_for_a_person(
    documents: Documents, provider: OpenIdProvider
) -> None:
    documents.answers["/token"] = tokens(documents, at_hash=half_hash(ACCESS_TOKEN))

    arrival = await provider.redeem("code", None, QUESTION)

    assert (arrival.profile.subject, arrival.tokens.access_token) == ("7", ACCESS_TOKEN)


async def test_the_client_shows_its_secret_and_its_verifier(
    documents: Documents, provider: OpenIdProvider
) -> None:
    documents.answers["/token"] = tokens(documents)
    await provider.redeem("code", None, QUESTION)
    request = next(one for one in documents.requests if one.startswith(b"POST"))
    head, _, body = request.decode().partition("\r\n\r\n")

    credentials = base64.b64encode(b"a%3Ab:s%2Fe").decode()
    assert f"Authorization: Basic {credentials}\r\n" in head
    assert {name: value for name, (value,) in parse_qs(body).items()} == {
        "grant_type": "authorization_code",
        "code": "code",
        "redirect_uri": "https://x.example/callback",
        "code_verifier": QUESTION.verifier,
    }


@pytest.mark.parametrize(
    "change",
    [
        {"nonce": None},
        {"nonce": "another"},
        {"iss": "https://evil.example"},
        {"aud": "another"},
        {"aud": ["a:b", "another"]},
        {"azp": "another"},
        {"exp": 1},
        {"sub": None},
        {"at_hash": half_hash("another")},
        {"email": "not an address"},
    ],
    ids=str,
)
async def test_an_id_token_that_says_something_else_is_refused(
    documents: Documents, provider: OpenIdProvider, change: dict[str, Any]
) -> None:
    documents.answers["/token"] = tokens(documents, **change)

    with pytest.raises(ProviderError):
        await provider.redeem("code", None, QUESTION)


@pytest.mark.parametrize(
    "content",
    [
        answer(b"<html>sign in</html>"),
        answer(b"{}", status="400 No"),
        json_answer([]),
        json_answer({}),
        json_answer({"error": "invalid_grant"}),
        json_answer({"access_token": ACCESS_TOKEN}),
        json_answer({"access_token": ACCESS_TOKEN, "id_token": 7}),
        json_answer({"access_token": ACCESS_TOKEN, "id_token": "x"}),
        json_answer({"access_token": 7, "id_token": "x"}),
        json_answer({"access_token": "x" * 20_000, "id_token": "x"}),
        json_answer({"access_token": "x", "refresh_token": [], "id_token": "x"}),
    ],
    ids=range(11),
)
async def test_another_answer_to_a_code_is_refused(
    documents: Documents, provider: OpenIdProvider, content: bytes
) -> None:
    documents.answers["/token"] = content

    with pytest.raises(ProviderError):
        await provider.redeem("code", None, QUESTION)


async def test_a_provider_that_hangs_is_left(
    documents: Documents, provider: OpenIdProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    documents.answers["/token"] = HANGS
    monkeypatch.setattr(outbound_module, "LONGEST_REQUEST_SECONDS", 0.2)

    with pytest.raises(ProviderError, match="no complete answer"):
        await provider.redeem("code", None, QUESTION)


async def test_the_userinfo_endpoint_says_the_address(
    documents: Documents, provider: OpenIdProvider
) -> None:
    documents.answers["/token"] = tokens(documents, email=None, email_verified=None)
    documents.answers["/userinfo"] = json_answer(
        {"sub": "7", "email": "ann@example.com", "email_verified": True, "iss": "https://x.example"}
    )

    profile = (await provider.redeem("code", None, QUESTION)).profile

    assert (profile.verified_addresses, profile.details["iss"]) == (
        ("ann@example.com",),
        documents.url,
    )


@pytest.mark.parametrize("described", [{"sub": "8"}, {}, [], "7"], ids=str)
async def test_the_userinfo_of_somebody_else_is_refused(
    documents: Documents, provider: OpenIdProvider, described: Any
) -> None:
    documents.answers["/token"] = tokens(documents, email=None)
    if isinstance(described, dict):
        described = {"email": "ann@example.com", "email_verified": True, **described}
    documents.answers["/userinfo"] = json_answer(described)

    with pytest.raises(ProviderError, match="somebody else"):
        await provider.redeem("code", None, QUESTION)


async def test_a_document_cannot_make_the_service_ask_inside(
    documents: Documents, provider: OpenIdProvider
) -> None:
    document = {
        "issuer": documents.url,
        "authorization_endpoint": f"{documents.url}/authorize",
        "token_endpoint": f"http://localhost:{documents.port}/token",
        "jwks_uri": f"{documents.url}/keys",
    }
    documents.answers[WELL_KNOWN] = json_answer(document)
    documents.answers["/token"] = tokens(documents)

    with pytest.raises(ProviderError, match="not a public one"):
        await provider.redeem("code", None, QUESTION)
    assert documents.asked("/token") == 0


@pytest.mark.parametrize("content", [answer(b"<html>"), json_answer({"id": 7})], ids=range(2))
async def test_github_that_answers_something_else_is_refused(
    documents: Documents, outbound: Outbound, content: bytes
) -> None:
    settings = ProviderSettings("github", documents.url, ("a",), "s", "https://x.example/callback")
    documents.answers["/login/oauth/access_token"] = json_answer({"access_token": "x"})
    documents.answers["/api/v3/user"] = documents.answers["/api/v3/user/emails"] = content

    with pytest.raises(ProviderError):
        await GitHubProvider(settings, outbound).redeem("code", None, QUESTION)


@pytest.mark.parametrize(
    ("text", "scopes"),
    [
        ("", ()),
        ("repo", ("repo",)),
        ("repo,read:org", ("repo", "read:org")),
        ("repo read:org", ("repo", "read:org")),
        (" a, b ", ("a", "b")),
    ],
)
def test_scopes_are_separated_by_commas_or_spaces(text: str, scopes: tuple[str, ...]) -> None:
    assert requested_scopes(text) == scopes


@pytest.mark.parametrize("text", ['a"b', "a\\b", "ä", "a\nb", "x" * 300, ",".join("a" * 33)])
def test_what_cannot_be_a_scope_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="scopes"):
        requested_scopes(text)
