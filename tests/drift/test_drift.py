"""What is changed behind Pulumi's back is reported, and put right without losing a row.

The changes are made together on one stack, then reported and put right by one command, which tells
what it found before it changes anything. What each test looks at was gathered by the fixtures
`first` and `second`.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import docker
import pytest

from tests.checkout import Run
from tests.drift import behind_pulumi
from tests.drift.behind_pulumi import Engine
from tests.drift.checkout import NAME, SETTINGS, Checkout, found, reported, rows

pytestmark = [pytest.mark.engine, pytest.mark.cli]

OTHER_PORT = 27012
FOREIGN = "plinth-test-foreign"
OTHER_IMAGE = "plinth-test/drift:1"
STRAY_VOLUME = f"plinth-{NAME}-stray"
STRAY = f"plinth-{NAME}-stray"
FILES = "/run/plinth/files"
LABEL = {"plinth.stack": NAME}

CONTAINERS: dict[str, tuple[str, ...]] = {
    "auth": (
        "environment DEBUG_ADDED",
        "environment GOTRUE_DISABLE_SIGNUP",
        "environment GOTRUE_JWT_EXP",
        "environment PGPASSWORD",
        "identity",
        "label added.label",
        f"network plinth-{NAME}-data",
    ),
    "db-bootstrap": ("container",),
    "gateway": ("identity", "published port 8000/tcp"),
    "gateway-files": ("container",),
    "mail": (
        "capabilities added",
        "capabilities dropped",
        "command",
        "cpu shares",
        "identity",
        "init",
        "log option max-file",
        "log option max-size",
        "memory",
        "memory and swap",
        "process limit",
        "read-only root",
        "security options",
        "shared memory",
        "stop timeout",
        "user",
    ),
    "mongo": ("memory", "memory and swap", f"network plinth-{NAME}-edge", "restart policy"),
    "object-store": ("state",),
    "redis": ("identity", "mount /extra", "mount /tmp"),
    "redis-files": (f"file {FILES}/added", f"file {FILES}/redis.conf"),
    "rest": (
        "health check",
        "health check interval",
        "identity",
        "image",
        "image id",
        "label plinth.component",
        f"network plinth-{NAME}-backend",
    ),
}
NETWORKS: dict[str, tuple[str, ...]] = {
    "backend-network": (f"container {FOREIGN}",),
    "edge-network": ("attachable", "identity", "internal", "label plinth.component"),
    "(container)": (STRAY,),
    "(network)": (STRAY,),
    "(volume)": (STRAY_VOLUME,),
}
DATABASE: dict[str, tuple[str, ...]] = {
    "database": (
        "database postgres: CONNECT to anon",
        "event trigger plinth_auto_rls: enabled",
        "event trigger plinth_rest_reload: definition",
        "extension citext: version",
        "extension pgcrypto: version",
        "function auth.email(): definition",
        "function auth.role(): definition",
        "membership anon: of service_role",
        "membership authenticator: of anon",
        "role anon: bypass row-level security",
        "role auth_admin: connection limit",
        "role auth_admin: password",
        "role authenticator_alternate: password",
        "role intruder: superuser",
        "schema public: CREATE to public",
        "schema public: USAGE to anon",
        "setting authenticator: statement_timeout",
        "setting server: log_statement",
        "table auth.audit_log_entries: column added",
        "table auth.flow_state: index idx_auth_code",
        "table auth.sessions: forced row-level security",
        "table auth.users: SELECT to anon",
        "table auth.users: policy anybody",
        "table auth.users: row-level security",
        "table public.exposed: row-level security",
    ),
}
REPORTED = [
    (component, what)
    for group in (CONTAINERS, NETWORKS, DATABASE)
    for component, each in group.items()
    for what in each
]
KEPT_ON_PURPOSE = {
    ("(volume)", STRAY_VOLUME),
    ("database", "extension citext: version"),
    ("database", "table auth.audit_log_entries: column added"),
}
"""What only a person can decide: it may hold data."""


@dataclass
class Story:
    """What happened, for the tests to look at."""

    unchanged: Run
    secrets: set[str]
    repaired: Run
    facts: dict[str, Any] = field(default_factory=dict)


def _change_containers(engine: Engine, leaked: str) -> None:
    client = engine.client
    engine.remake("auth", lambda request: behind_pulumi.change_auth(request, leaked))
    made = client.containers.get(engine.container_name("rest")).commit(*OTHER_IMAGE.split(":"))
    assert made.id
    engine.remake("rest", lambda request: behind_pulumi.change_rest(request, OTHER_IMAGE))
    engine.remake("mail", behind_pulumi.change_mail)
    engine.remake("gateway", lambda request: behind_pulumi.change_gateway_port(request, OTHER_PORT))
    client.volumes.create(STRAY_VOLUME, labels=LABEL)
    engine.remake("redis", lambda request: behind_pulumi.change_redis_mounts(request, STRAY_VOLUME))
    engine.write(engine.carrier("redis"), f"{FILES}/redis.conf", "# nothing\n")
    engine.write(engine.carrier("redis"), f"{FILES}/added", "added\n")
    client.containers.get(engine.carrier("gateway")).remove()
    client.containers.get(engine.container_name("db-bootstrap")).remove()
    client.containers.get(engine.container_name("object-store")).stop()
    client.containers.get(engine.container_name("mongo")).update(
        restart_policy={"Name": "always"}, mem_limit="600m", memswap_limit="600m"
    )


def _change_networks(engine: Engine) -> None:
    client = engine.client
    client.networks.get(engine.name("edge")).connect(engine.container_name("mongo"))
    engine.remake_network("edge", internal=True, labels=LABEL, attachable=True)
    image = engine.inspect("redis")["Image"]
    # With an init it ends when it is asked to, and not after the grace.
    sleeping: dict[str, Any] = {"entrypoint": ["sleep", "3600"], "init": True, "detach": True}
    client.networks.create(STRAY, labels=LABEL)
    client.containers.run(image, name=STRAY, labels=LABEL, network=STRAY, **sleeping)
    client.containers.run(image, name=FOREIGN, network=engine.name("backend"), **sleeping)


def _statements(text: str) -> list[str]:
    return [statement for statement in text.split(";\n") if statement.strip()]


@pytest.fixture(scope="module")
def first(checkout: Checkout, engine: Engine) -> Iterator[Story]:
    """Change everything that a running stack lets change; report; put right."""
    for statement in _statements(behind_pulumi.OWN_OBJECTS):
        engine.in_database(statement)
    engine.in_database("create table kept as select 42 as answer")
    unchanged = checkout.drift()
    secrets = checkout.secrets()
    leaked = next(
        entry.partition("=")[2]
        for entry in engine.inspect("auth")["Config"]["Env"]
        if entry.startswith("PGPASSWORD=")
    )
    try:
        for statement in _statements(behind_pulumi.DATABASE_CHANGES):
            engine.in_database(statement)
        _change_containers(engine, leaked)
        _change_networks(engine)
        redis = engine.inspect("redis")
        tag = redis["Config"]["Image"]
        engine.client.images.get(engine.inspect("mongo")["Image"]).tag(*tag.rsplit(":", 1))
        story = Story(unchanged, secrets, checkout.drift("--fix"))
        story.facts["kept"] = engine.in_database("select answer from kept")
        story.facts["tagged"] = engine.client.images.get(tag).id == redis["Image"]
        story.facts["foreign"] = engine.client.containers.get(FOREIGN).status
        story.facts["stray container"] = engine.exists(STRAY)
        story.facts["volumes"] = {
            volume.name for volume in engine.client.volumes.list(filters={"name": STRAY_VOLUME})
        }
        yield story
    finally:
        for name in (FOREIGN, STRAY):
            if engine.exists(name):
                engine.client.containers.get(name).remove(force=True)
        for network in engine.client.networks.list(names=[STRAY]):
            network.remove()
        engine.client.volumes.get(STRAY_VOLUME).remove(force=True)
        engine.client.images.remove(OTHER_IMAGE, force=True)


@pytest.fixture(scope="module")
def second(first: Story, checkout: Checkout, engine: Engine) -> dict[str, Run]:
    """Decide what was left by hand, change what stops a repair, mend that, and repair."""
    assert first
    engine.client.volumes.get(STRAY_VOLUME).remove(force=True)
    engine.client.volumes.create(STRAY_VOLUME)  # without the label: no longer the stack's
    engine.in_database("drop extension citext")
    engine.in_database("alter table auth.audit_log_entries drop column added")
    _accept_drift(checkout, engine)
    runs = {"accepted": checkout.drift("--no-database")}
    longer = {**SETTINGS["auth"], "token_lifetime_seconds": 1800}
    checkout.configure(NAME, {**SETTINGS, "auth": longer})
    runs["not applied"] = checkout.drift("--fix")
    up = checkout.up()
    assert up.code == 0, up.printed
    engine.in_database("alter role anon bypassrls")
    engine.client.containers.get(engine.container_name("postgres")).stop()
    engine.client.containers.get(engine.container_name("mail")).pause()
    engine.client.containers.get(engine.container_name("redis")).rename("plinth-test-renamed")
    runs["database stopped"] = checkout.drift("--fix")
    return runs


def _accept_drift(checkout: Checkout, engine: Engine) -> None:
    """Let Pulumi's own refresh take drift into the state, where it would pass for declared."""
    engine.client.containers.get(engine.container_name("mongo")).update(
        mem_limit="600m", memswap_limit="600m"
    )
    refresh = f"pulumi refresh --yes --skip-preview --non-interactive --stack {NAME}"
    done = checkout.run(
        "sh", "-c", f'eval "$(python3 -m toolchain env --stack {NAME})" && {refresh}'
    )
    assert done.code == 0, done.printed


def test_a_stack_as_declared_is_no_drift(first: Story) -> None:
    assert first.unchanged.code == 0, first.unchanged.printed


def test_nothing_is_said_where_there_is_none(first: Story) -> None:
    assert first.unchanged.printed == ""


def test_the_exit_code_tells_drift(second: dict[str, Run]) -> None:
    assert second["accepted"].code == 3, second["accepted"].errors


def test_without_a_repair_the_way_to_it_is_told(second: dict[str, Run]) -> None:
    assert "1 x apply it or take it back first" in second["accepted"].errors


@pytest.mark.parametrize(("component", "what"), REPORTED)
def test_a_change_is_reported(first: Story, component: str, what: str) -> None:
    told = reported(first.repaired)
    assert (component, _shortened(what)) in found(told), told


def test_a_tag_that_was_moved_is_reported(first: Story) -> None:
    assert any(
        component == "redis-image" and what.startswith("tag ")
        for component, what in found(reported(first.repaired))
    )


def test_a_tag_that_was_moved_is_given_back(first: Story) -> None:
    assert first.facts["tagged"]


@pytest.mark.parametrize("own", ["reporting", "reporter", "own_trigger", "after_sign_up", "own"])
def test_what_users_made_is_no_drift(first: Story, own: str) -> None:
    words = {
        word for row in rows(reported(first.repaired)) for cell in row for word in cell.split()
    }
    assert own not in words


@pytest.mark.parametrize("run", ["unchanged", "repaired"])
def test_no_secret_is_printed(first: Story, run: str) -> None:
    text = getattr(first, run).printed
    # Not one of them is named here: a failing test must not print it either.
    assert sum(secret in text for secret in first.secrets) == 0


def test_a_secret_in_a_label_is_blanked(first: Story) -> None:
    assert ["auth", "label added.label", "absent", "[secret]"] in rows(reported(first.repaired))


def test_everything_is_put_right_but_what_may_hold_data(first: Story) -> None:
    left = first.repaired.output.partition("Left to you:")[2]
    assert found(left) == KEPT_ON_PURPOSE, first.repaired.errors


def test_what_is_left_is_still_told_by_the_exit_code(first: Story) -> None:
    assert first.repaired.code == 3


def test_no_row_is_lost(first: Story) -> None:
    assert first.facts["kept"] == "42"


def test_a_container_of_somebody_else_goes_on_running(first: Story) -> None:
    assert first.facts["foreign"] == "running"


def test_a_stray_container_is_removed(first: Story) -> None:
    assert not first.facts["stray container"]


def test_a_stray_volume_is_kept(first: Story) -> None:
    assert first.facts["volumes"] == {STRAY_VOLUME}


def test_once_the_rest_is_decided_it_is_no_drift(second: dict[str, Run]) -> None:
    left = {component for component, _ in found(second["not applied"].output)}
    assert left
    assert not left & {component for component, _ in KEPT_ON_PURPOSE}


def test_a_declaration_that_was_not_applied_stops_a_repair(second: dict[str, Run]) -> None:
    assert second["not applied"].code == 1


def test_the_refusal_names_what_was_not_applied(second: dict[str, Run]) -> None:
    assert "auth" in second["not applied"].errors.partition("never applied (")[2]


@pytest.mark.parametrize(
    ("component", "what"),
    [
        ("postgres", "state"),
        ("database", "catalogue"),
        ("mail", "state"),
        ("redis", "name"),
    ],
)
def test_a_stack_that_partly_stands_still_is_reported(
    second: dict[str, Run], component: str, what: str
) -> None:
    assert (component, what) in found(reported(second["database stopped"]))


def test_a_stopped_database_is_put_right_once_it_runs(second: dict[str, Run]) -> None:
    run = second["database stopped"]
    assert run.code == 0, run.printed


def test_the_database_keeps_its_rows_when_it_is_replaced(
    second: dict[str, Run], engine: Engine
) -> None:
    assert second
    assert engine.in_database("select answer from kept") == "42"


def test_a_change_of_the_stopped_database_was_put_right(
    second: dict[str, Run], engine: Engine
) -> None:
    assert second
    sql = "select rolbypassrls from pg_roles where rolname = 'anon'"
    assert engine.in_database(sql) == "f"


def test_drift_that_a_refresh_accepted_is_reported(second: dict[str, Run]) -> None:
    assert ("mongo", "declaration not applied") in found(second["accepted"].output)


def test_an_update_puts_accepted_drift_right(second: dict[str, Run]) -> None:
    found_later = found(reported(second["database stopped"]))
    assert "mongo" not in {component for component, _ in found_later}


@pytest.mark.usefixtures("second")
def test_nothing_of_the_reference_is_left() -> None:
    client = docker.from_env()
    left = client.containers.list(all=True, filters={"label": f"plinth.drift-reference={NAME}"})
    assert left == []


def _shortened(what: str) -> str:
    """As the table shows it: in the middle three dots where a text is too long."""
    if len(what) <= 48:
        return what
    return f"{what[:22]}...{what[-23:]}"
