import json
from typing import Any

import pytest

from drift import declaration
from policies import resource_types

SIGNATURE = {"4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270"}
PASSWORD = "correct-horse-battery"


def secret(value: object) -> dict[str, str]:
    return {**SIGNATURE, "plaintext": json.dumps(value)}


def resource(kind: str, name: str, **fields: Any) -> dict[str, Any]:
    return {
        "type": kind,
        "urn": f"urn:pulumi:ci::plinth::{kind}::{name}",
        "id": f"id-of-{name}",
        "inputs": {},
        "outputs": {},
        **fields,
    }


@pytest.fixture
def deployment() -> dict[str, Any]:
    image = {"imageName": "plinth/redis:1", "build": {}}
    carrier = {
        "name": "plinth-ci-redis-files-1",
        "image": "plinth/redis:1",
        "start": False,
        "mustRun": False,
        "uploads": secret([{"file": "/files/a", "content": f"requirepass {PASSWORD}"}]),
        "volumes": [{"volumeName": "plinth-ci-redis-files-1", "containerPath": "/files"}],
    }
    server = {
        "name": "plinth-ci-redis",
        "image": "plinth/redis:1",
        "envs": secret(["PORT=6379", f"PASSWORD={PASSWORD}"]),
    }
    return {
        "resources": [
            resource(
                "pulumi:pulumi:Stack",
                "plinth-ci",
                outputs={"redis": secret({"password": PASSWORD, "port": 6379, "user": "redis"})},
            ),
            resource(
                "random:index/randomPassword:RandomPassword",
                "password",
                outputs={"result": secret("of-a-generator-1234")},
            ),
            resource(
                resource_types.IMAGE,
                "redis-image",
                inputs=image,
                outputs={"repoDigest": "sha256:1234"},
            ),
            resource(resource_types.VOLUME, "redis-files-volume", inputs={"name": "v"}),
            resource(resource_types.CONTAINER, "redis-files", inputs=carrier),
            resource(resource_types.CONTAINER, "redis", inputs=server),
            resource(resource_types.CONTAINER, "old", inputs={"name": "x"}, delete=True),
        ]
    }


def test_secret_inputs_are_read(deployment: dict[str, Any]) -> None:
    read = declaration.read("ci", deployment).container("redis")
    assert read is not None
    assert read.inputs.envs[1] == f"PASSWORD={PASSWORD}"


def test_an_image_is_known_by_what_was_built(deployment: dict[str, Any]) -> None:
    assert declaration.read("ci", deployment).images == (
        declaration.DeclaredImage("redis-image", "plinth/redis:1", "sha256:1234"),
    )


def test_what_is_about_to_be_deleted_is_not_declared(deployment: dict[str, Any]) -> None:
    assert declaration.read("ci", deployment).container("old") is None


def test_the_volume_of_a_carrier_holds_files(deployment: dict[str, Any]) -> None:
    assert declaration.read("ci", deployment).file_volumes == {"plinth-ci-redis-files-1"}


def test_secrets_are_those_that_are_made_and_handed_out(deployment: dict[str, Any]) -> None:
    read = declaration.read("ci", deployment)
    assert read.secrets == {PASSWORD, "of-a-generator-1234"}


def test_no_secret_is_shown_by_accident(deployment: dict[str, Any]) -> None:
    assert PASSWORD not in repr(declaration.read("ci", deployment))


@pytest.mark.parametrize(
    ("deployment", "reason"),
    [
        ({}, "nothing is deployed"),
        ({"pending_operations": [{"type": "creating"}]}, "cut off or is still running"),
    ],
)
def test_a_state_that_cannot_be_compared_is_refused(
    deployment: dict[str, Any], reason: str
) -> None:
    with pytest.raises(declaration.UnreadableStateError, match=reason):
        declaration.read("ci", deployment)
