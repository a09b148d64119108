import subprocess
from pathlib import Path

import pytest

from preview_report.__main__ import RevisionError, comparison, file_at, main
from preview_report.configuration import Setting
from tests.unit.preview_report.golden import RECORDINGS, STACK
from tests.unit.preview_report.test_reports import RISKS

BEFORE, AFTER = (
    "config: {plinth:rest: {max_rows: 1000}}\n",
    "config: {plinth:rest: {max_rows: 5}}\n",
)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A git checkout whose stack file was changed after its only commit."""
    file = tmp_path / f"Pulumi.{STACK}.yaml"
    file.write_text(BEFORE, encoding="utf-8")
    identity = ["-c", "user.name=Ann", "-c", "user.email=ann@example.com"]
    for command in (["init"], ["add", "--all"], [*identity, "commit", "--message", "base"]):
        subprocess.run(["git", *command], cwd=tmp_path, check=True, capture_output=True)
    file.write_text(AFTER, encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize(("case", "risk"), RISKS.items())
def test_the_exit_code_is_the_risk(case: str, risk: int) -> None:
    assert main([str(RECORDINGS / case), "--stack", "dev"]) == risk


def test_the_report_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    main([str(RECORDINGS / "no-change"), "--stack", "dev"])
    assert capsys.readouterr().out.startswith("<!-- plinth preview of stack dev -->\n")


def test_the_report_keeps_within_a_given_length(capsys: pytest.CaptureFixture[str]) -> None:
    main([str(RECORDINGS / "passwords-rotate"), "--stack", "dev", "--longest", "2000"])
    assert len(capsys.readouterr().out) <= 2000


def test_a_folder_without_a_recording_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = main([str(tmp_path), "--stack", "dev"])
    assert (code, "make report" in capsys.readouterr().err) == (2, True)


def test_settings_are_compared_with_a_revision(repository: Path) -> None:
    found = comparison(STACK, "HEAD", repository)
    assert found.settings == (Setting("plinth:rest.max_rows", "1000", "5"),)


def test_a_file_that_a_revision_has_not_is_none(repository: Path) -> None:
    assert file_at("HEAD", "Pulumi.other.yaml", repository) is None


@pytest.mark.parametrize("revision", ["nowhere", "--output=planted"])
def test_a_revision_that_is_not_there_is_refused(repository: Path, revision: str) -> None:
    with pytest.raises(RevisionError, match="git fetch origin"):
        file_at(revision, "Pulumi.yaml", repository)


def test_an_unknown_revision_becomes_part_of_the_report(repository: Path) -> None:
    assert "not in this checkout" in comparison(STACK, "nowhere", repository).problem


def test_a_broken_stack_file_becomes_part_of_the_report(repository: Path) -> None:
    (repository / f"Pulumi.{STACK}.yaml").write_text("config: [\n}", encoding="utf-8")
    assert "no YAML" in comparison(STACK, "HEAD", repository).problem
