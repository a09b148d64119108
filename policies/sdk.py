"""Between Pulumi's policy SDK and the table: objects of the SDK in, plain properties out.

The engine tells a policy pack which values are secret: `AnalyzeRequest.properties` carries them
under Pulumi's secret signature. The SDK unwraps them before a policy sees them
(github.com/pulumi/pulumi-policy/issues/241), except for remediations, for which its function
`deserialize_properties` has the switch `proxy_secrets`. `keep_secretness` turns that switch on for
validations. If a later SDK no longer has it, values arrive without their mark, and real secrets
are then reported as plain ones: the pack fails closed, and its tests say why.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import grpc
import pulumi_policy.policy as policy_sdk
from google.protobuf.json_format import MessageToDict
from pulumi_policy import (
    EnforcementLevel,
    PolicyConfigSchema,
    PolicyPack,
    ResourceValidationPolicy,
    Secret,
    StackValidationPolicy,
)
from pulumi_policy import proxy as unknown_values
from pulumi_policy.deserialize import deserialize_properties
from pulumi_policy.secret import _DictSecretsProxy, _ListSecretsProxy
from pydantic import ValidationError

from policies.properties import UNKNOWN, MarkedSecret
from policies.subject import Graph, Member, Subject

if TYPE_CHECKING:
    from pulumi_policy import Policy as SdkPolicy
    from pulumi_policy import (
        PolicyResource,
        ReportViolation,
        ResourceValidationArgs,
        StackValidationArgs,
    )

    from policies.properties import Properties
    from policies.subject import Parameters, StackConfiguration
    from policies.table import GraphCheck, Policy

_PROXIES: Final = (
    _DictSecretsProxy,
    _ListSecretsProxy,
    unknown_values._DictProxy,  # noqa: SLF001  the SDK offers no public name
    unknown_values._ListProxy,  # noqa: SLF001  the SDK offers no public name
)
_TARGET = "__target"
"""The key under which each of the SDK's proxies hands out what it wraps."""

_UNKNOWN_SENTINELS: Final = frozenset(
    value
    for name, value in vars(unknown_values).items()
    if name.startswith("UNKNOWN_") and isinstance(value, str)
)


def _deserialize(props: dict[str, Any], proxy_secrets: bool = True) -> dict[str, Any]:  # noqa: FBT001, FBT002  the SDK's signature
    """The SDK's function, with its switch on unless the caller says otherwise."""
    return deserialize_properties(props, proxy_secrets)


def keep_secretness() -> None:
    """Let validations see which values are secret, for the rest of this process."""
    policy_sdk.deserialize_properties = _deserialize  # type: ignore[attr-defined]  # see above


def _plain(value: Any) -> object:  # noqa: ANN401  whatever the SDK hands out
    """A value of the SDK as `policies.properties` describes it."""
    if isinstance(value, Secret):
        return MarkedSecret(_plain(value.value))
    if isinstance(value, _PROXIES):
        return _plain(value[_TARGET])
    if isinstance(value, Mapping):
        return {str(key): _plain(element) for key, element in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(element) for element in value]
    if isinstance(value, str) and value in _UNKNOWN_SENTINELS:
        return UNKNOWN
    return value


@dataclass
class StackFacts:
    """What the engine says about the stack before it sends the stack as a whole."""

    configuration: StackConfiguration = field(default_factory=dict, repr=False)

    declared: set[str] = field(default_factory=set)
    """URN of each resource that it sent on its own: those that the program declares. Empty where a
    stack is judged without its program."""

    def stays(self, urn: str) -> bool:
        """Whether a resource of the stack is still there after the run.

        A run with `--refresh` sends the stack with what it is about to delete
        (pulumi/pkg/resource/deploy/step_executor.go puts refreshed resources among the new ones).
        """
        return not self.declared or urn in self.declared


def _parameters(policy: Policy[Any], given: Mapping[str, Any]) -> Parameters:
    return policy.parameters.model_validate(dict(given))


def _validation_policy(policy: Policy[Any], stack: StackFacts) -> ResourceValidationPolicy:
    """A row of the table with checks of single resources, as an object of the SDK."""

    def validate(args: ResourceValidationArgs, report_violation: ReportViolation) -> None:
        for resource_type, check in policy.checks:
            if args.resource_type != resource_type:
                continue
            subject = Subject(
                name=args.name,
                type_name=args.resource_type,
                properties=_properties(args.props),
                parameters=_parameters(policy, args.get_config()),
                protected=args.opts.protect,
                configuration=stack.configuration,
            )
            for violation in check(subject):
                report_violation(violation.message(args.name, policy.documentation), None)

    return ResourceValidationPolicy(
        name=policy.name,
        description=policy.description,
        validate=validate,
        enforcement_level=EnforcementLevel(policy.enforcement_level),
        config_schema=_schema(policy),
    )


def _stack_policy(
    policy: Policy[Any], check: GraphCheck[Any], stack: StackFacts
) -> StackValidationPolicy:
    """A row of the table with a check of the whole stack, as an object of the SDK."""

    def validate(args: StackValidationArgs, report_violation: ReportViolation) -> None:
        graph = Graph(
            members=[_member(resource) for resource in args.resources if stack.stays(resource.urn)],
            parameters=_parameters(policy, args.get_config()),
            configuration=stack.configuration,
        )
        for member, violation in check(graph):
            report_violation(violation.message(member.name, policy.documentation), member.urn)

    return StackValidationPolicy(
        name=policy.name,
        description=policy.description,
        validate=validate,
        enforcement_level=EnforcementLevel(policy.enforcement_level),
        config_schema=_schema(policy),
    )


def _properties(props: object) -> Properties:
    plain = _plain(props)
    return plain if isinstance(plain, Mapping) else {}


def _member(resource: PolicyResource) -> Member:
    return Member(
        name=resource.name,
        type_name=resource.resource_type,
        urn=resource.urn,
        parent=resource.parent.urn if resource.parent else "",
        properties=_properties(resource.props),
    )


def _schema(policy: Policy[Any]) -> PolicyConfigSchema:
    """What the engine checks a configuration file against, and takes defaults from."""
    return PolicyConfigSchema(
        properties=policy.parameters.model_json_schema(by_alias=True).get("properties", {})
    )


def sdk_policy(policy: Policy[Any], stack: StackFacts) -> SdkPolicy:
    """A row of the table as an object of the SDK."""
    if policy.graph_check:
        return _stack_policy(policy, policy.graph_check, stack)
    return _validation_policy(policy, stack)


def problem_of_configuration(
    policies: Sequence[Policy[Any]], given: Mapping[str, Mapping[str, Any]]
) -> str | None:
    """The first thing that is wrong with a configuration file, in one line, or None.

    The engine has checked types and enforcement levels by then; a name that does not exist it lets
    pass, and a rule would silently stay as it was.

    Args:
        policies: The rows of the table.
        given: Parameters by policy, without the enforcement level.
    """
    known = {policy.name: policy for policy in policies}
    for name, parameters in sorted(given.items()):
        if name == "all":
            continue
        if name not in known:
            close = difflib.get_close_matches(name, known, n=1)
            hint = f"did you mean {close[0]}?" if close else "docs/policies.md lists them"
            return f"{name}: there is no such policy; {hint}"
        try:
            _parameters(known[name], parameters)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            path = ".".join(str(part) for part in (name, *first["loc"]))
            if first["type"] == "extra_forbidden":
                fields = known[name].parameters.model_fields.values()
                listed = ", ".join(str(field.alias) for field in fields)
                return f"{path}: no such parameter; known here: {listed or 'none'}"
            return f"{path}: {first['msg'][0].lower()}{first['msg'][1:]}"
    return None


def analyzer(policies: Sequence[Policy[Any]], stack: StackFacts) -> type[Any]:
    """The SDK's analyzer, which also keeps what it is told, and checks its own configuration."""

    class Analyzer(policy_sdk._PolicyAnalyzerServicer):  # noqa: SLF001  the SDK offers no public name
        def ConfigureStack(self, request: Any, context: Any) -> Any:  # noqa: ANN401, N802  a name of the protocol
            stack.configuration = dict(request.config)
            return super().ConfigureStack(request, context)

        def Analyze(self, request: Any, context: Any) -> Any:  # noqa: ANN401, N802  a name of the protocol
            stack.declared.add(request.urn)
            return super().Analyze(request, context)  # type: ignore[no-untyped-call]  # the SDK's

        def Configure(self, request: Any, context: Any) -> Any:  # noqa: ANN401, N802  a name of the protocol
            given = {
                name: MessageToDict(policy.properties)
                for name, policy in request.policyConfig.items()
            }
            if problem := problem_of_configuration(policies, given):
                context.abort(grpc.StatusCode.INVALID_ARGUMENT, problem)
            return super().Configure(request, context)  # type: ignore[no-untyped-call]  # the SDK's

    return Analyzer


def serve(name: str, policies: Sequence[Policy[Any]]) -> None:
    """Serve the policies to the engine until it ends this process."""
    stack = StackFacts()
    keep_secretness()
    policy_sdk._PolicyAnalyzerServicer = analyzer(policies, stack)  # type: ignore[misc]  # noqa: SLF001
    PolicyPack(name=name, policies=[sdk_policy(policy, stack) for policy in policies])
