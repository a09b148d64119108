"""The secrets of a stack, read from its decrypted state: what must stand nowhere in clear."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from policies.listed_secrets import LABEL
from policies.resource_types import CONTAINER, STACK
from policies.secret_detection import name_is_secret
from policies.secret_forms import forms

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

SECRET_SIGNATURE: Final = "4dabf18193072939515e22adb298388d"  # noqa: S105  marks a secret in a state
SHORTEST_SECRET: Final = 16
"""Characters. Shorter ones are looked for in vain: they turn up by chance."""

_PRIVATE_MEMBERS: Final = frozenset({"d", "k", "p", "q", "dp", "dq", "qi"})
"""Members of a JSON Web Key that are secret (RFC 7518, section 6)."""

_SECRET_IN_FILE: Final = re.compile(
    r"eyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]{16,}"  # a token that a component carries
    r"|sb_secret_[\w-]{8,}"
)


@dataclass(frozen=True)
class Secret:
    """A secret of the stack."""

    owner: str
    """What holds it in the state, such as `password-postgres-1` or `auth PGPASSWORD`."""

    forms: frozenset[str] = field(repr=False)
    """Every text that gives it away."""


def _revealed(value: Any) -> Any:  # noqa: ANN401  any JSON
    """A decrypted value without its marks."""
    if isinstance(value, dict):
        if SECRET_SIGNATURE in value:
            return json.loads(value["plaintext"])
        return {key: _revealed(part) for key, part in value.items()}
    if isinstance(value, list):
        return [_revealed(part) for part in value]
    return value


def _secret_parts(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:  # noqa: ANN401  any JSON
    """Every part of a decrypted value that is marked as secret: its path and itself."""
    if isinstance(value, dict):
        if SECRET_SIGNATURE in value:
            yield path, json.loads(value["plaintext"])
        else:
            for key, part in value.items():
                yield from _secret_parts(part, f"{path}.{key}" if path else key)
    elif isinstance(value, list):
        for part in value:
            yield from _secret_parts(part, path)


def _named_texts(value: Any, name: str) -> Iterator[tuple[str, str]]:  # noqa: ANN401  any JSON
    """Every text inside a value with the name that is nearest to it."""
    if isinstance(value, str):
        yield name, value
    elif isinstance(value, dict):
        for key, part in value.items():
            yield from _named_texts(part, key)
    elif isinstance(value, list):
        for part in value:
            yield from _named_texts(part, name)


def _generated(resource: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """What a random resource generated."""
    for _, value in _secret_parts(resource.get("outputs", {})):
        for _, text in _named_texts(value, ""):
            yield _name(resource), text


def _handed_out(resource: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """What the stack's secret outputs hold: passwords and keys, not the users beside them."""
    for path, value in _secret_parts(resource.get("outputs", {})):
        for name, text in _named_texts(value, path):
            if isinstance(value, str) or name_is_secret(name):
                yield f"output {path}", text


def _in_container(resource: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """What a container's listed variables hold, and the tokens in the files that it is given."""
    inputs = _revealed(resource.get("inputs", {}))
    labels = {entry["label"]: entry["value"] for entry in inputs.get("labels") or ()}
    listed = set(labels.get(LABEL, "").split(","))
    for entry in inputs.get("envs") or ():
        name, _, text = entry.partition("=")
        if name in listed:
            yield from ((f"{_name(resource)} {name}", part) for part in _private(text))
    for upload in inputs.get("uploads") or ():
        for match in _SECRET_IN_FILE.findall(upload.get("content") or ""):
            yield f"{_name(resource)} {upload['file']}", match


def _private(text: str) -> Iterator[str]:
    """A variable's text, or of a key set the private members: the rest of it is public."""
    try:
        keys = json.loads(text)
    except ValueError:
        keys = None
    if not isinstance(keys, dict | list):
        yield text
        return
    for name, part in _named_texts(keys, ""):
        if name in _PRIVATE_MEMBERS:
            yield part


def _name(resource: Mapping[str, Any]) -> str:
    return str(resource["urn"]).rsplit("::", maxsplit=1)[-1]


def _everything(resources: Iterable[Mapping[str, Any]]) -> Iterator[tuple[str, str]]:
    for resource in resources:
        if str(resource["type"]).startswith("random:"):
            yield from _generated(resource)
        elif resource["type"] == STACK:
            yield from _handed_out(resource)
        elif resource["type"] == CONTAINER:
            yield from _in_container(resource)


def _public(resources: Iterable[Mapping[str, Any]]) -> frozenset[str]:
    """What the stack hands out to everybody."""
    return frozenset(
        text
        for resource in resources
        if resource["type"] == STACK
        for text in resource.get("outputs", {}).values()
        if isinstance(text, str)
    )


def secrets_of(state: Mapping[str, Any]) -> list[Secret]:
    """Every secret of a stack, once, with the first that holds it as its owner.

    Args:
        state: What `pulumi stack export --show-secrets` prints.
    """
    resources = (state.get("deployment") or {}).get("resources") or []
    public = _public(resources)
    owners: dict[str, str] = {}
    for owner, text in _everything(resources):
        if len(text) >= SHORTEST_SECRET and text not in public:
            owners.setdefault(text, owner)
    return [Secret(owner, forms(text)) for text, owner in owners.items()]
