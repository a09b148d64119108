from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from services.certificates.schedule import Failure, back_off, renewal_time, wait

NOW = datetime(2026, 3, 1, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.mark.parametrize(
    ("lifetime", "suggested", "before", "left"),
    [
        pytest.param(90, None, None, 30, id="a third of the lifetime"),
        pytest.param(6, None, None, 2, id="a third of a short lifetime"),
        pytest.param(90, 20, None, 20, id="later, by the directory"),
        pytest.param(90, 89, None, 89, id="at once, by the directory"),
        pytest.param(90, -1, None, 30, id="by default, where the directory is too late"),
        pytest.param(90, None, 45, 45, id="earlier, by the configuration"),
        pytest.param(90, None, 5, 30, id="no later than by default"),
        pytest.param(90, 20, 25, 25, id="the earlier of both"),
        pytest.param(90, None, 365, 60, id="not in the first third"),
    ],
)
def test_renewal_is_due(
    lifetime: int, suggested: int | None, before: int | None, left: int
) -> None:
    expires = NOW + lifetime * DAY
    due = renewal_time(
        NOW,
        expires,
        expires - suggested * DAY if suggested else None,
        before * DAY if before else None,
    )
    assert expires - due == left * DAY


@pytest.mark.parametrize(
    ("due_in", "shortest", "longest"),
    [
        (timedelta(minutes=1), timedelta(minutes=1), timedelta(minutes=1)),
        (30 * DAY, 0.9 * DAY, DAY),
        (-DAY, timedelta(seconds=1), timedelta(seconds=1)),
    ],
    ids=["soon", "in a month", "past"],
)
def test_next_look_is_when_it_is_due_or_a_day_later(
    due_in: timedelta, shortest: timedelta, longest: timedelta
) -> None:
    assert shortest <= wait(NOW, NOW + due_in) <= longest


@pytest.mark.parametrize(
    ("failure", "in_a_row", "longest"),
    [
        ("unreachable", 1, timedelta(seconds=2)),
        ("unreachable", 2, timedelta(seconds=4)),
        ("unreachable", 100_000, timedelta(minutes=10)),
        ("refused", 1, timedelta(minutes=5)),
        ("refused", 3, timedelta(minutes=20)),
        ("refused", 100, timedelta(hours=6)),
        ("limited", 1, timedelta(hours=6)),
    ],
)
def test_back_off_doubles_up_to_a_limit(
    failure: Failure, in_a_row: int, longest: timedelta
) -> None:
    assert 0.9 * longest <= back_off(failure, in_a_row) <= longest


def test_refusals_stay_within_the_limit_of_failures_in_an_hour() -> None:
    begun, tries = timedelta(0), 1
    while (begun := begun + 0.9 * back_off("refused", tries)) < timedelta(hours=1):
        tries += 1
    assert tries <= 5
