"""What the stand-in writes into the state beside what the official provider wrote for the same."""

import json
from collections.abc import Iterator
from functools import cache
from typing import Any

import docker
import pytest

from airgap.docker_provider.provider import docker_provider
from airgap.provider.values import Secret, Value, Values, reveal_all
from tests.airgap.docker_provider.conftest import name_of_its_own
from tests.airgap.plugin import Plugin, State, plugged_in

pytestmark = pytest.mark.engine

SIGNATURE = "4dabf18193072939515e22adb298388d"
# What differs from machine to machine, or run to run, whichever provider writes it.
INCIDENTAL = {
    "gateway",
    "id",
    "imageId",
    "ipAddress",
    "ipPrefixLength",
    "macAddress",
    "repoDigest",
    "sourceImageId",
    "subnet",
}


IMAGES = ("debian:trixie", "plinth/x:abc123")
REPLACED: dict[Value, Value] = {"bash": "sh", 18000: 28125}


def official(value: Any) -> Value:
    """Read a value of an exported state."""
    if isinstance(value, dict):
        if SIGNATURE in value:
            return Secret(official(json.loads(value["plaintext"])))
        return {key: official(item) for key, item in value.items()}
    if isinstance(value, list):
        return [official(item) for item in value]
    plain: Value = value
    return plain


def settled(key: str, value: Value) -> Value:
    """Leave out what is incidental and the order of sets."""
    if key in INCIDENTAL:
        return "…"
    if isinstance(value, Secret):
        return Secret(settled(key, value.value))
    if isinstance(value, dict):
        return {name: settled(name, item) for name, item in value.items() if name != "__meta"}
    if isinstance(value, list) and key not in {"command", "entrypoints", "tests"}:
        return sorted((settled("", item) for item in value), key=repr_sorted)
    return value


def repr_sorted(value: Value) -> str:
    return json.dumps(value, sort_keys=True, default=repr)


def renamed(value: Value, name: str, image: str) -> Value:
    """Give the official inputs names and images that this test may use."""
    match value:
        case Secret():
            return Secret(renamed(value.value, name, image))
        case dict():
            return {key: renamed(item, name, image) for key, item in value.items()}
        case list():
            return [renamed(item, name, image) for item in value]
        case str() if value.startswith("sha256:"):
            return image
        case str() if value.startswith("pt-"):
            return f"{name}-{value.removeprefix('pt-')}"
    return REPLACED.get(value, value) if value not in IMAGES else image


@pytest.fixture(scope="module")
def plugin() -> Iterator[Plugin]:
    with plugged_in(docker_provider()) as plugin:
        yield plugin


@pytest.fixture(scope="module")
def name(engine: docker.DockerClient) -> Iterator[str]:
    """One name for all tests of this file: they look at resources and change none."""
    with name_of_its_own(engine) as name:
        yield name


@pytest.fixture(scope="module")
def recreate(plugin: Plugin, official_state: dict[str, Any], name: str, busybox: str) -> Any:
    """Creates a resource from the inputs that the official provider had for one of its own.

    Each is created once, whoever asks for it.
    """

    @cache
    def create(of: str, entrypoint: str | None = None) -> tuple[State, Values, Values]:
        recorded = official_state[of]
        inputs = renamed(official(recorded["inputs"]), name, busybox)
        outputs = renamed(official(recorded["outputs"]), name, busybox)
        assert isinstance(inputs, dict)
        assert isinstance(outputs, dict)
        given = written(inputs)
        assert isinstance(given, dict)
        changed: Values = {"entrypoints": [entrypoint]} if entrypoint else {}
        return plugin.create(recorded["type"], {**given, **changed}), inputs, outputs

    return create


def written(value: Value) -> Value:
    """Return inputs as the program wrote them: without what the provider filled in."""
    match value:
        case list():
            return [written(item) for item in value]
        case dict():
            recorded = value.get("__defaults")
            filled = {"__defaults", *map(str, recorded if isinstance(recorded, list) else [])}
            return {key: written(item) for key, item in value.items() if key not in filled}
        case _:
            return value


SIMPLE = ["volume", "files", "data", "edge", "job", "uploads"]


@pytest.mark.parametrize("of", SIMPLE)
def test_checked_inputs_are_the_official_ones(recreate: Any, of: str) -> None:
    state, inputs, _ = recreate(of)
    assert settled("", state.inputs) == settled("", inputs)


def comparable(outputs: Values) -> Value:
    """Leave out, besides, what follows from the names and the image that were changed."""
    skipped = {"hostname", "mountpoint"}
    return settled("", {key: value for key, value in outputs.items() if key not in skipped})


@pytest.mark.parametrize("of", SIMPLE)
def test_outputs_are_the_official_ones(recreate: Any, of: str) -> None:
    state, _, outputs = recreate(of)
    assert comparable(state.outputs) == comparable(outputs)


@pytest.fixture(scope="module")
def full(recreate: Any) -> tuple[State, Values, Values]:
    """The official container with nearly every input set, on its networks and volumes."""
    for needed in ("volume", "files", "data", "edge"):
        recreate(needed)
    # The official one runs `/usr/bin/env sleep 3000`; the test image has it elsewhere.
    outcome: tuple[State, Values, Values] = recreate("full", entrypoint="/bin/env")
    return outcome


def test_checked_inputs_of_a_full_container_are_the_official_ones(
    full: tuple[State, Values, Values],
) -> None:
    state, inputs, _ = full
    expected: Values = {**inputs, "entrypoints": ["/bin/env"]}
    assert settled("", state.inputs) == settled("", expected)


def test_outputs_of_a_full_container_are_the_official_ones(
    full: tuple[State, Values, Values],
) -> None:
    state, _, outputs = full
    expected: Values = {**outputs, "entrypoints": ["/bin/env"]}
    assert settled("", state.outputs) == settled("", expected)


def test_a_state_of_the_official_provider_is_no_change(
    plugin: Plugin, full: tuple[State, Values, Values]
) -> None:
    state, inputs, outputs = full
    taken_over = State(state.token, state.id, {**inputs, "entrypoints": ["/bin/env"]}, outputs)
    found = plugin.refresh(taken_over)
    assert found is not None
    assert not plugin.diff(found, taken_over.inputs).detailedDiff


def test_a_full_container_is_as_declared(
    engine: docker.DockerClient, full: tuple[State, Values, Values]
) -> None:
    state, _, _ = full
    host = engine.containers.get(state.id).attrs["HostConfig"]
    assert (host["ReadonlyRootfs"], host["CapDrop"], host["SecurityOpt"], host["Tmpfs"]) == (
        True,
        ["ALL"],
        ["no-new-privileges:true"],
        {"/tmp": "rw,size=64m"},
    )


def test_no_secret_is_left_in_the_open(full: tuple[State, Values, Values]) -> None:
    state, inputs, _ = full
    envs = reveal_all(inputs)["envs"]
    assert isinstance(envs, list)
    assert not [entry for entry in envs if str(entry) in str(state.outputs)]
