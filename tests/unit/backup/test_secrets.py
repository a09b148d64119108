"""Which part of a deployment is restored, and under which name."""

import json
from typing import Any

import pytest

from backup import secrets

ROOT = "urn:pulumi:prod::plinth::pulumi:pulumi:Stack::plinth-prod"
PROVIDER = "urn:pulumi:prod::plinth::pulumi:providers:random::default"
PASSWORD = "urn:pulumi:prod::plinth::random:index/randomPassword:RandomPassword::password-mongo-1"
VOLUME = "urn:pulumi:prod::plinth::docker:index/volume:Volume::mongo-volume"


@pytest.fixture
def deployment() -> dict[str, Any]:
    return {
        "version": 3,
        "deployment": {
            "manifest": {"version": "3"},
            "secrets_providers": {"type": "passphrase", "state": {"salt": "former"}},
            "resources": [
                {"urn": ROOT, "type": "pulumi:pulumi:Stack", "outputs": {"secret_key": "x"}},
                {"urn": PROVIDER, "type": "pulumi:providers:random"},
                {
                    "urn": PASSWORD,
                    "type": "random:index/randomPassword:RandomPassword",
                    "parent": ROOT,
                    "provider": f"{PROVIDER}::an-id",
                    "outputs": {"result": "prod, and urn:pulumi:prod in a value"},
                },
                {"urn": VOLUME, "type": "docker:index/volume:Volume", "parent": ROOT},
            ],
        },
    }


def test_only_secrets_are_kept(deployment: dict[str, Any]) -> None:
    kept = secrets.only_secrets(deployment)["deployment"]["resources"]
    assert [resource["urn"] for resource in kept] == [ROOT, PROVIDER, PASSWORD]


def test_outputs_of_the_stack_are_left_out(deployment: dict[str, Any]) -> None:
    assert "outputs" not in secrets.only_secrets(deployment)["deployment"]["resources"][0]


def test_the_former_key_is_left_out(deployment: dict[str, Any]) -> None:
    assert "former" not in json.dumps(secrets.only_secrets(deployment))


def test_secrets_are_counted(deployment: dict[str, Any]) -> None:
    assert secrets.count(secrets.only_secrets(deployment)) == 1


@pytest.fixture
def renamed(deployment: dict[str, Any]) -> list[dict[str, Any]]:
    kept = secrets.renamed(secrets.only_secrets(deployment), "prod", "prod-2")
    resources: list[dict[str, Any]] = kept["deployment"]["resources"]
    return resources


def test_the_stack_itself_gets_the_new_name(renamed: list[dict[str, Any]]) -> None:
    assert renamed[0]["urn"] == "urn:pulumi:prod-2::plinth::pulumi:pulumi:Stack::plinth-prod-2"


def test_a_parent_is_the_renamed_stack(renamed: list[dict[str, Any]]) -> None:
    assert renamed[2]["parent"] == renamed[0]["urn"]


def test_a_provider_is_the_renamed_one(renamed: list[dict[str, Any]]) -> None:
    assert renamed[2]["provider"] == f"{renamed[1]['urn']}::an-id"


def test_values_stay_as_they_are(renamed: list[dict[str, Any]]) -> None:
    assert renamed[2]["outputs"] == {"result": "prod, and urn:pulumi:prod in a value"}


def test_the_same_name_changes_nothing(deployment: dict[str, Any]) -> None:
    kept = secrets.only_secrets(deployment)
    assert secrets.renamed(kept, "prod", "prod") == kept
