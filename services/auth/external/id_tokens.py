"""Verification of ID tokens (OpenID Connect Core 1.0, section 3.1.3.7).

The key that a token names decides the algorithm, and no symmetric key is taken: neither `none` nor
an HMAC made with a public key can pass.
"""

from __future__ import annotations

import base64
import hmac
from typing import TYPE_CHECKING, Any

import jwt

from services.auth.external.outbound import ProviderError

if TYPE_CHECKING:
    from collections.abc import Collection

LEEWAY_SECONDS = 60
_ASYMMETRIC_KEY_TYPES = ("RSA", "EC", "OKP")
_LONGEST_TOKEN = 32 * 1024
_LONGEST_SUBJECT = 255  # OpenID Connect Core 1.0, section 2


class IdTokenError(ProviderError):
    """The ID token is refused; the message says why, without the token."""


class UnknownKeyError(IdTokenError):
    """The token names a key that is not in the set: it may have been published since."""


class ProviderKeys:
    """The keys that an issuer publishes.

    Args:
        document: A JSON Web Key Set. Keys for encryption, symmetric ones and those of a kind that
            is not known are left out.

    Raises:
        ProviderError: No key is left.
    """

    def __init__(self, document: object) -> None:
        members = document.get("keys") if isinstance(document, dict) else None
        usable = [
            member
            for member in (members if isinstance(members, list) else [])
            if isinstance(member, dict)
            and member.get("kty") in _ASYMMETRIC_KEY_TYPES
            and member.get("use", "sig") == "sig"
        ]
        try:
            self._keys = jwt.PyJWKSet(usable).keys
        except jwt.PyJWTError:
            raise ProviderError("the provider publishes no usable key") from None

    def key_of(self, token: str) -> jwt.PyJWK:
        """The key that a token names.

        Raises:
            IdTokenError: It is no token, or names a key that is not here.
        """
        if len(token) > _LONGEST_TOKEN:
            raise IdTokenError("the token is too long")
        try:
            header = jwt.get_unverified_header(token)
        except jwt.PyJWTError:
            raise IdTokenError("the token is malformed") from None
        identifier = header.get("kid")
        found = [key for key in self._keys if identifier in {None, key.key_id}]
        if len(found) != 1:
            raise UnknownKeyError("the token names no key of the provider")
        return found[0]


def verify_id_token(
    token: str, key: jwt.PyJWK, *, issuer: str, audiences: Collection[str]
) -> dict[str, Any]:
    """Claims of a token whose signature, issuer, audience and times are right.

    Raises:
        IdTokenError: One of them is wrong.
    """
    try:
        claims: dict[str, Any] = jwt.decode(
            token,
            key,
            algorithms=[key.algorithm_name],
            issuer=issuer,
            audience=audiences,
            leeway=LEEWAY_SECONDS,
            options={"require": ["iss", "sub", "aud", "exp", "iat"]},
        )
    except jwt.PyJWTError as error:
        raise IdTokenError(type(error).__name__) from None
    subject = claims["sub"]
    if not 0 < len(subject) <= _LONGEST_SUBJECT or "\0" in subject:
        raise IdTokenError("the subject is empty or too long")
    return claims


def check_authorized_party(claims: dict[str, Any], client_id: str) -> None:
    """Return when a token that the provider gave to this client was made for it.

    Raises:
        IdTokenError: It was made for another one.
    """
    several = isinstance(claims["aud"], list) and len(claims["aud"]) > 1
    if (several or "azp" in claims) and claims.get("azp") != client_id:
        raise IdTokenError("the token was made for another client")


def check_nonce(claims: dict[str, Any], nonce: str) -> None:
    """Return when a token answers the request that the nonce was made for.

    Raises:
        IdTokenError: It answers another one.
    """
    present = claims.get("nonce")
    if not isinstance(present, str) or not hmac.compare_digest(present.encode(), nonce.encode()):
        raise IdTokenError("the nonce is another one")


def check_access_token(claims: dict[str, Any], key: jwt.PyJWK, access_token: str) -> None:
    """Return when an access token is the one that the ID token came with, or none is named.

    Raises:
        IdTokenError: It is another one.
    """
    expected = claims.get("at_hash")
    if expected is None:
        return
    digest = key.Algorithm.compute_hash_digest(access_token.encode())
    answer = base64.urlsafe_b64encode(digest[: len(digest) // 2]).rstrip(b"=")
    if not isinstance(expected, str) or not hmac.compare_digest(answer, expected.encode()):
        raise IdTokenError("the access token is another one")
