"""Mails: what they say, and the way to the SMTP server."""
