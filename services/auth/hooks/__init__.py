"""Hooks: code of the operator that the service asks before it answers."""
