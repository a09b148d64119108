"""Structured logs: one JSON object a line on standard output.

Every line carries level, service, version, ISO 8601 time in UTC and, inside a request, its id. The
last step removes whatever looks like a secret, from the libraries' own lines too.
"""

from __future__ import annotations

import logging
import re
import sys
from typing import TYPE_CHECKING, Any

import structlog

from services.shared.request_id import current_request_id

if TYPE_CHECKING:
    from structlog.typing import EventDict, Processor, WrappedLogger

REDACTED = "[redacted]"

_SECRET_NAME = re.compile(
    r"passw|secret|token|authorization|api_?key|cookie|credential|private|signature", re.IGNORECASE
)
_SECRET_VALUES = (
    # JSON Web Tokens, opaque API keys, credentials in URLs, bcrypt hashes.
    (re.compile(r"\beyJ[\w-]*\.[\w-]+\.[\w-]*"), REDACTED),
    (re.compile(r"\bsb_(?:secret|publishable)_\w+"), REDACTED),
    (re.compile(r"(?<=://)([^\s/:@]*):[^\s/@]+@"), rf"\1:{REDACTED}@"),
    (re.compile(r"\$2[aby]\$\d\d\$[./A-Za-z0-9]{53}"), REDACTED),
    (re.compile(r"(?i)\bbearer\s+\S+"), f"Bearer {REDACTED}"),
)


def configure_logs(*, service: str, version: str, level: str = "info") -> None:
    """Send structlog's and the standard library's records to standard output as JSON lines."""
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
        _adder(service=service, version=version),
        _add_request_id,
        structlog.processors.format_exc_info,
        redact,
    ]
    structlog.configure(
        processors=[*shared, structlog.processors.JSONRenderer()],
        wrapper_class=structlog.make_filtering_bound_logger(_level_number(level)),
        logger_factory=structlog.WriteLoggerFactory(),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                redact,
                structlog.processors.JSONRenderer(),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(_level_number(level))
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):
        library = logging.getLogger(name)
        library.handlers = []
        library.propagate = name != "uvicorn.access"


def redact(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Replace values that are secrets by their key's name or by their own form."""
    return {key: _redacted(key, value) for key, value in event.items()}


def _redacted(key: str, value: Any) -> Any:  # noqa: ANN401  (any loggable value)
    if isinstance(value, str):
        if _SECRET_NAME.search(key) and key != "event":
            return REDACTED
        for pattern, replacement in _SECRET_VALUES:
            value = pattern.sub(replacement, value)
        return value
    if isinstance(value, dict):
        return {name: _redacted(str(name), member) for name, member in value.items()}
    if isinstance(value, list | tuple):
        return [_redacted(key, member) for member in value]
    return value


def _adder(**fields: str) -> Processor:
    def add(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        return {**fields, **event}

    return add


def _add_request_id(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    request_id = current_request_id()
    return event if request_id is None else {"request_id": request_id, **event}


def _level_number(level: str) -> int:
    return logging.getLevelNamesMapping()[level.upper()]
