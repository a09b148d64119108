"""What is pinned, and where: read from the files that pin it, so that nothing is said twice."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from infra import catalog
from infra.catalog import Index

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from infra.catalog import Build, Program, UpstreamImage

Publisher = Literal[Index, "debian-release", "registry"]
"""Who is asked: a package index, the Debian mirror for its suites, or an image's registry."""

CATALOGUE = "infra/catalog.py"
BASE_IMAGE = "images/base/build.sh"
DEBIAN_NOTES = "https://www.debian.org/releases/stable/releasenotes"
_WHOLE_VERSION = 99

_PATTERNS: dict[Index, str] = {
    "debian": r"^ARG VERSION=(\S+)",
    "go": r"^\s*{package} (v\S+)",
    "npm": r"^ARG VERSION=(\S+)",
    "pypi": r"^{package}==(\S+)",
}
"""How a file pins a package of an index."""


class PinError(Exception):
    """A file does not pin what the catalogue says; one line with the mend."""


@dataclass(frozen=True)
class Pin:
    """One pinned version."""

    used_by: str
    """Component; for what several components are built from, the image."""
    program: str
    publisher: Publisher
    package: str
    """Package, module or repository at the publisher."""
    version: str
    pinned_in: str
    """File, relative to the repository's root."""
    release_notes: str
    series: int
    suite: str = ""
    """Debian's, for a Debian package."""


def pins(root: Path) -> list[Pin]:
    """Every pin of the catalogue, in its order.

    Raises:
        PinError: A file does not pin what the catalogue says.
    """
    found = [_base(root)]
    for build in (catalog.GO_BUILDER, catalog.NODE_BUILDER):
        found += _built(build.name, build, root)
    for component, entry in catalog.CATALOG.items():
        found += _built(component, entry.build, root)
        found += [_pulled(component, image) for image in entry.pulled()]
    return found


def _base(root: Path) -> Pin:
    return Pin(
        used_by=catalog.BASE,
        program="Debian",
        publisher="debian-release",
        package="stable",
        version=_read(root, BASE_IMAGE, r"^suite=(\S+)", "a Debian suite"),
        pinned_in=BASE_IMAGE,
        release_notes=DEBIAN_NOTES,
        series=_WHOLE_VERSION,
    )


def _built(used_by: str, build: Build, root: Path) -> Iterator[Pin]:
    for program in build.programs:
        yield Pin(
            used_by=used_by,
            program=program.name,
            publisher=program.index,
            package=program.package,
            version=version_of(program, root),
            pinned_in=program.pinned_in,
            release_notes=program.release_notes,
            series=program.series,
            suite=program.suite if program.index == "debian" else "",
        )


def _pulled(component: str, upstream: UpstreamImage) -> Pin:
    return Pin(
        used_by=component,
        program="image",
        publisher="registry",
        package=upstream.repository,
        version=upstream.tag,
        pinned_in=CATALOGUE,
        release_notes=upstream.release_notes,
        series=upstream.series,
    )


def version_of(program: Program, root: Path) -> str:
    """The version that a program's file pins, as its index writes it.

    Raises:
        PinError: The file pins none.
    """
    pattern = _PATTERNS[program.index].format(package=re.escape(program.package))
    return _read(root, program.pinned_in, pattern, program.package)


def _read(root: Path, file: str, pattern: str, what: str) -> str:
    try:
        text = (root / file).read_text(encoding="utf-8")
    except OSError as error:
        raise PinError(f"{file} cannot be read: {error.strerror}; restore it from git") from None
    found = re.search(pattern, text, re.MULTILINE)
    if found is None:
        raise PinError(f"{file} does not pin {what}; correct pinned_in in {CATALOGUE}")
    return found[1]
