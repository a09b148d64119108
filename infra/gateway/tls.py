"""What TLS the gateway speaks with clients, whichever engine speaks it: 1.2 and 1.3."""

from __future__ import annotations

CIPHERS_OF_TLS_1_2 = (
    "ECDHE-ECDSA-AES128-GCM-SHA256",
    "ECDHE-RSA-AES128-GCM-SHA256",
    "ECDHE-ECDSA-AES256-GCM-SHA384",
    "ECDHE-RSA-AES256-GCM-SHA384",
    "ECDHE-ECDSA-CHACHA20-POLY1305",
    "ECDHE-RSA-CHACHA20-POLY1305",
)
"""Forward secrecy and authenticated encryption only: Mozilla's intermediate profile without DHE.
TLS 1.3 has no others."""
