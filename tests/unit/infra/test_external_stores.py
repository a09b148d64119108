"""Stores that run elsewhere: what a stack may say about them, and what it then declares."""

from collections.abc import Mapping
from typing import Any

import jsonschema
import pulumi
import pytest

from infra.config.loading import parse, require_encrypted
from infra.config.section import ConfigurationError
from infra.config_schema import stack_file_schema
from infra.outputs import connection, s3_connection
from infra.stores.endpoint import Endpoint, ObjectEndpoint
from tests.certificates import Authority
from tests.unit.infra.conftest import Recorder, run_program

CONTAINER = "docker:index/container:Container"
VOLUME = "docker:index/volume:Volume"
PASSWORD = "typed by a person, not generated"
AUTHORITY = Authority.create().certificate

DATABASE: dict[str, Any] = {
    "host": "db.example.com",
    "port": 6432,
    "user": "admin",
    "database": "platform",
    "password": PASSWORD,
    "ca_certificate": AUTHORITY,
}
EXTERNAL: dict[str, dict[str, Any]] = {
    "database": DATABASE,
    "mongo": {"host": "mongo.example.com", "user": "plinth", "password": PASSWORD},
    "redis": {"host": "10.1.2.3", "password": PASSWORD},
    "object_store": {
        "endpoint": "https://s3.example.com",
        "bucket": "files",
        "access_key_id": "plinth",
        "secret_access_key": PASSWORD,
    },
}
DEVELOPMENT: dict[str, Any] = {"environment": "development", "auth": {"autoconfirm": True}}
PRODUCTION: dict[str, Any] = {
    "environment": "production",
    "images": {"require_digest": True},
    "protect_data": True,
    "auth": {"signup": False},
}


def settings(**changes: Any) -> dict[str, Any]:
    """A development stack with every store elsewhere, some sections replaced."""
    return DEVELOPMENT | {name: {"external": store} for name, store in EXTERNAL.items()} | changes


@pytest.fixture(scope="module")
def program() -> Recorder:
    configuration = {f"plinth:{name}": value for name, value in settings().items()}
    return run_program("external", configuration, [f"plinth:{name}" for name in EXTERNAL])


@pytest.fixture(scope="module")
def containers(program: Recorder) -> dict[str, dict[str, Any]]:
    return program.resources[CONTAINER]


def environment(container: Mapping[str, Any]) -> dict[str, str]:
    return dict(entry.split("=", 1) for entry in container["envs"])


@pytest.mark.parametrize(
    ("section", "values", "message"),
    [
        ("database", DATABASE | {"hots": 1}, "database.external.hots: no such setting; known here"),
        ("database", {"host": "a"}, "database.external.password: is missing; set it with pulumi"),
        ("database", DATABASE | {"password": ""}, "database.external.password: is empty"),
        ("database", DATABASE | {"host": "a:1"}, "database.external.host: must be a host name"),
        ("database", DATABASE | {"host": "127.0.0.1"}, "database.external.host: leads every cont"),
        ("database", DATABASE | {"ca_certificate": None}, "database.external: ca_certificate is m"),
        ("database", DATABASE | {"ca_certificate": "x"}, "ca_certificate: must be certificates in"),
        ("redis", EXTERNAL["redis"] | {"tls": "on"}, "redis.external.tls: input should be 'disab"),
    ],
)
def test_a_mistake_is_named_with_its_path(
    section: str, values: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigurationError) as raised:
        parse(settings(**{section: {"external": values}}))
    assert message in str(raised.value)


@pytest.mark.parametrize("section", EXTERNAL)
def test_a_store_that_runs_elsewhere_is_not_published(section: str) -> None:
    with pytest.raises(ConfigurationError, match=rf"^plinth:{section}\.port: this stack has no"):
        parse(settings(**{section: {"external": EXTERNAL[section], "port": 15432}}))


def test_a_server_that_runs_elsewhere_is_not_configured_here() -> None:
    with pytest.raises(ConfigurationError, match=r"^plinth:database\.max_connections: this stack"):
        parse(settings(database={"external": DATABASE, "max_connections": 50}))


@pytest.mark.parametrize("section", EXTERNAL)
def test_a_secret_in_clear_is_refused(section: str) -> None:
    encrypted = {f"plinth:{name}" for name in EXTERNAL} - {f"plinth:{section}"}
    with pytest.raises(ConfigurationError, match=rf"^plinth:{section}\.external\.\w+: stands in"):
        require_encrypted(parse(settings()), encrypted)


def test_encrypted_secrets_are_accepted() -> None:
    require_encrypted(parse(settings()), {f"plinth:{name}" for name in EXTERNAL})


def test_the_program_refuses_a_secret_in_clear() -> None:
    configuration = {f"plinth:{name}": value for name, value in settings().items()}
    with pytest.raises(pulumi.RunError, match="stands in clear") as raised:
        run_program("external", configuration)
    assert PASSWORD not in str(raised.value)


def test_no_secret_shows_in_a_text_of_the_configuration() -> None:
    assert PASSWORD not in repr(parse(settings()))


@pytest.mark.parametrize(
    ("section", "values", "message"),
    [
        ("redis", EXTERNAL["redis"] | {"tls": "disable"}, "redis.external.tls: disable is not for"),
        (
            "object_store",
            EXTERNAL["object_store"] | {"endpoint": "http://s3.example.com"},
            "object_store.external.endpoint: http is not for production",
        ),
    ],
)
def test_production_encrypts_what_leaves_the_host(
    section: str, values: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigurationError, match=message):
        parse(PRODUCTION | {section: {"external": values}})


def test_an_encrypted_password_fits_the_schema_of_stack_files() -> None:
    store = EXTERNAL["redis"] | {"password": {"secure": "v1:abc"}}
    jsonschema.validate({"config": {"plinth:redis": {"external": store}}}, stack_file_schema())


def test_a_plain_password_does_not_fit_the_schema_of_stack_files() -> None:
    file = {"config": {"plinth:redis": {"external": EXTERNAL["redis"]}}}
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(file, stack_file_schema())


@pytest.mark.parametrize("store", ["postgres", "mongo", "redis", "object-store"])
def test_a_store_that_runs_elsewhere_has_no_container(
    containers: dict[str, dict[str, Any]], store: str
) -> None:
    assert store not in containers


def test_a_store_that_runs_elsewhere_has_no_volume(program: Recorder) -> None:
    assert not [name for name in program.resources[VOLUME] if "-data-" in name]


@pytest.mark.parametrize("store", ["postgres", "mongo", "redis", "object-store"])
def test_no_password_is_generated_for_a_store_that_runs_elsewhere(
    program: Recorder, store: str
) -> None:
    generated = program.resources["random:index/randomPassword:RandomPassword"]
    assert f"password-{store}-1" not in generated


def test_roles_get_generated_passwords_on_any_server(program: Recorder) -> None:
    generated = program.resources["random:index/randomPassword:RandomPassword"]
    assert {"password-authenticator-1", "password-auth_admin-1"} <= set(generated)


def test_the_bootstrap_connects_as_the_given_user(
    containers: dict[str, dict[str, Any]],
) -> None:
    given = environment(containers["db-bootstrap"])
    names = ("PGHOST", "PGPORT", "PGUSER", "PGPASSWORD", "PGDATABASE", "PGSSLMODE")
    assert [given[name] for name in names] == [
        "db.example.com",
        "6432",
        "admin",
        PASSWORD,
        "platform",
        "verify-full",
    ]


@pytest.mark.parametrize("component", ["auth", "db-bootstrap", "rest"])
def test_what_uses_the_database_has_a_way_out(
    containers: dict[str, dict[str, Any]], component: str
) -> None:
    joined = [network["name"] for network in containers[component]["networksAdvanced"]]
    assert joined == ["plinth-external-backend"]


@pytest.mark.parametrize("component", ["auth", "db-bootstrap", "rest"])
def test_what_uses_the_database_is_given_its_authority(
    containers: dict[str, dict[str, Any]], component: str
) -> None:
    file = environment(containers[component])["PGSSLROOTCERT"]
    uploads = containers[f"{component}-files"]["uploads"]
    assert (file, AUTHORITY) in [(upload["file"], upload["content"]) for upload in uploads]


@pytest.mark.parametrize(
    ("component", "variable"), [("auth", "GOTRUE_DB_DATABASE_URL"), ("rest", "PGRST_DB_URI")]
)
def test_services_connect_to_the_given_server(
    containers: dict[str, dict[str, Any]], component: str, variable: str
) -> None:
    url = environment(containers[component])[variable]
    assert url.partition("@")[2] == "db.example.com:6432/platform?sslmode=verify-full"


def test_only_the_bootstrap_holds_the_given_password(
    containers: dict[str, dict[str, Any]],
) -> None:
    holders = [name for name, inputs in containers.items() if PASSWORD in str(inputs)]
    assert holders == ["db-bootstrap"]


@pytest.mark.parametrize(
    ("scheme", "tls", "url"),
    [
        ("postgresql", "disable", "postgresql://me:p%40ss@db:1/name"),
        ("postgresql", "require", "postgresql://me:p%40ss@db:1/name?sslmode=require"),
        ("postgresql", "verify-full", "postgresql://me:p%40ss@db:1/name?sslmode=verify-full"),
        ("mongodb", "verify-full", "mongodb://me:p%40ss@db:1/name?tls=true"),
        ("redis", "disable", "redis://me:p%40ss@db:1/name"),
        ("redis", "require", "rediss://me:p%40ss@db:1/name"),
    ],
)
def test_connection_details_say_how_to_encrypt(scheme: str, tls: Any, url: str) -> None:
    endpoint = Endpoint(scheme, "db", 1, user="me", database="name", tls=tls)
    assert connection(endpoint, "p@ss")["url"] == url


def test_connection_details_carry_the_authority() -> None:
    endpoint = Endpoint("redis", "r", 1, "", "0", tls="verify-full", ca_certificate=AUTHORITY)
    assert connection(endpoint, "p")["ca_certificate"] == AUTHORITY


def test_connection_details_of_files_name_the_given_endpoint() -> None:
    endpoint = ObjectEndpoint("https://s3.example.com", "eu-1", "files", "plinth")
    assert s3_connection(endpoint, "s")["endpoint"] == "https://s3.example.com"
