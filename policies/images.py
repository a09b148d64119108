"""Every image reference says which version it means, and in production which content."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from policies.properties import given
from policies.subject import Parameters
from policies.violation import Violation

if TYPE_CHECKING:
    from collections.abc import Iterator

    from policies.subject import Subject


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


def pinned(reference_property: str, subject: Subject) -> Iterator[Violation]:
    """The image reference in a property names a version.

    Args:
        reference_property: `image` of a container, `name` of a remote image, `imageName` of a
            built image, `targetImage` of a tag.
        subject: The resource.
    """
    reference = given(subject.properties, reference_property)
    if isinstance(reference, str) and (problem := _problem(reference)):
        yield Violation(reference_property, problem, "Give a version's tag, or better its digest")


_CONTENT_TAG = re.compile(r":[\w.-]+-[0-9a-f]{12}")
_DIGEST = re.compile(r"@sha256:[0-9a-f]{64}")


class BuiltImages(Parameters):
    """Parameters of `image-pinned-by-digest`."""

    built_repositories: tuple[str, ...] = ("plinth/",)
    """How the names of images begin that this repository builds: their tag is their content."""


def _is_pinned(reference: str, built_repositories: tuple[str, ...]) -> bool:
    """Whether a reference means one content for ever: a digest, an image id, or a content tag."""
    if reference.startswith("sha256:") or _DIGEST.search(reference):
        return True
    for repository in built_repositories:
        if reference.startswith(repository):
            tag = reference.removeprefix(repository).partition(":")
            return _CONTENT_TAG.fullmatch(f":{tag[2]}") is not None
    return False


def pinned_by_digest(reference_property: str, subject: Subject[BuiltImages]) -> Iterator[Violation]:
    """The image reference in a property names its content.

    Args:
        reference_property: `image` of a container, `name` of a remote image.
        subject: The resource.
    """
    reference = given(subject.properties, reference_property)
    if isinstance(reference, str) and not _is_pinned(
        reference, subject.parameters.built_repositories
    ):
        yield Violation(
            reference_property,
            "names a tag, whose content may change",
            "Add the digest that you trust in infra/catalog.py, or build the image: "
            "images.source: packages",
        )
