"""How often a mail may be asked for: GoTrue's `GOTRUE_SMTP_MAX_FREQUENCY`.

A user's row says when the last mail of a kind was sent. Requests that are answered before their
mail is sent, or that send none because nobody has the address, are counted in memory as well:
whether they are refused must not tell who is registered.
"""

from __future__ import annotations

import datetime as dt
from collections import OrderedDict
from typing import TYPE_CHECKING

from services.auth.errors import AuthError

if TYPE_CHECKING:
    from services.auth.models import User

_MOST_ADDRESSES = 10_000


class MailFrequency:
    """Refuses a mail that is asked for too soon after the last one.

    Args:
        interval: Shortest time between two mails of a kind to a user; zero limits nothing.
    """

    def __init__(self, interval: dt.timedelta) -> None:
        self._interval = interval
        self._requests: OrderedDict[tuple[str, str], dt.datetime] = OrderedDict()

    def check(self, user: User, sent_at: str) -> None:
        """Return when a mail may be sent to the user.

        Args:
            user: As the database has them.
            sent_at: Name of the time of the last such mail, such as `recovery_sent_at`.

        Raises:
            AuthError: It is too soon.
        """
        self._refuse_when_recent(user.times.get(sent_at))

    def check_request(self, address: str, sent_at: str) -> None:
        """Return when no mail to the address was asked for a moment ago, whoever has it.

        Raises:
            AuthError: It is too soon.
        """
        self._refuse_when_recent(self._requests.get((address, sent_at)))

    def count_request(self, address: str, sent_at: str) -> None:
        """Count a request for a mail, whether or not one will be sent."""
        self._requests[address, sent_at] = dt.datetime.now(dt.UTC)
        self._requests.move_to_end((address, sent_at))
        if len(self._requests) > _MOST_ADDRESSES:
            self._requests.popitem(last=False)

    def _refuse_when_recent(self, moment: dt.datetime | None) -> None:
        if moment is None:
            return
        left = moment + self._interval - dt.datetime.now(dt.UTC)
        if left <= dt.timedelta(0):
            return
        seconds = int(left.total_seconds())
        raise AuthError(
            429,
            "over_email_send_rate_limit",
            f"For security purposes, you can only request this after {seconds} seconds.",
            headers={"Retry-After": str(seconds + 1)},
        )
