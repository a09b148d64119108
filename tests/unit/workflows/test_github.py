"""The workflow of GitHub Actions: its schema, what it may do, and its shell steps, run here."""

import base64
import re
import subprocess
import sys
from typing import Any

import pytest
import yaml

from tests.running_stack import ROOT
from tests.unit.workflows.comment_server import GITHUB_COMMENTS, TOKEN, CommentServer
from tests.unit.workflows.conftest import Shell

FILE = ROOT / ".github" / "workflows" / "preview.yml"
WORKFLOW: dict[Any, Any] = yaml.safe_load(FILE.read_text(encoding="utf-8"))
JOBS: dict[str, dict[str, Any]] = WORKFLOW["jobs"]
STEPS = [step for job in JOBS.values() for step in job["steps"]]
ACTIONS = [step["uses"] for step in STEPS if "uses" in step]
MARKER = "<!-- plinth preview -->"


def script(job: str) -> str:
    """The shell step of a job."""
    return next(str(step["run"]) for step in JOBS[job]["steps"] if "run" in step)


def test_it_follows_the_schema() -> None:
    command = [sys.executable, "-m", "check_jsonschema"]
    checked = subprocess.run(
        [*command, "--builtin-schema", "vendor.github-workflows", str(FILE)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_it_runs_on_pull_requests_without_the_secrets_of_the_base() -> None:
    # YAML reads the key `on` as true.
    assert set(WORKFLOW[True]) == {"pull_request"}


def test_nothing_is_permitted_by_default() -> None:
    assert WORKFLOW["permissions"] == {}


@pytest.mark.parametrize(
    ("job", "permissions"),
    [("preview", {"contents": "read"}), ("comment", {"pull-requests": "write"})],
)
def test_a_job_may_do_what_it_needs(job: str, permissions: dict[str, str]) -> None:
    assert JOBS[job]["permissions"] == permissions


def test_every_job_states_its_permissions() -> None:
    assert all("permissions" in job for job in JOBS.values())


@pytest.mark.parametrize("action", ACTIONS)
def test_an_action_is_pinned_by_commit(action: str) -> None:
    assert re.fullmatch(r"actions/(checkout|setup-python)@[0-9a-f]{40}", action)


def test_the_job_that_writes_runs_no_code_of_the_pull_request() -> None:
    assert not any("uses" in step for step in JOBS["comment"]["steps"])


def test_the_job_that_runs_the_code_keeps_no_credentials() -> None:
    checkout = next(step for step in JOBS["preview"]["steps"] if "checkout" in step.get("uses", ""))
    assert checkout["with"]["persist-credentials"] is False


@pytest.mark.parametrize("step", [step for step in STEPS if "run" in step], ids=lambda s: s["name"])
def test_no_text_of_the_pull_request_becomes_shell(step: dict[str, Any]) -> None:
    assert "${{" not in step["run"]


def test_a_newer_push_ends_the_older_run() -> None:
    assert WORKFLOW["concurrency"]["cancel-in-progress"] is True


def test_dev_and_prod_are_previewed() -> None:
    assert JOBS["preview"]["strategy"]["matrix"]["stack"] == ["dev", "prod"]


def report_environment(shell: Shell, risk: int) -> dict[str, str]:
    return {
        "STACK": "dev",
        "RISK": str(risk),
        "GITHUB_STEP_SUMMARY": str(shell.folder / "summary"),
        "GITHUB_OUTPUT": str(shell.folder / "output"),
    }


@pytest.mark.parametrize(("risk", "code"), [(0, 0), (3, 0), (4, 0), (1, 1), (2, 2)])
def test_a_risk_is_no_failure_and_a_failed_preview_is(
    reporting: Shell, risk: int, code: int
) -> None:
    ended = reporting.run(script("preview"), report_environment(reporting, risk))
    assert ended.returncode == code, ended.stderr


@pytest.mark.parametrize("risk", [0, 1])
def test_the_report_reaches_the_summary(reporting: Shell, risk: int) -> None:
    reporting.run(script("preview"), report_environment(reporting, risk))
    assert "report: -m toolchain report --stack dev" in (reporting.folder / "summary").read_text()


@pytest.mark.parametrize("risk", [0, 1])
def test_the_report_is_handed_to_the_next_job(reporting: Shell, risk: int) -> None:
    reporting.run(script("preview"), report_environment(reporting, risk))
    name, _, value = (reporting.folder / "output").read_text().strip().partition("=")
    assert (name, base64.b64decode(value)) == ("dev", (reporting.folder / "report.md").read_bytes())


@pytest.fixture
def environment(server: CommentServer) -> dict[str, str]:
    reports = {"DEV": "the report of dev", "PROD": "the report of prod"}
    encoded = {name: base64.b64encode(text.encode()).decode() for name, text in reports.items()}
    return {"TOKEN": TOKEN, "COMMENTS": server.url + GITHUB_COMMENTS, **encoded}


def test_the_first_run_writes_a_comment(
    shell: Shell, server: CommentServer, environment: dict[str, str]
) -> None:
    ended = shell.run(script("comment"), environment)
    assert [change[0] for change in server.changes] == ["POST"], ended.stderr


def test_the_comment_holds_both_reports(
    shell: Shell, server: CommentServer, environment: dict[str, str]
) -> None:
    shell.run(script("comment"), environment)
    assert server.comments[0]["body"] == (f"{MARKER}\nthe report of dev\nthe report of prod\n")


def test_the_next_run_edits_it(
    shell: Shell, server: CommentServer, environment: dict[str, str]
) -> None:
    shell.run(script("comment"), environment)
    shell.run(script("comment"), environment)
    assert [change[0] for change in server.changes] == ["POST", "PATCH"]


def test_its_comment_is_found_behind_many_others(
    shell: Shell, server: CommentServer, environment: dict[str, str]
) -> None:
    for _ in range(230):
        server.add("looks good")
    server.add(f"{MARKER}\nold", "github-actions[bot]")
    shell.run(script("comment"), environment)
    assert server.changes == [("PATCH", "/repos/owner/plinth/issues/comments/231")]


def test_somebody_elses_comment_is_never_edited(
    shell: Shell, server: CommentServer, environment: dict[str, str]
) -> None:
    server.add(f"{MARKER}\nmine", "ann")
    shell.run(script("comment"), environment)
    assert server.comments[0]["body"] == f"{MARKER}\nmine"


def test_a_missing_report_leaves_the_other(
    shell: Shell, server: CommentServer, environment: dict[str, str]
) -> None:
    shell.run(script("comment"), {**environment, "PROD": ""})
    assert server.comments[0]["body"] == f"{MARKER}\nthe report of dev\n\n"


def test_a_refused_token_fails_the_step(
    shell: Shell, server: CommentServer, environment: dict[str, str]
) -> None:
    ended = shell.run(script("comment"), {**environment, "TOKEN": "another"})
    assert (ended.returncode != 0, server.comments) == (True, [])


def test_the_token_is_not_printed(shell: Shell, environment: dict[str, str]) -> None:
    ended = shell.run(script("comment"), environment)
    assert TOKEN not in ended.stdout + ended.stderr
