import pytest

from drift import report
from drift.finding import Finding, Remedy

SECRET = "correct-horse-battery-staple"


def finding(component: str = "rest", what: str = "user", found: str = "0") -> Finding:
    return Finding(component, what, "1000:1000", found, Remedy.REPLACE)


def test_no_finding_gives_no_line() -> None:
    assert report.table([], frozenset()) == []


def test_a_finding_is_one_row_below_the_headings() -> None:
    assert report.table([finding()], frozenset()) == [
        "COMPONENT  WHAT  DECLARED   FOUND",
        "rest       user  1000:1000  0",
    ]


def test_rows_are_in_one_order_whatever_was_found_first() -> None:
    rows = [finding("b"), finding("a", "user"), finding("a", "image")]
    assert report.table(rows, frozenset()) == report.table(reversed(rows), frozenset())


def test_a_secret_inside_a_text_is_blanked() -> None:
    lines = report.table([finding(found=f"--password={SECRET}")], frozenset({SECRET}))
    assert lines[1].endswith("--password=[secret]")


@pytest.mark.parametrize("before", range(0, 60, 7))
def test_no_half_of_a_secret_is_left_where_a_text_is_shortened(before: int) -> None:
    text = "x" * before + SECRET + "y" * 40
    lines = report.table([finding(found=text)], frozenset({SECRET}))
    assert not any(part in lines[1] for part in ("correct", "staple", "horse"))


def test_the_longer_of_two_secrets_goes_first() -> None:
    assert report.redacted(SECRET, {SECRET, SECRET[:16]}) == "[secret]"


def test_a_text_cannot_break_the_table() -> None:
    lines = report.table([finding(found="a\nb\x1b[31m")], frozenset())
    assert lines[1].endswith("a b [31m")


def test_a_long_text_keeps_its_beginning_and_its_end() -> None:
    lines = report.table([finding(what="a" * 60 + "z")], frozenset())
    assert lines[1].split()[1] == "a" * 22 + "..." + "a" * 22 + "z"
