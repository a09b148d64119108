"""A registry as the engine reaches it, with the logins that `docker login` keeps."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import requests
from docker.errors import APIError, DockerException, ImageNotFound, NotFound

from airgap.docker_provider.registry import refusal
from airgap.docker_provider.remote_image import split_reference
from toolchain.errors import ToolchainError

if TYPE_CHECKING:
    import docker

Progress = Callable[[str], None]

_MEBIBYTE = 1 << 20


@dataclass(frozen=True)
class Registry:
    """Asks one engine to pull from registries and to push to them."""

    client: docker.DockerClient

    def image_id(self, reference: str) -> str | None:
        """Id of an image on the engine; None where it has none of that name."""
        try:
            return str(self.client.images.get(reference).id)
        except (ImageNotFound, NotFound):
            return None

    def digest(self, reference: str) -> str | None:
        """Digest under which the registry has an image; None where it has none, or does not say.

        Raises:
            ToolchainError: The registry cannot be reached.
        """
        try:
            found = self.client.images.get_registry_data(reference)
        except NotFound:
            return None
        except APIError as error:
            # A login that may push need not be let read what is not there yet.
            if error.status_code in {requests.codes.unauthorized, requests.codes.forbidden}:
                return None
            raise _failure(f"image {reference} could not be looked up", reference, error) from error
        return str(found.attrs["Descriptor"]["digest"])

    def push(self, image: str, repository: str, tag: str, on_progress: Progress) -> str:
        """Push an image of the engine, and return the digest that the registry answers.

        Raises:
            ToolchainError: The registry does not take it.
        """
        reference = f"{repository}:{tag}"
        what = f"image {reference} could not be pushed"
        try:
            self.client.api.tag(image, repository, tag)
            events = self.client.api.push(repository, tag, stream=True, decode=True)
            digest = _follow(events, what, reference, on_progress).get("Digest")
        except DockerException as error:
            raise _failure(what, reference, error) from error
        if not digest:
            raise ToolchainError(f"{what}: the registry answered no digest", "Run this again.")
        return str(digest)

    def pull(self, reference: str, on_progress: Progress) -> str:
        """Pull an image by its digest, which the engine verifies, and return its id.

        Args:
            reference: `repository@sha256:…`, with or without a tag.
            on_progress: Takes a few words on how far it is.

        Raises:
            ToolchainError: The registry does not have it, or sends something else.
        """
        what = f"image {reference} could not be pulled"
        repository, digest = split_reference(reference)
        try:
            events = self.client.api.pull(repository, digest, stream=True, decode=True)
            _follow(events, what, reference, on_progress)
        except DockerException as error:
            raise _failure(what, reference, error) from error
        found = self.image_id(reference)
        if found is None:
            raise ToolchainError(f"{what}: the engine does not list it", "Run this again.")
        return found


def _follow(
    events: Iterable[Mapping[str, Any]], what: str, reference: str, on_progress: Progress
) -> dict[str, Any]:
    """Tell how far it is, and return what the engine reports at the end."""
    done: dict[str, int] = {}
    report: dict[str, Any] = {}
    for event in events:
        if "error" in event:
            raise _refused(what, reference, str(event["error"]))
        report.update(event.get("aux") or {})
        transferred = (event.get("progressDetail") or {}).get("current")
        if transferred and "id" in event:
            done[event["id"]] = transferred
            on_progress(f"{sum(done.values()) // _MEBIBYTE} MiB")
    return report


def _failure(what: str, reference: str, error: DockerException) -> ToolchainError:
    explanation = error.explanation if isinstance(error, APIError) else None
    return _refused(what, reference, str(explanation or error))


def _refused(what: str, reference: str, answer: str) -> ToolchainError:
    refused = refusal(reference, answer)
    return ToolchainError(
        f"{what}: {refused.what}", f"{refused.mend[0].upper()}{refused.mend[1:]}."
    )
