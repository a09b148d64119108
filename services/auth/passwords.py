"""Passwords: bcrypt with GoTrue's cost, off the event loop, in a few threads; and their strength.

Verification takes the same time whether or not there is a hash to compare with, so that an answer's
delay does not tell who is registered.
"""

from __future__ import annotations

import asyncio
import os
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

import bcrypt
import structlog

from services.auth.errors import AuthError, WeakPasswordError, validation_failed

if TYPE_CHECKING:
    from collections.abc import Callable

    from services.auth.breached_passwords import BreachedPasswords

logger = structlog.get_logger()

Result = TypeVar("Result")

COST = 10
LONGEST_PASSWORD_BYTES = 72
"""What bcrypt reads; a longer password is refused, never cut."""

THREADS = len(os.sched_getaffinity(0))
"""As many as there are processors: bcrypt holds one for as long as it works."""

_LONGEST_QUEUE = 64
_HASH_OF_NOTHING = bcrypt.hashpw(b"no user has this password", bcrypt.gensalt(COST))


class Passwords:
    """Hashes, verifies and judges passwords in a bounded pool of threads.

    Args:
        minimum_length: Shortest password that may be set, in bytes.
        breached: Passwords that may not be set; None allows all.
        refuse_unchecked: Whether one is refused that cannot be looked up there.
    """

    def __init__(
        self,
        minimum_length: int,
        *,
        breached: BreachedPasswords | None = None,
        refuse_unchecked: bool = False,
    ) -> None:
        self._minimum_length = minimum_length
        self._breached = breached
        self._refuse_unchecked = refuse_unchecked
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="bcrypt")
        self._waiting = 0

    async def check_strength(self, password: str) -> None:
        """Return when the password may be set.

        Raises:
            AuthError: It is longer than bcrypt reads, or could not be looked up.
            WeakPasswordError: It is too short, or known from a breach.
        """
        length = len(password.encode())
        if length > LONGEST_PASSWORD_BYTES:
            raise validation_failed(
                f"Password cannot be longer than {LONGEST_PASSWORD_BYTES} characters"
            )
        weaknesses = {}
        if length < self._minimum_length:
            weaknesses["length"] = f"Password should be at least {self._minimum_length} characters."
        if await self._is_breached(password):
            weaknesses["pwned"] = (
                "Password is known to be weak and easy to guess, please choose a different one."
            )
        if weaknesses:
            raise WeakPasswordError(" ".join(weaknesses.values()), list(weaknesses))

    async def _is_breached(self, password: str) -> bool:
        breached = self._breached
        if breached is None:
            return False
        try:
            return await self._run(lambda: breached.contains(password))
        except OSError as error:
            logger.warning("password not looked up", reason=type(error).__name__)
            if not self._refuse_unchecked:
                return False
            raise AuthError(
                500, "unexpected_failure", "Unable to perform password strength check"
            ) from None

    async def hash(self, password: str) -> str:
        """Hash for `users.encrypted_password`."""
        hashed = await self._run(lambda: bcrypt.hashpw(password.encode(), bcrypt.gensalt(COST)))
        return hashed.decode()

    async def verify(self, password: str, hashed: str | None) -> bool:
        """Whether the password belongs to the hash; False, as slowly, when there is none."""
        candidate = password.encode()
        fits = len(candidate) <= LONGEST_PASSWORD_BYTES
        expected = hashed.encode() if hashed else _HASH_OF_NOTHING
        matches = await self._run(lambda: _matches(candidate if fits else b"", expected))
        return matches and fits and bool(hashed)

    def close(self) -> None:
        """Let running hashes finish and stop the threads."""
        self._threads.shutdown(wait=True, cancel_futures=True)

    async def _run(self, work: Callable[[], Result]) -> Result:
        if self._waiting >= _LONGEST_QUEUE:
            raise AuthError(
                429,
                "over_request_rate_limit",
                "Too many sign-ins at once, try again",
                headers={"Retry-After": "1"},
            )
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work)
        finally:
            self._waiting -= 1


def _matches(candidate: bytes, expected: bytes) -> bool:
    try:
        return bcrypt.checkpw(candidate, expected)
    except ValueError:
        return False  # a hash of another kind than bcrypt
