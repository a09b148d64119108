"""No secret in plain text: environment, command, labels, files and build arguments.

A value that the program marked as secret is encrypted in the state and hidden in a preview, so it
passes. Everything else is judged by `secret_detection`.
"""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING

from policies.properties import block, given, hidden
from policies.secret_detection import secret_in_arguments, secret_in_pair, secret_in_text
from policies.violation import Violation, entry

if TYPE_CHECKING:
    from collections.abc import Iterator

    from policies.properties import Properties
    from policies.subject import Subject

_MARK = (
    "Pass it as a secret Output: a generated password's result, a secret of the configuration, "
    "or Output.format of one"
)


def _plain_elements(properties: Properties, name: str) -> Iterator[tuple[int, object]]:
    """The elements of a list property that are neither marked as secret nor unknown."""
    if hidden(properties.get(name)):
        return
    raw = properties.get(name)
    if isinstance(raw, list):
        yield from ((position, value) for position, value in enumerate(raw) if not hidden(value))


def environment(subject: Subject) -> Iterator[Violation]:
    """No environment variable of a container holds a plain secret."""
    properties = subject.properties
    for position, value in _plain_elements(properties, "envs"):
        if not isinstance(value, str):
            continue
        name, _, content = value.partition("=")
        if kind := secret_in_pair(name, content):
            yield Violation(f"envs{entry(name, position)}", f"{kind} in plain text", _MARK)


def _arguments(properties: Properties, name: str, path: str) -> Iterator[Violation]:
    if hidden(properties.get(name)):
        return
    raw = properties.get(name)
    # An element that is hidden keeps its place, so that positions stay true.
    arguments = [
        value if isinstance(value, str) else "$hidden"
        for value in (raw if isinstance(raw, list) else ())
    ]
    for position, kind in secret_in_arguments(arguments):
        yield Violation(f"{path}[{position}]", f"{kind} in plain text", _MARK)


def command(subject: Subject) -> Iterator[Violation]:
    """No command, entry point or health check command of a container holds a plain secret."""
    properties = subject.properties
    yield from _arguments(properties, "command", "command")
    yield from _arguments(properties, "entrypoints", "entrypoints")
    if not hidden(properties.get("healthcheck")):
        yield from _arguments(block(properties, "healthcheck"), "tests", "healthcheck.tests")


def labels(subject: Subject) -> Iterator[Violation]:
    """No label of a container, network or volume holds a plain secret."""
    properties = subject.properties
    for position, label in _plain_elements(properties, "labels"):
        if not isinstance(label, dict):
            continue
        name, value = given(label, "label"), label.get("value")
        if not (isinstance(name, str) and isinstance(value, str)):
            continue
        if kind := secret_in_pair(name, value):
            mend = "Labels are shown by every tool: take it out"
            yield Violation(f"labels{entry(name, position)}", f"{kind} in plain text", mend)


def uploads(subject: Subject) -> Iterator[Violation]:
    """No file that is put into a container holds a plain secret."""
    properties = subject.properties
    for position, upload in _plain_elements(properties, "uploads"):
        if not isinstance(upload, dict):
            continue
        file = given(upload, "file")
        path = f"uploads{entry(file if isinstance(file, str) else '', position)}"
        for name in ("content", "contentBase64"):
            text = upload.get(name)
            if not isinstance(text, str):
                continue
            content = _decoded(text) if name == "contentBase64" else text
            if kind := secret_in_text(content):
                yield Violation(f"{path}.{name}", f"{kind} in plain text", _MARK)


def _decoded(text: str) -> str:
    """The text inside base64; empty when it is no text, which cannot be judged."""
    try:
        return base64.b64decode(text, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return ""


def build_arguments(subject: Subject) -> Iterator[Violation]:
    """No argument of an image's build holds a plain secret; they stay in its history."""
    properties = subject.properties
    if hidden(properties.get("build")):
        return
    for name in ("args", "buildArgs"):
        build = block(properties, "build")
        if hidden(build.get(name)):
            continue
        for position, (argument, value) in enumerate(block(build, name).items()):
            if isinstance(value, str) and (kind := secret_in_pair(argument, value)):
                mend = "Build arguments stay in the image: fetch it at run time instead"
                path = f"build.{name}{entry(argument, position)}"
                yield Violation(path, f"{kind} in plain text", mend)
