import pytest

from infra import catalog
from tests.running_stack import ROOT
from upgrades import debian

(POSTGRESQL,) = catalog.CATALOG["postgres"].build.programs


OLDEST, NEWEST = "0", "99:0"


@pytest.fixture(scope="session")
def asked() -> list[list[str]]:
    """What apt in the base image says about several packages, asked once."""
    packages = {
        POSTGRESQL.package: OLDEST,
        "postgresql-client-17": NEWEST,
        "redis-server": "9.0",
        "no-such-package": OLDEST,
    }
    words = [word for name, pinned in packages.items() for word in (name, pinned, "trixie")]
    return debian.ask(catalog.base_tag(ROOT), words)


@pytest.fixture(scope="session")
def published(asked: list[list[str]]) -> list[str]:
    """Versions of PostgreSQL at the Debian mirror, the newest first."""
    return [line[2] for line in asked if line[:2] == ["package", POSTGRESQL.package]]
