"""A production stack on servers that run elsewhere, over TLS with verified certificates."""

import secrets
from collections.abc import Iterator

import httpx
import pytest
import redis

from tests.environments.checkout import NAME, Checkout, components
from tests.environments.conftest import Story
from tests.environments.servers import Servers

pytestmark = [pytest.mark.engine, pytest.mark.cli]


@pytest.fixture(scope="module")
def gateway(story: Story) -> Iterator[httpx.Client]:
    key = story.outputs["publishable_key"]
    with httpx.Client(
        base_url=story.outputs["gateway_url"], headers={"apikey": key}, timeout=15
    ) as client:
        yield client


@pytest.fixture(scope="module")
def token(gateway: httpx.Client, story: Story) -> str:
    """Access token of a user that a server made, as production asks for."""
    account = {"email": "ann@example.com", "password": secrets.token_urlsafe(16)}
    server = {"apikey": story.outputs["secret_key"]}
    made = gateway.post(
        "/auth/v1/admin/users", json={**account, "email_confirm": True}, headers=server
    )
    assert made.status_code == 200, made.text
    signed_in = gateway.post("/auth/v1/token?grant_type=password", json=account)
    assert signed_in.status_code == 200, signed_in.text
    return str(signed_in.json()["access_token"])


def test_nothing_runs_here_for_stores_that_run_elsewhere(story: Story) -> None:
    assert story.moved.code == 0
    assert components(NAME) == {"auth", "gateway", "rest"}


def test_rows_are_written_and_read_through_the_gateway(gateway: httpx.Client, token: str) -> None:
    signed_in = {"Authorization": f"Bearer {token}"}
    gateway.post("/rest/v1/todos", json={"title": "water the plants"}, headers=signed_in)
    rows = gateway.get("/rest/v1/todos?select=title", headers=signed_in).json()
    assert rows == [{"title": "water the plants"}]


def test_rows_are_in_the_database_elsewhere(
    gateway: httpx.Client, token: str, servers: Servers
) -> None:
    title = secrets.token_hex(8)
    signed_in = {"Authorization": f"Bearer {token}"}
    gateway.post("/rest/v1/todos", json={"title": title}, headers=signed_in)
    assert (title,) in servers.query("select title from todos")


@pytest.mark.parametrize("role", ["auth_admin", "authenticator"])
def test_every_connection_of_a_service_is_encrypted(
    gateway: httpx.Client, token: str, servers: Servers, role: str
) -> None:
    gateway.get("/rest/v1/todos", headers={"Authorization": f"Bearer {token}"})
    rows = servers.query(
        "select usename::text, ssl from pg_stat_ssl join pg_stat_activity using (pid)"
    )
    assert {row for row in rows if row[0] == role} == {(role, True)}


def test_connection_details_reach_the_server_elsewhere(story: Story) -> None:
    details = story.outputs["redis"]
    client = redis.Redis(
        host=details["host"],
        port=details["port"],
        password=details["password"],
        ssl=True,
        ssl_ca_data=details["ca_certificate"],
    )
    assert client.ping()


@pytest.mark.parametrize("output", ["mongo", "s3"])
def test_connection_details_carry_the_given_secret(story: Story, output: str, secret: str) -> None:
    assert secret in story.outputs[output].values()


def test_the_components_say_where_a_store_runs(story: Story, servers: Servers) -> None:
    components_output = story.outputs["components"]
    assert components_output["postgres"] == {"external": f"{servers.host}:27310"}


def test_given_secrets_stand_nowhere_in_the_state(
    checkout: Checkout, story: Story, servers: Servers
) -> None:
    assert story.moved.code == 0
    assert servers.password not in checkout.done("stack", "export")


def test_given_secrets_stand_nowhere_in_the_stack_file(
    checkout: Checkout, story: Story, servers: Servers
) -> None:
    assert story.moved.code == 0
    assert servers.password not in (checkout.folder / f"Pulumi.{NAME}.yaml").read_text()
