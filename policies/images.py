"""Every image reference says which version it means."""

from __future__ import annotations

from typing import TYPE_CHECKING

from policies.properties import given
from policies.violation import Violation

if TYPE_CHECKING:
    from collections.abc import Iterator

    from policies.properties import Properties


def _problem(reference: str) -> str | None:
    """What is wrong with an image reference `[registry/]name[:tag][@digest]`, or an image id."""
    if reference.startswith("sha256:"):
        return None
    named, _, digest = reference.partition("@")
    _, separator, tag = named.rsplit("/", maxsplit=1)[-1].partition(":")
    if tag == "latest":
        return "uses the tag `latest`, which changes its meaning"
    if not digest and not (separator and tag):
        return "has neither tag nor digest, which means `latest`"
    return None


def pinned(reference_property: str, properties: Properties) -> Iterator[Violation]:
    """The image reference in a property names a version.

    Args:
        reference_property: `image` of a container, `name` of a remote image, `imageName` of a
            built image, `targetImage` of a tag.
        properties: Of the resource.
    """
    reference = given(properties, reference_property)
    if isinstance(reference, str) and (problem := _problem(reference)):
        yield Violation(reference_property, problem, "Give a version's tag, or better its digest")
