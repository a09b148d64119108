"""Strict reading of JSON request bodies.

Accepts what every store behind the services can hold, and nothing else: UTF-8, no NUL character,
no lone surrogate, finite numbers, at most 32 levels deep. Everything else is `InvalidJsonError`,
so that no request body can cause an internal error.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any, NoReturn

from services.shared.errors import InvalidJsonError

MAXIMUM_DEPTH = 32
_LONGEST_INTEGER_DIGITS = 1000
_BRACKET = re.compile(rb"[\[\]{}]")
_STRING = re.compile(rb'"(?:[^"\\]|\\.)*"', re.DOTALL)


def parse_json(body: bytes) -> Any:  # noqa: ANN401  (any JSON value)
    """Value that the body holds.

    Raises:
        InvalidJsonError: The body is not JSON or holds what no service accepts.
    """
    _check_depth(body)
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError:
        raise InvalidJsonError("the body is not UTF-8") from None
    try:
        value = json.loads(
            text,
            parse_constant=_refuse_constant,
            parse_float=_finite_float,
            parse_int=_bounded_integer,
        )
    except json.JSONDecodeError as error:
        raise InvalidJsonError(_syntax_reason(text, error)) from None
    _check_strings(value)
    return value


def _syntax_reason(text: str, error: json.JSONDecodeError) -> str:
    """What is wrong, in the words of Go's encoding/json, which clients may know from GoTrue."""
    if not text[error.pos :].strip() or error.msg.startswith("Unterminated string"):
        return "unexpected end of JSON input"
    return f"invalid character {text[error.pos]!r} at position {error.pos}"


def _check_depth(body: bytes) -> None:
    """Refuse deep nesting before the parser recurses into it."""
    if body.count(b"[") + body.count(b"{") <= MAXIMUM_DEPTH:
        return
    depth = 0
    for bracket in _BRACKET.findall(_STRING.sub(b"", body)):
        depth += 1 if bracket in b"[{" else -1
        if depth > MAXIMUM_DEPTH:
            raise InvalidJsonError(f"the body is nested deeper than {MAXIMUM_DEPTH} levels")


def _check_strings(value: object) -> None:
    if isinstance(value, str):
        if "\0" in value:
            raise InvalidJsonError("a string holds a NUL character")
        if any("\ud800" <= character <= "\udfff" for character in value):
            raise InvalidJsonError("a string holds a lone surrogate")
    elif isinstance(value, dict):
        for key, member in value.items():
            _check_strings(key)
            _check_strings(member)
    elif isinstance(value, list):
        for member in value:
            _check_strings(member)


def _refuse_constant(name: str) -> NoReturn:
    raise InvalidJsonError(f"{name} is not a JSON number")


def _finite_float(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise InvalidJsonError("a number is out of range")
    return number


def _bounded_integer(digits: str) -> int:
    if len(digits) > _LONGEST_INTEGER_DIGITS:
        raise InvalidJsonError("a number is out of range")
    return int(digits)
