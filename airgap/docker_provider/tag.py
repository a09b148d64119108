"""docker:index/tag:Tag: a second name for an image."""

from dataclasses import dataclass

from airgap.docker_provider import defaults
from airgap.docker_provider.comparison import canonical
from airgap.docker_provider.engine import Engine
from airgap.docker_provider.inputs import TagInputs, check, parse
from airgap.docker_provider.remote_image import split_reference
from airgap.provider.difference import Difference, always_replaces, compare
from airgap.provider.resource import Created, Found, Operation, ProviderError
from airgap.provider.values import Values


@dataclass(frozen=True)
class TagType:
    """Operations on tags; every input replaces."""

    engine: Engine
    secret_outputs: frozenset[str] = frozenset()
    computed_outputs: frozenset[str] = frozenset({"sourceImageId"})
    recomputed_outputs: frozenset[str] = frozenset()

    def check(self, _operation: Operation, inputs: Values, _old_inputs: Values) -> Values:
        """See `ResourceType.check`."""
        filled = defaults.fill(inputs, defaults.NO_DEFAULTS)
        check(TagInputs, filled)
        return filled

    def diff(self, inputs: Values, old_inputs: Values, _old_outputs: Values) -> Difference:
        """See `ResourceType.diff`."""
        return compare(old_inputs, inputs, replaces=always_replaces, canonical=canonical)

    def create(self, _operation: Operation, inputs: Values) -> Created:
        """See `ResourceType.create`."""
        declared = parse(TagInputs, inputs)
        with self.engine.explained(f"tag {declared.target_image}"):
            repository, tag = split_reference(declared.target_image)
            self.engine.api.tag(declared.source_image, repository, tag, force=True)
            image = self.engine.image(declared.target_image) or {}
        return Created(_identifier(declared), _outputs(declared, inputs, image["Id"]))

    def read(
        self, _operation: Operation, identifier: str, inputs: Values, _outputs_before: Values
    ) -> Found | None:
        """See `ResourceType.read`; a tag that is missing or moved is reported as gone."""
        if not inputs:
            raise ProviderError(f"tag {identifier}: a tag cannot be imported; declare it")
        declared = parse(TagInputs, inputs)
        with self.engine.explained(f"tag {declared.target_image}"):
            source = self.engine.image(declared.source_image)
            target = self.engine.image(declared.target_image)
        if target is None or (source is not None and source["Id"] != target["Id"]):
            return None
        return Found(identifier, _outputs(declared, inputs, target["Id"]), inputs)

    def update(
        self, _operation: Operation, _identifier: str, _inputs: Values, old_outputs: Values
    ) -> Values:
        """See `ResourceType.update`; nothing of a tag changes in place."""
        return old_outputs

    def delete(self, _operation: Operation, _identifier: str, _outputs: Values) -> None:
        """See `ResourceType.delete`; as with the official provider, both names stay."""


def _identifier(declared: TagInputs) -> str:
    return f"{declared.source_image}.{declared.target_image}"


def _outputs(declared: TagInputs, inputs: Values, image_id: str) -> Values:
    return {
        "id": _identifier(declared),
        "sourceImage": declared.source_image,
        "sourceImageId": image_id,
        "tagTriggers": inputs.get("tagTriggers"),
        "targetImage": declared.target_image,
    }
