"""Measurements of a whole environment: `make bench`."""
