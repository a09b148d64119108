"""What an issuer publishes: which documents count, and when they are fetched."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from services.auth.external import discovery as discovery_module
from services.auth.external.discovery import WELL_KNOWN, Issuer, endpoints_of
from services.auth.external.id_tokens import UnknownKeyError
from services.auth.external.outbound import Outbound, ProviderError
from services.shared.metrics import Metrics
from tests.service.auth.documents import Documents, answer, json_answer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

ISSUER = "https://issuer.example"
HERE = "127.0.0.1"


def document(issuer: str = ISSUER, /, **changes: Any) -> dict[str, Any]:
    """A discovery document."""
    return {
        "issuer": issuer,
        "authorization_endpoint": f"{issuer}/authorize",
        "token_endpoint": f"{issuer}/token",
        "jwks_uri": f"{issuer}/keys",
        **changes,
    }


def test_endpoints_are_those_of_the_document() -> None:
    endpoints = endpoints_of(document(), issuer=ISSUER, plain_http=False)

    assert (endpoints.authorization, endpoints.token, endpoints.keys, endpoints.userinfo) == (
        f"{ISSUER}/authorize",
        f"{ISSUER}/token",
        f"{ISSUER}/keys",
        "",
    )


@pytest.mark.parametrize(
    ("methods", "in_header"),
    [
        (None, True),
        (["client_secret_post"], False),
        (["client_secret_basic", "client_secret_post"], True),
    ],
)
def test_the_secret_goes_where_the_provider_takes_it(
    methods: list[str] | None, *, in_header: bool
) -> None:
    changes = {} if methods is None else {"token_endpoint_auth_methods_supported": methods}
    endpoints = endpoints_of(document(**changes), issuer=ISSUER, plain_http=False)

    assert endpoints.secret_in_header is in_header


@pytest.mark.parametrize(
    "published",
    [
        None,
        [],
        "x",
        document("https://evil.example"),
        document(f"{ISSUER}/"),
        document(issuer=7),
        document(authorization_endpoint="javascript:alert(1)"),
        document(authorization_endpoint="http://issuer.example/authorize"),
        document(authorization_endpoint=None),
        document(token_endpoint="http://169.254.169.254/"),
        document(token_endpoint="https://a:b@issuer.example/"),
        document(jwks_uri="file:///etc/passwd"),
        document(jwks_uri=["https://issuer.example/keys"]),
        document(userinfo_endpoint="//issuer.example"),
    ],
    ids=range(14),
)
def test_a_document_that_cannot_be_right_is_refused(published: Any) -> None:
    with pytest.raises(ProviderError):
        endpoints_of(published, issuer=ISSUER, plain_http=False)


@pytest.fixture
async def documents() -> AsyncIterator[Documents]:
    """An issuer with one key."""
    running = Documents()
    server = await asyncio.start_server(running.serve, HERE, running.port)
    running.answers[WELL_KNOWN] = json_answer(document(running.url))
    yield running
    server.close()


@pytest.fixture
def issuer(documents: Documents) -> Issuer:
    outbound = Outbound(Metrics(), plain_http=True)
    return Issuer(outbound, documents.url, HERE, plain_http=True)


@pytest.fixture
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ask again at once."""
    monkeypatch.setattr(discovery_module, "_PAUSE_SECONDS", 0.0)


def published_key(documents: Documents, kid: str) -> str:
    """Publish a key in place of the others. Returns a token that it has signed."""
    key = ec.generate_private_key(ec.SECP256R1())
    jwk = {**jwt.algorithms.ECAlgorithm.to_jwk(key.public_key(), as_dict=True), "kid": kid}
    documents.answers["/keys"] = json_answer({"keys": [jwk]})
    return jwt.encode({"sub": "ann"}, key, algorithm="ES256", headers={"kid": kid})


async def test_a_document_is_fetched_once(documents: Documents, issuer: Issuer) -> None:
    await asyncio.gather(*(issuer.endpoints() for _ in range(20)))

    assert documents.asked(WELL_KNOWN) == 1


async def test_keys_are_fetched_once(documents: Documents, issuer: Issuer) -> None:
    token = published_key(documents, "first")
    await asyncio.gather(*(issuer.key_of(token) for _ in range(20)))

    assert documents.asked("/keys") == 1


@pytest.mark.usefixtures("no_pause")
async def test_a_key_that_was_published_since_is_fetched(
    documents: Documents, issuer: Issuer
) -> None:
    await issuer.key_of(published_key(documents, "first"))

    assert (await issuer.key_of(published_key(documents, "second"))).key_id == "second"


@pytest.mark.usefixtures("no_pause")
async def test_a_key_that_was_taken_back_verifies_nothing_more(
    documents: Documents, issuer: Issuer
) -> None:
    old = published_key(documents, "first")
    await issuer.key_of(old)
    await issuer.key_of(published_key(documents, "second"))

    with pytest.raises(UnknownKeyError):
        await issuer.key_of(old)


async def test_invented_keys_cost_the_provider_nothing(
    documents: Documents, issuer: Issuer
) -> None:
    await issuer.key_of(published_key(documents, "first"))
    key = ec.generate_private_key(ec.SECP256R1())
    for number in range(20):
        token = jwt.encode({}, key, algorithm="ES256", headers={"kid": f"invented {number}"})
        with pytest.raises(UnknownKeyError):
            await issuer.key_of(token)

    assert documents.asked("/keys") == 1


async def test_a_provider_that_is_away_is_not_asked_by_every_request(
    documents: Documents, issuer: Issuer
) -> None:
    documents.answers[WELL_KNOWN] = answer(b"", status="503 No")
    for _ in range(20):
        with pytest.raises(ProviderError):
            await issuer.endpoints()

    assert documents.asked(WELL_KNOWN) == 1


@pytest.mark.usefixtures("no_pause")
async def test_a_provider_that_is_back_is_used(documents: Documents, issuer: Issuer) -> None:
    documents.answers[WELL_KNOWN] = answer(b"", status="503 No")
    with pytest.raises(ProviderError):
        await issuer.endpoints()
    documents.answers[WELL_KNOWN] = json_answer(document(documents.url))

    assert (await issuer.endpoints()).token == f"{documents.url}/token"
