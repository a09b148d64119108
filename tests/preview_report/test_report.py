"""The report of a real preview, from an empty machine to a volume that would be lost.

A copy of the checkout has a state and a stack of its own, `reported`. Changes are made to the copy
one after the other, each is reported, none is applied.
"""

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import docker
import pytest

from tests import checkout as checkouts

pytestmark = [pytest.mark.engine, pytest.mark.cli]

NAME = "reported"
SETTINGS: dict[str, Any] = {
    "environment": "test",
    "gateway": {"port": 26010},
    "auth": {"autoconfirm": True},
    "mail": {"enabled": True, "port": 26011},
}


@dataclass(frozen=True)
class Report:
    """What the command printed, and what it found and left."""

    code: int
    text: str
    progress: str
    before: frozenset[str]
    after: frozenset[str]


@dataclass(frozen=True)
class Checkout:
    """A copy of the checkout, under git, and the stack `reported` in it."""

    copy: checkouts.Checkout
    engine: docker.DockerClient

    @property
    def folder(self) -> Path:
        """Where the copy is."""
        return self.copy.folder

    def bring_up(self) -> None:
        """Bring the stack up."""
        ended = self.copy.bring_up(NAME)
        assert ended.code == 0, ended.printed

    def report(self) -> Report:
        """Report what the copy would change."""
        before = self.everything()
        ended = self.copy.run("python3", "-m", "toolchain", "report", "--stack", NAME)
        return Report(ended.code, ended.output, ended.errors, before, self.everything())

    def containers(self) -> frozenset[str]:
        """The stack's containers by id, so that a replaced one is another."""
        found = self.engine.containers.list(
            all=True, filters={"label": f"plinth.stack={NAME}"}, ignore_removed=True
        )
        return frozenset(str(container.id) for container in found)

    def everything(self) -> frozenset[str]:
        """Containers, and files of the state and the checkout, by content."""
        state = (self.folder / ".plinth" / "state").rglob("*")
        files = [*state, *self.folder.glob("Pulumi*.yaml")]
        digests = (
            f"{path} {hashlib.sha256(path.read_bytes()).hexdigest()}"
            for path in files
            # Pulumi marks a folder as a backend when it first looks into it.
            if path.is_file() and not path.name.startswith("meta.yaml")
        )
        return self.containers() | frozenset(digests)

    def configure(self, **sections: dict[str, Any]) -> None:
        """Write the stack's file: the settings that work, with some sections replaced."""
        self.copy.configure(NAME, {**SETTINGS, **sections})

    def edit(self, name: str, before: str, after: str) -> None:
        """Replace a text in a file of the copy."""
        file = self.folder / name
        text = file.read_text(encoding="utf-8")
        assert before in text
        file.write_text(text.replace(before, after), encoding="utf-8")


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Checkout]:
    """The copy; its stack is removed in the end."""
    folder = tmp_path_factory.mktemp("checkout")
    copy = Checkout(checkouts.Checkout.copy(folder), docker.from_env())
    copy.configure()
    identity = ("-c", "user.name=Ann", "-c", "user.email=ann@example.com")
    for command in (("init",), ("add", "--all"), (*identity, "commit", "--message", "base")):
        ended = copy.copy.run("git", *command)
        assert ended.code == 0, ended.printed
    yield copy
    copy.copy.discard(NAME)


@pytest.fixture(scope="module")
def reports(checkout: Checkout) -> dict[str, Report]:
    """The report of every change, by its name."""
    found = {"first creation": checkout.report()}
    checkout.bring_up()
    found["no change"] = checkout.report()

    gateway = {**SETTINGS["gateway"], "rate_limits": False}
    checkout.configure(rest={"max_rows": 50}, gateway=gateway)
    found["setting"] = checkout.report()
    checkout.configure(gateway={"prot": 26010})
    found["wrong setting"] = checkout.report()
    checkout.configure()

    store = ("infra/stores/redis.py", 'DataVolume("redis-data"', 'DataVolume("redis-other"')
    checkout.edit(*store)
    found["lost volume"] = checkout.report()
    checkout.edit(store[0], store[2], store[1])

    # The mail sink has no secret, so that Pulumi does not hide its environment as a whole.
    planted = 'environment={"PASSWORD": "planted-letmein",'
    mail = ("infra/services/mail.py", "environment={", planted)
    checkout.edit(*mail)
    found["plain secret"] = checkout.report()
    checkout.edit(mail[0], mail[2], mail[1])
    return found


@pytest.fixture
def report(reports: dict[str, Report]) -> Callable[[str], Report]:
    return reports.__getitem__


CODES = {
    "first creation": 0,
    "no change": 0,
    "setting": 3,
    "lost volume": 4,
    "wrong setting": 1,
    "plain secret": 1,
}
TOLD = {
    "first creation": "without the stack's state",
    "no change": "0 deleted, 0 replaced, 0 changed, 0 created",
    "setting": "| `plinth:rest.max_rows` | `not set` | `50` |",
    "lost volume": "- **DATA LOSS: `redis` (`redis-data-volume`)",
    "wrong setting": "> plinth:gateway.prot: no such setting",
    "plain secret": "| **mandatory** | `no-plain-secret-in-environment` |",
}


@pytest.mark.parametrize(("change", "code"), CODES.items())
def test_the_exit_code_is_the_risk(report: Callable[[str], Report], change: str, code: int) -> None:
    found = report(change)
    assert found.code == code, found.progress + found.text


@pytest.mark.parametrize(("change", "line"), TOLD.items())
def test_the_report_says_what_matters(
    report: Callable[[str], Report], change: str, line: str
) -> None:
    assert line in report(change).text


@pytest.mark.parametrize("change", CODES)
def test_standard_output_is_the_report_alone(report: Callable[[str], Report], change: str) -> None:
    assert report(change).text.startswith(f"<!-- plinth preview of stack {NAME} -->\n")


@pytest.mark.parametrize("change", CODES)
def test_nothing_is_changed(report: Callable[[str], Report], change: str) -> None:
    assert report(change).after == report(change).before


def test_a_restarting_component_is_named(report: Callable[[str], Report]) -> None:
    assert "| `gateway` | about " in report("setting").text


def test_a_component_that_hands_over_is_named(report: Callable[[str], Report]) -> None:
    assert "Hands over without a gap: `rest`." in report("setting").text


def test_a_password_in_plain_text_is_not_shown(report: Callable[[str], Report]) -> None:
    assert "planted-letmein" not in report("plain secret").text


@pytest.mark.usefixtures("reports")
def test_no_secret_of_the_stack_is_recorded(checkout: Checkout) -> None:
    shown = checkout.copy.make(NAME, "outputs", "SHOW_SECRETS=1", "NAME=redis")
    password = json.loads(shown.output)["password"]
    recorded = (checkout.folder / ".plinth" / "log" / f"{NAME}-report").rglob("*")
    assert [str(path) for path in recorded if password in path.read_text(encoding="utf-8")] == []


@pytest.mark.usefixtures("reports")
def test_a_preview_without_a_state_leaves_none(checkout: Checkout) -> None:
    state = checkout.folder / ".plinth" / "state" / ".pulumi" / "stacks"
    assert [path.stem for path in state.rglob("*.json")] == [NAME]
