"""What the Debian mirror says, asked by apt in the base image."""

from itertools import pairwise

import pytest

from upgrades import debian
from upgrades.versions import UnreachableError

pytestmark = pytest.mark.engine


def test_the_newest_comes_first(published: list[str]) -> None:
    minors = [int(version.partition("-")[0].partition(".")[2]) for version in published]
    assert all(first >= second for first, second in pairwise(minors))


def test_what_is_not_newer_is_not_told(asked: list[list[str]]) -> None:
    assert "postgresql-client-17" not in [line[1] for line in asked]


def test_debians_rules_compare(asked: list[list[str]]) -> None:
    # 5:8.0 is newer than 9.0: the epoch counts first.
    assert ["package", "redis-server"] in [line[:2] for line in asked]


def test_a_package_that_the_suite_does_not_have_is_told(asked: list[list[str]]) -> None:
    assert ["unknown", "no-such-package"] in asked


def test_the_releases_are_told(asked: list[list[str]]) -> None:
    releases = {line[1]: line[2] for line in asked if line[0] == "release"}
    assert releases["trixie"] == "trixie"
    assert set(releases) == {"trixie", "stable"}


def test_a_missing_base_image_is_told() -> None:
    with pytest.raises(UnreachableError, match="the engine holds no base image; make up builds"):
        debian.ask("plinth/base:none", [])
