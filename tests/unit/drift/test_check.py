"""What is looked at once, and what at every look. Pulumi and the engine are left out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, cast

import pytest

from drift import declaration, plans, survey
from drift.check import Check
from drift.declaration import Declaration
from drift.plans import Change
from toolchain.backend import Backend
from toolchain.pulumi_cli import Cli
from toolchain.stack import Stack

if TYPE_CHECKING:
    import docker

NEW_SETTING = Change("auth", "update", ("envs",))


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> Check:
    """A look at a stack whose checkout declares something new, and which is otherwise as it was."""
    monkeypatch.setattr(plans, "deployment", lambda _stack: {})
    monkeypatch.setattr(plans, "unapplied", lambda _stack: [NEW_SETTING])
    monkeypatch.setattr(plans, "refreshed", lambda _stack: [])
    monkeypatch.setattr(declaration, "read", lambda stack, _deployment: Declaration(stack))
    monkeypatch.setattr(survey, "findings", lambda *_arguments: [])
    cli = Cli(Path("pulumi"), "3.259.0", "a test")
    stack = Stack("dev", cli, Backend("local", is_local=True, variables={}))
    return Check(stack, cast("docker.DockerClient", None), with_database=False)


def test_the_first_look_is_at_this_checkout_too(looks: Check) -> None:
    (finding,) = looks.run().findings
    assert (finding.component, finding.what) == ("auth", "declaration not applied")


def test_a_later_look_is_not(looks: Check) -> None:
    assert looks.run_again().findings == ()
