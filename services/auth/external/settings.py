"""Identity providers of the environment, by GoTrue's names.

`GOTRUE_EXTERNAL_<NAME>_ENABLED`, `_CLIENT_ID`, `_SECRET`, `_REDIRECT_URI` and `_URL`. GitHub is
spoken to by its own API; every other provider by OpenID Connect, from what its issuer publishes.
A name that GoTrue does not know is therefore an issuer like any other.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Mapping

GOTRUE_PROVIDERS = (
    "apple",
    "azure",
    "bitbucket",
    "discord",
    "facebook",
    "snapchat",
    "figma",
    "fly",
    "github",
    "gitlab",
    "google",
    "keycloak",
    "kakao",
    "linkedin",
    "linkedin_oidc",
    "notion",
    "spotify",
    "slack",
    "slack_oidc",
    "workos",
    "twitch",
    "twitter",
    "zoom",
)
"""What GoTrue v2.196 knows, by the names that clients use."""

DEFAULT_URLS: Mapping[str, str] = {
    "github": "https://github.com",
    "gitlab": "https://gitlab.com",
    "google": "https://accounts.google.com",
    "linkedin_oidc": "https://www.linkedin.com/oauth",
    "slack_oidc": "https://slack.com",
}
"""Where a provider is when no URL is given."""

# GoTrue's URL of a Microsoft tenant is its issuer without the version.
_ISSUER_SUFFIXES = {"azure": "/v2.0"}
# Tokens of these have the issuer of somebody's tenant, which is none that is configured.
_SHARED_TENANTS = ("common", "consumers", "organizations")
_NOT_PROVIDERS = ("ANONYMOUS_USERS", "EMAIL", "PHONE", "REDIRECT")
_VARIABLE = re.compile(
    r"GOTRUE_EXTERNAL_([A-Z][A-Z0-9_]*?)_(ENABLED|CLIENT_ID|SECRET|REDIRECT_URI|URL)"
)
_TRUE = ("true", "1", "t")  # what Go reads as true, in lower case


@dataclass(frozen=True)
class ProviderSettings:
    """One provider that is switched on.

    Attributes:
        name: As clients call it.
        url: GitHub's address, or what the issuer is made of; without a slash at its end.
        client_ids: The first one signs in; ID tokens of native clients may be meant for any.
        redirect_uri: Where the provider leads back to.
    """

    name: str
    url: str
    client_ids: tuple[str, ...]
    secret: str = field(repr=False)
    redirect_uri: str

    @property
    def client_id(self) -> str:
        """Who asks the provider."""
        return self.client_ids[0]

    @property
    def issuer(self) -> str:
        """The `iss` of its ID tokens."""
        return self.url + _ISSUER_SUFFIXES.get(self.name, "")

    @property
    def host(self) -> str:
        """The host that the operator has named."""
        return urlsplit(self.url).hostname or ""


def is_provider_variable(name: str) -> bool:
    """Whether an environment variable is one of a provider's."""
    match = _VARIABLE.fullmatch(name)
    return match is not None and match[1] not in _NOT_PROVIDERS


def configured_providers(
    environment: Mapping[str, str], *, callback: str, plain_http: bool
) -> dict[str, ProviderSettings]:
    """Providers that are switched on, by name.

    Args:
        environment: Variables by name.
        callback: Address that providers lead back to unless their settings say otherwise.
        plain_http: Whether a provider may be reached without encryption.

    Raises:
        ValueError: A setting is missing or cannot be used; one line, without a secret.
    """
    names = {
        match[1]
        for variable, value in environment.items()
        if (match := _VARIABLE.fullmatch(variable))
        and match[2] == "ENABLED"
        and match[1] not in _NOT_PROVIDERS
        and value.lower() in _TRUE
    }
    return {
        name.lower(): _provider(environment, name, callback, plain_http=plain_http)
        for name in sorted(names)
    }


def _provider(
    environment: Mapping[str, str], variable_name: str, callback: str, *, plain_http: bool
) -> ProviderSettings:
    prefix = f"GOTRUE_EXTERNAL_{variable_name}"
    name = variable_name.lower()

    def value_of(setting: str) -> str:
        return environment.get(f"{prefix}_{setting}", "").strip()

    client_ids = tuple(one.strip() for one in value_of("CLIENT_ID").split(",") if one.strip())
    secret = value_of("SECRET")
    if not client_ids or not secret:
        missing = "SECRET" if client_ids else "CLIENT_ID"
        raise ValueError(
            f"{prefix}_{missing} is not set: the provider gives it to an application that is "
            f"registered there; set it, or leave {prefix}_ENABLED out"
        )
    url = (value_of("URL") or DEFAULT_URLS.get(name, "")).rstrip("/")
    if not url:
        raise ValueError(f"{prefix}_URL is not set: it is the issuer of the provider's ID tokens")
    if not is_web_address(url, plain_http=plain_http):
        raise ValueError(
            f"{prefix}_URL is no https address without query, fragment and user"
            + ("" if plain_http else "; PLINTH_EXTERNAL_PLAIN_HTTP=true permits http as well")
        )
    if name == "azure" and url.rpartition("/")[2] in _SHARED_TENANTS:
        raise ValueError(
            f"{prefix}_URL names no tenant: end it with the tenant's id, as in "
            "https://login.microsoftonline.com/<tenant id>"
        )
    redirect_uri = value_of("REDIRECT_URI") or callback
    if not is_web_address(redirect_uri, plain_http=True):
        raise ValueError(f"{prefix}_REDIRECT_URI is no web address without query and fragment")
    return ProviderSettings(name, url, client_ids, secret, redirect_uri)


def is_web_address(text: str, *, plain_http: bool) -> bool:
    """Whether the text is an https (or http) URL of a host, without user, query and fragment."""
    if re.search(r"[\x00-\x20\x7f\\]", text):
        return False
    try:
        parts = urlsplit(text)
        usable_port = parts.port is None or parts.port > 0
    except ValueError:
        return False
    schemes = ("https", "http") if plain_http else ("https",)
    return (
        usable_port
        and parts.scheme in schemes
        and bool(parts.hostname)
        and "@" not in parts.netloc
        and "?" not in text
        and "#" not in text
    )
