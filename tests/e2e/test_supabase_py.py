"""supabase-py, as its registry serves it, against the stack: its synchronous and its asynchronous
client."""

import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import pytest
from supabase import (
    AsyncClient,
    AuthApiError,
    AuthWeakPasswordError,
    Client,
    ClientOptions,
    PostgrestAPIError,
    create_async_client,
    create_client,
)
from supabase_auth.errors import AuthSessionMissingError
from supabase_auth.types import SignInWithEmailAndPasswordCredentials

from tests.running_stack import RunningStack

pytestmark = [pytest.mark.engine, pytest.mark.stack]

Connect = Callable[[str], Client]


def credentials() -> SignInWithEmailAndPasswordCredentials:
    """Address and password of somebody new."""
    return {
        "email": f"{secrets.token_hex(8)}@example.com",
        "password": secrets.token_urlsafe(16),
    }


@dataclass(frozen=True)
class SignedUp:
    """A client whose user has just signed up."""

    client: Client
    credentials: SignInWithEmailAndPasswordCredentials
    identifier: str
    access_token: str
    refresh_token: str


@pytest.fixture(scope="module")
def connect(stack: RunningStack) -> Connect:
    """A client by the name of the output that holds its key. It has no thread that refreshes."""
    return lambda key: create_client(
        stack.outputs["gateway_url"], stack.outputs[key], ClientOptions(auto_refresh_token=False)
    )


@pytest.fixture
def client(connect: Connect) -> Client:
    """A client of nobody."""
    return connect("publishable_key")


@pytest.fixture
def administrator(connect: Connect) -> Client:
    return connect("secret_key")


@pytest.fixture
def sign_up(connect: Connect) -> Callable[[], SignedUp]:
    def sign_up() -> SignedUp:
        client, new = connect("publishable_key"), credentials()
        session = client.auth.sign_up({"email": new["email"], "password": new["password"]}).session
        assert session
        return SignedUp(client, new, session.user.id, session.access_token, session.refresh_token)

    return sign_up


@pytest.fixture
def alice(sign_up: Callable[[], SignedUp]) -> SignedUp:
    return sign_up()


@pytest.fixture
def bob(sign_up: Callable[[], SignedUp]) -> SignedUp:
    return sign_up()


@pytest.fixture
def todo(alice: SignedUp) -> Any:
    """A row of Alice's."""
    return alice.client.table("todos").insert({"title": "water the plants"}).execute().data[0]


def test_sign_in_with_the_password_is_the_same_user(client: Client, alice: SignedUp) -> None:
    user = client.auth.sign_in_with_password(alice.credentials).user
    assert user
    assert user.id == alice.identifier


def test_get_user_answers_with_the_servers_record(alice: SignedUp) -> None:
    found = alice.client.auth.get_user()
    assert found
    assert found.user.email == alice.credentials["email"]


def test_get_claims_verifies_the_token_with_the_published_key(alice: SignedUp) -> None:
    verified = alice.client.auth.get_claims()
    assert verified
    assert verified["claims"]["sub"] == alice.identifier


def test_update_user_changes_the_metadata(alice: SignedUp) -> None:
    updated = alice.client.auth.update_user({"data": {"name": "Ann"}})
    assert updated.user.user_metadata["name"] == "Ann"


def test_an_anonymous_sign_in_gives_an_anonymous_user(client: Client) -> None:
    user = client.auth.sign_in_anonymously().user
    assert user
    assert user.is_anonymous


def test_a_refresh_gives_a_new_refresh_token(alice: SignedUp) -> None:
    session = alice.client.auth.refresh_session().session
    assert session
    assert session.refresh_token != alice.refresh_token


def test_two_clients_that_refresh_at_once_both_keep_their_session(
    connect: Connect, alice: SignedUp
) -> None:
    connect("publishable_key").auth.refresh_session(alice.refresh_token)
    user = connect("publishable_key").auth.refresh_session(alice.refresh_token).user
    assert user
    assert user.id == alice.identifier


def test_set_session_takes_over_a_session(client: Client, alice: SignedUp) -> None:
    client.auth.set_session(alice.access_token, alice.refresh_token)
    found = client.auth.get_user()
    assert found
    assert found.user.id == alice.identifier


@pytest.mark.parametrize("scope", ["local", "global"])
def test_sign_out_ends_the_session_on_the_server(
    client: Client, alice: SignedUp, scope: Any
) -> None:
    alice.client.auth.sign_out({"scope": scope})
    with pytest.raises(AuthApiError, match="session"):
        client.auth.get_user(alice.access_token)


@pytest.mark.parametrize("scope", ["others", "global"])
def test_sign_out_reaches_another_devices_session(
    client: Client, alice: SignedUp, scope: Any
) -> None:
    client.auth.sign_in_with_password(alice.credentials)
    client.auth.sign_out({"scope": scope})
    with pytest.raises(AuthApiError, match="session"):
        alice.client.auth.get_user(alice.access_token)


def test_sign_out_on_one_device_leaves_the_other(client: Client, alice: SignedUp) -> None:
    client.auth.sign_in_with_password(alice.credentials)
    client.auth.sign_out({"scope": "local"})
    found = alice.client.auth.get_user()
    assert found
    assert found.user.id == alice.identifier


def test_the_client_tells_each_change_of_state(client: Client, alice: SignedUp) -> None:
    events: list[str] = []
    client.auth.on_auth_state_change(lambda event, _session: events.append(event))
    client.auth.sign_in_with_password(alice.credentials)
    client.auth.refresh_session()
    client.auth.sign_out()
    assert [event for event in events if event != "INITIAL_SESSION"] == [
        "SIGNED_IN",
        "TOKEN_REFRESHED",
        "SIGNED_OUT",
    ]


def test_a_wrong_password_is_invalid_credentials(client: Client, alice: SignedUp) -> None:
    with pytest.raises(AuthApiError) as refused:
        client.auth.sign_in_with_password({**alice.credentials, "password": "a wrong password"})
    assert refused.value.code == "invalid_credentials"


def test_a_second_sign_up_with_one_address_is_user_already_exists(
    client: Client, alice: SignedUp
) -> None:
    with pytest.raises(AuthApiError) as refused:
        client.auth.sign_up(
            {"email": alice.credentials["email"], "password": alice.credentials["password"]}
        )
    assert refused.value.code == "user_already_exists"


def test_a_weak_password_comes_with_its_reasons(client: Client) -> None:
    with pytest.raises(AuthWeakPasswordError) as refused:
        client.auth.sign_up({"email": credentials()["email"], "password": "short"})
    assert refused.value.reasons == ["length"]


def test_an_unknown_refresh_token_is_refresh_token_not_found(client: Client) -> None:
    with pytest.raises(AuthApiError) as refused:
        client.auth.refresh_session("aaaaaaaaaaaa")
    assert str(refused.value.code) == "refresh_token_not_found"


def test_a_client_without_a_session_cannot_refresh(client: Client) -> None:
    with pytest.raises(AuthSessionMissingError):
        client.auth.refresh_session()


def test_a_new_row_belongs_to_who_wrote_it(alice: SignedUp, todo: Any) -> None:
    assert todo["user_id"] == alice.identifier


def test_its_owner_reads_it(alice: SignedUp, todo: Any) -> None:
    assert alice.client.table("todos").select("*").execute().data == [todo]


@pytest.mark.usefixtures("todo")
def test_another_user_does_not_see_it(bob: SignedUp) -> None:
    assert bob.client.table("todos").select("*").execute().data == []


@pytest.mark.usefixtures("todo")
def test_nobody_sees_it_without_signing_in(client: Client) -> None:
    assert client.table("todos").select("*").execute().data == []


def test_the_secret_key_sees_it(administrator: Client, todo: Any) -> None:
    rows = administrator.table("todos").select("*").eq("id", todo["id"]).execute().data
    assert rows == [todo]


def test_its_owner_changes_it(alice: SignedUp, todo: Any) -> None:
    rows = alice.client.table("todos").update({"done": True}).eq("id", todo["id"]).execute().data
    assert rows == [{**todo, "done": True}]


def test_another_user_changes_nothing(bob: SignedUp, todo: Any) -> None:
    rows = bob.client.table("todos").update({"done": True}).eq("id", todo["id"]).execute().data
    assert rows == []


def test_its_owner_deletes_it(alice: SignedUp, todo: Any) -> None:
    rows = alice.client.table("todos").delete().eq("id", todo["id"]).execute().data
    assert rows == [todo]


def test_another_user_deletes_nothing(bob: SignedUp, todo: Any) -> None:
    assert bob.client.table("todos").delete().eq("id", todo["id"]).execute().data == []


def test_a_row_for_another_user_is_refused_by_its_policy(alice: SignedUp, bob: SignedUp) -> None:
    gift = {"title": "gift", "user_id": alice.identifier}
    with pytest.raises(PostgrestAPIError) as refused:
        bob.client.table("todos").insert(gift).execute()
    assert refused.value.code == "42501"


def test_create_user_makes_a_user_who_can_sign_in(client: Client, administrator: Client) -> None:
    new = credentials()
    created = administrator.auth.admin.create_user(
        {"email": new["email"], "password": new["password"], "email_confirm": True}
    )
    user = client.auth.sign_in_with_password(new).user
    assert user
    assert user.id == created.user.id


def test_list_users_finds_who_has_just_signed_up(administrator: Client, alice: SignedUp) -> None:
    assert alice.identifier in {user.id for user in administrator.auth.admin.list_users()}


def test_delete_user_removes_the_user(administrator: Client, alice: SignedUp) -> None:
    administrator.auth.admin.delete_user(alice.identifier)
    with pytest.raises(AuthApiError) as refused:
        administrator.auth.admin.get_user_by_id(alice.identifier)
    assert refused.value.code == "user_not_found"


def test_the_admin_api_refuses_the_publishable_key(client: Client) -> None:
    with pytest.raises(AuthApiError) as refused:
        client.auth.admin.list_users()
    assert refused.value.status == 403


def test_the_legacy_anon_key_signs_a_user_up(connect: Connect) -> None:
    new = credentials()
    answer = connect("legacy_anon_key").auth.sign_up(
        {"email": new["email"], "password": new["password"]}
    )
    assert answer.session


def test_the_legacy_service_role_key_may_use_the_admin_api(
    connect: Connect, alice: SignedUp
) -> None:
    administrator = connect("legacy_service_role_key")
    assert administrator.auth.admin.get_user_by_id(alice.identifier).user.id == alice.identifier


@pytest.fixture
def connect_async(stack: RunningStack) -> Callable[[], Awaitable[AsyncClient]]:
    return lambda: create_async_client(
        stack.outputs["gateway_url"], stack.outputs["publishable_key"]
    )


@pytest.fixture
async def async_client(
    connect_async: Callable[[], Awaitable[AsyncClient]], alice: SignedUp
) -> AsyncClient:
    """An asynchronous client of Alice's, its own refresher included."""
    client = await connect_async()
    await client.auth.sign_in_with_password(alice.credentials)
    return client


async def test_the_asynchronous_client_signs_in(async_client: AsyncClient, alice: SignedUp) -> None:
    found = await async_client.auth.get_user()
    assert found
    assert found.user.id == alice.identifier


async def test_the_asynchronous_client_refreshes(async_client: AsyncClient) -> None:
    before = await async_client.auth.get_session()
    after = (await async_client.auth.refresh_session()).session
    assert before
    assert after
    assert after.refresh_token != before.refresh_token


async def test_the_asynchronous_client_writes_and_reads(async_client: AsyncClient) -> None:
    await async_client.table("todos").insert({"title": "feed the cat"}).execute()
    rows = (await async_client.table("todos").select("title").execute()).data
    assert rows == [{"title": "feed the cat"}]


async def test_the_asynchronous_client_does_not_see_anothers_row(
    async_client: AsyncClient, bob: SignedUp
) -> None:
    bob.client.table("todos").insert({"title": "bake bread"}).execute()
    assert (await async_client.table("todos").select("*").execute()).data == []


async def test_the_asynchronous_client_signs_out(async_client: AsyncClient) -> None:
    await async_client.auth.sign_out()
    assert await async_client.auth.get_session() is None


async def test_the_asynchronous_client_raises_its_own_error(
    connect_async: Callable[[], Awaitable[AsyncClient]], alice: SignedUp
) -> None:
    client = await connect_async()
    with pytest.raises(AuthApiError) as refused:
        await client.auth.sign_in_with_password(
            {**alice.credentials, "password": "a wrong password"}
        )
    assert refused.value.code == "invalid_credentials"
