import pytest

from backup.errors import BackupError
from backup.stack import STORES, Stack


@pytest.mark.parametrize("store", STORES)
def test_a_store_that_runs_elsewhere_is_named_in_one_line(store: str) -> None:
    components = {name: {"container": f"plinth-a-{name}"} for name in STORES}
    components[store] = {"external": "db.example.com:5432"}
    with pytest.raises(BackupError) as raised:
        Stack("a", {"components": components}).require_stores()
    assert f"stack a keeps {store} (db.example.com:5432) elsewhere" in str(raised.value)
