"""The OpenAPI document is true: every route is in it, and every answer is as it says.

Requests are made from the document itself: what it allows, and what it does not. With
`--hypothesis-profile=search` there are many more of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import requests
import schemathesis
from fastapi import FastAPI
from fastapi.routing import APIRoute
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from services.auth.main import ROUTERS
from services.auth.openapi import install_document
from tests.service.auth.service import PASSWORD, SERVICE_TOKEN, new_email

if TYPE_CHECKING:
    from collections.abc import Iterator

    from schemathesis.schemas import APIOperation

    from tests.service.auth.service import AuthService

ANSWERED_WITHIN_SECONDS = 10
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]


def document() -> dict[str, Any]:
    """The document of all routes but those of operation, without a running service."""
    app = FastAPI()
    for router in ROUTERS:
        app.include_router(router)
    install_document(app, ROUTERS)
    return app.openapi()


DOCUMENT = document()
OPERATIONS: dict[str, APIOperation[Any, Any, Any, Any]] = {
    f"{operation.method.upper()} {operation.path}": operation
    for found in schemathesis.openapi.from_dict(DOCUMENT).get_all_operations()
    if isinstance(found, Ok)
    for operation in [found.ok()]
}
ROUTES = sorted(
    f"{method} {route.path_format}"
    for router in ROUTERS
    for route in router.routes
    if isinstance(route, APIRoute) and route.include_in_schema
    for method in route.methods or ()
)
NEEDS_TOKEN = [
    name for name, operation in OPERATIONS.items() if operation.definition.raw.get("security")
]
TAKES_SOMETHING = [
    name
    for name, operation in OPERATIONS.items()
    if {"parameters", "requestBody", "security"} & operation.definition.raw.keys()
]
NAMES_SOMEBODY = [name for name in OPERATIONS if "{" in name]

bounded = settings(
    max_examples=settings().max_examples // 10,
    # One user and one service for all examples of an operation: they are meant to meet.
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@pytest.fixture(scope="module")
def http() -> Iterator[requests.Session]:
    with requests.Session() as session:
        yield session


@pytest.fixture
def tokens(confirming_service: AuthService) -> dict[bool, str]:
    """Token of an administrator (True), and of a new user (False)."""
    email = new_email()
    body = {"email": email, "password": PASSWORD, "email_confirm": True}
    confirming_service.request("POST", "/admin/users", body=body, token=SERVICE_TOKEN)
    session = confirming_service.sign_in(email).json()
    return {True: SERVICE_TOKEN, False: session["access_token"]}


@pytest.fixture
def known(confirming_service: AuthService, tokens: dict[bool, str]) -> dict[str, str]:
    """Ids of a user and of what belongs to that user."""
    token = tokens[False]
    user = confirming_service.request("GET", "/user", token=token).json()
    body = {"factor_type": "totp", "friendly_name": "phone"}
    factor = confirming_service.request("POST", "/factors", body=body, token=token).json()["id"]
    (identity,) = user["identities"]
    return {
        "user_id": user["id"],
        "factor_id": factor,
        "identity_id": identity["identity_id"],
    }


def send(
    service: AuthService, http: requests.Session, tokens: dict[bool, str], name: str, case: Any
) -> None:
    """Send a made-up request as whom the operation is for, and hold the answer against the
    document."""
    headers = {}
    if name in NEEDS_TOKEN:
        is_for_administrators = "/admin/" in name or name.endswith("/invite")
        headers["Authorization"] = f"Bearer {tokens[is_for_administrators]}"
    answer = case.call(
        base_url=service.url,
        session=http,
        headers=headers,
        timeout=ANSWERED_WITHIN_SECONDS,
        allow_redirects=False,
    )
    case.validate_response(answer, checks=CHECKS)


def test_every_answer_is_described() -> None:
    undescribed = [
        name
        for name, operation in OPERATIONS.items()
        if "200" in (answers := operation.definition.raw["responses"])
        and answers["200"]["content"] == {"application/json": {"schema": {}}}
    ]
    assert undescribed == []


def test_the_document_is_openapi() -> None:
    schemathesis.openapi.from_dict(DOCUMENT).validate()


@pytest.mark.engine
def test_the_service_serves_a_document_of_every_route(service: AuthService) -> None:
    served = service.request("GET", "/openapi.json").json()["paths"]
    assert set(ROUTES) <= {
        f"{method.upper()} {path}" for path, operations in served.items() for method in operations
    }


@pytest.mark.engine
@pytest.mark.parametrize("name", NEEDS_TOKEN)
def test_what_wants_a_token_refuses_who_has_none(service: AuthService, name: str) -> None:
    method, path = name.split()
    refusal = service.request(method, path, body={}).json()["error_code"]
    # What is switched off is not there for anybody.
    assert refusal in {"no_authorization", "manual_linking_disabled"}


@pytest.mark.engine
@pytest.mark.parametrize("name", OPERATIONS)
@bounded
@given(data=st.data())
def test_requests_that_the_document_allows_are_answered_as_it_says(
    confirming_service: AuthService,
    http: requests.Session,
    tokens: dict[bool, str],
    name: str,
    data: st.DataObject,
) -> None:
    case = data.draw(OPERATIONS[name].as_strategy(generation_mode=GenerationMode.POSITIVE))
    send(confirming_service, http, tokens, name, case)


@pytest.mark.engine
@pytest.mark.parametrize("name", TAKES_SOMETHING)
@bounded
@given(data=st.data())
def test_requests_that_it_does_not_allow_are_answered_as_it_says(
    confirming_service: AuthService,
    http: requests.Session,
    tokens: dict[bool, str],
    name: str,
    data: st.DataObject,
) -> None:
    case = data.draw(OPERATIONS[name].as_strategy(generation_mode=GenerationMode.NEGATIVE))
    send(confirming_service, http, tokens, name, case)


@pytest.mark.engine
@pytest.mark.parametrize("name", NAMES_SOMEBODY)
@bounded
@given(data=st.data())
def test_requests_about_somebody_who_exists_are_answered_as_it_says(  # noqa: PLR0913, PLR0917
    confirming_service: AuthService,
    http: requests.Session,
    tokens: dict[bool, str],
    known: dict[str, str],
    name: str,
    data: st.DataObject,
) -> None:
    case = data.draw(OPERATIONS[name].as_strategy(generation_mode=GenerationMode.POSITIVE))
    case.path_parameters.update({key: known[key] for key in case.path_parameters})
    send(confirming_service, http, tokens, name, case)
