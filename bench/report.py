"""The one table that `make bench` prints, in 80 columns."""

from __future__ import annotations

import os
import platform
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bench.gateway import Comparison
    from bench.sign_in import SignIn
    from bench.start import Start

WIDTH = 80


def heading(text: str) -> list[str]:
    """A part's title."""
    return ["", text, "-" * WIDTH]


def start(measured: Start, unchanged: float, made: float) -> list[str]:
    """Start with warm images, and runs that change nothing: by Pulumi, and by `make up`."""
    rows = [
        f"{component.component:<24}{component.created:>12.1f}{component.ready:>12.1f}"
        f"{component.ready - component.created:>12.1f}"
        for component in measured.components
    ]
    return [
        *heading("Start with warm images, containers removed before (seconds after pulumi up)"),
        f"{'component':<24}{'created':>12}{'ready':>12}{'took':>12}",
        *rows,
        f"{'core healthy':<36}{measured.healthy:>12.1f}{'goal <= 30':>20}",
        f"{'pulumi up ended':<36}{measured.command:>12.1f}",
        f"{'pulumi up, nothing to change':<36}{unchanged:>12.1f}{'goal <= 10':>20}",
        f"{'make up, nothing to change':<36}{made:>12.1f}",
    ]


def memory(held: Mapping[str, float]) -> list[str]:
    """Memory at rest."""
    return [
        *heading("Memory at rest, without page cache (MiB)"),
        *(f"{component:<36}{mebibytes:>12.0f}" for component, mebibytes in held.items()),
        f"{'sum':<36}{sum(held.values()):>12.0f}{'goal <= 1024':>20}",
    ]


def gateway(compared: Sequence[Comparison]) -> list[str]:
    """The gateway's price."""
    rows = [
        f"{target.name:<16}{target.median_milliseconds:>12.2f}{target.added_milliseconds:>10.2f}"
        f"{target.per_second:>14.0f}{target.of_direct:>14.2f}{target.of_bare:>12.2f}"
        for target in compared
    ]
    return [
        *heading("Read of one row: key, token check and rate limit on at the gateway"),
        f"{'':<16}{'1 connection':>22}{'16 connections':>40}",
        (
            f"{'':<16}{'median ms':>12}{'added':>10}"
            f"{'requests/s':>14}{'of PostgREST':>14}{'of bare':>12}"
        ),
        *rows,
        f"{'goal, gateway':<16}{'':>12}{'<= 0.50':>10}{'':>14}{'':>14}{'>= 0.95':>12}",
    ]


def sign_in(measured: SignIn) -> list[str]:
    """What a crowd gets through, and what bcrypt leaves of it."""
    rows = [
        f"{name:<24}{load.per_second:>14.1f}{load.median_milliseconds:>14.0f}"
        f"{load.slowest_percent_milliseconds:>14.0f}"
        for name, load in (("sign-in", measured.sign_in), ("refresh", measured.refresh))
    ]
    return [
        *heading("Sign-in and refresh: 32 clients, 50,000 users, 200,000 refresh tokens"),
        f"{'':<24}{'requests/s':>14}{'median ms':>14}{'99 % below':>14}",
        f"{'bcrypt alone':<24}{measured.bcrypt_per_second:>14.1f}",
        *rows,
        f"{'sign-in of bcrypt alone':<24}{measured.of_bcrypt:>14.2f}{'goal >= 0.90':>42}",
    ]


def machine() -> list[str]:
    """What it was measured on."""
    memory_bytes = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    system = f"{platform.system()} {platform.release()}, {os.cpu_count()} processors"
    rest = f"{memory_bytes / 2**30:.0f} GiB memory, load {os.getloadavg()[0]:.1f} at the end"
    return [f"{system}, {rest}"]
