"""What holds for any text that a client sends or an operator writes: it is read or refused."""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import re
import time
from typing import TYPE_CHECKING, Any

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.auth.durations import go_duration
from services.auth.errors import AuthError
from services.auth.pagination import requested_page
from services.auth.redirects import RedirectRules, glob_expression
from services.auth.values import ban_duration, email_address, phone_number
from services.shared.tokens import InvalidTokenError, KeySet, verification_key
from tests.service.auth.service import CURRENT_KEY

if TYPE_CHECKING:
    from collections.abc import Callable

KEYS = KeySet([verification_key(CURRENT_KEY.public_jwk())])
SITE = "http://localhost:3000"
RULES = RedirectRules.from_globs(SITE, ["https://*.example.com/**", "plinth://callback"])

# What a header can hold, once it is decoded as HTTP decodes it.
HEADER_TEXT = st.text(st.characters(max_codepoint=255, exclude_characters="\r\n\0"))
PART = st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_=+/.", max_size=60)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda values: st.lists(values, max_size=3) | st.dictionaries(st.text(max_size=8), values),
    max_leaves=6,
)
URL_LIKE = st.text("htps:/.@#?\\[]0123456789abclocalhostexample%* \t\n-", max_size=60) | st.text()


def _encoded(value: object) -> str:
    return jwt.utils.base64url_encode(json.dumps(value).encode()).decode()


def _verified(token: str) -> dict[str, Any] | None:
    """Claims of a token, or None where it is refused as tokens are."""
    try:
        return KEYS.verify(token)
    except InvalidTokenError:
        return None


@given(HEADER_TEXT | st.lists(PART, min_size=3, max_size=3).map(".".join))
def test_no_text_passes_for_a_token(text: str) -> None:
    assert _verified(text) is None


@given(
    st.dictionaries(
        st.sampled_from(["alg", "kid", "typ", "crit", "b64", "jwk", "jku", "x5c", "zip", "cty"]),
        JSON | st.sampled_from(["ES256", "HS256", "none", CURRENT_KEY.identifier]),
    )
    | JSON,
    JSON,
    PART,
)
def test_no_header_makes_up_for_a_signature(header: Any, claims: Any, signature: str) -> None:
    assert _verified(f"{_encoded(header)}.{_encoded(claims)}.{signature}") is None


@given(
    st.dictionaries(
        st.sampled_from(["exp", "nbf", "iat", "aud", "iss", "sub", "jti", "role", "session_id"]),
        JSON | st.integers(0, 2**33),
    )
)
def test_claims_of_any_kind_under_a_right_signature_are_read_or_refused(
    claims: dict[str, Any],
) -> None:
    token = jwt.api_jws.encode(
        json.dumps(claims).encode(),
        CURRENT_KEY.private,
        algorithm="ES256",
        headers={"kid": CURRENT_KEY.identifier},
    )
    verified = _verified(token)
    assert verified is None or verified["exp"] > time.time() - 1


@given(JSON, st.binary(max_size=200))
def test_a_payload_that_is_no_object_is_refused(value: Any, content: bytes) -> None:
    payloads = [content] if isinstance(value, dict) else [json.dumps(value).encode(), content]
    for payload in payloads:
        token = jwt.api_jws.encode(
            payload,
            CURRENT_KEY.private,
            algorithm="ES256",
            headers={"kid": CURRENT_KEY.identifier},
        )
        assert _verified(token) is None


@given(st.integers(0, 85), st.characters(codec="ascii", categories=["L", "N"]))
def test_a_token_with_one_character_changed_is_refused(position: int, character: str) -> None:
    claims = {"sub": "someone", "exp": int(time.time()) + 60}
    headers = {"kid": CURRENT_KEY.identifier}
    token = jwt.encode(claims, CURRENT_KEY.private, algorithm="ES256", headers=headers)
    changed = token[: -position - 1] + character + token[len(token) - position :]
    assert changed == token or _verified(changed) is None


@given(st.text())
def test_a_text_is_a_duration_or_is_none(text: str) -> None:
    with contextlib.suppress(ValueError):
        assert isinstance(go_duration(text), dt.timedelta)


@given(st.integers(-(10**6), 10**6), st.sampled_from([("s", 1), ("m", 60), ("h", 3600)]))
def test_a_duration_that_was_written_is_read_back(number: int, unit: tuple[str, int]) -> None:
    name, seconds = unit
    if abs(number) * seconds <= 86_400 * 365 * 100:
        assert go_duration(f"{number}{name}") == dt.timedelta(seconds=number * seconds)


@pytest.mark.parametrize("read", [email_address, phone_number, ban_duration])
@given(text=st.text() | st.text("+0123456789 abcdef@.-hms"))
def test_a_value_is_read_or_refused(read: Callable[[str], object], text: str) -> None:
    with contextlib.suppress(AuthError):
        read(text)


@given(st.text() | st.text("0123456789-+."), st.text() | st.text("0123456789-+."))
async def test_a_page_is_one_that_there_can_be_or_is_refused(number: str, size: str) -> None:
    with contextlib.suppress(AuthError):
        page = await requested_page(None, number, size)  # type: ignore[arg-type]  # who asks is not used
        assert 1 <= page.size <= 1000
        assert 0 <= page.offset < 2**63


@given(URL_LIKE)
def test_a_link_leads_only_to_where_it_may(address: str) -> None:
    chosen = RULES.choose(address)
    assert chosen == SITE or (chosen == address and RULES.allows(address))


@given(URL_LIKE)
def test_no_prefix_makes_a_foreign_host_allowed(path: str) -> None:
    assert not RULES.allows(f"https://evil.example.net/{path}")


@given(st.text("*?[]{}!\\,ab./^-", max_size=30))
def test_a_glob_becomes_an_expression_or_is_none(glob: str) -> None:
    with contextlib.suppress(re.error):
        re.compile(glob_expression(glob))


@given(st.text(st.characters(codec="ascii", categories=["L", "N"], include_characters=":/.-_")))
def test_a_glob_without_wildcards_is_the_text_itself(text: str) -> None:
    assert re.fullmatch(glob_expression(text), text)
    assert not re.fullmatch(glob_expression(text), f"{text}x")
