"""What a provider says about a person, and how much of it is believed."""

from __future__ import annotations

from typing import Any

import pytest

from services.auth.external.outbound import ProviderError
from services.auth.external.profiles import Profile, profile_of_claims, profile_of_github

CLAIMS = {"iss": "https://issuer.example", "sub": "7", "email": "Ann@Example.com"}


def profile(provider: str = "keycloak", **claims: Any) -> Profile:
    return profile_of_claims(provider, {**CLAIMS, **claims})


@pytest.mark.parametrize("value", [True, "true", "True", 1])
def test_an_address_that_the_provider_vouches_for_is_verified(value: Any) -> None:
    assert profile(email_verified=value).verified_addresses == ("ann@example.com",)


@pytest.mark.parametrize("value", [None, False, "false", "", 0, "yes", [True], {"a": 1}])
def test_an_address_that_the_provider_does_not_vouch_for_is_not(value: Any) -> None:
    assert profile(email_verified=value).verified_addresses == ()


@pytest.mark.parametrize(
    ("claims", "verified"),
    [
        ({"email_verified": True}, ()),
        ({"xms_edov": False, "email_verified": True}, ()),
        ({"xms_edov": True}, ("ann@example.com",)),
        ({"xms_edov": "1"}, ("ann@example.com",)),
    ],
)
def test_a_tenant_of_azure_must_own_the_domain(
    claims: dict[str, Any], verified: tuple[str, ...]
) -> None:
    assert profile("azure", **claims).verified_addresses == verified


@pytest.mark.parametrize("email", [None, "", "ann", "ann@@example.com", "a\n@example.com", 7, []])
def test_a_person_without_a_usable_address_is_refused(email: Any) -> None:
    with pytest.raises(ProviderError):
        profile(email=email)


def test_only_texts_of_a_usual_length_are_taken_over() -> None:
    data = profile(name=["x"], nickname="n", picture="x" * 3000, roles=["admin"]).identity_data()

    assert data == {
        "iss": CLAIMS["iss"],
        "sub": "7",
        "provider_id": "7",
        "nickname": "n",
        "email": "ann@example.com",
        "email_verified": False,
        "phone_verified": False,
    }


def test_googles_domain_is_a_claim_of_its_own() -> None:
    assert profile("google", hd="example.com").details["custom_claims"] == {"hd": "example.com"}


@pytest.mark.parametrize(
    ("user", "emails"),
    [
        (None, []),
        ({}, []),
        ({"id": "7"}, []),
        ({"id": True}, []),
        ({"id": 7}, None),
        ({"id": 7}, {"message": "Requires authentication"}),
        ({"id": 7}, []),
        ({"id": 7}, [None, "x", {}]),
    ],
)
def test_what_github_does_not_answer_is_refused(user: Any, emails: Any) -> None:
    with pytest.raises(ProviderError):
        profile_of_github(user, emails, issuer="https://api.github.com")


@pytest.mark.parametrize("verified", ["true", 1, None])
def test_github_says_plainly_that_an_address_is_verified(verified: Any) -> None:
    emails = [{"email": "ann@example.com", "primary": True, "verified": verified}]
    found = profile_of_github({"id": 7}, emails, issuer="https://api.github.com")

    assert found.verified_addresses == ()
