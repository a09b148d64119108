"""SQL that runs in a database while it is backed up or restored, one file for each step."""

from __future__ import annotations

from pathlib import Path


def read(name: str) -> str:
    """The text of a file of this folder, without its ending `.sql`."""
    return (Path(__file__).parent / f"{name}.sql").read_text(encoding="utf-8")
