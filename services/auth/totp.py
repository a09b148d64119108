"""Time-based one-time passwords (RFC 6238): secrets, addresses for authenticators, codes."""

from __future__ import annotations

import hmac
import time
from urllib.parse import quote, urlencode

import pyotp
import segno

PERIOD_SECONDS = 30
DIGITS = 6
_ACCEPTED_DISTANCES = (0, -1, 1)  # in steps: clocks differ, and typing takes a while


def new_secret() -> str:
    """160 random bits in base32, as RFC 4226 recommends."""
    return pyotp.random_base32(32)


def provisioning_uri(secret: str, *, issuer: str, account: str) -> str:
    """Address that an authenticator takes the secret from, as GoTrue writes it."""
    values = {
        "algorithm": "SHA1",
        "digits": DIGITS,
        "issuer": issuer,
        "period": PERIOD_SECONDS,
        "secret": secret,
    }
    label = f"{quote(issuer, safe=':')}:{quote(account, safe='@')}"
    return f"otpauth://totp/{label}?{urlencode(values, safe=':', quote_via=quote)}"


def qr_code(uri: str) -> str:
    """The address as a QR code: an SVG element.

    Clients put it behind `data:image/svg+xml;utf-8,` as it is, where a # would end it.
    """
    code = segno.make_qr(uri, error="h")
    svg: str = code.svg_inline(scale=3, light="white", dark="black")
    return svg.replace("#000", "black").replace("#fff", "white")


def accepted_step(secret: str, code: str, *, now: float | None = None) -> int | None:
    """The time step that a code belongs to; None when it is wrong.

    Args:
        secret: Base32.
        code: As typed.
        now: Seconds since 1970; None for the present.
    """
    generator = pyotp.TOTP(secret, digits=DIGITS, interval=PERIOD_SECONDS)
    present = int((time.time() if now is None else now) // PERIOD_SECONDS)
    matching = [
        step
        for step in (present + distance for distance in _ACCEPTED_DISTANCES)
        if hmac.compare_digest(generator.generate_otp(step).encode(), code.encode())
    ]
    return matching[0] if matching else None
