"""Requests of an address limited by kind: GoTrue's `GOTRUE_RATE_LIMIT_…`.

A bucket of tokens for each kind and client address, in memory, as GoTrue keeps them: what must
outlive a restart is counted in `attempts`. Nothing is limited by address unless
`GOTRUE_RATE_LIMIT_HEADER` is set.
"""

from __future__ import annotations

import math
import time
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Self

from services.auth.attempts import network_of, over_request_rate_limit
from services.auth.durations import go_duration
from services.auth.errors import AuthError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from services.auth.models import Client

LimitedRequest = Literal["anonymous", "challenge", "otp", "signup", "token", "verify"]

_MOST_BUCKETS = 20_000


@dataclass(frozen=True)
class Rate:
    """So many requests in so many seconds; as many may come at once."""

    requests: float
    seconds: float

    @classmethod
    def parse(cls, text: str, *, seconds: float) -> Self:
        """Rate as GoTrue writes it: a number, over the given time, or a number and its time.

        Raises:
            ValueError: The text is neither.
        """
        number, slash, duration = text.partition("/")
        try:
            requests = float(number)
            if slash:
                seconds = go_duration(duration).total_seconds()
        except ValueError:
            requests = math.nan
        if not (0 < requests < math.inf and seconds > 0):
            raise ValueError("is not a positive number, or one and its time, such as 100/24h")
        return cls(requests, seconds)


@dataclass
class _Bucket:
    tokens: float
    filled_at: float


class _Buckets:
    """Buckets of tokens by key; the ones used longest ago are forgotten first."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._buckets: OrderedDict[tuple[str, str], _Bucket] = OrderedDict()

    def seconds_to_wait(self, key: tuple[str, str], rate: Rate) -> float:
        """Take a token. Zero when there was one; else the time until there is."""
        now = self._now()
        bucket = self._buckets.setdefault(key, _Bucket(rate.requests, now))
        self._buckets.move_to_end(key)
        if len(self._buckets) > _MOST_BUCKETS:
            self._buckets.popitem(last=False)
        per_second = rate.requests / rate.seconds
        bucket.tokens = min(rate.requests, bucket.tokens + (now - bucket.filled_at) * per_second)
        bucket.filled_at = now
        if bucket.tokens < 1:
            return (1 - bucket.tokens) / per_second
        bucket.tokens -= 1
        return 0


class RateLimits:
    """Refuses requests that come too often.

    Args:
        by_address: Rates for each client address; empty limits nothing by address.
        mails: Rate of mails to all addresses together.
        now: Clock in seconds that never goes back.
    """

    def __init__(
        self,
        by_address: Mapping[LimitedRequest, Rate],
        mails: Rate,
        *,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._by_address = by_address
        self._mails = mails
        self._buckets = _Buckets(now)

    def check(self, kind: LimitedRequest, client: Client) -> None:
        """Count a request.

        Raises:
            AuthError: There have been too many of its kind from its address.
        """
        rate = self._by_address.get(kind)
        if rate is None:
            return
        if wait := self._buckets.seconds_to_wait((kind, network_of(client.address)), rate):
            raise over_request_rate_limit(wait)

    def check_mail(self) -> None:
        """Count a mail, or a request that is to look as if it sent one.

        Raises:
            AuthError: There have been too many.
        """
        if self._buckets.seconds_to_wait(("mail", ""), self._mails):
            raise AuthError(429, "over_email_send_rate_limit", "email rate limit exceeded")
