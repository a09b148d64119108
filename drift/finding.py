"""One difference between what was declared and what is there, and how it is put right."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

ABSENT = "absent"


class Remedy(Enum):
    """What `FIX=1` does about a finding; the value is what the reader is told."""

    REPLACE = "its container is replaced"
    REFILL = "its files are written anew and its container is replaced"
    REBUILD_NETWORK = "the network and the containers on it are replaced"
    UPDATE = "make up creates it again"
    REMOVE_CONTAINER = "the container is removed"
    REMOVE_NETWORK = "the network is removed"
    DETACH = "it is disconnected"
    TAG = "the tag is given back to the declared image"
    DATABASE = "the database is put right"
    BY_HAND = "kept: only you can decide"
    APPLY_FIRST = "apply it or take it back first: make preview, make up"


@dataclass(frozen=True)
class Finding:
    """One row of the report.

    Attributes:
        component: name of the Pulumi resource, or of what nobody declared.
        what: the setting that differs.
        declared: what the state says; never a secret.
        found: what is there; never a secret.
        remedy: what `FIX=1` does about it.
        target: what the remedy is about: an engine's name or id, or empty.
    """

    component: str
    what: str
    declared: str
    found: str
    remedy: Remedy
    target: str = ""

    @property
    def order(self) -> tuple[str, str, str, str]:
        """By component, then by what differs."""
        return self.component, self.what, self.declared, self.found
