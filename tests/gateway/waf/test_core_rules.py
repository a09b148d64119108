"""The core rule set's own tests, on the firewall as it is configured: the first row of each rule.

The rows are those of the regression tests of version 4, which a Go module carries; the rules are
those of Debian's version 3.3 that have such a row and that paranoia level 1 uses.
"""

from __future__ import annotations

import base64
import json
import os
import socket
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from toolchain import go
from toolchain.console import Step

if TYPE_CHECKING:
    from tests.gateway.container import RunningContainer

pytestmark = pytest.mark.engine

MODULE = Path(__file__).parent / "crs"
REFUSED = (
    # methods, scanners, protocol
    911100, 913100, 920100, 920120, 920170, 920171, 920190, 920260, 920270, 920280, 920290, 920310,
    920311, 920380, 920410, 920420, 920440, 920450, 920470, 920480, 920500, 920530, 920600, 921110,
    921120, 921130, 921150, 921160, 921190, 921421, 922100, 922110, 922120,
    # files, commands, code
    930100, 930110, 930120, 931100, 931110, 931120, 932130, 932140, 932160, 932170, 932171, 932180,
    933100, 933110, 933130, 933140, 933150, 933160, 933170, 933180, 933210, 934100,
    # scripts in pages
    941100, 941110, 941120, 941130, 941140, 941160, 941170, 941180, 941190, 941200, 941210, 941220,
    941230, 941240, 941250, 941260, 941270, 941280, 941290, 941300, 941310, 941360, 941370,
    # SQL, sessions, Java
    942100, 942140, 942160, 942170, 942190, 942220, 942230, 942240, 942250, 942270, 942280, 942290,
    942320, 942350, 942360, 942500, 943100, 943110, 943120, 944100, 944110, 944120, 944130,
)  # fmt: skip

LET_THROUGH = {
    920180: "a warning alone stays below the threshold",
    920210: "a warning alone stays below the threshold",
    920240: "a warning alone stays below the threshold",
    920250: "bytes that are not UTF-8 are the components' to refuse",
    920330: "a notice alone stays below the threshold",
    920340: "a notice alone stays below the threshold",
    920350: "taken out: stacks are reached by their address",
    920360: "no limit is set: the gateway limits the head",
    920370: "no limit is set: the gateway limits the head",
    920390: "no limit is set: the gateway limits the head",
    921140: "nginx passes on no line break in a header",
    930130: "a folder that only version 4 knows",
    932120: "a command that only version 4 knows by itself",
    933120: "a PHP setting that only version 4 knows",
    941350: "UTF-7, which only version 4 finds behind a second encoding",
}
"""The first rows that pass, and why."""

REFUSALS = {"400", "403", "405", "426"}


@pytest.fixture(scope="module")
def rows() -> dict[int, dict[str, Any]]:
    """First test of each rule that says that the rule has to match: its request."""
    downloaded = subprocess.run(
        [
            go.prepare(Step("Go")), "mod", "download", "-json",
            "github.com/corazawaf/coraza-coreruleset/v4",
        ],
        cwd=MODULE,
        env={**os.environ, "GOFLAGS": "-mod=readonly", "GOWORK": "off"},
        check=True,
        capture_output=True,
        text=True,
    )  # fmt: skip
    folder = Path(json.loads(downloaded.stdout)["Dir"]) / "tests"
    found = {}
    for rule in (*REFUSED, *LET_THROUGH):
        (file,) = folder.glob(f"REQUEST-*/{rule}.yaml")
        tests = yaml.safe_load(file.read_text(encoding="utf-8"))["tests"]
        found[rule] = next(
            stage["input"]
            for test in tests
            for stage in test["stages"][:1]
            if rule in stage["output"].get("log", {}).get("expect_ids", ())
        )
    return found


def _as_bytes(row: dict[str, Any]) -> bytes:
    """A row's request as its test tool, go-ftw, writes it."""
    if "encoded_request" in row:
        return base64.b64decode(row["encoded_request"])
    body = str(row.get("data") or "").encode()
    headers = {"Connection": "close", **row.get("headers", {})}
    if body and row.get("autocomplete_headers", True):
        known = {name.lower() for name in headers}
        completed = {
            "Content-Length": len(body),
            "Content-Type": "application/x-www-form-urlencoded",
        }
        headers |= {name: value for name, value in completed.items() if name.lower() not in known}
    start = f"{row.get('method', 'GET')} {row.get('uri', '/')} {row.get('version', 'HTTP/1.1')}"
    lines = [start, *(f"{name}: {value}" for name, value in headers.items()), "", ""]
    return "\r\n".join(lines).encode() + body


def _status(firewall: RunningContainer, row: dict[str, Any]) -> str:
    with socket.create_connection(("127.0.0.1", firewall.port), timeout=10) as connection:
        connection.sendall(_as_bytes(row))
        return connection.recv(12).decode().removeprefix("HTTP/1.1 ")


@pytest.mark.parametrize("rule", REFUSED)
def test_first_row_is_refused(
    firewall: RunningContainer, rows: dict[int, dict[str, Any]], rule: int
) -> None:
    assert _status(firewall, rows[rule]) in REFUSALS


@pytest.mark.parametrize("rule", LET_THROUGH)
def test_first_row_that_passes(
    firewall: RunningContainer, rows: dict[int, dict[str, Any]], rule: int
) -> None:
    assert _status(firewall, rows[rule]) == "200"
