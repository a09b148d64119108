"""Who a provider says somebody is, in the members that GoTrue gives to an identity."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from services.auth.external.outbound import ProviderError
from services.auth.values import is_email_address

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_LONGEST_VALUE = 2048
_MOST_ADDRESSES = 64

# Claims of OpenID Connect Core 1.0, section 5.1, that GoTrue takes over.
_STANDARD_CLAIMS = (
    "name",
    "family_name",
    "given_name",
    "middle_name",
    "nickname",
    "preferred_username",
    "profile",
    "picture",
    "website",
    "gender",
    "birthdate",
    "zoneinfo",
    "locale",
)


@dataclass(frozen=True)
class ProviderEmail:
    """An address, in lower case, and whether the provider knows that it is the person's own."""

    address: str
    verified: bool
    primary: bool = True


@dataclass(frozen=True)
class Profile:
    """What a provider says about a person.

    Attributes:
        subject: The provider's id of them.
        details: What the identity says besides address and id.
    """

    subject: str
    emails: tuple[ProviderEmail, ...]
    details: Mapping[str, Any]

    @property
    def email(self) -> ProviderEmail:
        """The primary address, or else the last one, as GoTrue chooses."""
        return next((one for one in self.emails if one.primary), self.emails[-1])

    @property
    def verified_addresses(self) -> tuple[str, ...]:
        """All addresses that the provider has verified."""
        return tuple(one.address for one in self.emails if one.verified)

    def identity_data(self) -> dict[str, Any]:
        """`identity_data` of the identity, and the metadata of a user who has no other."""
        return {
            **self.details,
            "sub": self.subject,
            "provider_id": self.subject,
            "email": self.email.address,
            "email_verified": self.email.verified,
            "phone_verified": False,
        }


def profile_of_claims(provider: str, claims: Mapping[str, Any]) -> Profile:
    """Person whom verified claims of an issuer describe.

    Args:
        provider: Name of the provider.
        claims: Of an ID token, with those of the userinfo endpoint where there are more.

    Raises:
        ProviderError: They hold no address.
    """
    details: dict[str, Any] = {"iss": claims["iss"], **_texts(claims, _STANDARD_CLAIMS)}
    if name := details.get("name"):
        details["full_name"] = name
    if picture := details.get("picture"):
        details["avatar_url"] = picture
    if provider == "google" and (domain := _texts(claims, ("hd",))):
        details["custom_claims"] = domain
    email = claims.get("email")
    emails = [ProviderEmail(str(email or ""), _is_verified(provider, claims))]
    return Profile(claims["sub"], usable(emails), details)


def _is_verified(provider: str, claims: Mapping[str, Any]) -> bool:
    """Whether the issuer vouches for the address.

    Tenants of Azure write into `email` what they like; `xms_edov` says that they own its domain.
    """
    claim = "xms_edov" if provider == "azure" else "email_verified"
    return str(claims.get(claim)).lower() in {"true", "1"}


def profile_of_github(user: object, emails: object, *, issuer: str) -> Profile:
    """Person whom GitHub describes (REST API: "Get the authenticated user", "List emails").

    Raises:
        ProviderError: The answers are not the documented ones, or hold no address.
    """
    number = user.get("id") if isinstance(user, dict) else None
    if not isinstance(user, dict) or not isinstance(number, int) or isinstance(number, bool):
        raise ProviderError("GitHub's answer holds no user")
    if not isinstance(emails, list):
        raise ProviderError("GitHub's answer holds no list of addresses")
    texts = _texts(user, ("name", "login", "avatar_url"))
    names = {
        "name": texts.get("name"),
        "full_name": texts.get("name"),
        "preferred_username": texts.get("login"),
        "user_name": texts.get("login"),
        "avatar_url": texts.get("avatar_url"),
    }
    addresses = [
        ProviderEmail(
            str(one.get("email") or ""),
            verified=one.get("verified") is True,
            primary=one.get("primary") is True,
        )
        for one in emails[:_MOST_ADDRESSES]
        if isinstance(one, dict)
    ]
    details = {"iss": issuer, **{name: value for name, value in names.items() if value}}
    return Profile(str(number), usable(addresses), details)


def usable(emails: Iterable[ProviderEmail]) -> tuple[ProviderEmail, ...]:
    """The addresses that are ones, in lower case.

    Raises:
        ProviderError: None is.
    """
    found = tuple(
        ProviderEmail(one.address.lower(), one.verified, one.primary)
        for one in emails
        if is_email_address(one.address)
    )
    if not found:
        raise ProviderError("the provider gives no e-mail address")
    return found


def _texts(claims: Mapping[str, Any], names: Iterable[str]) -> dict[str, str]:
    """Claims that are texts of a usual length: they become part of every access token."""
    return {
        name: value
        for name in names
        if isinstance(value := claims.get(name), str) and 0 < len(value) <= _LONGEST_VALUE
    }
