"""Between Pulumi's policy SDK and the table: objects of the SDK in, plain properties out.

The engine tells a policy pack which values are secret: `AnalyzeRequest.properties` carries them
under Pulumi's secret signature. The SDK unwraps them before a policy sees them
(github.com/pulumi/pulumi-policy/issues/241), except for remediations, for which its function
`deserialize_properties` has the switch `proxy_secrets`. `keep_secretness` turns that switch on for
validations. If a later SDK no longer has it, values arrive without their mark, and real secrets
are then reported as plain ones: the pack fails closed, and its tests say why.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

import pulumi_policy.policy as policy_sdk
from pulumi_policy import EnforcementLevel, ResourceValidationPolicy, Secret
from pulumi_policy import proxy as unknown_values
from pulumi_policy.deserialize import deserialize_properties
from pulumi_policy.secret import _DictSecretsProxy, _ListSecretsProxy

from policies.properties import UNKNOWN, MarkedSecret

if TYPE_CHECKING:
    from pulumi_policy import ReportViolation, ResourceValidationArgs

    from policies.properties import Properties
    from policies.table import Policy

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


def properties(args: ResourceValidationArgs) -> Properties:
    """The properties of the resource under validation."""
    plain = _plain(args.props)
    return plain if isinstance(plain, Mapping) else {}


def validation_policy(policy: Policy) -> ResourceValidationPolicy:
    """A row of the table as an object of the SDK."""

    def validate(args: ResourceValidationArgs, report_violation: ReportViolation) -> None:
        for resource_type, check in policy.checks:
            if args.resource_type == resource_type:
                for violation in check(properties(args)):
                    report_violation(violation.message(args.name, policy.documentation), None)

    return ResourceValidationPolicy(
        name=policy.name,
        description=policy.description,
        validate=validate,
        enforcement_level=EnforcementLevel(policy.enforcement_level),
    )
