"""Somebody signs up on a page, follows the link of the mail, and is signed in: in Chromium."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests import node_packages
from tests.browser.conftest import SOURCES
from tests.service.auth.service import PASSWORD, new_email

if TYPE_CHECKING:
    from tests.browser.conftest import Pages
    from tests.gateway.conftest import Gateway
    from tests.service.auth.mailbox import Mailbox

pytestmark = pytest.mark.engine

LONGEST_SECONDS = 120


@pytest.fixture(scope="module")
def email() -> str:
    return new_email()


@pytest.fixture(scope="module")
def seen(
    platform: Gateway,
    pages: Pages,
    mailbox: Mailbox,
    email: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> dict[str, str]:
    """What the person saw, by step."""
    folder = tmp_path_factory.mktemp("browser")
    shutil.copy(SOURCES / "browser.mjs", folder)
    node_packages.offer_to(folder, SOURCES)
    unpacked = node_packages.installation(SOURCES) / "unpacked"
    unpacked.mkdir(exist_ok=True)
    with subprocess.Popen(
        ["node", "browser.mjs", pages.home, pages.foreign, email, PASSWORD],
        cwd=folder,
        env={**os.environ, "TMPDIR": str(unpacked)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as browser:
        assert browser.stdin
        assert browser.stdout
        lines = []
        for line in browser.stdout:
            lines.append(json.loads(line))
            if lines[-1]["step"] == "before the mail is read":
                browser.stdin.write(f"{mailbox.newest(email).link}\n")
                browser.stdin.flush()
        _, errors = browser.communicate(timeout=LONGEST_SECONDS)
    assert browser.returncode == 0, f"{errors}\n{platform.read_log()}"
    return {line["step"]: line["saw"] for line in lines}


def test_signing_up_sends_a_mail(seen: dict[str, str]) -> None:
    assert seen["sign-up"] == "a mail is on its way"


def test_signing_up_alone_signs_nobody_in(seen: dict[str, str]) -> None:
    assert seen["before the mail is read"] == "nobody is signed in"


def test_a_page_of_a_foreign_origin_cannot_sign_anybody_up(seen: dict[str, str]) -> None:
    assert seen["sign-up from a foreign origin"] == "refused: Failed to fetch"


def test_the_link_of_the_mail_signs_in(seen: dict[str, str], email: str) -> None:
    assert seen["link"] == f"signed in as {email}"


def test_the_server_knows_who_has_followed_it(seen: dict[str, str], email: str) -> None:
    assert seen["user"] == f"the server knows {email}"


def test_no_token_stays_in_the_address_bar(seen: dict[str, str]) -> None:
    assert "token" not in seen["address bar"]


def test_the_session_is_there_on_a_later_visit(seen: dict[str, str], email: str) -> None:
    assert seen["later visit"] == f"signed in as {email}"


def test_the_session_is_gone_after_signing_out(seen: dict[str, str]) -> None:
    assert seen["visit after sign-out"] == "nobody is signed in"
