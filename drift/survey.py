"""Looks at everything of a stack that the engine holds, and compares it with the declaration."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from drift import comparison
from drift.finding import Remedy

if TYPE_CHECKING:
    from collections.abc import Iterator

    from drift.declaration import Declaration, DeclaredContainer
    from drift.engine import Engine, Inspection
    from drift.finding import Finding
    from drift.fingerprint import Fingerprints

SETTLE_SECONDS = 60
"""How long a container that was just started may take to its first health checks."""

_POLL_SECONDS = 0.5


def findings(declaration: Declaration, engine: Engine, fingerprints: Fingerprints) -> list[Finding]:
    """Everything that differs on the engine, containers first, then networks, volumes, images."""
    found = {each.resource: _settled(engine, each) for each in declaration.containers}
    return [
        *_containers(declaration, engine, fingerprints, found),
        *_networks(declaration, engine, found),
        *_volumes(declaration, engine),
        *_images(declaration, engine),
    ]


def _settled(engine: Engine, declared: DeclaredContainer) -> Inspection | None:
    """Inspect a container, giving its first health checks the time to end."""
    deadline = time.monotonic() + SETTLE_SECONDS
    while True:
        inspected = engine.container(declared.name, declared.identifier)
        if inspected is None or not comparison.is_starting(inspected):
            return inspected
        if time.monotonic() > deadline:
            return inspected
        time.sleep(_POLL_SECONDS)


def _containers(
    declaration: Declaration,
    engine: Engine,
    fingerprints: Fingerprints,
    found: dict[str, Inspection | None],
) -> Iterator[Finding]:
    recorded = {image.reference: image.identifier for image in declaration.images}
    for declared in declaration.containers:
        inspected = found[declared.resource]
        reference = declared.inputs.image
        # A tag that was moved is a finding of its own: what should run is what was built.
        image = engine.image(recorded.get(reference, "")) or engine.image(reference)
        yield from comparison.container(declared, inspected, image, fingerprints)
        if inspected is None:
            continue
        for folder in comparison.upload_folders(declared.inputs):
            held = engine.files(inspected["Id"], folder)
            yield from comparison.files(declared, held, fingerprints)
    known = {inspected["Id"] for inspected in found.values() if inspected}
    yield from comparison.strays(
        "container",
        engine.labelled_containers(declaration.stack),
        known,
        Remedy.REMOVE_CONTAINER,
    )


def _networks(
    declaration: Declaration, engine: Engine, found: dict[str, Inspection | None]
) -> Iterator[Finding]:
    labelled = engine.labelled_networks(declaration.stack)
    members = {inspected["Id"] for inspected in found.values() if inspected}
    # Those that only carry the label are reported once, as what they are.
    members |= engine.labelled_containers(declaration.stack).keys()
    known: set[str] = set()
    for declared in declaration.networks:
        # Names of networks are not unique on an engine: the one that Pulumi made comes first.
        inspected = engine.network(declared.identifier) or engine.network(declared.inputs.name)
        if inspected:
            known.add(inspected["Id"])
        yield from comparison.network(declared, inspected, members)
    yield from comparison.strays("network", labelled, known, Remedy.REMOVE_NETWORK)


def _volumes(declaration: Declaration, engine: Engine) -> Iterator[Finding]:
    names = set()
    for declared in declaration.volumes:
        name = declared.inputs.name
        names.add(name)
        yield from comparison.volume(
            declared, engine.volume(name), holds_files=name in declaration.file_volumes
        )
    labelled = {name: name for name in engine.labelled_volumes(declaration.stack)}
    yield from comparison.strays("volume", labelled, names, Remedy.BY_HAND)


def _images(declaration: Declaration, engine: Engine) -> Iterator[Finding]:
    for declared in declaration.images:
        yield from comparison.image(
            declared,
            engine.image(declared.reference),
            engine.image(declared.identifier)
            if declared.identifier.startswith("sha256:")
            else None,
        )
