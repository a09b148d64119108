"""PostgreSQL from one minor version to the next, on to an image that does not start, and back.

A copy of the checkout has the stack; both versions are those that the Debian mirror has now.
"""

import io
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

import docker
import pytest

from backup import bundle as bundles
from backup import postgres
from backup.errors import BackupError
from backup.manifest import Database
from tests.checkout import Checkout, Run
from tests.running_stack import ROOT
from tests.upgrades.conftest import POSTGRESQL
from upgrades.pins import CATALOGUE, version_of

pytestmark = [pytest.mark.engine, pytest.mark.cli]

STACK = "upgraded"
PASSPHRASE = "correct horse battery staple"
SETTINGS = {
    "environment": "test",
    "gateway": {"port": 27200},
    "auth": {"autoconfirm": True},
    "upgrade": {"backup_first": True},
}
DOCKERFILE = "images/postgres/Dockerfile"
ENTRYPOINT = "images/postgres/entrypoint.sh"
LAST_WORDS = "this image does not start"
FILL = """
create table public.kept (id bigint primary key, words text not null);
insert into public.kept select n, repeat(md5(n::text), 20) from generate_series(1, 5000) as n;
"""
EVERY_ROW = "select count(*), md5(string_agg(kept::text, '|' order by id)) from public.kept"


def minor(version: str) -> str:
    """`17.12` of `17.12-0+deb13u1`."""
    return version.partition("-")[0]


@dataclass
class Upgraded:
    """The stack, and what was seen at each stage."""

    checkout: Checkout
    older: str
    newer: str
    rows: str = ""
    runs: dict[str, Run] = field(default_factory=dict)

    def pin(self, version: str) -> None:
        """Change the pin of PostgreSQL, and what the image's tag says."""
        pinned = version_of(POSTGRESQL, self.checkout.folder)
        self.replace(DOCKERFILE, f"={pinned}\n", f"={version}\n")
        self.replace(CATALOGUE, f'"{minor(pinned)}"', f'"{minor(version)}"')

    def replace(self, name: str, before: str, after: str) -> None:
        """Change a line of a file in the checkout."""
        file = self.checkout.folder / name
        assert file.read_text().count(before) == 1
        file.write_text(file.read_text().replace(before, after))

    def up(self, *, passphrase: str | None = PASSPHRASE) -> Run:
        environment = {"PLINTH_BACKUP_PASSPHRASE": passphrase} if passphrase else {}
        return self.checkout.make(STACK, "up", environment=environment)

    def query(self, text: str) -> str:
        server = docker.from_env().containers.get(f"plinth-{STACK}-postgres")
        command = 'PGPASSWORD="$POSTGRES_PASSWORD" exec psql -h 127.0.0.1 -qXAtU postgres -c "$0"'
        ended = server.exec_run(["sh", "-c", command, text])
        assert ended.exit_code == 0, ended.output
        assert isinstance(ended.output, bytes)
        return ended.output.decode().strip()

    @property
    def version(self) -> str:
        return self.query("show server_version").split()[0]

    @property
    def bundles(self) -> list[Path]:
        return sorted((self.checkout.folder / ".plinth" / "backups").glob("*.age"))


@pytest.fixture(scope="module")
def versions(published: list[str]) -> tuple[str, str]:
    """The newest version of PostgreSQL at the mirror, and the newest of the minor before it."""
    older = [version for version in published if minor(version) != minor(published[0])]
    if not older:
        pytest.skip(f"the Debian mirror has {published[0]} alone at the moment")
    return older[0], published[0]


@pytest.fixture(scope="module")
def filled(
    tmp_path_factory: pytest.TempPathFactory, versions: tuple[str, str]
) -> Iterator[Upgraded]:
    """The stack with the older version, and rows."""
    checkout = Checkout.copy(tmp_path_factory.mktemp("checkout"))
    checkout.configure(STACK, SETTINGS)
    upgraded = Upgraded(checkout, *versions)
    upgraded.pin(upgraded.older)
    try:
        run = checkout.bring_up(STACK)
        assert run.code == 0, run.printed
        upgraded.query(FILL)
        upgraded.rows = upgraded.query(EVERY_ROW)
        yield upgraded
    finally:
        checkout.discard(STACK)


@pytest.fixture(scope="module")
def older_version(filled: Upgraded) -> str:
    return filled.version


@pytest.fixture(scope="module")
def upgraded(filled: Upgraded, older_version: str) -> Upgraded:
    """The stack after its pin was changed to the newer version."""
    assert older_version
    filled.pin(filled.newer)
    filled.runs["upgrade"] = filled.up()
    assert filled.runs["upgrade"].code == 0, filled.runs["upgrade"].printed
    return filled


def test_the_older_version_ran(filled: Upgraded, older_version: str) -> None:
    assert older_version == minor(filled.older)


def test_the_newer_version_runs(upgraded: Upgraded) -> None:
    assert upgraded.version == minor(upgraded.newer)


def test_the_newer_version_has_every_row(upgraded: Upgraded) -> None:
    assert upgraded.query(EVERY_ROW) == upgraded.rows


def test_a_bundle_was_made_with_the_older_version(upgraded: Upgraded) -> None:
    (bundle,) = upgraded.bundles
    with bundles.opened(bundle, PASSPHRASE) as opened:
        assert opened.verify().items
        former = opened.manifest.components["postgres"]
    now = json.loads(upgraded.checkout.make(STACK, "outputs", "NAME=components").output)
    assert former != now["postgres"]["image"]


def test_where_the_bundle_is_was_told(upgraded: Upgraded) -> None:
    assert upgraded.bundles[0].name in "".join(upgraded.runs["upgrade"].printed.split("\n"))


def test_a_dump_that_is_cut_off_cannot_be_read_back(upgraded: Upgraded) -> None:
    with bundles.opened(upgraded.bundles[0], PASSPHRASE) as opened:
        item, database, dump = next(
            (item, item.subject, content.readall())
            for item, content in opened.items(opened.verify())
            if isinstance(item.subject, Database)
        )
    half = dump[: len(dump) // 2]
    told = item.model_copy(update={"size": len(half), "sha256": sha256(half).hexdigest()})
    content = bundles.ItemReader(told, iter([io.BytesIO(half)]))
    with pytest.raises(BackupError, match="the dump of database postgres cannot be read back"):
        postgres.check(f"plinth-{STACK}-postgres", database, content)


@pytest.fixture(scope="module")
def broken(upgraded: Upgraded) -> Upgraded:
    """The same checkout with an image whose program ends at once."""
    entrypoint = upgraded.checkout.folder / ENTRYPOINT
    start, rest = entrypoint.read_text().split("\n", 1)
    entrypoint.write_text(f"{start}\necho '{LAST_WORDS}' >&2\nexit 1\n{rest}")
    return upgraded


@pytest.fixture(scope="module")
def refused(broken: Upgraded) -> Run:
    """An upgrade whose backup nobody gave a passphrase for."""
    return broken.up(passphrase=None)


def test_without_a_passphrase_the_upgrade_is_refused(refused: Run) -> None:
    assert refused.code != 0
    (line,) = [line for line in refused.printed.splitlines() if line.startswith("plinth: ")]
    assert "no passphrase was given; nothing was changed. Set PASSPHRASE_FILE=" in line


def test_without_a_passphrase_nothing_is_changed(broken: Upgraded, refused: Run) -> None:
    assert refused.code != 0
    assert broken.version == minor(broken.newer)


@pytest.fixture(scope="module")
def failed(broken: Upgraded, refused: Run) -> Run:
    """The upgrade to the image that does not start."""
    assert refused.code != 0
    return broken.up()


def test_a_broken_image_fails_with_its_last_log_lines(failed: Run) -> None:
    assert failed.code != 0
    assert LAST_WORDS in failed.printed


def test_a_broken_image_fails_with_one_line_that_says_the_way_back(failed: Run) -> None:
    (line,) = [line for line in failed.printed.splitlines() if line.startswith("plinth: ")]
    assert "failed at postgres" in line
    assert "the way back is the former pin (postgres plinth/postgres:17." in line


@pytest.fixture(scope="module")
def back(broken: Upgraded, failed: Run) -> Upgraded:
    """The stack after the pin was set back, to the version before both changes."""
    assert failed.code != 0
    broken.pin(broken.older)
    (broken.checkout.folder / ENTRYPOINT).write_bytes((ROOT / ENTRYPOINT).read_bytes())
    broken.runs["back"] = broken.up(passphrase=None)
    return broken


def test_the_former_pin_brings_the_stack_back(back: Upgraded) -> None:
    assert back.runs["back"].code == 0, back.runs["back"].printed
    assert back.version == minor(back.older)


def test_the_former_pin_brings_every_row_back(back: Upgraded) -> None:
    assert back.query(EVERY_ROW) == back.rows


def test_a_broken_store_is_not_asked_for_a_backup(back: Upgraded) -> None:
    assert "postgres does not serve" in " ".join(back.runs["back"].printed.split())
