import pytest

from preview_report.changes import PropertyChange, change_of, component_of, property_changes
from preview_report.disclosure import SECRET
from tests.unit.preview_report.conftest import PASSWORD, MakeStep


@pytest.mark.parametrize("operation", ["same", "refresh", "read"])
def test_what_changes_nothing_is_not_told(container: MakeStep, operation: str) -> None:
    assert change_of(container(operation, "rest")) is None


@pytest.mark.parametrize(
    ("operation", "outcome"),
    [("create", "created"), ("update", "changed"), ("replace", "replaced"), ("delete", "deleted")],
)
def test_an_operation_is_told_in_words(container: MakeStep, operation: str, outcome: str) -> None:
    change = change_of(container(operation, "rest"))
    assert change is not None
    assert change.outcome == outcome


def test_a_resource_belongs_to_the_component_of_its_label(volume: MakeStep) -> None:
    assert component_of(volume("create", "redis")) == "redis"


def test_a_secret_belongs_to_no_component(step: MakeStep) -> None:
    assert component_of(step("create", PASSWORD, "password-redis-1")) == "secrets"


def test_a_variable_is_told_by_its_name(container: MakeStep) -> None:
    replaced = container(
        "replace",
        "rest",
        before={"envs": ["PGRST_DB_MAX_ROWS=1000", "PGRST_SERVER_PORT=3000"]},
        after={"envs": ["PGRST_DB_MAX_ROWS=50", "PGRST_SERVER_PORT=3000"]},
    )
    assert property_changes(replaced) == (PropertyChange("envs PGRST_DB_MAX_ROWS", "1000", "50"),)


def test_a_plain_password_in_a_variable_is_hidden(container: MakeStep) -> None:
    replaced = container(
        "replace",
        "rest",
        before={"envs": ["PGPASSWORD=before-letmein"]},
        after={"envs": ["PGPASSWORD=after-letmein"]},
    )
    assert property_changes(replaced) == (PropertyChange("envs PGPASSWORD", SECRET, SECRET),)


def test_a_secret_list_that_changes_is_told_without_its_parts(container: MakeStep) -> None:
    replaced = container("replace", "rest", after={"envs": SECRET}, changed=("envs",))
    replaced = replaced.model_copy(update={"old": replaced.new})
    assert property_changes(replaced) == (PropertyChange("envs", SECRET, SECRET),)


def test_a_generated_name_is_not_told(container: MakeStep) -> None:
    replaced = container(
        "replace",
        "rest",
        before={"__defaults": ["name"], "memory": 64, "name": "plinth-ci-rest-1a2b3c"},
        after={"__defaults": ["name"], "memory": 128, "name": "plinth-ci-rest-4d5e6f"},
    )
    assert property_changes(replaced) == (PropertyChange("memory", "64", "128"),)


def test_a_label_is_told_by_its_name(container: MakeStep) -> None:
    replaced = container("replace", "rest", before={"memory": 64}, after={"memory": 128})
    assert property_changes(replaced) == (PropertyChange("memory", "64", "128"),)


def test_a_property_that_goes_is_told(container: MakeStep) -> None:
    replaced = container("replace", "rest", before={"hostname": "rest"}, after={})
    assert property_changes(replaced) == (PropertyChange("hostname", "rest", "none"),)


def test_the_providers_own_notes_are_not_told(container: MakeStep) -> None:
    changed = container("update", "rest", before={"__defaults": ["a"]}, after={"__defaults": []})
    assert property_changes(changed) == ()
