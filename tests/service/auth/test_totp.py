"""Codes of an authenticator, and what it is set up with."""

from __future__ import annotations

import re

import pyotp
import pytest

from services.auth.totp import accepted_step, new_secret, provisioning_uri, qr_code

# RFC 6238, appendix B: the secret "12345678901234567890", the last six digits.
SECRET = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
MOMENTS = {59: "287082", 1111111109: "081804", 1234567890: "005924", 20000000000: "353130"}


@pytest.mark.parametrize(("moment", "code"), MOMENTS.items())
def test_a_code_of_the_standard_is_accepted(moment: int, code: str) -> None:
    assert accepted_step(SECRET, code, now=moment) == moment // 30


@pytest.mark.parametrize("late", [-30, 30])
def test_a_code_may_be_one_step_away(late: int) -> None:
    assert accepted_step(SECRET, MOMENTS[1111111109], now=1111111109 + late) == 1111111109 // 30


@pytest.mark.parametrize("late", [-60, 60])
def test_a_code_two_steps_away_is_refused(late: int) -> None:
    assert accepted_step(SECRET, MOMENTS[1111111109], now=1111111109 + late) is None


@pytest.mark.parametrize(
    "code", ["", "000000", "28708", "2870820", " 287082", "\uff12\uff18\uff17\uff10\uff18\uff12"]
)
def test_a_wrong_code_is_refused(code: str) -> None:
    assert accepted_step(SECRET, code, now=59) is None


def test_a_secret_has_160_bits() -> None:
    assert re.fullmatch(r"[A-Z2-7]{32}", new_secret())


def test_an_authenticator_reads_the_address() -> None:
    uri = provisioning_uri(SECRET, issuer="The app & co", account="a@example.com")
    parsed = pyotp.parse_uri(uri)
    assert (parsed.secret, parsed.issuer) == (SECRET, "The app & co")


def test_the_address_is_written_as_gotrue_writes_it() -> None:
    uri = provisioning_uri(SECRET, issuer="localhost:3000", account="a@example.com")
    assert uri == (
        "otpauth://totp/localhost:3000:a@example.com?algorithm=SHA1&digits=6"
        f"&issuer=localhost:3000&period=30&secret={SECRET}"
    )


def test_the_qr_code_is_an_svg_element() -> None:
    code = qr_code("otpauth://totp/x?secret=" + SECRET)
    assert (code[:5], code[-6:]) == ("<svg ", "</svg>")


def test_the_qr_code_can_stand_in_a_data_address() -> None:
    assert "#" not in qr_code("otpauth://totp/x?secret=" + SECRET)
