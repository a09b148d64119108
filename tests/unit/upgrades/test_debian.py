from pathlib import Path

import pytest

from tests.unit.upgrades.conftest import MakePin
from upgrades import debian
from upgrades.versions import UnreachableError

REPOSITORY = Path(__file__).resolve().parents[3]


def test_without_an_engine_every_debian_package_is_unknown(
    pin: MakePin, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_HOST", "tcp://127.0.0.1:1")
    pins = [pin(publisher=publisher) for publisher in debian.PUBLISHERS]
    said = debian.answers(pins, REPOSITORY)
    assert [type(said[each]) for each in pins] == [UnreachableError] * len(pins)
