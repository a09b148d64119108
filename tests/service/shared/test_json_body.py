from __future__ import annotations

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.shared.errors import InvalidJsonError
from services.shared.json_body import MAXIMUM_DEPTH, parse_json

ACCEPTABLE_TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
JSON_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63)
    | st.floats(allow_nan=False, allow_infinity=False)
    | ACCEPTABLE_TEXT,
    lambda values: st.lists(values, max_size=4) | st.dictionaries(ACCEPTABLE_TEXT, values),
    max_leaves=20,
)


@given(JSON_VALUES)
def test_what_a_store_can_hold_is_read_back(value: object) -> None:
    assert parse_json(json.dumps(value).encode()) == value


@given(st.binary())
def test_any_bytes_are_read_or_refused(body: bytes) -> None:
    with contextlib.suppress(InvalidJsonError):
        parse_json(body)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "unexpected end"),
        (b'{"a":', "unexpected end"),
        (b'{"a": "b', "unexpected end"),
        (b"{a}", "invalid character 'a'"),
        (b"\xff", "not UTF-8"),
        (rb'"\u0000"', "NUL"),
        (rb'{"\u0000": 1}', "NUL"),
        (rb'"\ud800"', "surrogate"),
        (b"NaN", "NaN"),
        (b"-Infinity", "Infinity"),
        (b"1e400", "out of range"),
        (b"9" * 5000, "out of range"),
        (b"[" * (MAXIMUM_DEPTH + 1) + b"]" * (MAXIMUM_DEPTH + 1), "deeper"),
        (b"[" * 1_000_000, "deeper"),
        (b'{"a":' * 1_000_00, "deeper"),
    ],
)
def test_what_no_store_can_hold_is_refused_with_its_reason(body: bytes, reason: str) -> None:
    with pytest.raises(InvalidJsonError, match=reason):
        parse_json(body)


@pytest.mark.parametrize(
    "body",
    [
        b"[" * MAXIMUM_DEPTH + b"]" * MAXIMUM_DEPTH,
        json.dumps("[" * 100).encode(),
        json.dumps(["\\", '"' + "[" * 100]).encode(),
        b"[[],[],[]]" + b" " * 10,
        b"[" + b"[]," * 100 + b"[]]",
    ],
)
def test_nesting_is_counted_outside_of_strings(body: bytes) -> None:
    parse_json(body)


def test_a_pair_of_surrogates_is_one_character() -> None:
    assert parse_json(rb'"\ud83d\ude00"') == "\U0001f600"
