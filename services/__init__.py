"""The platform's own services: one folder each, plus the library they share."""
