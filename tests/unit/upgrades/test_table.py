import pytest

from tests.unit.upgrades.conftest import MakePin
from upgrades.__main__ import NEWER, NOTHING_KNOWN, NOTHING_NEWER, exit_code
from upgrades.table import render
from upgrades.versions import Answer, UnreachableError

SAME = Answer("1.2.3", "1.2.3")
UNKNOWN = UnreachableError("mirror.example answers 403")


def test_what_is_newer_is_told_with_its_release_notes(pin: MakePin) -> None:
    assert render({pin(): Answer("1.2.9", "2.0")}) == (
        "USED BY  PROGRAM  PINNED  SAME SERIES  NEWEST  PINNED IN\n"
        "gateway  Envoy    1.2.3   1.2.9        2.0     images/envoy/requirements.txt\n"
        "\n"
        "Release notes:\n"
        "  gateway, Envoy: https://example.com/notes\n"
        "\n"
        "1 pinned, 1 with a newer version.\n"
    )


def test_what_is_not_newer_is_left_blank(pin: MakePin) -> None:
    row = render({pin(): SAME}).splitlines()[1]
    assert row.split() == ["gateway", "Envoy", "1.2.3", "-", "-", "images/envoy/requirements.txt"]


def test_what_could_not_be_asked_is_told_in_its_line(pin: MakePin) -> None:
    lines = render({pin(): UNKNOWN, pin(program="Other"): SAME}).splitlines()
    assert lines[1].endswith("not known: mirror.example answers 403")
    assert lines[-1] == "2 pinned, none with a newer version, 1 not known."


def test_columns_stand_below_each_other(pin: MakePin) -> None:
    head, first, second, *_ = render(
        {pin(used_by="a-long-component"): UNKNOWN, pin("1"): Answer("1.1", "1.1")}
    ).splitlines()
    assert head.index("PROGRAM") == first.index("Envoy") == second.index("Envoy")


@pytest.mark.parametrize(
    ("said", "code"),
    [
        pytest.param([SAME], NOTHING_NEWER, id="nothing newer"),
        pytest.param([SAME, Answer("1.2.9", "1.2.9")], NEWER, id="of the same series"),
        pytest.param([Answer("1.2.3", "2.0")], NEWER, id="of another series"),
        pytest.param([UNKNOWN, SAME], NOTHING_NEWER, id="one not known"),
        pytest.param([UNKNOWN], NOTHING_KNOWN, id="none known"),
    ],
)
def test_the_exit_code_says_whether_something_is_newer(
    said: list[Answer | UnreachableError], code: int, pin: MakePin
) -> None:
    assert exit_code({pin(program=str(at)): each for at, each in enumerate(said)}) == code
