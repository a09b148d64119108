"""One production stack on an engine behind SSH, whose data moves elsewhere over TLS.

It holds its own PostgreSQL and Redis, protected; a destroy and a move are refused; their volumes
are given up on purpose; then it uses servers that run elsewhere.
"""

import json
import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from tests import engine_doors
from tests.certificates import Authority
from tests.checkout import Run
from tests.engine_doors import SshDoor, TlsDoor
from tests.environments.checkout import (
    NAME,
    PRODUCTION,
    Checkout,
    data_volumes,
    elsewhere,
    partly_elsewhere,
)
from tests.environments.servers import Servers
from tests.running_stack import ROOT


@dataclass(frozen=True)
class Story:
    """What was run, and what it left."""

    refused_destroy: Run
    refused_move: Run
    volumes_after_refusals: set[str]
    released: str
    moved: Run
    connections_over_tls: int
    """To the engine, while it moved."""
    outputs: dict[str, Any] = field(repr=False)


@pytest.fixture(scope="session")
def servers() -> Iterator[Servers]:
    started = Servers.start()
    yield started
    started.remove()


@pytest.fixture(scope="session")
def secret() -> str:
    """The secret of stores that nothing uses yet."""
    return secrets.token_urlsafe(24)


@pytest.fixture(scope="session")
def ssh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SshDoor]:
    with engine_doors.ssh_door(tmp_path_factory.mktemp("ssh")) as door:
        yield door


@pytest.fixture(scope="session")
def tls(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TlsDoor]:
    with engine_doors.tls_door(tmp_path_factory.mktemp("tls"), Authority.create()) as door:
        yield door


@pytest.fixture(scope="session")
def doors(ssh: SshDoor, tls: TlsDoor) -> dict[str, dict[str, str]]:
    """What the stack's file says of its engine, by the way to it."""
    return {"ssh": ssh.settings(), "tls": tls.settings()}


@pytest.fixture(scope="session")
def checkout(
    secret: str, doors: dict[str, dict[str, str]], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Checkout]:
    """The copy with its stack up; the stack is destroyed in the end, as the documentation says.

    Both doors outlive it: what was changed last through one is removed through the same.
    """
    folder = tmp_path_factory.mktemp("checkout")
    copy = replace(Checkout.copy(folder), engine=doors["ssh"])
    copy.configure(NAME, PRODUCTION)
    copy.done("stack", "init", "--no-select")
    copy.settle(**partly_elsewhere(secret))
    try:
        up = copy.make(NAME, "up")
        assert up.code == 0, up.printed
        yield copy
    finally:
        copy.pulumi("state", "unprotect", "--all", "--yes")
        destroyed = copy.make(NAME, "destroy")
        assert destroyed.code == 0, destroyed.printed


@pytest.fixture(scope="session")
def story(checkout: Checkout, tls: TlsDoor, servers: Servers, secret: str) -> Story:
    refused_destroy = checkout.make(NAME, "destroy")
    over_tls = replace(checkout, engine=tls.settings())
    over_tls.settle(**elsewhere(servers, secret))
    refused_move = checkout.make(NAME, "up")
    left = data_volumes(NAME)
    state = json.loads(checkout.done("stack", "export"))["deployment"]["resources"]
    protected = [resource["urn"] for resource in state if resource.get("protect")]
    released = checkout.done("state", "unprotect", *protected, "--yes")
    before = len(tls.clients)
    moved = checkout.make(NAME, "up")
    assert moved.code == 0, moved.printed
    came_over_tls = len(tls.clients) - before
    servers.execute_sql((ROOT / "database" / "seed" / "todos.sql").read_text())
    outputs = checkout.outputs()
    checkout.set_engine(checkout.engine)
    return Story(refused_destroy, refused_move, left, released, moved, came_over_tls, outputs)
