from pathlib import Path

import docker
import grpc
import pytest
from docker.errors import NotFound

from airgap.provider.values import UNKNOWN, Value, Values
from tests.airgap.plugin import Plugin, State

pytestmark = pytest.mark.engine

NETWORK = "docker:index/network:Network"
VOLUME = "docker:index/volume:Volume"
LABELS: list[Value] = [{"label": "plinth.stack", "value": "test"}]


@pytest.fixture(params=[NETWORK, VOLUME])
def token(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def inputs(name: str) -> Values:
    return {"name": name, "labels": [*LABELS]}


@pytest.fixture
def made(plugin: Plugin, token: str, inputs: Values) -> State:
    return plugin.create(token, inputs)


def test_the_same_inputs_are_no_change(plugin: Plugin, made: State, inputs: Values) -> None:
    assert not plugin.diff(made, inputs).detailedDiff


def test_a_refresh_is_no_change(plugin: Plugin, made: State) -> None:
    assert plugin.refresh(made) == made


def test_a_changed_label_replaces(plugin: Plugin, made: State, inputs: Values) -> None:
    assert list(plugin.diff(made, {**inputs, "labels": []}).replaces) == ["labels"]


def test_a_replacement_of_the_same_name_deletes_first(
    plugin: Plugin, made: State, inputs: Values
) -> None:
    assert plugin.diff(made, {**inputs, "labels": []}).deleteBeforeReplace


def test_a_replacement_of_another_name_does_not_delete_first(
    plugin: Plugin, made: State, inputs: Values
) -> None:
    assert not plugin.diff(made, {**inputs, "name": "other"}).deleteBeforeReplace


def test_an_imported_one_is_no_change(plugin: Plugin, made: State, inputs: Values) -> None:
    imported = plugin.bring_in(made.token, made.id)
    assert not plugin.diff(imported, inputs).detailedDiff


def test_a_deleted_one_is_reported_as_gone(plugin: Plugin, made: State) -> None:
    plugin.delete(made)
    assert plugin.refresh(made) is None


def test_deleting_what_is_gone_is_no_error(plugin: Plugin, made: State) -> None:
    plugin.delete(made)
    plugin.delete(made)


def test_a_preview_leaves_the_engine_alone(
    plugin: Plugin, engine: docker.DockerClient, inputs: Values, name: str
) -> None:
    plugin.preview(NETWORK, inputs)
    with pytest.raises(NotFound):
        engine.networks.get(name)


@pytest.mark.parametrize(("of", "output"), [(NETWORK, "scope"), (VOLUME, "mountpoint")])
def test_what_a_preview_cannot_know_is_unknown(
    plugin: Plugin, inputs: Values, of: str, output: str
) -> None:
    assert plugin.preview(of, inputs)[output] is UNKNOWN


def test_a_network_in_use_is_not_deleted(
    plugin: Plugin, engine: docker.DockerClient, inputs: Values, name: str, busybox: str
) -> None:
    network = plugin.create(NETWORK, inputs)
    engine.containers.run(busybox, ["sleep", "300"], name=name, network=name, detach=True)
    with pytest.raises(grpc.RpcError, match="has active endpoints"):
        plugin.delete(network)


def test_a_volume_has_a_place_on_the_host(plugin: Plugin, inputs: Values, name: str) -> None:
    place = plugin.create(VOLUME, inputs).outputs["mountpoint"]
    assert Path(str(place)).parts[-2:] == (name, "_data")
