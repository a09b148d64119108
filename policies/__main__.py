"""Starts the policy pack: `pulumi preview --policy-pack policies`."""

from __future__ import annotations

import sys
from pathlib import Path

# Pulumi runs this folder as a script; the modules import each other as the package `policies`.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from pulumi_policy import PolicyPack

from policies.sdk import keep_secretness, validation_policy
from policies.table import POLICIES

keep_secretness()
PolicyPack(name="plinth", policies=[validation_policy(policy) for policy in POLICIES])
