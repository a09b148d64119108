"""How often a mail may be asked for: GoTrue's `GOTRUE_SMTP_MAX_FREQUENCY`.

A user's row says when the last mail of a kind was sent. Requests that send none, because nobody has
the address, are limited in the same way from memory: the answers must not tell who is registered.
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
        self._without_mail: OrderedDict[tuple[str, str], dt.datetime] = OrderedDict()

    def check(self, user: User, sent_at: str) -> None:
        """Return when a mail may be sent to the user.

        Args:
            user: As the database has them.
            sent_at: Name of the time of the last such mail, such as `recovery_sent_at`.

        Raises:
            AuthError: It is too soon.
        """
        self._refuse_when_recent(user.times.get(sent_at))

    def check_without_mail(self, address: str, sent_at: str) -> None:
        """Return when a mail could be sent to the address, if somebody had it.

        Raises:
            AuthError: It is too soon.
        """
        self._refuse_when_recent(self._without_mail.get((address, sent_at)))

    def count_without_mail(self, address: str, sent_at: str) -> None:
        """Count a request that sends no mail as if it did."""
        self._without_mail[address, sent_at] = dt.datetime.now(dt.UTC)
        self._without_mail.move_to_end((address, sent_at))
        if len(self._without_mail) > _MOST_ADDRESSES:
            self._without_mail.popitem(last=False)

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
