"""The failures that a backup or a restore reports, each as one line."""

from __future__ import annotations

from toolchain.errors import ToolchainError


class BackupError(ToolchainError):
    """What is wrong with a backup or a restore, and how to mend it."""
