"""docker:index/image:Image: an image built with the classic builder, and pushed if asked."""

import hashlib
import json
import os
import platform
import queue
import threading
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from airgap.docker_provider.build_context import digest
from airgap.docker_provider.comparison import canonical
from airgap.docker_provider.engine import Engine, explain
from airgap.docker_provider.inputs import Build, ImageInputs, check, parse
from airgap.provider.difference import Difference, compare
from airgap.provider.resource import (
    Created,
    Found,
    Operation,
    OperationCancelledError,
    ProviderError,
)
from airgap.provider.values import Value, Values, contains_unknown

BUILD_LABEL: Final = "plinth.build"
"""Label of a built image: the digest of what it was built from."""

_BUILDS_AT_ONCE: Final = 2
_INTERVAL_SECONDS: Final = 0.2
_ERROR_LINES: Final = 20
_MACHINES: Final = {"x86_64": "amd64", "aarch64": "arm64"}


@dataclass(frozen=True)
class ImageType:
    """Operations on built images; every input is updated in place by building again."""

    engine: Engine
    secret_outputs: frozenset[str] = frozenset({"__inputs"})
    computed_outputs: frozenset[str] = frozenset(
        {"baseImageName", "context", "dockerfile", "platform", "registryServer", "repoDigest"}
    )
    recomputed_outputs: frozenset[str] = frozenset({"repoDigest"})
    builds: threading.Semaphore = field(
        default_factory=lambda: threading.Semaphore(_BUILDS_AT_ONCE)
    )

    def check(self, _operation: Operation, inputs: Values, _old_inputs: Values) -> Values:
        """See `ResourceType.check`."""
        given: Values = {key: value for key, value in inputs.items() if value is not None}
        build = given.get("build", {})
        if isinstance(build, dict):
            given["build"] = _with_digest(build)
        check(ImageInputs, given)
        return given

    def diff(self, inputs: Values, old_inputs: Values, _old_outputs: Values) -> Difference:
        """See `ResourceType.diff`; as with the official provider, an account is no change."""
        return compare(
            {**old_inputs, "registry": _server(old_inputs)},
            {**inputs, "registry": _server(inputs)},
            replaces=lambda _: False,
            canonical=canonical,
        )

    def create(self, operation: Operation, inputs: Values) -> Created:
        """See `ResourceType.create`."""
        declared = parse(ImageInputs, inputs)
        return Created(declared.image_name, self._make(operation, declared, inputs))

    def read(
        self, _operation: Operation, identifier: str, inputs: Values, outputs: Values
    ) -> Found | None:
        """See `ResourceType.read`; an image that is missing is reported as gone."""
        if not inputs:
            raise ProviderError(f"image {identifier}: a built image cannot be imported")
        name = str(outputs.get("imageName", identifier))
        with self.engine.explained(f"image {name}"):
            found = self.engine.image(name)
        return Found(identifier, outputs, inputs) if found else None

    def update(
        self, operation: Operation, _identifier: str, inputs: Values, _old_outputs: Values
    ) -> Values:
        """See `ResourceType.update`."""
        return self._make(operation, parse(ImageInputs, inputs), inputs)

    def delete(self, _operation: Operation, _identifier: str, _outputs: Values) -> None:
        """See `ResourceType.delete`; as with the official provider, the image stays."""

    def _make(self, operation: Operation, declared: ImageInputs, inputs: Values) -> Values:
        name, build = declared.image_name, declared.build
        recipe = _recipe_digest(build)
        with self.engine.explained(f"image {name}"):
            image = self.engine.image(name)
            if image is None or _label(image) != recipe:
                with self._turn(operation):
                    self._build(operation, name, build, recipe)
                image = self.engine.image(name)
            if image is None:
                raise ProviderError(f"image {name}: the build gave no image of that name")
            pushed = "" if declared.skip_push else self._push(operation, declared)
        context = Path(build.context)
        return {
            "__inputs": inputs,
            "baseImageName": name,
            "context": build.context,
            "dockerfile": os.path.relpath(_dockerfile(build), context),
            "imageName": name,
            "platform": build.platform,
            "registryServer": declared.registry.server,
            "repoDigest": pushed or str(image["Id"]),
        }

    @contextmanager
    def _turn(self, operation: Operation) -> Iterator[None]:
        """Wait for one of the builds at once."""
        while not self.builds.acquire(timeout=_INTERVAL_SECONDS):
            if operation.cancelled.is_set():
                raise OperationCancelledError("cancelled before the build began")
        try:
            yield
        finally:
            self.builds.release()

    def _build(self, operation: Operation, name: str, build: Build, recipe: str) -> None:
        events = self.engine.api.build(
            path=build.context,
            dockerfile=str(_dockerfile(build).resolve()),
            tag=name,
            buildargs=build.args or None,
            labels={BUILD_LABEL: recipe},
            platform=build.platform or None,
            target=build.target or None,
            network_mode=build.network or None,
            extra_hosts=dict(host.split(":", 1) for host in build.add_hosts) or None,
            rm=True,
            forcerm=True,
            decode=True,
        )
        _follow(operation, events, f"image {name}: the build failed")

    def _push(self, operation: Operation, declared: ImageInputs) -> str:
        registry = declared.registry
        account = {"username": registry.username, "password": registry.password}
        events = self.engine.api.push(
            declared.image_name,
            auth_config=account if registry.username else None,
            stream=True,
            decode=True,
        )
        subject = f"image {declared.image_name}: the push failed"
        pushed = _follow(operation, events, subject).get("Digest", "")
        repository = declared.image_name.rpartition(":")[0]
        return f"{repository}@{pushed}" if pushed else ""


def labels_of(build: Values) -> dict[str, str]:
    """Labels by which an image is known to be built as declared.

    Whoever builds it by other means and labels it so spares the provider building it again, and
    with it whatever is built on it.

    Args:
        build: The resource's input `build`.

    Raises:
        ProviderError: The context or the Dockerfile cannot be read.
    """
    return {BUILD_LABEL: _recipe_digest(parse(Build, _with_digest(build)))}


def _follow(operation: Operation, events: Iterable[dict[str, Any]], subject: str) -> dict[str, Any]:
    """Show the engine's progress line by line and return what it reports besides.

    Raises:
        ProviderError: the engine reports an error; the text carries the last lines before it.
    """
    last: deque[str] = deque(maxlen=_ERROR_LINES)
    details: dict[str, Any] = {}
    for event in _until_cancelled(operation, events):
        details.update(event.get("aux") or {})
        for line in str(event.get("stream") or "").splitlines():
            text = operation.redact(line.rstrip())
            if text:
                last.append(text)
                # What a step prints is told when it fails; until then its name says enough.
                if text.startswith("Step "):
                    operation.log(text)
        if "error" in event:
            reason = explain(operation.redact(str(event["error"])), subject)
            lines = "\n".join(f"    {line}" for line in last)
            raise ProviderError(f"{reason}\n{lines}" if lines else reason)
    return details


def _until_cancelled(
    operation: Operation, events: Iterable[dict[str, Any]]
) -> Iterator[dict[str, Any]]:
    """Hand on what the engine reports, and give up when the operation is cancelled.

    A step may be silent for minutes, so another thread waits for the engine. The engine ends the
    build when its caller has gone, which is as soon as the provider ends.

    Raises:
        OperationCancelledError: the operation was cancelled.
    """
    arrived: queue.SimpleQueue[dict[str, Any] | Exception | None] = queue.SimpleQueue()

    def wait_for_engine() -> None:
        try:
            for event in events:
                arrived.put(event)
            arrived.put(None)
        except Exception as error:  # noqa: BLE001  (raised again where it is waited for)
            arrived.put(error)

    threading.Thread(target=wait_for_engine, daemon=True).start()
    while True:
        if operation.cancelled.is_set():
            raise OperationCancelledError("cancelled before it was done")
        try:
            event = arrived.get(timeout=_INTERVAL_SECONDS)
        except queue.Empty:
            continue
        if event is None:
            return
        if isinstance(event, Exception):
            raise event
        yield event


def _with_digest(build: dict[str, Value]) -> dict[str, Value]:
    """Add the digest of the context and the platform, as far as the build is known."""
    machine = platform.machine()
    filled: dict[str, Value] = {"platform": f"linux/{_MACHINES.get(machine, machine)}"}
    filled.update({key: value for key, value in build.items() if value is not None})
    places = (filled.get("context", "."), filled.get("dockerfile", ""))
    if not any(contains_unknown(place) for place in places):
        context, dockerfile = Path(str(places[0])), str(places[1])
        filled["contextDigest"] = digest(
            context, Path(dockerfile) if dockerfile else context / "Dockerfile"
        )
    return filled


def _dockerfile(build: Build) -> Path:
    return Path(build.dockerfile) if build.dockerfile else Path(build.context) / "Dockerfile"


def _recipe_digest(build: Build) -> str:
    recipe = build.model_dump(mode="json", exclude={"context", "dockerfile"})
    return hashlib.sha256(json.dumps(recipe, sort_keys=True).encode()).hexdigest()


def _label(image: dict[str, Any]) -> str | None:
    labels: dict[str, str] = (image.get("Config") or {}).get("Labels") or {}
    return labels.get(BUILD_LABEL)


def _server(inputs: Values) -> Value:
    registry = inputs.get("registry")
    return registry.get("server") if isinstance(registry, dict) else None
