import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.airgap.project import Project

PROGRAM = """
import pulumi
import pulumi_random as random

password = random.RandomPassword("password", length=32, special=False)
random.RandomString("string", length=8, keepers={"password": password.result})
pulumi.export("password", password.result)
"""


@pytest.fixture
def project(make_project: Callable[[str], Project]) -> Project:
    """A project with a password and a string that depends on it, not yet up."""
    return make_project(PROGRAM)


@pytest.fixture(scope="session")
def standing(make_project: Callable[[str], Project]) -> Project:
    """The same project, up; tests leave its stack `one` as it is."""
    project = make_project(PROGRAM)
    project.up()
    return project


@pytest.fixture
def policy_pack(tmp_path: Path) -> Path:
    """A mandatory policy: passwords have at least 32 characters."""
    folder = tmp_path / "policies"
    folder.mkdir()
    (folder / "PulumiPolicy.yaml").write_text(
        "runtime:\n  name: python\n"
        f"  options:\n    virtualenv: {os.path.relpath(sys.prefix, folder)}\n"
    )
    (folder / "__main__.py").write_text(
        """
from pulumi_policy import EnforcementLevel, PolicyPack, ResourceValidationPolicy


def validate(args, report):
    if args.resource_type.endswith(":RandomPassword") and args.props["length"] < 32:
        report("length is below 32")


PolicyPack(
    "trial",
    enforcement_level=EnforcementLevel.MANDATORY,
    policies=[
        ResourceValidationPolicy(
            name="password-length", description="Passwords are long.", validate=validate
        )
    ],
)
"""
    )
    return folder
