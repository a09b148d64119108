"""What every section of the configuration is made of, and how a mistake in one is told."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict

PROJECT = "plinth"
REPOSITORY = Path(__file__).resolve().parents[2]


class ConfigurationError(Exception):
    """The stack's configuration cannot be used; one line per mistake, each with its mend."""


class Section(BaseModel):
    """Base of every section: immutable, and a key that does not exist is a mistake."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)
