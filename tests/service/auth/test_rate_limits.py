"""Buckets of requests, with a clock of the test's own."""

from __future__ import annotations

import pytest

from services.auth.errors import AuthError
from services.auth.models import Client
from services.auth.rate_limits import Rate, RateLimits

HERE = Client("", "203.0.113.9")


class Clock:
    """Seconds, as the test sets them."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def limits(clock: Clock) -> RateLimits:
    """Two codes in ten seconds for each address, and two mails in all."""
    return RateLimits({"verify": Rate(2, 10)}, Rate(2, 10), now=clock)


@pytest.fixture
def used_up(limits: RateLimits) -> RateLimits:
    """The limits when no request is left."""
    for _ in range(2):
        limits.check("verify", HERE)
        limits.check_mail()
    return limits


def test_one_too_many_is_refused(used_up: RateLimits) -> None:
    with pytest.raises(AuthError, match="Request rate limit reached"):
        used_up.check("verify", HERE)


def test_the_answer_says_when_to_ask_again(used_up: RateLimits) -> None:
    with pytest.raises(AuthError) as refused:
        used_up.check("verify", HERE)

    assert refused.value.headers["Retry-After"] == "5"


def test_a_request_is_allowed_again_after_a_while(used_up: RateLimits, clock: Clock) -> None:
    clock.seconds = 5
    used_up.check("verify", HERE)
    with pytest.raises(AuthError):
        used_up.check("verify", HERE)


def test_requests_are_not_saved_up(used_up: RateLimits, clock: Clock) -> None:
    clock.seconds = 1000
    for _ in range(2):
        used_up.check("verify", HERE)
    with pytest.raises(AuthError):
        used_up.check("verify", HERE)


def test_another_address_is_not_limited(used_up: RateLimits) -> None:
    used_up.check("verify", Client("", "203.0.113.10"))


def test_another_kind_is_not_limited(used_up: RateLimits) -> None:
    used_up.check("otp", HERE)


def test_mails_are_counted_together(used_up: RateLimits) -> None:
    with pytest.raises(AuthError) as refused:
        used_up.check_mail()

    assert refused.value.code == "over_email_send_rate_limit"


@pytest.mark.parametrize(
    ("text", "rate"),
    [("30", Rate(30, 3600)), ("100/24h", Rate(100, 86_400)), ("0.5", Rate(0.5, 3600))],
)
def test_a_rate_is_read_as_gotrue_writes_it(text: str, rate: Rate) -> None:
    assert Rate.parse(text, seconds=3600) == rate


@pytest.mark.parametrize("text", ["", "x", "0", "-1", "nan", "inf", "1/0s", "1/-1h", "1/x"])
def test_what_is_no_rate_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="positive number"):
        Rate.parse(text, seconds=3600)
