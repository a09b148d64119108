"""The ten resource types of the random package as one table.

Inputs, outputs, defaults and identifiers are those of the official provider (pulumi-random 4.21
over terraform-provider-random 3.8): a stack that was made with one shows no change under the
other. The one difference is what a ``seed`` gives: the same value on every run of this provider,
but not the value that the official provider would generate from it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import Final

from airgap.provider.difference import Difference, always_replaces, compare
from airgap.provider.resource import (
    CheckError,
    Created,
    Found,
    Operation,
    Provider,
    ProviderError,
)
from airgap.provider.values import Values
from airgap.random_provider import identifiers, selections, strings
from airgap.random_provider.properties import KEEPERS, Property, PropertyType, effective, failures


def _as_is(values: Values) -> Values:
    return values


def _unrelated(_values: Values) -> list[tuple[str, str]]:
    return []


@dataclass(frozen=True)
class RandomResource:
    """A random resource: every change of an input replaces it, nothing changes it in place.

    Attributes:
        properties: Its inputs.
        generate: Makes the id and the generated outputs from inputs with defaults.
        computed_outputs: The generated outputs.
        secret_outputs: Those of them that are secret.
        take: Makes inputs, id and generated outputs from the identifier of an import and raises
            `ValueError` for one of the wrong form; absent where nothing can be imported.
        import_form: What the identifier of an import looks like.
        normalize: Brings inputs with defaults into agreement with each other.
        relations: Returns what is wrong between inputs, as pairs of property and reason.
        internal: Outputs for the official provider's own use.
    """

    properties: Mapping[str, Property]
    generate: Callable[[Values], Created]
    computed_outputs: frozenset[str]
    secret_outputs: frozenset[str] = frozenset()
    take: Callable[[str], tuple[Values, Created]] | None = None
    import_form: str = ""
    normalize: Callable[[Values], Values] = _as_is
    relations: Callable[[Values], list[tuple[str, str]]] = _unrelated
    internal: Values = field(default_factory=dict)
    recomputed_outputs: frozenset[str] = frozenset()

    def check(self, _operation: Operation, inputs: Values, _old_inputs: Values) -> Values:
        """Return the inputs as they are; defaults show in the outputs only.

        Raises:
            CheckError: an input cannot be accepted.
        """
        found = failures(self.properties, inputs)
        if not found:
            found = self.relations(effective(self.properties, inputs))
        if found:
            raise CheckError(*found)
        return inputs

    def diff(self, inputs: Values, _old_inputs: Values, old_outputs: Values) -> Difference:
        """Compare the inputs with the state, in which every default is written out."""
        old, new = self._effective(old_outputs), self._effective(inputs)
        return compare(old, new, replaces=always_replaces)

    def create(self, _operation: Operation, inputs: Values) -> Created:
        """Generate the values."""
        values = self._effective(inputs)
        created = self.generate(values)
        return Created(created.id, {**self.internal, **values, **created.outputs})

    def read(self, operation: Operation, identifier: str, inputs: Values, outputs: Values) -> Found:
        """Return the state as it is: it is the only place where the values are.

        Raises:
            ProviderError: an import of a type that has none, or with an identifier of the wrong
                form; the identifier may be a secret and is not repeated.
        """
        if outputs:
            return Found(identifier, outputs, inputs)
        kind = operation.urn.split("::")[2].rpartition(":")[2]
        if self.take is None:
            raise ProviderError(f"a {kind} cannot be imported; create a new one")
        try:
            taken, created = self.take(identifier)
        except ValueError as error:
            raise ProviderError(f"the id to import a {kind} by is {self.import_form}") from error
        values = self._effective(taken)
        return Found(created.id, {**self.internal, **values, **created.outputs}, taken)

    def update(
        self, _operation: Operation, _identifier: str, inputs: Values, old_outputs: Values
    ) -> Values:
        """Keep the generated values; only a difference without meaning gets here."""
        return {**old_outputs, **self._effective(inputs)}

    def delete(self, _operation: Operation, _identifier: str, _outputs: Values) -> None:
        """Do nothing: the values go with the state."""

    def _effective(self, values: Values) -> Values:
        return self.normalize(effective(self.properties, values))


def _length(name: str) -> Mapping[str, Property]:
    size = Property(PropertyType.INTEGER, required=True, minimum=1)
    return {"keepers": KEEPERS, name: size}


_STRING_META: Final[Values] = {"__meta": '{"schema_version":"2"}'}
_PASSWORD_META: Final[Values] = {"__meta": '{"schema_version":"3"}'}
_SEED: Final = Property(PropertyType.STRING)
_REQUIRED_INTEGER: Final = Property(PropertyType.INTEGER, required=True)

RESOURCES: Final[Mapping[str, RandomResource]] = {
    "RandomPassword": RandomResource(
        properties=strings.PROPERTIES,
        generate=strings.password,
        computed_outputs=frozenset({"bcryptHash", "id", "result"}),
        secret_outputs=frozenset({"bcryptHash", "result"}),
        take=strings.imported_password,
        import_form="the password itself",
        normalize=strings.normalize,
        relations=strings.relations,
        internal=_PASSWORD_META,
    ),
    "RandomString": RandomResource(
        properties=strings.PROPERTIES,
        generate=strings.string,
        computed_outputs=frozenset({"id", "result"}),
        take=strings.imported_string,
        import_form="the string itself",
        normalize=strings.normalize,
        relations=strings.relations,
        internal=_STRING_META,
    ),
    "RandomBytes": RandomResource(
        properties=_length("length"),
        generate=identifiers.random_bytes,
        computed_outputs=frozenset({"base64", "hex"}),
        secret_outputs=frozenset({"base64", "hex"}),
        take=identifiers.imported_bytes,
        import_form="the bytes in standard base64",
    ),
    "RandomId": RandomResource(
        properties={**_length("byteLength"), "prefix": Property(PropertyType.STRING)},
        generate=identifiers.random_id,
        computed_outputs=frozenset({"b64Std", "b64Url", "dec", "hex", "id"}),
        take=identifiers.imported_id,
        import_form="its bytes in URL-safe base64 without padding, after '<prefix>,' if any",
    ),
    "RandomUuid": RandomResource(
        properties={"keepers": KEEPERS},
        generate=identifiers.random_uuid,
        computed_outputs=frozenset({"id", "result"}),
        take=identifiers.imported_uuid,
        import_form="the UUID",
    ),
    "RandomUuid4": RandomResource(
        properties={"keepers": KEEPERS},
        generate=identifiers.random_uuid4,
        computed_outputs=frozenset({"id", "result"}),
        take=identifiers.imported_uuid,
        import_form="the UUID",
    ),
    "RandomUuid7": RandomResource(
        properties={"keepers": KEEPERS},
        generate=identifiers.random_uuid7,
        computed_outputs=frozenset({"id", "result"}),
        take=identifiers.imported_uuid,
        import_form="the UUID",
    ),
    "RandomInteger": RandomResource(
        properties={
            "keepers": KEEPERS,
            "max": _REQUIRED_INTEGER,
            "min": _REQUIRED_INTEGER,
            "seed": _SEED,
        },
        generate=selections.random_integer,
        computed_outputs=frozenset({"id", "result"}),
        take=selections.imported_integer,
        import_form="<result>,<min>,<max> or <result>,<min>,<max>,<seed>",
        relations=selections.integer_relations,
    ),
    "RandomPet": RandomResource(
        properties={
            "keepers": KEEPERS,
            "length": Property(PropertyType.INTEGER, default=2, minimum=1),
            "prefix": Property(PropertyType.STRING),
            "separator": Property(PropertyType.STRING, default="-"),
        },
        generate=selections.pet,
        computed_outputs=frozenset({"id"}),
    ),
    "RandomShuffle": RandomResource(
        properties={
            "inputs": Property(PropertyType.STRINGS, required=True),
            "keepers": KEEPERS,
            "resultCount": Property(PropertyType.INTEGER, minimum=0),
            "seed": _SEED,
        },
        generate=selections.shuffle,
        computed_outputs=frozenset({"id", "results"}),
    ),
}


def token(name: str) -> str:
    """Return the type token of a resource, for instance ``random:index/randomId:RandomId``."""
    return f"random:index/{name[0].lower()}{name[1:]}:{name}"


PROVIDER: Final = Provider(
    name="random",
    version=version("pulumi-random"),  # the plugin that the installed SDK asks for
    resource_types={token(name): resource for name, resource in RESOURCES.items()},
)
