"""Keeps the gateway's certificate valid: a thread that looks, asks when it is time, and rests."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import structlog

from services.certificates import schedule
from services.certificates.directory import DirectoryError
from services.certificates.pair import Pair, PairFolder, self_signed
from services.shared.errors import ServiceError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from threading import Event

    from services.certificates.directory import Directory
    from services.certificates.measurements import Measurements

logger = structlog.get_logger()


@dataclass
class Renewal:
    """Obtains a certificate where there is none, and another one in time.

    What is shown stays in place until there is something better, whatever fails.
    """

    names: Sequence[str]
    directory_url: str
    directory: Directory
    folder: PairFolder
    measurements: Measurements
    before: timedelta | None = None
    now: Callable[[], datetime] = field(default=lambda: datetime.now(UTC))
    _failure: DirectoryError | None = field(default=None, init=False)
    _in_a_row: int = field(default=0, init=False)

    def show_something(self) -> Pair:
        """See to it that the gateway has a pair to start with; a self-signed one at first."""
        pair = self.folder.read()
        if pair is None or (not pair.origin and pair.expires <= self.now()):
            pair = self_signed(self.names, self.now())
            self.folder.write(pair)
            logger.info("shows a self-signed certificate until one is issued", names=self.names)
        self.measurements.show(pair)
        return pair

    def run(self, stop: Event) -> None:
        """Look and rest until told to stop."""
        while not stop.is_set():
            stop.wait(self.look().total_seconds())

    def look(self) -> timedelta:
        """Obtain a certificate if it is time to; return how long to rest."""
        try:
            return self._renew_when_due()
        except DirectoryError as error:
            return self._failed(error)
        except Exception as error:
            logger.debug("unexpected", exc_info=True)
            return self._failed(DirectoryError("unexpected", f"{type(error).__name__}: {error}"))

    def _renew_when_due(self) -> timedelta:
        pair = self.show_something()
        due = self._due(pair)
        if due > self.now():
            return schedule.wait(self.now(), due)
        issued = self.directory.order(self.names)
        self.folder.write(issued)
        self._failure, self._in_a_row = None, 0
        self.measurements.show(issued)
        self.measurements.count("issued")
        logger.info("issued", names=self.names, expires=issued.expires.isoformat())
        return schedule.wait(self.now(), self._due(issued))

    async def check(self) -> None:
        """Say whether all is well, for the readiness answer.

        Raises:
            ServiceError: The last attempt failed, or none has been made.
        """
        if self._failure is not None:
            raise ServiceError(503, "not_issued", str(self._failure))
        pair = self.folder.read()
        if pair is None or not pair.origin:
            raise ServiceError(503, "not_issued", "no certificate has been issued yet")

    def _due(self, pair: Pair) -> datetime:
        if pair.origin != self.directory_url or not pair.covers(self.names):
            return self.now()
        suggested = None
        try:
            suggested = self.directory.suggested_renewal(pair)
        except DirectoryError as error:
            logger.info("does not know when its directory wants it renewed", reason=str(error))
        return schedule.renewal_time(
            pair.leaf.not_valid_before_utc, pair.expires, suggested, self.before
        )

    def _failed(self, error: DirectoryError) -> timedelta:
        alike = self._failure is not None and self._failure.failure == error.failure
        self._failure, self._in_a_row = error, self._in_a_row + 1 if alike else 1
        rest = schedule.back_off(error.failure, self._in_a_row)
        shown = self.folder.read()
        self.measurements.count(error.failure)
        logger.warning(
            "not issued",
            reason=str(error),
            shown=_kind(shown),
            shown_expires=shown and shown.expires.isoformat(),
            next_attempt=(self.now() + rest).isoformat(timespec="seconds"),
        )
        return rest


def _kind(pair: Pair | None) -> str:
    if pair is None:
        return "nothing"
    return "issued" if pair.origin else "self-signed"
