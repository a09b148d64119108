"""Hooks that are functions in the database, asked by a running service."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import jwt
import pytest

from tests.service.auth.service import PASSWORD, AuthService, new_email

if TYPE_CHECKING:
    from collections.abc import Iterator

    import asyncpg
    import httpx

    from tests.service.auth.service import StartService
    from tests.service.postgres import PostgresServer

pytestmark = pytest.mark.engine

# What it does is asked for in the user's metadata.
FUNCTION = """
create schema hooks;
grant usage on schema hooks to auth_admin;
create function hooks.add_claims(event jsonb) returns jsonb language plpgsql as $$
declare
  wish text := event #>> '{claims,user_metadata,wish}';
begin
  if wish = 'refuse' then
    return '{"error": {"http_code": 403, "message": "Not on a Sunday"}}';
  elsif wish = 'fail' then
    raise exception 'a secret of the function';
  elsif wish = 'drop' then
    return event #- '{claims,exp}';
  elsif wish = 'sleep' then
    perform pg_catalog.pg_sleep(10);
  elsif wish = 'nothing' then
    return null;
  elsif wish = 'large' then
    return jsonb_set(event, '{claims,text}', to_jsonb(repeat('x', 300000)));
  end if;
  return jsonb_set(event, '{claims,hook}', jsonb_build_object(
    'method', event -> 'authentication_method',
    'user', event -> 'user_id',
    'role', current_user,
    'written', exists (select from auth.users where id = (event ->> 'user_id')::uuid)
  ));
end
$$;
revoke execute on function hooks.add_claims from public, anon, authenticated, service_role;
grant execute on function hooks.add_claims to auth_admin;
create function hooks.forbidden(event jsonb) returns jsonb language sql return event;
revoke execute on function hooks.forbidden from public;
"""


@pytest.fixture(scope="module")
def functions(postgres_server: PostgresServer, prepared_database: str) -> Iterator[str]:
    """The schema that holds them."""

    async def run(statements: str) -> None:
        connection = await postgres_server.connect(database=prepared_database)
        await connection.execute(statements)
        await connection.close()

    asyncio.run(run(FUNCTION))
    yield "hooks"
    asyncio.run(run("drop schema hooks cascade"))


@pytest.fixture(scope="module")
def hooked(start_service: StartService, functions: str) -> Iterator[AuthService]:
    """A service whose tokens the function changes."""
    settings = {
        "GOTRUE_HOOK_CUSTOM_ACCESS_TOKEN_ENABLED": "true",
        "GOTRUE_HOOK_CUSTOM_ACCESS_TOKEN_URI": f"pg-functions://postgres/{functions}/add_claims",
    }
    with start_service(settings) as running:
        yield running


def sign_up(service: AuthService, wish: str = "") -> httpx.Response:
    body = {"email": new_email(), "password": PASSWORD, "data": {"wish": wish}}
    return service.request("POST", "/signup", body=body)


def added(answer: httpx.Response) -> dict[str, Any]:
    """What the function has put into the token."""
    claims = jwt.decode(answer.json()["access_token"], options={"verify_signature": False})
    hook: dict[str, Any] = claims["hook"]
    return hook


def test_a_new_user_has_the_claim(hooked: AuthService) -> None:
    answer = sign_up(hooked)

    assert added(answer) == {
        "method": "password",
        "user": answer.json()["user"]["id"],
        "role": "auth_admin",
        "written": True,
    }


def test_a_refreshed_token_has_the_claim(hooked: AuthService) -> None:
    refreshed = hooked.refresh(sign_up(hooked).json()["refresh_token"])

    assert added(refreshed)["method"] == "token_refresh"


def test_a_changed_token_is_accepted(hooked: AuthService) -> None:
    token = sign_up(hooked).json()["access_token"]

    assert hooked.request("GET", "/user", token=token).status_code == 200


def test_the_function_refuses(hooked: AuthService) -> None:
    answer = sign_up(hooked, "refuse")

    assert (answer.status_code, answer.json()["msg"]) == (403, "Not on a Sunday")


@pytest.mark.parametrize(
    ("wish", "status", "message"),
    [
        ("fail", 500, "Error running hook URI: pg-functions://postgres/hooks/add_claims"),
        ("sleep", 500, "Error running hook URI: pg-functions://postgres/hooks/add_claims"),
        ("drop", 500, "output claims do not conform to the expected schema: \n"),
        ("nothing", 500, "Error unmarshaling JSON output."),
        ("large", 422, "Payload size exceeded size limit of 204800 bytes"),
    ],
)
def test_a_function_that_cannot_be_used_ends_the_sign_in(
    hooked: AuthService, wish: str, status: int, message: str
) -> None:
    answer = sign_up(hooked, wish)

    assert (answer.status_code, answer.json()["msg"].startswith(message)) == (status, True)


def test_what_the_function_says_is_not_logged(hooked: AuthService) -> None:
    sign_up(hooked, "fail")

    assert "a secret of the function" not in hooked.log.read_text()


async def test_a_refused_sign_up_leaves_nobody_behind(
    hooked: AuthService, database: asyncpg.Connection
) -> None:
    before = await database.fetchval("select count(*) from auth.users")
    sign_up(hooked, "refuse")

    assert await database.fetchval("select count(*) from auth.users") == before


async def test_a_refused_refresh_uses_no_token_up(
    hooked: AuthService, database: asyncpg.Connection
) -> None:
    session = sign_up(hooked).json()
    wish = "update auth.users set raw_user_meta_data = $2 where id = $1::text::uuid"
    await database.execute(wish, session["user"]["id"], '{"wish": "refuse"}')
    refused = hooked.refresh(session["refresh_token"]).status_code
    await database.execute(wish, session["user"]["id"], "{}")
    later = hooked.refresh(session["refresh_token"]).status_code

    assert (refused, later) == (403, 200)


def test_a_function_that_auth_may_not_use_ends_the_sign_in(
    start_service: StartService, functions: str
) -> None:
    settings = {
        "GOTRUE_HOOK_CUSTOM_ACCESS_TOKEN_ENABLED": "true",
        "GOTRUE_HOOK_CUSTOM_ACCESS_TOKEN_URI": f"pg-functions://postgres/{functions}/forbidden",
    }
    with start_service(settings) as running:
        assert sign_up(running).status_code == 500
