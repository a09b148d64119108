"""supabase-js against the stack: one pytest case for each `test` in `supabase_js/*.test.mjs`."""

import os
import re
import shutil
import subprocess
from collections.abc import Callable
from functools import cache
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
import yaml

from tests.e2e.supabase_js import installation
from tests.running_stack import NAME, ROOT, RunningStack

pytestmark = [pytest.mark.engine, pytest.mark.stack]

TEST_NAME = re.compile(r'^test\("([^"]+)"', re.MULTILINE)
RUN_SECONDS = 300

Report = dict[str, str | None]
"""What became of each test of a script: None where it passed, else what Node.js said."""

CASES = [
    pytest.param(file.name, name, id=f"{file.name.removesuffix('.test.mjs')}: {name}")
    for file in sorted(installation.SOURCES.glob("*.test.mjs"))
    for name in TEST_NAME.findall(file.read_text(encoding="utf-8"))
]


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The scripts, with supabase-js beside them."""
    folder = tmp_path_factory.mktemp("supabase-js")
    for script in installation.SOURCES.glob("*.mjs"):
        shutil.copy(script, folder)
    installation.offer_to(folder)
    return folder


@pytest.fixture(scope="session")
def environment(stack: RunningStack) -> dict[str, str]:
    """What the scripts are told about the stack."""
    settings = yaml.safe_load((ROOT / f"Pulumi.{NAME}.yaml").read_text(encoding="utf-8"))["config"]
    return {
        **os.environ,
        **installation.ENVIRONMENT,
        "PLINTH_URL": stack.outputs["gateway_url"],
        "PLINTH_PUBLISHABLE_KEY": stack.outputs["publishable_key"],
        "PLINTH_SECRET_KEY": stack.outputs["secret_key"],
        "PLINTH_LEGACY_ANON_KEY": stack.outputs["legacy_anon_key"],
        "PLINTH_LEGACY_SERVICE_ROLE_KEY": stack.outputs["legacy_service_role_key"],
        "PLINTH_MAIL_URL": stack.outputs["mail_url"],
        "PLINTH_REFRESH_REUSE_SECONDS": str(settings["plinth:auth"]["refresh_reuse_seconds"]),
    }


@pytest.fixture(scope="session")
def report_of(folder: Path, environment: dict[str, str]) -> Callable[[str], Report]:
    """Runs a script when it is asked for first.

    A fixture that takes the script as its parameter would run it again for each of its tests.
    """

    @cache
    def run(script: str) -> Report:
        ended = subprocess.run(
            ["node", "--test", "--test-reporter=junit", script],
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=RUN_SECONDS,
            check=False,
        )
        assert ended.stdout.startswith("<?xml"), ended.stderr
        results = ET.fromstring(ended.stdout)  # noqa: S314  (written by Node.js, just now)
        return {case.attrib["name"]: case.findtext("failure") for case in results.iter("testcase")}

    return run


@pytest.mark.parametrize(("script", "name"), CASES)
def test_supabase_js(report_of: Callable[[str], Report], script: str, name: str) -> None:
    report = report_of(script)
    assert name in report, f"did not run; {report}"
    assert report[name] is None, report[name]
