import pytest

from airgap.docker_provider.durations import from_nanoseconds, to_nanoseconds

SECOND = 1_000_000_000


@pytest.mark.parametrize(
    ("text", "nanoseconds"),
    [
        ("0s", 0),
        ("500ms", SECOND // 2),
        ("2s", 2 * SECOND),
        ("1m30s", 90 * SECOND),
        ("1h0m0.5s", 3600 * SECOND + SECOND // 2),
    ],
)
def test_a_duration_is_read_and_written_as_go_does(text: str, nanoseconds: int) -> None:
    assert (to_nanoseconds(text), from_nanoseconds(nanoseconds)) == (nanoseconds, text)


@pytest.mark.parametrize("text", ["soon", "10", "5 s", "1s!"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="write it as"):
        to_nanoseconds(text)
