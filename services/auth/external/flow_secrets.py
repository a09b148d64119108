"""What binds the steps of a sign-in to each other, all derived from the id of its row.

The state that a provider hands back is signed and short-lived; nonce and code verifier (RFC 7636)
towards the provider are keyed hashes of the row's id, so the database keeps none of them.
"""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import hmac
import uuid

import jwt
from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

_ALGORITHM = "HS256"
_AUDIENCE = "plinth auth callback"


class FlowSecrets:
    """Makes and recognises them.

    Args:
        key: 32 bytes that only this service knows.
    """

    def __init__(self, key: bytes) -> None:
        self._key = key

    def state(self, flow_id: uuid.UUID, lifetime: dt.timedelta) -> str:
        """State of a sign-in that begins now."""
        claims = {
            "aud": _AUDIENCE,
            "exp": dt.datetime.now(dt.UTC) + lifetime,
            "flow": str(flow_id),
        }
        return jwt.encode(claims, self._key, algorithm=_ALGORITHM)

    def flow_of(self, state: str) -> uuid.UUID | None:
        """Id of the sign-in that a state belongs to; None when it is forged or too old."""
        try:
            claims = jwt.decode(
                state,
                self._key,
                algorithms=[_ALGORITHM],
                audience=_AUDIENCE,
                options={"require": ["aud", "exp", "flow"]},
            )
            return uuid.UUID(claims["flow"])
        except (jwt.PyJWTError, ValueError):
            return None

    def nonce(self, flow_id: uuid.UUID) -> str:
        """Nonce of the ID token."""
        return self._derived("nonce", flow_id)

    def verifier(self, flow_id: uuid.UUID) -> str:
        """Code verifier towards the provider: 43 characters."""
        return self._derived("code verifier", flow_id)

    def _derived(self, purpose: str, flow_id: uuid.UUID) -> str:
        digest = hmac.digest(self._key, f"{purpose}:{flow_id}".encode(), "sha256")
        return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()

    def seal(self, text: str, code: str) -> str:
        """A provider's token, readable only with the code that the client is handed."""
        return self._cipher(code).encrypt(text.encode()).decode()

    def unseal(self, sealed: str, code: str) -> str:
        """What was sealed; empty when the keys have rotated since."""
        try:
            return self._cipher(code).decrypt(sealed).decode()
        except InvalidToken:
            return ""

    def _cipher(self, code: str) -> Fernet:
        derivation = HKDF(hashes.SHA256(), 32, salt=None, info=b"provider tokens")
        return Fernet(base64.urlsafe_b64encode(derivation.derive(self._key + code.encode())))


def challenge_of(verifier: str) -> str:
    """S256 challenge of a code verifier (RFC 7636, section 4.2)."""
    digest = hashlib.sha256(verifier.encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
