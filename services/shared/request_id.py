"""The id that follows one request through logs, answers and outgoing calls."""

from __future__ import annotations

import re
import uuid
from contextvars import ContextVar

HEADER = "X-Request-ID"

_ACCEPTABLE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,127}", re.ASCII)
_current: ContextVar[str | None] = ContextVar("request_id", default=None)


def accept_request_id(offered: str | None) -> str:
    """The offered id when it is one (1 to 128 letters, digits, `._:-`), else a new UUID.

    An id that could break out of a log line or a header is replaced, not cleaned.
    """
    if offered is not None and _ACCEPTABLE.fullmatch(offered):
        return offered
    return str(uuid.uuid4())


def bind_request_id(request_id: str) -> None:
    """Make the id the current one for everything that the running request calls."""
    _current.set(request_id)


def current_request_id() -> str | None:
    """Id of the running request; None outside of one."""
    return _current.get()
