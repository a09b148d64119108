"""Obtains the gateway's certificate from an ACME directory (RFC 8555), and renews it."""
