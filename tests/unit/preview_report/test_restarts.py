import pytest

from preview_report.restarts import likely_seconds, longest_seconds, movement, seconds
from tests.unit.preview_report.conftest import CONTAINER, MakeStep, urn

HEALTH = {"interval": "5s", "timeout": "3s", "retries": 12, "startPeriod": "60s"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [("5s", 5), ("1m0s", 60), ("1m30s", 90), ("1h", 3600), ("500ms", 0.5), (30, 30), ("x", None)],
)
def test_durations_are_read(text: object, expected: float | None) -> None:
    assert seconds(text) == expected


def test_a_component_is_away_until_its_first_check() -> None:
    assert likely_seconds({"healthcheck": HEALTH}) == 7


@pytest.mark.parametrize(
    ("wait", "expected"),
    [(120, 30 + 120), (None, 30 + 60 + 12 * 8)],
    ids=["the provider gives up first", "the check gives up first"],
)
def test_the_longest_time_is_grace_and_start(wait: int | None, expected: int) -> None:
    after = {"healthcheck": HEALTH, "waitTimeout": wait}
    assert longest_seconds({"destroyGraceSeconds": 30}, after) == expected


def test_a_replaced_component_restarts(container: MakeStep) -> None:
    found = movement([container("replace", "rest"), container("same", "auth")])
    assert [each.component for each in found.restarts] == ["rest"]


def test_a_component_with_a_generated_name_hands_over_without_a_gap(container: MakeStep) -> None:
    found = movement([container("replace", "rest", after={"__defaults": ["name"]})])
    assert (found.restarts, found.hands_over) == ((), ("rest",))


@pytest.mark.parametrize("operation", ["update", "same", "create"])
def test_others_do_not(container: MakeStep, operation: str) -> None:
    assert movement([container(operation, "rest")]).restarts == ()


def test_a_carrier_of_files_is_no_component(container: MakeStep) -> None:
    assert movement([container("replace", "redis", role="files")]).restarts == ()


def test_a_one_shot_runs_again_and_is_never_away(container: MakeStep) -> None:
    found = movement([container("replace", "db-bootstrap", role="one-shot")])
    assert (found.restarts, found.runs) == ((), ("db-bootstrap",))


def test_a_new_component_starts(container: MakeStep) -> None:
    assert movement([container("create", "mail")]).starts == ("mail",)


def test_a_removed_component_ends(container: MakeStep) -> None:
    assert movement([container("delete", "mail")]).ends == ("mail",)


def test_those_that_depend_on_it_feel_it(container: MakeStep) -> None:
    bootstrap = container(
        "same",
        "db-bootstrap",
        role="one-shot",
        dependencies=[urn(CONTAINER, "postgres")],
    )
    auth = container("same", "auth", dependencies=[urn(CONTAINER, "db-bootstrap")])
    found = movement([container("replace", "postgres"), bootstrap, auth, container("same", "mail")])
    assert found.restarts[0].felt_by == ("auth",)


def test_one_that_restarts_itself_does_not_feel_it_besides(container: MakeStep) -> None:
    rest = container("replace", "rest", dependencies=[urn(CONTAINER, "postgres")])
    found = movement([container("replace", "postgres"), rest])
    assert [each.felt_by for each in found.restarts] == [(), ()]
