"""Backup and restore of a stack: its stores and generated secrets in one encrypted bundle."""
