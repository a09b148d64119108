"""Load by wrk, which runs on the host and speaks to the containers' own addresses."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bench.environment import MeasurementError

if TYPE_CHECKING:
    from collections.abc import Mapping

SCRIPT = Path(__file__).with_name("wrk.lua")


@dataclass(frozen=True)
class Load:
    """What one run of wrk measured."""

    per_second: float
    median_milliseconds: float
    slowest_percent_milliseconds: float
    """99 of 100 requests were answered sooner."""


def measure(  # noqa: PLR0913  (what a run of wrk consists of)
    name: str,
    url: str,
    *,
    connections: int,
    seconds: int,
    headers: Mapping[str, str] = {},
    arguments: tuple[str, ...] = (),
) -> Load:
    """Send requests for a while.

    Args:
        name: Of what is measured, for errors.
        url: Where the requests go.
        connections: How many are under way at once.
        seconds: How long.
        headers: Of every request.
        arguments: Of the script, which says what they mean.

    Raises:
        MeasurementError: wrk failed, or an answer was an error.
    """
    command = ["wrk", "--threads", "1", "--connections", str(connections), "--timeout", "10s"]
    command += ["--duration", f"{seconds}s", "--script", str(SCRIPT)]
    for header, value in headers.items():
        command += ["--header", f"{header}: {value}"]
    ended = subprocess.run(
        [*command, url, "--", *arguments],
        capture_output=True,
        text=True,
        timeout=seconds + 60,
        check=False,
    )
    if ended.returncode != 0:
        raise MeasurementError(f"wrk against {name}: {ended.stderr or ended.stdout}")
    measured = json.loads(ended.stdout.strip().splitlines()[-1])
    if measured["failures"]:
        raise MeasurementError(
            f"{measured['failures']} of {measured['requests']} answers of {name} failed"
        )
    return Load(
        per_second=measured["requests"] / (measured["microseconds"] / 1e6),
        median_milliseconds=measured["median_microseconds"] / 1e3,
        slowest_percent_milliseconds=measured["slowest_percent_microseconds"] / 1e3,
    )
