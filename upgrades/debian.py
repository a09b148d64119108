"""Versions at the Debian mirror: apt inside the base image asks, and dpkg's rules compare."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from infra import catalog
from upgrades.versions import Answer, UnreachableError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from upgrades.pins import Pin

SCRIPT = Path(__file__).with_name("ask_debian.sh")
PUBLISHERS = ("debian", "debian-release")

_SECONDS = 300


def answers(pins: Sequence[Pin], root: Path) -> Mapping[Pin, Answer | UnreachableError]:
    """What the mirror says about each pin of a Debian package or suite."""
    packages = [pin for pin in pins if pin.publisher == "debian"]
    words = [word for pin in packages for word in (pin.package, pin.version, pin.suite)]
    try:
        printed = ask(catalog.base_tag(root), words)
    except UnreachableError as error:
        return dict.fromkeys(pins, error)
    return {pin: _answer(pin, printed) for pin in pins}


def ask(image: str, words: Sequence[str]) -> list[list[str]]:
    """Lines that the script prints, split into words.

    Args:
        image: The base image.
        words: Package, pinned version and suite of each package, one after the other.

    Raises:
        UnreachableError: The engine, the base image or the mirror is missing.
    """
    script = SCRIPT.read_text(encoding="utf-8")
    # --pull never: a registry that has no such image would be asked for it.
    command = ["docker", "run", "--rm", "--pull=never", image, "sh", "-c", script, "sh", *words]
    try:
        asked = subprocess.run(  # noqa: S603  (the engine's client)
            command, capture_output=True, text=True, timeout=_SECONDS, check=False
        )
    except OSError as error:
        raise UnreachableError(f"docker cannot be run: {error.strerror}") from None
    except subprocess.TimeoutExpired:
        raise UnreachableError(f"the Debian mirror did not answer in {_SECONDS} s") from None
    if asked.returncode != 0:
        if "No such image" in asked.stderr:
            raise UnreachableError("the engine holds no base image; make up builds it")
        raise UnreachableError(_reason(asked.stderr) or f"exit code {asked.returncode}")
    return [line.split() for line in asked.stdout.splitlines()]


def _reason(said: str) -> str:
    """The line that says why: docker's own comes first, the script's last."""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    of_docker = [line for line in lines if line.startswith("docker: ")]
    return (of_docker or lines or [""])[-1]


def _answer(pin: Pin, printed: Sequence[Sequence[str]]) -> Answer | UnreachableError:
    if pin.publisher == "debian-release":
        return _release(pin, printed)
    if ["unknown", pin.package] in printed:
        return UnreachableError(f"the mirror has no {pin.package} in {pin.suite}")
    newer = [line[2] for line in printed if line[:2] == ["package", pin.package]]
    found = newer[0] if newer else pin.version
    return Answer(found, found)


def _release(pin: Pin, printed: Sequence[Sequence[str]]) -> Answer | UnreachableError:
    releases = {line[1]: (line[2], line[3]) for line in printed if line[0] == "release"}
    (_, own), (codename, stable) = releases[pin.version], releases[pin.package]
    is_newer = _major(stable) > _major(own)
    return Answer(pin.version, codename if is_newer else pin.version)


def _major(release: str) -> int:
    """13 of Debian's 13.2: point releases come with the packages."""
    return int(release.partition(".")[0])
