import pytest

from backup.errors import BackupError
from backup.stack import GOES_ON, STORES, Stack
from infra.catalog import CATALOG


@pytest.mark.parametrize("store", STORES)
def test_a_store_that_runs_elsewhere_is_named_in_one_line(store: str) -> None:
    components = {name: {"container": f"plinth-a-{name}"} for name in STORES}
    components[store] = {"external": "db.example.com:5432"}
    with pytest.raises(BackupError) as raised:
        Stack("a", {"components": components}).require_stores()
    assert f"stack a keeps {store} (db.example.com:5432) elsewhere" in str(raised.value)


def test_only_what_writes_to_the_stores_is_paused() -> None:
    assert CATALOG.keys() - GOES_ON == {"auth", "db-bootstrap", "rest"}
