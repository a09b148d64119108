"""The stand-in plugins under the real Pulumi CLI."""

import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.airgap.project import Project

pytestmark = pytest.mark.cli

WAITING = """
import time

import pulumi_random as random


def wait(_: str) -> None:
    print("the program waits", flush=True)
    time.sleep(60)


random.RandomString("made", length=8).result.apply(wait)
"""
SHORT = 'import pulumi_random as random\nrandom.RandomPassword("password", length=8)\n'


def test_a_second_up_shows_no_change(standing: Project) -> None:
    standing.up("one", "--expect-no-changes")


def test_a_refresh_shows_no_change(standing: Project) -> None:
    standing.run("refresh", "--yes", "--skip-preview", "--stack", "one", "--expect-no-changes")


def test_exported_state_holds_no_secret_in_plain_text(standing: Project) -> None:
    state = standing.run("stack", "export", "--stack", "one")

    assert standing.outputs()["password"] not in state


def test_a_second_stack_has_values_of_its_own(standing: Project) -> None:
    standing.run("stack", "init", "two")
    standing.up("two")

    assert standing.outputs("one")["password"] != standing.outputs("two")["password"]


def test_nothing_keeps_running(standing: Project) -> None:
    standing.run("preview", "--stack", "one")

    assert standing.processes() == []


def test_about_names_the_python_of_the_virtual_environment(standing: Project) -> None:
    answer = standing.run("about", "--stack", "one")

    assert "This project is written in python: executable=" in answer


def test_a_policy_pack_lets_what_conforms_pass(standing: Project, policy_pack: Path) -> None:
    standing.run("preview", "--stack", "one", "--policy-pack", str(policy_pack))


def test_an_import_leaves_no_change(make_project: Callable[[str], Project]) -> None:
    project = make_project("")
    kind = "random:index/randomString:RandomString"
    project.run("import", kind, "taken", "abcdef", "--yes", "--skip-preview", "--stack", "one")
    project.write(
        "import pulumi\nimport pulumi_random as random\n"
        'random.RandomString("taken", length=6, opts=pulumi.ResourceOptions(protect=True))\n'
    )

    project.up("one", "--expect-no-changes")


def test_destroy_removes_everything(project: Project) -> None:
    project.up()
    project.run("destroy", "--yes", "--skip-preview", "--stack", "one")

    assert "Current stack resources (0)" in project.run("stack", "--stack", "one")


def test_preview_shows_what_depends_on_an_unknown_value(project: Project) -> None:
    assert "3 to create" in project.run("preview", "--stack", "one")


def test_a_policy_pack_blocks_a_violation(
    make_project: Callable[[str], Project], policy_pack: Path
) -> None:
    outcome = make_project(SHORT).attempt(
        "preview", "--stack", "one", "--policy-pack", str(policy_pack)
    )

    assert outcome.code != 0
    assert "length is below 32" in outcome.output


def test_an_exception_is_reported_from_the_program_on(
    make_project: Callable[[str], Project],
) -> None:
    program = 'def fail():\n    raise ValueError("of the program")\n\n\nfail()\n'
    outcome = make_project(program).attempt("preview", "--stack", "one")
    diagnostics = outcome.output.partition("Diagnostics:")[2]

    assert outcome.code != 0
    assert diagnostics.count("ValueError: of the program") == 1
    assert "runpy" not in diagnostics


@pytest.mark.parametrize(
    ("program", "line"),
    [
        (
            'import pulumi\nraise pulumi.RunError("port: 0 is not a port")\n',
            "port: 0 is not a port",
        ),
        (
            "import sys\nsys.exit(3)\n",
            "an unhandled error occurred: Program exited with non-zero exit code: 3",
        ),
        (
            "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)\n",
            "an unhandled error occurred: Program was ended by SIGKILL",
        ),
    ],
)
def test_a_failure_is_one_line(
    program: str, line: str, make_project: Callable[[str], Project]
) -> None:
    outcome = make_project(program).attempt("preview", "--stack", "one")
    diagnostics = outcome.output.partition("Diagnostics:")[2]

    assert outcome.code != 0
    assert [found for found in diagnostics.splitlines() if "error: " in found] == [
        f"    error: {line}"
    ]
    assert "Traceback" not in diagnostics


def test_a_missing_virtual_environment_is_named(project: Project) -> None:
    settings = project.folder / "Pulumi.yaml"
    settings.write_text(settings.read_text().partition("virtualenv:")[0] + "virtualenv: absent\n")
    outcome = project.attempt("preview", "--stack", "one")

    assert outcome.code != 0
    assert f"{project.folder / 'absent'} is not a virtual environment" in outcome.output


class TestEnd:
    """How the plugins end when the engine ends before the program."""

    @pytest.fixture
    def waiting(self, make_project: Callable[[str], Project]) -> Project:
        return make_project(WAITING)

    @pytest.fixture
    def update(self, waiting: Project) -> Iterator[subprocess.Popen[str]]:
        """An update that has created a resource and whose program waits."""
        with waiting.start("up", "--yes", "--skip-preview", "--stack", "one") as process:
            assert process.stdout is not None
            for line in process.stdout:
                if "the program waits" in line:
                    break
            yield process
            process.kill()

    def test_an_interrupt_ends_the_plugins_without_a_trace(
        self, waiting: Project, update: subprocess.Popen[str]
    ) -> None:
        update.send_signal(signal.SIGINT)
        output, _ = update.communicate(timeout=50)

        assert "Traceback" not in output
        assert "exited prematurely" not in output
        assert waiting.processes() == []

    def test_a_killed_engine_leaves_no_plugin(
        self, waiting: Project, update: subprocess.Popen[str]
    ) -> None:
        update.kill()
        update.wait()
        deadline = time.monotonic() + 20
        while (left := waiting.processes()) and time.monotonic() < deadline:
            time.sleep(0.2)

        assert left == []
