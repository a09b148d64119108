"""Starts the policy pack: `pulumi preview --policy-pack policies`."""

from __future__ import annotations

import sys
from pathlib import Path

# Pulumi runs this folder as a script; the modules import each other as the package `policies`.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from policies.sdk import serve
from policies.table import POLICIES

serve("plinth", POLICIES)
