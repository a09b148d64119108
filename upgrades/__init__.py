"""Looks for newer versions of what the catalogue pins."""
