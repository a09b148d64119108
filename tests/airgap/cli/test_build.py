import re
import stat
from pathlib import Path

import pytest

from airgap.cli import build as cli

GO = """#!/bin/sh
for argument in "$@"; do
  case "$argument" in -o=*) output="${argument#-o=}" ;; esac
done
printf '%s\\n' "$@" > "$output"
chmod +x "$output"
"""
FAILING_GO = "#!/bin/sh\necho 'build failed: no such module' >&2\nexit 2\n"


@pytest.fixture
def go(tmp_path: Path) -> Path:
    """A go command that writes its arguments where the executable goes."""
    return executable(tmp_path / "go", GO)


def executable(path: Path, content: str) -> Path:
    path.write_text(content)
    path.chmod(0o755)
    return path


def test_builds_the_version_that_go_mod_pins() -> None:
    pinned = re.findall(
        r"github.com/pulumi/pulumi/(?:pkg|sdk)/v3 (v\S+)", (cli.MODULE / "go.mod").read_text()
    )

    assert set(pinned) == {cli.VERSION}


def test_checksums_hold_the_pinned_version() -> None:
    checksums = (cli.MODULE / "go.sum").read_text()

    assert f"github.com/pulumi/pulumi/pkg/v3 {cli.VERSION} h1:" in checksums


def test_the_minimum_go_is_the_one_that_go_mod_names() -> None:
    named = re.search(r"^go (\d+)\.(\d+)", (cli.MODULE / "go.mod").read_text(), re.MULTILINE)

    assert named is not None
    assert tuple(map(int, named.groups())) == cli.MINIMUM_GO


def test_a_build_may_not_change_the_pins(go: Path, tmp_path: Path) -> None:
    cli.build(go, tmp_path / "bin" / "pulumi")

    assert "-mod=readonly" in (tmp_path / "bin" / "pulumi").read_text().splitlines()


def test_the_result_is_executable(go: Path, tmp_path: Path) -> None:
    cli.build(go, tmp_path / "bin" / "pulumi")

    assert (tmp_path / "bin" / "pulumi").stat().st_mode & stat.S_IXUSR


def test_nothing_but_the_result_is_left(go: Path, tmp_path: Path) -> None:
    cli.build(go, tmp_path / "bin" / "pulumi")

    assert [path.name for path in (tmp_path / "bin").iterdir()] == ["pulumi"]


def test_a_failure_shows_the_compiler_s_words(tmp_path: Path) -> None:
    go = executable(tmp_path / "go", FAILING_GO)

    with pytest.raises(cli.BuildError, match="build failed: no such module"):
        cli.build(go, tmp_path / "bin" / "pulumi")


def test_a_failure_leaves_nothing(tmp_path: Path) -> None:
    go = executable(tmp_path / "go", FAILING_GO)
    with pytest.raises(cli.BuildError):
        cli.build(go, tmp_path / "bin" / "pulumi")

    assert list((tmp_path / "bin").iterdir()) == []


def test_a_missing_go_is_named(tmp_path: Path) -> None:
    with pytest.raises(cli.BuildError, match=re.escape(f"cannot start {tmp_path / 'go'}")):
        cli.build(tmp_path / "go", tmp_path / "pulumi")


def test_the_cache_builds_once(go: Path, tmp_path: Path) -> None:
    first = cli.cached(go, tmp_path / "cache")
    go.unlink()

    assert cli.cached(go, tmp_path / "cache") == first


def test_the_cache_is_keyed_by_what_goes_into_the_build(go: Path, tmp_path: Path) -> None:
    assert cli.cached(go, tmp_path / "cache").parent.name == cli.source_digest()
