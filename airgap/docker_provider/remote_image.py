"""docker:index/remoteImage:RemoteImage: an image of a registry, present on the engine."""

from dataclasses import dataclass
from typing import Final

from docker.auth import resolve_repository_name
from docker.errors import APIError, ImageNotFound, NotFound

from airgap.docker_provider import defaults
from airgap.docker_provider.comparison import canonical
from airgap.docker_provider.engine import Engine, Inspection
from airgap.docker_provider.inputs import RemoteImageInputs, check, parse
from airgap.docker_provider.registry import refusal
from airgap.provider.difference import Difference, compare
from airgap.provider.resource import Created, Found, Operation, ProviderError
from airgap.provider.values import Values

META: Final = '{"schema_version":"1"}'
UPDATED_IN_PLACE: Final = frozenset({"build", "forceRemove", "keepLocally"})


@dataclass(frozen=True)
class RemoteImageType:
    """Operations on pulled images."""

    engine: Engine
    secret_outputs: frozenset[str] = frozenset()
    computed_outputs: frozenset[str] = frozenset({"imageId", "repoDigest"})
    recomputed_outputs: frozenset[str] = frozenset()

    def check(self, _operation: Operation, inputs: Values, _old_inputs: Values) -> Values:
        """See `ResourceType.check`."""
        filled = defaults.fill(inputs, defaults.NO_DEFAULTS)
        check(RemoteImageInputs, filled)
        return filled

    def diff(self, inputs: Values, old_inputs: Values, _old_outputs: Values) -> Difference:
        """See `ResourceType.diff`."""
        return compare(
            old_inputs,
            inputs,
            replaces=lambda key: key not in UPDATED_IN_PLACE,
            canonical=canonical,
        )

    def create(self, operation: Operation, inputs: Values) -> Created:
        """See `ResourceType.create`; an image that the engine has is not pulled."""
        declared = parse(RemoteImageInputs, inputs)
        with self.engine.explained(f"image {declared.name}"):
            image = self.engine.image(declared.name)
            if image is None:
                self._pull(operation, declared)
                image = self.engine.image(declared.name)
        if image is None:
            raise ProviderError(f"image {declared.name}: the pull gave no image of that name")
        return Created(_identifier(image, declared), _outputs(image, inputs, declared))

    def read(
        self, _operation: Operation, identifier: str, inputs: Values, _outputs_before: Values
    ) -> Found | None:
        """See `ResourceType.read`; to import, give the image's name as the id."""
        taken = inputs or defaults.fill({"name": identifier}, defaults.NO_DEFAULTS)
        declared = parse(RemoteImageInputs, taken)
        with self.engine.explained(f"image {declared.name}"):
            image = self.engine.image(declared.name)
        if image is None:
            return None
        return Found(_identifier(image, declared), _outputs(image, taken, declared), taken)

    def update(
        self, _operation: Operation, _identifier: str, inputs: Values, old_outputs: Values
    ) -> Values:
        """See `ResourceType.update`: what happens on deletion is recorded."""
        return {**old_outputs, **{key: inputs.get(key) for key in UPDATED_IN_PLACE}}

    def delete(self, _operation: Operation, _identifier: str, outputs: Values) -> None:
        """See `ResourceType.delete`."""
        name = str(outputs.get("name"))
        if outputs.get("keepLocally"):
            return
        with self.engine.explained(f"image {name}"):
            try:
                self.engine.api.remove_image(name, force=bool(outputs.get("forceRemove")))
            except (ImageNotFound, NotFound):
                return

    def _pull(self, operation: Operation, declared: RemoteImageInputs) -> None:
        name = declared.name
        try:
            events = self.engine.api.pull(
                *split_reference(name), stream=True, decode=True, platform=declared.platform or None
            )
            for event in events:
                operation.wait(0)
                if "error" in event:
                    raise _not_pulled(name, str(event["error"]))
                operation.log(str(event.get("status", "")))
        except APIError as error:
            raise _not_pulled(name, str(error.explanation)) from None


def split_reference(name: str) -> tuple[str, str]:
    """Split an image's name into repository and digest, or tag where it has none.

    The tag defaults to latest; beside a digest it says nothing to an engine.
    """
    named, at, image_digest = name.partition("@")
    head, colon, tag = named.rpartition(":")
    repository, tag = (head, tag) if colon and "/" not in tag else (named, "latest")
    return repository, image_digest if at else tag


def _not_pulled(name: str, answer: str) -> ProviderError:
    refused = refusal(name, answer)
    return ProviderError(
        f"image {name} is not on this engine and cannot be pulled: {refused.what}; {refused.mend}"
    )


def _identifier(image: Inspection, declared: RemoteImageInputs) -> str:
    return f"{image['Id']}{declared.name}"


def _outputs(image: Inspection, inputs: Values, declared: RemoteImageInputs) -> Values:
    return {
        "__meta": META,
        "build": None,
        "forceRemove": inputs.get("forceRemove"),
        "id": _identifier(image, declared),
        "imageId": image["Id"],
        "keepLocally": inputs.get("keepLocally"),
        "name": declared.name,
        "platform": inputs.get("platform"),
        "pullTriggers": inputs.get("pullTriggers"),
        "repoDigest": _repository_digest(image, declared.name),
        "triggers": inputs.get("triggers"),
    }


def _repository_digest(image: Inspection, name: str) -> str:
    """Under which digest the repository that the name leads to holds the image.

    An image may have been pushed to several. As with the official provider it is empty where none
    of them is the name's.
    """
    repository = resolve_repository_name(split_reference(name)[0])
    for found in image.get("RepoDigests") or []:
        if resolve_repository_name(split_reference(found)[0]) == repository:
            return str(found)
    return ""
