"""What a check is given: one resource or the whole stack, and the parameters of its policy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Generic

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel
from typing_extensions import TypeVar

from policies.properties import UNKNOWN, Properties

StackConfiguration = Mapping[str, str]
"""The stack's configuration as the engine sends it: `<namespace>:<key>` to text, structured values
as JSON, secret ones in clear."""


class Parameters(BaseModel):
    """Base of every policy's parameters. Their JSON Schema is what Pulumi checks a file against.

    Names are in camel case in a configuration file, as Pulumi's own `enforcementLevel` is.
    """

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        alias_generator=to_camel,
        populate_by_name=True,
        use_attribute_docstrings=True,
    )


class NoParameters(Parameters):
    """Of a policy that has nothing to set but its enforcement level."""


class Exceptions(Parameters):
    """Of a policy that some components are exempt from."""

    exceptions: Mapping[str, Annotated[str, Field(min_length=10)]] = {}
    """Why each exempt component must be, by component."""

    def exempt(self, component: object) -> bool:
        """Whether a component is exempt, or may be: its name is not known yet."""
        return component is UNKNOWN or component in self.exceptions


ParametersT_co = TypeVar("ParametersT_co", bound=Parameters, default=NoParameters, covariant=True)


@dataclass(frozen=True)
class Subject(Generic[ParametersT_co]):
    """A resource that is about to be created, changed or kept."""

    name: str
    """Its name in the program."""

    type_name: str

    properties: Properties
    """Its inputs."""

    parameters: ParametersT_co

    protected: bool = False
    """Whether Pulumi refuses to delete it."""

    configuration: StackConfiguration = field(default_factory=dict, repr=False)


@dataclass(frozen=True)
class Member:
    """A resource of a stack as it will be, or is, after the update."""

    name: str
    type_name: str
    urn: str
    parent: str
    """URN of the component that it belongs to; empty for the stack itself."""

    properties: Properties
    """Its outputs; during a preview its inputs, with what is not known yet."""


@dataclass(frozen=True)
class Graph(Generic[ParametersT_co]):
    """Every resource of a stack."""

    members: Sequence[Member]
    parameters: ParametersT_co
    configuration: StackConfiguration = field(default_factory=dict, repr=False)

    def of_type(self, type_name: str) -> Sequence[Member]:
        """The resources of one type."""
        return [member for member in self.members if member.type_name == type_name]
