"""Turns a recorded `pulumi preview --json` into a report for the reviewer of a change.

`recording` reads what Pulumi wrote, `assessment` judges it, `markdown` renders it.
"""
