"""Whether a password fits the verifier that PostgreSQL keeps of it, without signing in.

Sources: RFC 5802, section 3; PostgreSQL's `pg_authid.rolpassword`:
`SCRAM-SHA-256$<iterations>:<salt>$<StoredKey>:<ServerKey>`, the last three in base64.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re

_VERIFIER = re.compile(r"SCRAM-SHA-256\$(\d+):([^$]+)\$([^:]+):.+")


def fits(password: str, verifier: str) -> bool:
    """Whether the password (printable ASCII) is the one that the verifier was made from."""
    parsed = _VERIFIER.fullmatch(verifier)
    if parsed is None:
        return False
    iterations, salt, stored_key = parsed.groups()
    salted = hashlib.pbkdf2_hmac(
        "sha256", password.encode(), base64.b64decode(salt), int(iterations)
    )
    client_key = hmac.digest(salted, b"Client Key", "sha256")
    return hmac.compare_digest(hashlib.sha256(client_key).digest(), base64.b64decode(stored_key))
