from collections.abc import Callable
from pathlib import Path

import pytest

from airgap.docker_provider.build_context import digest
from airgap.provider.resource import ProviderError


@pytest.fixture
def context(tmp_path: Path) -> Path:
    (tmp_path / "Dockerfile").write_text("FROM scratch\n")
    (tmp_path / ".dockerignore").write_text("ignored\n")
    (tmp_path / "ignored").write_text("1")
    (tmp_path / "kept").write_text("1")
    return tmp_path


def of(context: Path) -> str:
    return digest(context, context / "Dockerfile")


@pytest.mark.parametrize(
    "change",
    [
        lambda context: (context / "kept").write_text("2"),
        lambda context: (context / "kept").chmod(0o755),
        lambda context: (context / "kept").rename(context / "renamed"),
        lambda context: (context / "added").write_text(""),
        lambda context: (context / "Dockerfile").write_text("FROM other\n"),
    ],
    ids=["content", "mode", "name", "file", "dockerfile"],
)
def test_what_the_build_sees_changes_the_digest(
    context: Path, change: Callable[[Path], object]
) -> None:
    before = of(context)
    change(context)
    assert of(context) != before


def test_an_ignored_file_does_not_change_the_digest(context: Path) -> None:
    before = of(context)
    (context / "ignored").write_text("2")
    assert of(context) == before


def test_a_missing_dockerfile_is_named(tmp_path: Path) -> None:
    with pytest.raises(ProviderError, match="there is no file"):
        of(tmp_path)
