"""When a store's image changes: whose data is backed up first, and when that cannot be."""

from pathlib import Path
from typing import Any

import pytest

from backup.before_upgrade import back_up, broken_stores, half_replaced_in, here
from backup.errors import BackupError
from backup.stack import STORES
from infra import stack_file
from infra.config.loading import parse
from policies.resource_types import CONTAINER, VOLUME
from toolchain import paths
from toolchain.console import Console
from toolchain.containers import Container


def container(component: str, status: str = "running", health: str = "healthy") -> Container:
    return Container(
        name=f"plinth-dev-{component}",
        component=component,
        image="plinth/store:1",
        status=status,
        health=health,
        exit_code=0,
        keeps_running=True,
        created="2026-01-01T00:00:00Z",
        ports=(),
    )


def stores(**others: Container | None) -> list[Container]:
    """Every store serving, but the ones that are told."""
    present = {name: container(name) for name in STORES} | others
    return [found for found in present.values() if found is not None]


def test_stores_that_serve_are_not_broken() -> None:
    assert broken_stores(STORES, STORES, stores(), set()) == []


@pytest.mark.parametrize(
    ("status", "health"),
    [("running", "unhealthy"), ("restarting", "starting"), ("dead", "unhealthy")],
)
def test_a_store_that_does_not_serve_is_broken(status: str, health: str) -> None:
    present = stores(postgres=container("postgres", status, health))
    assert broken_stores(["postgres"], STORES, present, set()) == ["postgres"]


def test_a_store_that_an_update_removed_and_did_not_make_anew_is_broken() -> None:
    assert broken_stores(STORES, STORES, stores(postgres=None), {"postgres"}) == ["postgres"]


@pytest.mark.parametrize("stopped", [None, container("postgres", "exited", "")])
def test_a_store_that_somebody_stopped_must_be_started_first(stopped: Container | None) -> None:
    with pytest.raises(BackupError, match=r"postgres does not serve. Start it with the image that"):
        broken_stores(["postgres"], STORES, stores(postgres=stopped), set())


@pytest.mark.parametrize("other", [None, container("mongo", health="unhealthy")])
def test_a_store_that_serves_waits_for_the_others(other: Container | None) -> None:
    # A bundle holds every store, and this one has a data directory to lose.
    with pytest.raises(BackupError, match="mongo does not serve"):
        broken_stores(["postgres"], STORES, stores(mongo=other), {"mongo"})


def test_a_store_that_runs_elsewhere_is_not_missed() -> None:
    assert broken_stores(["mongo"], ["mongo"], stores(postgres=None), set()) == []


def test_stores_that_run_elsewhere_are_not_here() -> None:
    external = {"host": "redis.example.org", "user": "plinth", "password": "x" * 20}
    settings = parse(
        {"environment": "test", "auth": {"autoconfirm": True}, "mongo": {"external": external}}
    )
    assert here(settings) == ["postgres", "object-store"]


def resource(name: str, kind: str = CONTAINER, **facts: Any) -> dict[str, Any]:
    return {"urn": f"urn:pulumi:dev::plinth::{kind}::{name}", "type": kind, **facts}


def test_an_interrupted_replacement_is_read_from_the_state() -> None:
    deployment = {
        "resources": [
            resource("postgres", pendingReplacement=True),
            resource("mongo"),
            resource("volume", VOLUME, pendingReplacement=True),
        ]
    }
    assert half_replaced_in(deployment) == {"postgres"}


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(paths, "REPOSITORY", tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ("plinth:upgrade: {backup_first: true}", True),
        ("plinth:upgrade: {backup_first: 'true'}", True),
        ("plinth:upgrade: {backup_folder: elsewhere}", False),
    ],
)
def test_the_stacks_file_decides(lines: str, checkout: Path, *, expected: bool) -> None:
    text = f"config:\n  plinth:environment: test\n  other:setting: 1\n  {lines}\n"
    text += "  plinth:auth: {autoconfirm: true}\n"
    (checkout / "Pulumi.dev.yaml").write_text(text)
    assert stack_file.read("dev", checkout).backs_up_before_upgrade is expected


def test_what_is_in_no_bundle_is_not_backed_up(checkout: Path) -> None:
    assert checkout.exists()
    assert back_up("dev", ["redis"], Console()) is None
