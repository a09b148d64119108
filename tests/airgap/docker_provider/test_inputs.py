from typing import Any

import pytest

from airgap.docker_provider import container, remote_image
from airgap.docker_provider.inputs import (
    REFUSED,
    ContainerInputs,
    ImageInputs,
    Inputs,
    NetworkInputs,
    RemoteImageInputs,
    TagInputs,
    VolumeInputs,
)
from airgap.provider.values import UNKNOWN, Values
from tests.airgap.plugin import Plugin

CONTAINER = "docker:index/container:Container"
MODELS: dict[str, type[Inputs]] = {
    CONTAINER: ContainerInputs,
    "docker:index/image:Image": ImageInputs,
    "docker:index/network:Network": NetworkInputs,
    "docker:index/remoteImage:RemoteImage": RemoteImageInputs,
    "docker:index/tag:Tag": TagInputs,
    "docker:index/volume:Volume": VolumeInputs,
}
IN_PLACE = {
    CONTAINER: container.UPDATED_IN_PLACE,
    "docker:index/image:Image": frozenset(
        {"build", "buildOnPreview", "imageName", "registry", "skipPush"}
    ),
    "docker:index/network:Network": frozenset[str](),
    "docker:index/remoteImage:RemoteImage": remote_image.UPDATED_IN_PLACE,
    "docker:index/tag:Tag": frozenset[str](),
}


@pytest.mark.parametrize("token", sorted(MODELS))
def test_every_official_input_is_taken_or_refused_by_name(
    token: str, contract: dict[str, Any]
) -> None:
    taken = {field.alias for field in MODELS[token].model_fields.values()}
    assert taken | REFUSED.keys() >= contract[token]["inputs"].keys()


@pytest.mark.parametrize("token", sorted(MODELS))
def test_no_other_input_is_taken(token: str, contract: dict[str, Any]) -> None:
    taken = {field.alias for field in MODELS[token].model_fields.values()}
    assert taken <= contract[token]["inputs"].keys()


@pytest.mark.parametrize("token", sorted(IN_PLACE))
def test_an_input_replaces_where_the_official_one_does(
    token: str, contract: dict[str, Any]
) -> None:
    in_place = {
        key
        for key, kind in contract[token]["inputs"].items()
        if "replaces" not in kind.split() and key not in {"gpus", "deviceRequests"}
    }
    assert in_place == IN_PLACE[token]


@pytest.mark.parametrize(
    ("inputs", "path", "reason"),
    [
        ({"name": "x"}, "image", "Field required"),
        ({"image": "x", "colour": "red"}, "colour", "there is no such input"),
        ({"image": "x", "gpus": "all"}, "gpus", "not supported"),
        ({"image": "x", "memory": "much"}, "memory", "valid integer"),
        ({"image": "x", "restart": "sometimes"}, "restart", "'no', 'on-failure'"),
        ({"image": "x", "ports": [{"external": 1}]}, "ports[0].internal", "Field required"),
        (
            {"image": "x", "healthcheck": {"tests": ["CMD"], "interval": "soon"}},
            "healthcheck.interval",
            "write it as",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_bad_input_is_named_with_its_reason(
    plugin: Plugin, inputs: Values, path: str, reason: str
) -> None:
    assert reason in plugin.failures(CONTAINER, inputs)[path]


def test_an_unknown_input_is_accepted_before_it_is_known(plugin: Plugin) -> None:
    assert plugin.check(CONTAINER, {"image": UNKNOWN, "envs": [UNKNOWN]})["image"] is UNKNOWN


def test_a_name_that_is_left_out_is_made(plugin: Plugin) -> None:
    assert str(plugin.check(CONTAINER, {"image": "x"})["name"]).startswith("subject-")


def test_a_made_name_is_kept(plugin: Plugin) -> None:
    before = plugin.check(CONTAINER, {"image": "x"})
    assert plugin.check(CONTAINER, {"image": "x"}, before)["name"] == before["name"]


def test_a_name_that_is_left_out_is_what_the_engine_proposes(plugin: Plugin) -> None:
    proposed = "plinth-dev-subject-1a2b3c"
    checked = plugin.check(CONTAINER, {"image": "plinth/test:1"}, proposed_name=proposed)
    assert checked["name"] == proposed


def test_a_given_name_is_taken_whatever_the_engine_proposes(plugin: Plugin) -> None:
    inputs: Values = {"image": "plinth/test:1", "name": "own"}
    assert plugin.check(CONTAINER, inputs, proposed_name="proposed")["name"] == "own"
