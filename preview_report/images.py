"""Which images change, from which tag to which."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from infra import catalog
from policies.resource_types import CONTAINER, IMAGE, REMOTE_IMAGE
from preview_report.changes import component_of, is_file_carrier
from preview_report.disclosure import UNKNOWN, shown

if TYPE_CHECKING:
    from collections.abc import Mapping

    from preview_report.recording import Step

_OWN = re.compile(r"(?:(?P<place>.*)/)?(?P<name>[^/:]+):(?P<version>.+)-[0-9a-f]{12}")
"""A reference whose tag ends with the hash of what the image is built from."""


@dataclass(frozen=True)
class ImageChange:
    """The image that a component runs, before and after."""

    component: str
    before: str
    after: str
    is_other_version: bool
    """False where the same version of the program is built from other files."""
    note: str
    """What the catalogue says about it; empty for an image that it does not know."""
    release_notes: Mapping[str, str]
    """URLs of what tells about the versions of its programs, by program."""


def program_version(reference: Any) -> str:  # noqa: ANN401  (any JSON)
    """The part of a reference that names program and version, without content hash or digest.

    An own image is the same program wherever it comes from: `plinth/postgres:17-0123456789ab` and
    `registry.example.org/team/postgres:17-0123456789ab@sha256:…` → `plinth/postgres:17`.
    """
    text = reference.split("@", 1)[0] if isinstance(reference, str) else ""
    found = _OWN.fullmatch(text)
    if found and (found["place"] == "plinth" or found["name"] in catalog.BUILDS):
        return f"plinth/{found['name']}:{found['version']}"
    return shown("image", text)


def image_changes(steps: tuple[Step, ...]) -> tuple[ImageChange, ...]:
    """Changed images by component. A new component's image is no change."""
    declared = _declared(steps)
    found = []
    for step in steps:
        if step.type != CONTAINER or is_file_carrier(step) or not (step.old and step.new):
            continue
        component = component_of(step)
        before, after = step.old.inputs.get("image"), step.new.inputs.get("image")
        if shown("image", after) == UNKNOWN:
            after = declared.get(component, UNKNOWN)
        if before == after:
            continue
        entry = catalog.CATALOG.get(component)
        found.append(
            ImageChange(
                component=component,
                before=shown("image", before),
                after=shown("image", after),
                is_other_version=program_version(before) != program_version(after),
                note=entry.note if entry else "",
                release_notes=entry.release_notes(str(after)) if entry else {},
            )
        )
    return tuple(sorted(found, key=lambda change: change.component))


def _declared(steps: tuple[Step, ...]) -> Mapping[str, Any]:
    """Reference by component as the image resources name it, for what a container cannot know."""
    built = {
        step.name.removesuffix("-image"): step.inputs().get("imageName")
        for step in steps
        if step.type == IMAGE
    }
    pulled = {
        step.name.removesuffix("-image"): step.inputs().get("name")
        for step in steps
        if step.type == REMOTE_IMAGE
    }
    # Upstream's are named after the component, own ones after the image.
    by_name = {**built, **pulled}
    references = {
        component: pulled.get(component) or by_name.get(catalog.image_name(component))
        for component in catalog.CATALOG
    }
    return {name: found for name, found in references.items() if found}
