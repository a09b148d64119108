"""What happens when something is wrong: one clear line, nothing lost, and the next run recovers.

A copy of the checkout carries the mistakes, with a state and a stack of its own, `badinput`. The
mistakes are made one after the other as a user could make them; each is mended before the next.
"""

import re
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import docker
import pytest

from tests import checkout as checkouts
from tests.running_stack import RunningStack

pytestmark = [pytest.mark.engine, pytest.mark.stack]

NAME = "badinput"
GATEWAY_PORT = 29000
MIGRATION = "20991231000000_mistaken.sql"
LATER_MIGRATION = "29990102000000_later.sql"
SETTINGS: dict[str, Any] = {
    "environment": "test",
    "gateway": {"port": GATEWAY_PORT},
    "auth": {"autoconfirm": True},
}

REASONS = {
    "unknown key": r"^ +plinth:gateway\.prot: no such setting; known here: .*\bport\b",
    "mistyped value": r"error: plinth:gateway\.port: .*integer",
    "port of another program": rf"\b{GATEWAY_PORT}\b.*(in use|taken|holds)",
    "port of another stack": r"\b18000\b.*(in use|taken|holds)",
    "missing image": r"error: image plinth/redis:\S+: the build failed: .*127\.0\.0\.1:1\b",
    "failing migration": rf"migration {MIGRATION} failed and was rolled back: .*nowhere",
    "failing migration of a running stack": (
        rf"migration {LATER_MIGRATION} failed and was rolled back: .*never_made"
    ),
    "lost passphrase": r"plinth: the passphrase of the local state is lost: .*Put it back",
    "data of another version": r"was (written|initialized) by PostgreSQL (version )?16\b",
}
"""What the user is told, by mistake."""

BEFORE_ANYTHING_STARTS = (
    "unknown key",
    "mistyped value",
    "port of another program",
    "port of another stack",
)


@dataclass(frozen=True)
class Run:
    """A command that was run, and what it left of the stack."""

    code: int
    printed: str
    containers: frozenset[str]


@dataclass
class Story:
    """Everything that happened, for the tests to look at."""

    mistakes: dict[str, Run] = field(default_factory=dict)
    recoveries: dict[str, Run] = field(default_factory=dict)
    facts: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Checkout:
    """A copy of the checkout, and the stack `badinput` in it."""

    copy: checkouts.Checkout
    engine: docker.DockerClient

    @property
    def folder(self) -> Path:
        """Where the copy is."""
        return self.copy.folder

    def make(self, *targets: str) -> Run:
        """Run make on the stack."""
        ended = self.copy.make(NAME, *targets)
        return Run(ended.code, ended.printed, frozenset(self.containers()))

    def containers(self) -> dict[str, str]:
        """State of the stack's containers by component."""
        found = self.engine.containers.list(
            all=True, filters={"label": f"plinth.stack={NAME}"}, ignore_removed=True
        )
        return {container.labels["plinth.component"]: container.status for container in found}

    def configure(self, **sections: dict[str, Any]) -> None:
        """Write the stack's file: the settings that work, with some sections replaced."""
        self.copy.configure(NAME, {**SETTINGS, **sections})

    def in_database(self, sql: str) -> str:
        """Run SQL as the superuser and return what it gave."""
        script = 'PGPASSWORD="$POSTGRES_PASSWORD" psql -qAt -U "$POSTGRES_USER" -c "$0"'
        container = self.engine.containers.get(f"plinth-{NAME}-postgres")
        ended: Any = container.exec_run(["sh", "-c", script, sql])
        assert ended.exit_code == 0, ended.output
        return str(ended.output.decode().strip())

    def write_migration(self, name: str, sql: str) -> Path:
        """Add a migration to the checkout."""
        migration = self.folder / "database" / "migrations" / name
        migration.write_text(f"-- migrate:up\n{sql}\n-- migrate:down\n", encoding="utf-8")
        return migration

    def pretend_data_version(self, version: str) -> None:
        """Take the database's container away and mark its volume as another version's."""
        container = self.engine.containers.get(f"plinth-{NAME}-postgres")
        image = container.attrs["Config"]["Image"]
        container.remove(force=True)
        self.write_data_version(image, version)

    def write_data_version(self, image: str, version: str) -> None:
        """Write the file by which PostgreSQL knows whose data a folder holds."""
        self.engine.containers.run(
            image,
            entrypoint="sh",
            command=["-c", f"echo {version} >/data/PG_VERSION"],
            volumes=[f"plinth-{NAME}-postgres-data:/data"],
            remove=True,
        )


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Checkout]:
    """The copy; its stack is destroyed in the end."""
    folder = tmp_path_factory.mktemp("checkout")
    copy = Checkout(checkouts.Checkout.copy(folder), docker.from_env())
    copy.configure()
    yield copy
    destroyed = copy.make("destroy")
    assert destroyed.code == 0, destroyed.printed
    assert not destroyed.containers


def _before_anything_starts(checkout: Checkout, story: Story, other: RunningStack) -> None:
    checkout.configure(gateway={"prot": GATEWAY_PORT, "port": "eight thousand"})
    in_the_file = checkout.make("up")
    story.mistakes["unknown key"] = story.mistakes["mistyped value"] = in_the_file
    checkout.configure()
    with socket.socket() as program:
        program.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        program.bind(("127.0.0.1", GATEWAY_PORT))
        program.listen()
        story.mistakes["port of another program"] = checkout.make("up")
    taken = other.component("waf")["ports"][0]["external"]
    checkout.configure(gateway={"port": taken})
    story.mistakes["port of another stack"] = checkout.make("up")
    checkout.configure()


def _while_starting(checkout: Checkout, story: Story) -> None:
    checkout.copy.leave_out(NAME, "mongo", "object_store")
    dockerfile = checkout.folder / "images" / "redis" / "Dockerfile"
    working = dockerfile.read_text(encoding="utf-8")
    # An address where nothing answers: the same on a machine that reaches registries.
    dockerfile.write_text(f"FROM 127.0.0.1:1/plinth/absent:1\n{working}", encoding="utf-8")
    story.mistakes["missing image"] = checkout.make("up")
    dockerfile.write_text(working, encoding="utf-8")

    checkout.write_migration(MIGRATION, "create table plinth.half_done (); select * from nowhere;")
    story.mistakes["failing migration"] = checkout.make("up")
    story.facts["half done"] = checkout.in_database("select to_regclass('plinth.half_done')")
    # Mended in the database: none of the bootstrap's inputs changes, and it must run again.
    checkout.in_database("create table nowhere ()")
    story.recoveries["failing migration"] = checkout.make("up")


def _once_it_runs(checkout: Checkout, story: Story) -> None:
    checkout.in_database("create table kept as select 42 as answer")
    migration = checkout.write_migration(LATER_MIGRATION, "select * from never_made;")
    story.mistakes["failing migration of a running stack"] = checkout.make("up")
    migration.unlink()

    passphrase = checkout.folder / ".plinth" / "passphrase"
    saved = passphrase.rename(passphrase.with_name("saved"))
    story.mistakes["lost passphrase"] = checkout.make("up")
    story.facts["new passphrase"] = passphrase.exists()
    saved.rename(passphrase)
    story.recoveries["lost passphrase"] = checkout.make("outputs")

    server = checkout.engine.containers.get(f"plinth-{NAME}-postgres")
    image = server.attrs["Config"]["Image"]
    checkout.pretend_data_version("16")
    story.mistakes["data of another version"] = checkout.make("up")
    checkout.write_data_version(image, "17")
    recovered = checkout.make("up")
    story.recoveries["data of another version"] = recovered
    story.recoveries["failing migration of a running stack"] = recovered
    story.facts["kept"] = checkout.in_database("select answer from kept")


@pytest.fixture(scope="module")
def story(checkout: Checkout, stack: RunningStack) -> Story:
    """Make every mistake, mend it, and go on."""
    story = Story()
    _before_anything_starts(checkout, story, stack)
    _while_starting(checkout, story)
    _once_it_runs(checkout, story)
    return story


@pytest.fixture
def mistake(story: Story) -> Callable[[str], Run]:
    return story.mistakes.__getitem__


@pytest.mark.parametrize("what", REASONS)
def test_a_mistake_fails_the_run(mistake: Callable[[str], Run], what: str) -> None:
    assert mistake(what).code != 0


@pytest.mark.parametrize(("what", "reason"), REASONS.items())
def test_a_line_says_what_is_wrong(mistake: Callable[[str], Run], what: str, reason: str) -> None:
    printed = mistake(what).printed
    assert any(re.search(reason, line) for line in printed.splitlines()), printed


@pytest.mark.parametrize("what", REASONS)
def test_one_line_says_how_to_go_on(mistake: Callable[[str], Run], what: str) -> None:
    printed = mistake(what).printed
    assert len(re.findall(r"^plinth: .+\. .+", printed, re.MULTILINE)) == 1, printed


@pytest.mark.parametrize("what", REASONS)
def test_no_traceback_is_shown(mistake: Callable[[str], Run], what: str) -> None:
    assert "Traceback" not in mistake(what).printed


@pytest.mark.parametrize("what", BEFORE_ANYTHING_STARTS)
def test_nothing_is_started_before_the_mistake_is_found(
    mistake: Callable[[str], Run], what: str
) -> None:
    assert mistake(what).containers == frozenset()


@pytest.mark.parametrize(
    "what",
    [
        "failing migration",
        "failing migration of a running stack",
        "lost passphrase",
        "data of another version",
    ],
)
def test_the_next_run_recovers(story: Story, what: str) -> None:
    assert story.recoveries[what].code == 0, story.recoveries[what].printed


def test_a_failed_migration_leaves_nothing_behind(story: Story) -> None:
    assert story.facts["half done"] == ""


def test_a_lost_passphrase_is_not_replaced(story: Story) -> None:
    assert not story.facts["new passphrase"]


def test_no_data_is_lost(story: Story) -> None:
    assert story.facts["kept"] == "42"


def test_the_other_stack_is_not_touched(story: Story, stack: RunningStack) -> None:
    assert story.mistakes
    assert stack.inspect("gateway")["State"]["Health"]["Status"] == "healthy"
