"""A client that goes on working while a stack changes, and remembers what went wrong."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

import httpx

if TYPE_CHECKING:
    from collections.abc import Callable

PAUSE_SECONDS = 0.1
REFRESH_PAUSE_SECONDS = 0.25
KINDS = ("rest", "refresh", "keys")


@dataclass(frozen=True)
class Failure:
    """A request that was not answered as it should have been."""

    at: float
    """Time of its start, as of `time.time()`, in seconds."""
    status: int | None
    """None where no answer came at all."""
    text: str


@dataclass
class Watcher:
    """Reads rows, reads the key set, and refreshes a session, each in a thread of its own.

    Attributes:
        session: The session's latest tokens.
        counts: Requests so far, by kind.
        failures: What went wrong so far, by kind.
    """

    url: str
    key: str
    session: dict[str, Any]
    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(KINDS, 0))
    failures: dict[str, list[Failure]] = field(default_factory=lambda: {kind: [] for kind in KINDS})
    _stopped: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)

    def __enter__(self) -> Self:
        for step, pause in (
            (self._read_rows, PAUSE_SECONDS),
            (self._read_keys, PAUSE_SECONDS),
            (self._refresh, REFRESH_PAUSE_SECONDS),
        ):
            thread = threading.Thread(target=self._repeat, args=(step, pause), daemon=True)
            self._threads.append(thread)
            thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._stopped.set()
        for thread in self._threads:
            thread.join(30)

    def _repeat(self, step: Callable[[httpx.Client], None], pause: float) -> None:
        with httpx.Client(base_url=self.url, headers={"apikey": self.key}, timeout=15) as client:
            while not self._stopped.is_set():
                step(client)
                self._stopped.wait(pause)

    def _read_rows(self, client: httpx.Client) -> None:
        began = time.time()
        authorization = {"Authorization": f"Bearer {self.session['access_token']}"}
        request = client.build_request("GET", "/rest/v1/todos?select=title", headers=authorization)
        answer = self._answer("rest", client, request)
        if answer is not None and answer.json() == []:
            # Row-level security took the reader for somebody else.
            self.failures["rest"].append(Failure(began, 200, "no rows"))

    def _read_keys(self, client: httpx.Client) -> None:
        self._answer("keys", client, client.build_request("GET", "/auth/v1/.well-known/jwks.json"))

    def _refresh(self, client: httpx.Client) -> None:
        body = {"refresh_token": self.session["refresh_token"]}
        request = client.build_request("POST", "/auth/v1/token?grant_type=refresh_token", json=body)
        answer = self._answer("refresh", client, request)
        if answer is not None:
            self.session = answer.json()

    def _answer(
        self, kind: str, client: httpx.Client, request: httpx.Request
    ) -> httpx.Response | None:
        """The answer where it is the one that is wanted."""
        began = time.time()
        self.counts[kind] += 1
        try:
            answer = client.send(request)
        except httpx.TransportError as error:
            self.failures[kind].append(Failure(began, None, repr(error)))
            return None
        if answer.status_code != 200:
            self.failures[kind].append(Failure(began, answer.status_code, answer.text[:200]))
            return None
        return answer
