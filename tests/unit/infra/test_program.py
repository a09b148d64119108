"""The whole program under a recorder, as each shipped stack runs it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.certificates import self_signed
from tests.unit.infra.conftest import Recorder, run_program

CONTAINER = "docker:index/container:Container"
DEVELOPMENT: dict[str, Any] = {
    "plinth:environment": "development",
    "plinth:auth": {"autoconfirm": True},
}


@pytest.fixture
def containers(program: Recorder) -> dict[str, dict[str, Any]]:
    return program.resources[CONTAINER]


@pytest.fixture
def components(containers: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {name: inputs for name, inputs in containers.items() if not name.endswith("-files")}


def test_every_container_drops_its_capabilities(containers: dict[str, dict[str, Any]]) -> None:
    assert {str(inputs["capabilities"]) for inputs in containers.values()} == {"{'drops': ['ALL']}"}


def test_every_component_has_a_read_only_root(components: dict[str, dict[str, Any]]) -> None:
    assert all(inputs["readOnly"] for inputs in components.values())


def test_memory_and_swap_are_limited_together(containers: dict[str, dict[str, Any]]) -> None:
    assert all(inputs["memory"] == inputs["memorySwap"] for inputs in containers.values())


def test_no_component_runs_as_root(containers: dict[str, dict[str, Any]]) -> None:
    assert all(not inputs["user"].startswith("0") for inputs in containers.values())


def test_everything_that_stays_is_checked_for_health(
    components: dict[str, dict[str, Any]],
) -> None:
    without = {name for name, inputs in components.items() if "healthcheck" not in inputs}
    assert without == {"db-bootstrap"}


@pytest.mark.parametrize("store", ["postgres", "mongo", "redis", "object-store"])
def test_a_store_is_given_half_a_minute_to_stop(
    components: dict[str, dict[str, Any]], store: str
) -> None:
    assert components[store]["destroyGraceSeconds"] >= 30


def test_only_the_gateway_may_be_published_beyond_loopback(
    components: dict[str, dict[str, Any]],
) -> None:
    beyond = {
        name
        for name, inputs in components.items()
        for port in inputs.get("ports", [])
        if port["ip"] != "127.0.0.1"
    }
    assert beyond <= {"gateway"}


def test_no_image_is_untagged(components: dict[str, dict[str, Any]]) -> None:
    assert all(":" in inputs["image"] for inputs in components.values())


def test_files_are_not_for_everybody(containers: dict[str, dict[str, Any]]) -> None:
    modes = {
        upload["permissions"]
        for inputs in containers.values()
        for upload in inputs.get("uploads", [])
    }
    assert modes == {"0440"}


def test_a_components_files_are_named_after_their_content(
    components: dict[str, dict[str, Any]],
) -> None:
    volumes = [volume["volumeName"] for volume in components["gateway"]["volumes"]]
    assert "-gateway-files-" in volumes[0]


def test_the_same_configuration_gives_the_same_resources() -> None:
    first, second = (run_program("dev", DEVELOPMENT).resources for _ in range(2))
    assert first == second


def test_another_generation_of_keys_changes_the_gateway() -> None:
    rotated = {**DEVELOPMENT, "plinth:keys": {"generation": 2}}
    before, after = (run_program("dev", configuration) for configuration in (DEVELOPMENT, rotated))
    volume = [run.resources[CONTAINER]["gateway"]["volumes"] for run in (before, after)]
    assert volume[0] != volume[1]


def test_a_new_generation_keeps_the_previous_seed() -> None:
    rotated = run_program("dev", {**DEVELOPMENT, "plinth:keys": {"generation": 2}})
    generated = rotated.resources["random:index/randomPassword:RandomPassword"]
    assert {"seed-keys-1", "seed-keys-2"} <= set(generated)


def test_an_unpublished_store_is_on_the_data_network_alone() -> None:
    program = run_program("dev", DEVELOPMENT)
    networks = program.resources[CONTAINER]["redis"]["networksAdvanced"]
    assert [network["name"] for network in networks] == ["plinth-dev-data"]


def test_no_secret_is_made_of_random_bytes(program: Recorder) -> None:
    # The id of such a resource is its value, and ids are kept in clear.
    assert "random:index/randomBytes:RandomBytes" not in program.resources


def test_protected_data_is_declared_in_production_alone() -> None:
    assert "plinth-dev-postgres-data" in {
        volume["name"]
        for volume in run_program("dev", DEVELOPMENT)
        .resources["docker:index/volume:Volume"]
        .values()
    }


def test_images_may_come_from_a_registry() -> None:
    program = run_program("dev", {**DEVELOPMENT, "plinth:images": {"source": "registry"}})
    pulled = program.resources["docker:index/remoteImage:RemoteImage"]
    assert pulled["postgres-image"]["name"].startswith("postgres:17")


def test_plinths_own_services_are_built_whatever_the_source() -> None:
    program = run_program("dev", {**DEVELOPMENT, "plinth:images": {"source": "registry"}})
    assert "db-bootstrap-image" in program.resources["docker:index/image:Image"]


@pytest.fixture
def with_certificate(tmp_path: Path) -> Callable[[str], Recorder]:
    """Run the program with a certificate of the given subject."""

    def run(subject: str) -> Recorder:
        chain, key = self_signed(subject)
        (tmp_path / "chain.pem").write_text(chain)
        (tmp_path / "key.pem").write_text(key)
        tls = {
            "certificate_file": str(tmp_path / "chain.pem"),
            "key_file": str(tmp_path / "key.pem"),
            "redirect_port": 8080,
        }
        return run_program("dev", {**DEVELOPMENT, "plinth:gateway": {"port": 8443, "tls": tls}})

    return run


def test_another_certificate_does_not_replace_the_gateway(
    with_certificate: Callable[[str], Recorder],
) -> None:
    first, second = (with_certificate(subject).resources[CONTAINER] for subject in ("a", "b"))
    assert first["gateway"] == second["gateway"]


def test_another_certificate_is_carried_by_another_container(
    with_certificate: Callable[[str], Recorder],
) -> None:
    names = {
        with_certificate(subject).resources[CONTAINER]["gateway-renewed-files"]["name"]
        for subject in ("a", "b")
    }
    assert len(names) == 2


def test_a_gateway_with_a_certificate_publishes_both_its_ports(
    with_certificate: Callable[[str], Recorder],
) -> None:
    gateway = with_certificate("a").resources[CONTAINER]["gateway"]
    assert [(port["internal"], port["external"]) for port in gateway["ports"]] == [
        (8000, 8443),
        (8001, 8080),
    ]
