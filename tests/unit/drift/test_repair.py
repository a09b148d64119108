import pytest

from airgap.docker_provider.inputs import ContainerInputs, NetworkInputs, parse
from drift import repair
from drift.declaration import Declaration, DeclaredContainer, DeclaredNetwork
from drift.finding import Finding, Remedy


def container(resource: str, **inputs: object) -> DeclaredContainer:
    given = {"image": "plinth/x:1", "name": f"plinth-ci-{resource}", **inputs}
    return DeclaredContainer(resource, f"id-{resource}", parse(ContainerInputs, given))  # type: ignore[arg-type]  # made-up JSON


def finding(component: str, remedy: Remedy, target: str = "") -> Finding:
    return Finding(component, "what", "declared", "found", remedy, target)


@pytest.fixture
def declaration() -> Declaration:
    files = [{"volumeName": "files", "containerPath": "/files"}]
    data = [{"volumeName": "data", "containerPath": "/data"}]
    network = parse(NetworkInputs, {"name": "plinth-ci-edge"})
    return Declaration(
        "ci",
        containers=(
            container("postgres", volumes=data),
            container("db-bootstrap", mustRun=False),
            container("redis-files", start=False, mustRun=False, volumes=files),
            container("redis", volumes=[*data, *files]),
            container("gateway", networksAdvanced=[{"name": "plinth-ci-edge"}]),
        ),
        networks=(DeclaredNetwork("edge-network", "id-edge", network),),
    )


def test_nothing_found_needs_nothing(declaration: Declaration) -> None:
    assert repair.plan([], declaration) == repair.Plan()


def test_a_container_is_removed_for_an_update_to_make_it(declaration: Declaration) -> None:
    planned = repair.plan([finding("redis", Remedy.REPLACE)], declaration)
    assert planned == repair.Plan(containers=("plinth-ci-redis",), needs_update=True)


def test_what_depends_on_another_goes_first(declaration: Declaration) -> None:
    found = [finding("postgres", Remedy.REPLACE), finding("gateway", Remedy.REPLACE)]
    assert repair.plan(found, declaration).containers == ("plinth-ci-gateway", "plinth-ci-postgres")


def test_files_are_written_into_a_new_volume(declaration: Declaration) -> None:
    found = [finding("redis-files", Remedy.REFILL, "plinth-ci-redis-files")]
    assert repair.plan(found, declaration) == repair.Plan(
        containers=("plinth-ci-redis", "plinth-ci-redis-files"),
        volumes=("files",),
        needs_update=True,
    )


@pytest.mark.parametrize("remedy", Remedy)
def test_no_volume_of_data_is_ever_removed(declaration: Declaration, remedy: Remedy) -> None:
    found = [finding(each.resource, remedy, "data") for each in declaration.containers]
    assert "data" not in repair.plan(found, declaration).volumes


def test_a_network_goes_after_the_containers_on_it(declaration: Declaration) -> None:
    found = [finding("edge-network", Remedy.REBUILD_NETWORK, "id-edge")]
    assert repair.plan(found, declaration) == repair.Plan(
        containers=("plinth-ci-gateway",), networks=("id-edge",), needs_update=True
    )


def test_what_differs_in_the_database_runs_the_bootstrap_again(declaration: Declaration) -> None:
    planned = repair.plan([finding("database", Remedy.DATABASE)], declaration)
    assert planned.containers == ("plinth-ci-db-bootstrap",)


def test_a_renamed_container_is_removed_by_its_id(declaration: Declaration) -> None:
    found = [finding("redis", Remedy.REPLACE, "1234")]
    assert repair.plan(found, declaration).containers == ("plinth-ci-redis", "1234")


def test_strays_need_no_update(declaration: Declaration) -> None:
    found = [
        finding("(container)", Remedy.REMOVE_CONTAINER, "1"),
        finding("(network)", Remedy.REMOVE_NETWORK, "2"),
        finding("data-network", Remedy.DETACH, "3 4"),
    ]
    assert repair.plan(found, declaration) == repair.Plan(
        containers=("1",), disconnections=(("3", "4"),), networks=("2",)
    )


def test_a_tag_is_given_back(declaration: Declaration) -> None:
    found = [finding("redis-image", Remedy.TAG, "sha256:1 plinth/redis:1")]
    assert repair.plan(found, declaration).tags == (("sha256:1", "plinth/redis:1"),)


@pytest.mark.parametrize("remedy", [Remedy.BY_HAND, Remedy.APPLY_FIRST])
def test_what_only_a_person_can_decide_is_left(declaration: Declaration, remedy: Remedy) -> None:
    assert repair.plan([finding("redis", remedy, "data")], declaration) == repair.Plan()
