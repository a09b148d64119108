import pytest

from tests.unit.upgrades.conftest import MakePin
from upgrades.versions import Answer, newest, same_form


@pytest.mark.parametrize(
    ("pinned", "series", "published", "expected"),
    [
        pytest.param("1.2.3", 1, ["1.2.3"], Answer("1.2.3", "1.2.3"), id="nothing newer"),
        pytest.param("1.9", 1, ["1.9", "1.10"], Answer("1.10", "1.10"), id="by number, not text"),
        pytest.param("1.2.3", 1, ["2.0", "1.4"], Answer("1.4", "2.0"), id="another series"),
        pytest.param("1.2.3", 2, ["1.4", "1.2.9"], Answer("1.2.9", "1.4"), id="finer series"),
        pytest.param("1.2.3", 1, ["1.2.2"], Answer("1.2.3", "1.2.3"), id="older alone"),
        pytest.param("1.2.3", 1, [], Answer("1.2.3", "1.2.3"), id="mirror without the pinned one"),
        pytest.param("1.2", 1, ["2.0-rc.1"], Answer("1.2", "1.2"), id="not yet released"),
        pytest.param("2.0-rc.1", 1, ["2.0-rc.2"], Answer("2.0-rc.2", "2.0-rc.2"), id="of its kind"),
        pytest.param("1.2", 1, ["latest", ""], Answer("1.2", "1.2"), id="no version"),
        pytest.param("v1.2.0", 1, ["v1.8.0"], Answer("v1.8.0", "v1.8.0"), id="as Go writes it"),
        pytest.param("12.0.2-2", 1, ["12.0.2-3"], Answer("12.0.2-3", "12.0.2-3"), id="npm build"),
        pytest.param(
            "v1.6.0",
            1,
            ["v1.6.1-0.20241114170450-2d3c2a9cc518"],
            Answer("v1.6.0", "v1.6.0"),
            id="a Go pseudo-version",
        ),
    ],
)
def test_the_newest_versions_are_found(
    pinned: str, series: int, published: list[str], expected: Answer, pin: MakePin
) -> None:
    assert newest(pin(pinned, series=series), published) == expected


@pytest.mark.parametrize(
    ("tag", "others", "expected"),
    [
        ("17.6", ["17.12", "17", "17.12-alpine", "17.12.1", "x17.12"], ["17.12"]),
        ("v2.196.0", ["v2.197.0", "2.197.0", "v2.197.0-rc.1"], ["v2.197.0"]),
    ],
)
def test_tags_of_another_form_do_not_count(
    tag: str, others: list[str], expected: list[str]
) -> None:
    assert same_form(tag, others) == expected
