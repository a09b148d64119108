"""The pipeline of GitLab: its schema, what it may do, and its shell steps, run here."""

import subprocess
import sys
from typing import Any

import pytest
import yaml

from tests.running_stack import ROOT
from tests.unit.workflows.comment_server import (
    GITLAB_NOTES,
    GITLAB_USER,
    TOKEN,
    CommentServer,
)
from tests.unit.workflows.conftest import Shell

FILE = ROOT / ".gitlab-ci.yml"
PIPELINE: dict[str, Any] = yaml.safe_load(FILE.read_text(encoding="utf-8"))
JOBS = {name: PIPELINE[name] for name in ("preview", "note")}
MARKER = "<!-- plinth preview -->"


def script(job: str) -> str:
    """The shell step of a job."""
    return "\n".join(JOBS[job]["script"])


def test_it_follows_the_schema() -> None:
    command = [sys.executable, "-m", "check_jsonschema", "--data-transform", "gitlab-ci"]
    checked = subprocess.run(
        [*command, "--builtin-schema", "vendor.gitlab-ci", str(FILE)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_it_runs_for_merge_requests_alone() -> None:
    assert PIPELINE["workflow"]["rules"] == [{"if": '$CI_PIPELINE_SOURCE == "merge_request_event"'}]


def test_the_job_that_writes_fetches_no_code() -> None:
    assert JOBS["note"]["variables"]["GIT_STRATEGY"] == "none"


def test_each_job_has_variables_of_its_own() -> None:
    scopes = [job["environment"]["name"] for job in JOBS.values()]
    assert scopes == ["preview/$STACK", "preview-note"]


def test_no_variable_is_tied_to_a_deployment() -> None:
    assert {job["environment"]["action"] for job in JOBS.values()} == {"access"}


def test_a_newer_push_ends_the_older_run() -> None:
    assert (PIPELINE["workflow"]["auto_cancel"], JOBS["preview"]["interruptible"]) == (
        {"on_new_commit": "interruptible"},
        True,
    )


def test_dev_and_prod_are_previewed() -> None:
    assert JOBS["preview"]["parallel"]["matrix"] == [{"STACK": ["dev", "prod"]}]


@pytest.mark.parametrize(("risk", "code"), [(0, 0), (3, 0), (4, 0), (1, 1), (2, 2)])
def test_a_risk_is_no_failure_and_a_failed_preview_is(
    reporting: Shell, risk: int, code: int
) -> None:
    ended = reporting.run(
        script("preview"),
        {"STACK": "dev", "RISK": str(risk), "CI_MERGE_REQUEST_DIFF_BASE_SHA": "abc"},
    )
    assert ended.returncode == code, ended.stderr


def test_the_report_is_kept_where_the_artifact_is_taken_from(reporting: Shell) -> None:
    reporting.run(
        script("preview"),
        {"STACK": "dev", "RISK": "4", "CI_MERGE_REQUEST_DIFF_BASE_SHA": "abc"},
    )
    assert "--base abc" in (reporting.folder / "report-dev.md").read_text()


@pytest.fixture
def environment(shell: Shell, server: CommentServer) -> dict[str, str]:
    for stack in ("dev", "prod"):
        (shell.folder / f"report-{stack}.md").write_text(f"the report of {stack}\n")
    return {
        "PREVIEW_NOTE_TOKEN": TOKEN,
        "CI_API_V4_URL": server.url,
        "CI_PROJECT_ID": "12",
        "CI_MERGE_REQUEST_IID": "7",
    }


def test_the_first_run_writes_a_note(
    shell: Shell, server: CommentServer, environment: dict[str, str]
) -> None:
    ended = shell.run(script("note"), environment)
    assert server.changes == [("POST", GITLAB_NOTES)], ended.stderr


def test_the_note_holds_both_reports(
    shell: Shell, server: CommentServer, environment: dict[str, str]
) -> None:
    shell.run(script("note"), environment)
    assert server.comments[0]["body"] == (f"{MARKER}\nthe report of dev\n\nthe report of prod\n\n")


def test_the_next_run_edits_it(
    shell: Shell, server: CommentServer, environment: dict[str, str]
) -> None:
    shell.run(script("note"), environment)
    shell.run(script("note"), environment)
    assert [change[0] for change in server.changes] == ["POST", "PUT"]


def test_its_note_is_found_behind_many_others(
    shell: Shell, server: CommentServer, environment: dict[str, str]
) -> None:
    for _ in range(230):
        server.add("looks good")
    server.add(f"{MARKER}\nold", author=GITLAB_USER)
    shell.run(script("note"), environment)
    assert server.changes == [("PUT", f"{GITLAB_NOTES}/231")]


def test_somebody_elses_note_is_never_edited(
    shell: Shell, server: CommentServer, environment: dict[str, str]
) -> None:
    server.add(f"{MARKER}\nmine")
    shell.run(script("note"), environment)
    assert server.comments[0]["body"] == f"{MARKER}\nmine"


def test_a_missing_report_leaves_the_other(
    shell: Shell, server: CommentServer, environment: dict[str, str]
) -> None:
    (shell.folder / "report-prod.md").unlink()
    shell.run(script("note"), environment)
    assert server.comments[0]["body"] == f"{MARKER}\nthe report of dev\n\n\n"


def test_nothing_is_written_without_a_token(
    shell: Shell, server: CommentServer, environment: dict[str, str]
) -> None:
    ended = shell.run(script("note"), {**environment, "PREVIEW_NOTE_TOKEN": ""})
    assert (ended.returncode, server.comments) == (0, [])


def test_a_refused_token_fails_the_step(
    shell: Shell, server: CommentServer, environment: dict[str, str]
) -> None:
    ended = shell.run(script("note"), {**environment, "PREVIEW_NOTE_TOKEN": "another"})
    assert (ended.returncode != 0, server.comments) == (True, [])


def test_the_token_is_not_printed(shell: Shell, environment: dict[str, str]) -> None:
    ended = shell.run(script("note"), environment)
    assert TOKEN not in ended.stdout + ended.stderr
