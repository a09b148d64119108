import pytest

from drift import scram

# RFC 7677, section 3: the password is `pencil`.
VERIFIER = (
    "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY="
    ":wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU="
)


def test_the_password_of_a_verifier_fits() -> None:
    assert scram.fits("pencil", VERIFIER)


@pytest.mark.parametrize("password", ["pencil ", "Pencil", ""])
def test_another_password_does_not_fit(password: str) -> None:
    assert not scram.fits(password, VERIFIER)


@pytest.mark.parametrize("verifier", ["", "md5d41d8cd98f00b204e9800998ecf8427e", "pencil"])
def test_what_is_no_verifier_fits_nothing(verifier: str) -> None:
    assert not scram.fits("pencil", verifier)
