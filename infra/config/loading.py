"""From what Pulumi hands over to a checked configuration, or one line for each mistake."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, get_args, get_origin

from pydantic import BaseModel, ValidationError

from infra.config.section import PROJECT, ConfigurationError
from infra.config.stack import StackConfig

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping


_STACK_NAME = re.compile(r"^[a-z][a-z0-9-]{0,30}$")


def parse(values: Mapping[str, object]) -> StackConfig:
    """Check a stack's configuration.

    Args:
        values: Section or setting by name, as parsed from YAML.

    Raises:
        ConfigurationError: One line per mistake: the key's path, what is wrong, how to mend it.
    """
    try:
        return StackConfig.model_validate(values)
    except ValidationError as error:
        raise ConfigurationError("\n".join(map(_describe, error.errors()))) from None


def check_stack_name(stack: str) -> str:
    """Return the name when container and network names can carry it.

    Raises:
        ConfigurationError: It cannot.
    """
    if not _STACK_NAME.fullmatch(stack):
        raise ConfigurationError(
            f"stack name {stack!r}: use a lower-case letter, then at most 30 letters, digits or -"
        )
    return stack


def require_encrypted(
    settings: StackConfig, secret_keys: Collection[str], in_clear: Collection[str] = ()
) -> None:
    """Refuse a secret that stands in the stack's file in clear.

    Args:
        settings: The configuration.
        secret_keys: `<namespace>:<key>` of what holds an encrypted value, maybe beside others.
        in_clear: Configuration paths of values that are known not to be encrypted.

    Raises:
        ConfigurationError: One line for each such secret.
    """
    plain = [
        path
        for path in settings.secrets()
        if f"{PROJECT}:{path.partition('.')[0]}" not in secret_keys or path in in_clear
    ]
    if plain:
        raise ConfigurationError(
            "\n".join(
                f"{PROJECT}:{path}: stands in clear; take it out and set it with "
                f"{_set_secret(path)}"
                for path in plain
            )
        )


def _set_secret(path: str) -> str:
    return f"pulumi config set --secret --path {PROJECT}:{path}"


def load(raw: Mapping[str, str]) -> StackConfig:
    """Check the configuration that Pulumi hands to the program.

    Args:
        raw: `<namespace>:<key>` to text; structured values are JSON. Keys of other namespaces
            (providers, Pulumi itself) are left to their owners, but for where the engine is.

    Raises:
        ConfigurationError: One line per mistake.
    """
    prefix = f"{PROJECT}:"
    settings = parse(
        {
            key.removeprefix(prefix): _decode(text)
            for key, text in raw.items()
            if key.startswith(prefix)
        }
    )
    host = raw.get("docker:host", "")
    if host.startswith(("ssh://", "tcp://")) and settings.gateway.public_url is None:
        raise ConfigurationError(
            f"{PROJECT}:gateway.public_url: is not set, and docker:host runs the stack on another "
            "machine, whose 127.0.0.1 nobody else reaches; set it to the address that clients use"
        )
    return settings


def _decode(text: str) -> Any:  # noqa: ANN401  (JSON is any of its types; pydantic narrows it)
    try:
        return json.loads(text)
    except ValueError:
        return text


_SECRETS = frozenset({"hmac_key", "password", "secret", "secret_access_key"})
"""Names of settings that are given encrypted."""


def _describe(error: Mapping[str, Any]) -> str:
    path = ".".join(str(part) for part in error["loc"])
    known = _known_keys(error["loc"][:-1])
    match error["type"]:
        case "extra_forbidden":
            return f"{PROJECT}:{path}: no such setting; known here: {', '.join(known)}"
        case "missing" if error["loc"][-1] in _SECRETS:
            return f"{PROJECT}:{path}: is missing; set it with {_set_secret(path)}"
        case "value_error" if not path:
            return f"{PROJECT}:{error['ctx']['error']}"
        case _:
            message = str(error["msg"]).removeprefix("Value error, ")
            return f"{PROJECT}:{path}: {message[0].lower()}{message[1:]}"


def _known_keys(location: tuple[str | int, ...]) -> list[str]:
    model: type[BaseModel] = StackConfig
    parts = iter(location)
    for part in parts:
        annotation = model.model_fields[str(part)].annotation
        # A section that may be left out is a union with None.
        sections = [
            option
            for option in (annotation, *get_args(annotation))
            if isinstance(option, type) and issubclass(option, BaseModel)
        ]
        if not sections:
            return []
        model = sections[0]
        if get_origin(annotation) is dict:
            next(parts, None)  # a name of the operator's choice
    return sorted(model.model_fields)
