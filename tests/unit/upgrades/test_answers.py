from pathlib import Path

import pytest

from tests.unit.upgrades.conftest import MakePin, Page, Publisher
from upgrades.__main__ import answers
from upgrades.pins import Pin
from upgrades.versions import Answer, UnreachableError

REPOSITORY = Path(__file__).resolve().parents[3]


@pytest.fixture
def pins(pin: MakePin, publisher: Publisher, monkeypatch: pytest.MonkeyPatch) -> list[Pin]:
    """A pin of every kind; nobody answers for Debian's."""
    monkeypatch.setenv("GOPROXY", publisher.address)
    monkeypatch.setenv("npm_config_registry", publisher.address)
    monkeypatch.setenv("PIP_INDEX_URL", publisher.address)
    monkeypatch.setenv("DOCKER_HOST", "tcp://127.0.0.1:1")
    repository = f"{publisher.address.removeprefix('http://')}/app"
    publisher.pages |= {
        "/example.com/module/@v/list": Page("v1.2.3\nv1.3.0\n"),
        "/name": Page('{"versions": {"1.2.3": {}, "1.4.0": {}}}'),
        "/example-package/": Page(
            '<a href="example_package-1.5.0-py3-none-any.whl">wheel</a>',
            headers={"Content-Type": "text/html"},
        ),
        "/v2/app/tags/list?n=1000": Page('{"tags": ["1.6.0", "1.7.0-alpine"]}'),
    }
    return [
        pin(publisher="registry", package=repository),
        pin(publisher="debian", package="redis-server", suite="trixie"),
        pin(publisher="pypi", package="example-package"),
        pin(publisher="go", package="example.com/module"),
        pin(publisher="npm", package="name"),
        pin(publisher="npm", package="another"),
    ]


def test_every_publisher_is_asked_and_answers_stand_in_the_order_of_pins(pins: list[Pin]) -> None:
    said = answers(pins, REPOSITORY)
    assert list(said) == pins
    assert [each.newest if isinstance(each, Answer) else type(each) for each in said.values()] == [
        "1.6.0",
        UnreachableError,
        "1.5.0",
        "v1.3.0",
        "1.4.0",
        UnreachableError,
    ]
