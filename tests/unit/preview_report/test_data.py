import pytest

from preview_report.data import Danger, DataFinding, findings, is_data_volume
from tests.unit.preview_report.conftest import PASSWORD, VOLUME, MakeStep, preview, urn

MOUNT = {"volumeName": "plinth-shop-redis-data", "containerPath": "/data"}


def worst(*found: DataFinding) -> Danger | None:
    """The danger of the first finding, which is the worst."""
    return found[0].danger if found else None


@pytest.mark.parametrize(
    ("operation", "danger"),
    [("delete", Danger.LOST), ("replace", Danger.LOST), ("create", None), ("update", None)],
)
def test_a_volume_that_goes_takes_its_data(
    volume: MakeStep, operation: str, danger: Danger | None
) -> None:
    assert worst(*findings(preview(volume(operation, "redis")))) is danger


def test_a_volume_that_stays_on_the_engine_keeps_its_data(volume: MakeStep) -> None:
    assert worst(*findings(preview(volume("delete", "redis", retain=True)))) is Danger.AT_RISK


@pytest.mark.parametrize("name", ["redis-files-volume", "redis-renewed-files-volume"])
def test_the_volume_of_a_components_files_holds_no_data(volume: MakeStep, name: str) -> None:
    assert not is_data_volume(volume("delete", "redis", name=name))


def test_a_volume_that_nobody_knows_is_taken_for_data(step: MakeStep) -> None:
    assert is_data_volume(step("delete", VOLUME, "other", before={"name": "other"}))


def test_a_protected_volume_is_refused(volume: MakeStep) -> None:
    refused = (urn(VOLUME, "redis-data-volume"),)
    found = findings(preview(volume("delete", "redis"), protected=refused, error="protected"))
    assert [each.danger for each in found] == [Danger.REFUSED]


def test_a_refusal_is_told_although_no_step_is(volume: MakeStep) -> None:
    refused = (urn(VOLUME, "redis-data-volume"),)
    found = findings(preview(volume("same", "mongo"), protected=refused, error="protected"))
    assert [(each.component, each.danger) for each in found] == [("redis-data", Danger.REFUSED)]


def test_a_restarting_store_is_told(volume: MakeStep, container: MakeStep) -> None:
    found = findings(preview(volume("same", "redis"), container("replace", "redis")))
    assert worst(*found) is Danger.TOUCHED


def test_a_restarting_service_touches_no_data(volume: MakeStep, container: MakeStep) -> None:
    assert not findings(preview(volume("same", "redis"), container("replace", "rest")))


@pytest.mark.parametrize(
    "after", [[], [{**MOUNT, "containerPath": "/elsewhere"}]], ids=["gone", "moved"]
)
def test_a_volume_that_is_no_longer_mounted_there_is_a_risk(
    volume: MakeStep, container: MakeStep, after: list[dict[str, str]]
) -> None:
    store = container("replace", "redis", before={"volumes": [MOUNT]}, after={"volumes": after})
    assert worst(*findings(preview(volume("same", "redis"), store))) is Danger.AT_RISK


def test_a_mount_that_stays_is_no_risk(volume: MakeStep, container: MakeStep) -> None:
    mounts = {"volumes": [MOUNT]}
    store = container("replace", "redis", before=mounts, after=mounts)
    assert worst(*findings(preview(volume("same", "redis"), store))) is Danger.TOUCHED


@pytest.mark.parametrize(
    ("before", "after", "danger"),
    [
        ("plinth/postgres:17-0123456789ab", "plinth/postgres:18-ba9876543210", Danger.AT_RISK),
        ("plinth/postgres:17-0123456789ab", "plinth/postgres:17-ba9876543210", Danger.TOUCHED),
        ("postgres:17.6@sha256:0123", "postgres:17.7@sha256:4567", Danger.AT_RISK),
        ("plinth/ferretdb:2.7.0-0123456789ab", "mongo:8.0.13", Danger.AT_RISK),
    ],
)
def test_another_version_of_a_stores_program_is_a_risk(
    volume: MakeStep, container: MakeStep, before: str, after: str, danger: Danger
) -> None:
    store = container("replace", "postgres", before={"image": before}, after={"image": after})
    assert worst(*findings(preview(volume("same", "postgres"), store))) is danger


def test_a_store_that_leaves_the_stack_is_a_risk(volume: MakeStep, container: MakeStep) -> None:
    found = findings(preview(volume("same", "redis"), container("delete", "redis")))
    assert worst(*found) is Danger.AT_RISK


@pytest.mark.parametrize("operation", ["delete", "replace"])
def test_the_superusers_password_must_stay(step: MakeStep, operation: str) -> None:
    found = findings(preview(step(operation, PASSWORD, "password-postgres-1")))
    assert worst(*found) is Danger.AT_RISK


@pytest.mark.parametrize("operation", ["same", "update"])
def test_lifting_a_protection_is_a_risk(volume: MakeStep, operation: str) -> None:
    found = findings(preview(volume(operation, "redis", protect=(True, False))))
    assert worst(*found) is Danger.AT_RISK


def test_adding_a_protection_is_none(volume: MakeStep) -> None:
    assert not findings(preview(volume("same", "redis", protect=(False, True))))


def test_the_worst_comes_first(volume: MakeStep, container: MakeStep) -> None:
    steps = (
        volume("same", "mongo"),
        container("replace", "mongo"),
        container("replace", "redis"),
        volume("delete", "redis"),
    )
    found = findings(preview(*steps))
    assert [each.danger for each in found] == [Danger.LOST, Danger.TOUCHED]


def test_a_store_whose_volume_goes_is_not_said_to_keep_it(
    volume: MakeStep, container: MakeStep
) -> None:
    mounts = {"volumes": [MOUNT]}
    found = findings(
        preview(volume("delete", "redis"), container("replace", "redis", before=mounts))
    )
    assert [each.danger for each in found] == [Danger.LOST]


def test_a_loss_says_how_to_mend_it(volume: MakeStep) -> None:
    assert "backup" in findings(preview(volume("delete", "redis")))[0].mend
