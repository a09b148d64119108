"""Back a filled stack up and restore it into another one: nothing is lost, nothing is half done.

A copy of the checkout has the stacks: `baka` is filled and backed up, `bakb` is restored into, and
`bakc` is brought up anew with the secrets of `baka`.
"""

import json
import os
import re
import shutil
import signal
import stat
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

import docker
import pytest

from backup import age, engine, mongo, objects
from tests.backup import archive
from tests.backup.checkout import PASSPHRASE, Checkout, error
from tests.backup.stores import BIG, DOCUMENTS, PASSWORD, REPORTER_PASSWORD, Stores
from tests.checkout import Run

pytestmark = [pytest.mark.engine, pytest.mark.cli]

PORTS = {"baka": 28050, "bakb": 28060, "bakc": 28070}
Fingerprint = dict[str, Any]


def settings(first_port: int) -> dict[str, Any]:
    return {
        "environment": "test",
        "gateway": {"port": first_port, "rate_limits": False},
        "auth": {"autoconfirm": True},
        "database": {"extensions": ["pgcrypto", "pg_stat_statements", "pg_cron", "vector"]},
        "mongo": {"port": first_port + 1},
        "object_store": {"port": first_port + 2},
    }


def up(checkout: Checkout, stack: str) -> Stores:
    run = checkout.bring_up(stack)
    assert run.code == 0, run.printed
    return read(checkout, stack)


def read(checkout: Checkout, stack: str) -> Stores:
    shown = checkout.target("outputs", stack, SHOW_SECRETS="1")
    return Stores(stack, json.loads(shown.output))


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Checkout]:
    copy = Checkout.copy(tmp_path_factory.mktemp("checkout"))
    for stack, port in PORTS.items():
        copy.configure(stack, settings(port))
    yield copy
    copy.discard(*PORTS)


@pytest.fixture(scope="module")
def both(checkout: Checkout) -> tuple[Stores, Stores]:
    """Two new stacks, brought up side by side: one to back up, one to restore into."""
    with ThreadPoolExecutor() as pool:
        source, target = pool.map(lambda stack: up(checkout, stack), ("baka", "bakb"))
    return source, target


@pytest.fixture(scope="module")
def source(checkout: Checkout, both: tuple[Stores, Stores]) -> Stores:
    """The stack that is backed up."""
    checkout.done("seed", "baka")
    return both[0]


@pytest.fixture(scope="module")
def sessions(source: Stores) -> dict[str, str]:
    """Refresh tokens of the source's users."""
    return source.fill()


@pytest.fixture(scope="module")
def filled(source: Stores, sessions: dict[str, str]) -> Fingerprint:
    """What the source held when it was backed up."""
    assert sessions
    return source.everything()


@pytest.fixture(scope="module")
def bundle(
    checkout: Checkout, filled: Fingerprint, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A bundle of the source."""
    assert filled["documents"]
    folder = tmp_path_factory.mktemp("bundles")
    checkout.done("backup", "baka", TO=str(folder))
    (made,) = folder.iterdir()
    return made


@pytest.fixture(scope="module")
def members(bundle: Path) -> archive.Members:
    """What is in the bundle. Opening it takes a second, as it must."""
    return archive.read(bundle, PASSPHRASE)


@pytest.fixture(scope="module")
def target(checkout: Checkout, both: tuple[Stores, Stores], bundle: Path) -> Stores:
    """A new stack into which the bundle was restored."""
    checkout.done("restore", "bakb", FROM=str(bundle))
    return both[1]


@pytest.fixture(scope="module")
def restored(target: Stores) -> Fingerprint:
    """What the target held after that."""
    return target.everything()


# The bundle


def test_the_bundle_is_its_owners_alone(bundle: Path) -> None:
    assert stat.S_IMODE(bundle.stat().st_mode) == 0o600


def test_the_bundle_tells_its_stack_and_time(bundle: Path) -> None:
    assert re.fullmatch(r"plinth-baka-\d{8}T\d{6}Z\.tar\.age", bundle.name)


def test_the_bundle_holds_no_password_that_the_stack_declares(members: archive.Members) -> None:
    (roles,) = [text for text in archive.items(members).values() if "CREATE ROLE" in text]
    assert re.findall(r"ALTER ROLE (\w+) .* PASSWORD", roles) == ["reporter"]


def test_backing_up_changes_nothing(source: Stores, filled: Fingerprint, bundle: Path) -> None:
    assert bundle.exists()
    assert source.everything() == filled


# Where a container's address does not answer


def test_documents_are_reached_through_the_engine(source: Stores, bundle: Path) -> None:
    assert bundle.exists()
    details = source.outputs["mongo"]
    with (
        engine.tunnel(f"plinth-{source.name}-mongo", details["port"]) as port,
        mongo.connect(("127.0.0.1", port), details["user"], details["password"]) as client,
    ):
        assert client["app"]["notes"].count_documents({}) == len(DOCUMENTS)


def test_files_are_reached_through_the_engine(source: Stores, bundle: Path) -> None:
    assert bundle.exists()
    details = source.outputs["s3"]
    with engine.tunnel(f"plinth-{source.name}-object-store", 9000) as port:
        account = (details["access_key_id"], details["secret_access_key"])
        client = objects.connect(("127.0.0.1", port), details["region"], *account)
        found = client.get_object(Bucket="plinth", Key="archive/big.bin")["Body"].read()
    assert found == BIG


# What comes back


@pytest.mark.parametrize("what", ["roles", "definitions", "rows", "documents", "objects"])
def test_everything_comes_back(filled: Fingerprint, restored: Fingerprint, what: str) -> None:
    assert restored[what] == filled[what]


@pytest.mark.parametrize(
    ("what", "count"), [("definitions", 2), ("rows", 20), ("documents", 3), ("objects", 7)]
)
def test_there_is_much_to_compare(filled: Fingerprint, what: str, count: int) -> None:
    assert len(filled[what]) >= count


@pytest.fixture(scope="module")
def ann(target: Stores, restored: Fingerprint) -> str:
    """An access token that the target gave to a user of the source, for her password."""
    assert restored
    session = target.api(
        "/auth/v1/token?grant_type=password",
        email="ann@example.com",
        password=f"{PASSWORD} ann",
    )
    return str(session["access_token"])


def test_a_user_sees_her_rows_and_no_others(target: Stores, ann: str) -> None:
    assert target.api("/rest/v1/todos?select=title", ann) == [{"title": "a task of ann"}]


def test_nobody_sees_rows_without_a_session(target: Stores, ann: str) -> None:
    assert ann
    assert target.api("/rest/v1/kinds?select=mood") == [{"mood": "happy"}]


def test_a_session_of_the_source_goes_on(
    target: Stores, restored: Fingerprint, sessions: dict[str, str]
) -> None:
    assert restored
    answer = target.api("/auth/v1/token?grant_type=refresh_token", refresh_token=sessions["bob"])
    assert answer["user"]["email"] == "bob@example.com"


def test_a_role_of_the_users_own_keeps_its_password(target: Stores, restored: Fingerprint) -> None:
    assert restored
    assert target.signs_in("reporter", REPORTER_PASSWORD)
    assert not target.signs_in("reporter", "another password")


def test_a_new_table_still_gets_row_level_security(target: Stores, ann: str) -> None:
    assert ann
    target.query("create table public.made_later (id int)")
    found = target.query("select relrowsecurity from pg_class where relname = 'made_later'")
    target.query("drop table public.made_later")
    assert found == "t"


def test_a_row_gets_the_next_number(target: Stores, restored: Fingerprint) -> None:
    assert restored
    # Read and not taken: a query whose answer the engine loses is asked again.
    sequence = "pg_get_serial_sequence('public.open_to_all', 'id')::regclass"
    assert target.query(f"select pg_sequence_last_value({sequence}) + 1") == "42"


def test_the_target_keeps_its_own_keys(source: Stores, target: Stores) -> None:
    assert target.outputs["secret_key"] != source.outputs["secret_key"]


@pytest.fixture(scope="module")
def next_up(checkout: Checkout, restored: Fingerprint) -> str:
    """What `make up` prints after the restore."""
    assert restored
    return checkout.done("up", "bakb")


def test_the_next_up_changes_nothing(next_up: str) -> None:
    assert re.search(r"^Resources:\n +\d+ unchanged\n\n", next_up, re.MULTILINE), next_up


# What is refused; nothing is touched


@pytest.fixture(scope="module")
def untouched(target: Stores, next_up: str, ann: str) -> Fingerprint:
    """What the target holds before the refusals."""
    assert next_up
    assert ann
    return target.everything()


@pytest.fixture(scope="module")
def started(untouched: Fingerprint) -> dict[str, str]:
    """When each container of the target was started, before the refusals."""
    assert untouched
    return start_times()


def start_times() -> dict[str, str]:
    found = docker.from_env().containers.list(filters={"label": "plinth.stack=bakb"})
    return {str(container.name): container.attrs["State"]["StartedAt"] for container in found}


def truncated(path: Path, _members: archive.Members) -> None:
    os.truncate(path, path.stat().st_size - 100_000)


def flipped(path: Path, _members: archive.Members) -> None:
    with path.open("r+b") as file:
        file.seek(-1_000_000, os.SEEK_END)
        byte = file.read(1)
        file.seek(-1, os.SEEK_CUR)
        file.write(bytes([byte[0] ^ 1]))


def saying(**said: object) -> Callable[[Path, archive.Members], None]:
    """Put other words into the manifest."""

    def change(path: Path, members: archive.Members) -> None:
        archive.write(path, PASSPHRASE, archive.with_manifest(members, **said))

    return change


def unchanged(path: Path, _members: archive.Members) -> None:
    assert path.exists()


REFUSALS: dict[str, tuple[Callable[[Path, archive.Members], None], dict[str, str], str]] = {
    "wrong passphrase": (
        unchanged,
        {"passphrase": "another passphrase"},
        r"the passphrase does not open .*\. Give the one",
    ),
    "truncated": (truncated, {}, r"the bundle is damaged: .*\. Nothing was changed"),
    "flipped bit": (flipped, {}, r"the bundle is damaged: chunk \d+ .*\. Nothing was changed"),
    "newer format": (
        saying(format=2, news=True),
        {},
        r"made by a newer Plinth: it has format 2 .*\. Nothing",
    ),
    "newer PostgreSQL": (
        saying(postgres_version=99),
        {},
        r"of PostgreSQL 99 and stack bakb has 17",
    ),
    "newer migrations": (
        saying(migrations=["2999"]),
        {},
        r"made by a newer Plinth: migration 2999 is not",
    ),
    "target with data": (
        unchanged,
        {"FORCE": "0"},
        r"stack bakb holds data: .*auth\.users \(2 rows\).* nothing was touched\. FORCE=1",
    ),
    "secrets into a stack": (
        unchanged,
        {"STATE": "1"},
        r"stack bakb has \d+ resources; its secrets were not replaced\. Restore secrets before",
    ),
    "no such bundle": (
        unchanged,
        {"FROM": "/nowhere/at/all"},
        r"/nowhere/at/all cannot be read: No such file or directory\. Name a bundle",
    ),
}


@pytest.fixture(scope="module", params=REFUSALS)
def refusal(
    request: pytest.FixtureRequest,
    checkout: Checkout,
    started: dict[str, str],
    bundle: Path,
    members: archive.Members,
) -> Iterator[tuple[str, Run]]:
    """A restore that must not happen, and why."""
    assert started
    change, arguments, reason = REFUSALS[request.param]
    copy = bundle.with_name("refused.tar.age")
    shutil.copy2(bundle, copy)
    change(copy, members)
    words = {"FROM": str(copy), "FORCE": "1", **arguments}
    yield reason, checkout.target("restore", "bakb", **words)
    copy.unlink()


def test_a_restore_that_cannot_be_done_is_refused(refusal: tuple[str, Run]) -> None:
    reason, run = refusal
    assert run.code != 0
    assert re.search(reason, error(run)), run.printed


def test_a_refusal_shows_no_traceback(refusal: tuple[str, Run]) -> None:
    assert "Traceback" not in refusal[1].printed


def test_no_refusal_touched_anything(
    target: Stores, untouched: Fingerprint, started: dict[str, str], refusal: tuple[str, Run]
) -> None:
    assert refusal[1].code != 0
    assert start_times() == started
    assert target.rows() == untouched["rows"]


def test_after_all_refusals_everything_is_as_it_was(target: Stores, untouched: Fingerprint) -> None:
    assert target.everything() == untouched


def test_a_stack_that_is_not_up_is_refused(checkout: Checkout, bundle: Path) -> None:
    run = checkout.target("restore", "bakc", FROM=str(bundle))
    assert error(run) == (
        "plinth: there is no stack bakc that is up. Bring it up first: make up STACK=bakc"
    )


def test_a_short_passphrase_makes_no_bundle(
    checkout: Checkout, target: Stores, tmp_path: Path
) -> None:
    assert target
    run = checkout.target("backup", "bakb", TO=str(tmp_path), passphrase="short")
    assert "the passphrase is too short (5 characters)" in error(run)
    assert list(tmp_path.iterdir()) == []


def test_an_interrupted_backup_leaves_nothing_behind(
    checkout: Checkout, target: Stores, tmp_path: Path
) -> None:
    command = ("python3", "-m", "toolchain", "backup", "--stack", target.name, "--pause")
    running = checkout.began(*command, "--to", str(tmp_path))
    while running.poll() is None and not list(tmp_path.iterdir()):
        time.sleep(0.05)
    running.send_signal(signal.SIGINT)
    _, errors = running.communicate()
    assert "plinth: interrupted." in errors
    assert list(tmp_path.iterdir()) == []
    assert target.api("/rest/v1/kinds?select=mood") == [{"mood": "happy"}]


# A restore that fails, and one into a stack with data


@pytest.fixture(scope="module")
def failed(
    checkout: Checkout, untouched: Fingerprint, bundle: Path, members: archive.Members
) -> Run:
    """A restore whose last check before the commit finds a row missing."""
    assert untouched
    copy = bundle.with_name("impossible.tar.age")
    archive.write(copy, PASSPHRASE, archive.with_rows(members, "public.todos", 3))
    run = checkout.target("restore", "bakb", FROM=str(copy), FORCE="1")
    copy.unlink()
    return run


def test_a_failing_restore_says_why(failed: Run) -> None:
    assert error(failed) == (
        "plinth: database postgres could not be restored; it is as it was. "
        "Mend what PostgreSQL says above, then run this again."
    )
    assert "table public.todos has 2 rows instead of 3" in failed.printed


def test_a_failing_restore_leaves_the_stores_as_they_were(
    target: Stores, failed: Run, untouched: Fingerprint
) -> None:
    assert failed.code != 0
    assert target.everything() == untouched


def test_services_run_again_after_a_failing_restore(target: Stores, failed: Run) -> None:
    assert failed.code != 0
    assert target.api("/rest/v1/kinds?select=mood") == [{"mood": "happy"}]


DEADLOCK = "deadlock detected"
READER_IN_THE_WAY = r"""
begin;
select count(*) from public.todos;
do $$
begin
  for attempt in 1..600 loop
    exit when exists (
      select from pg_locks where relation = 'public.todos'::regclass and not granted
    );
    perform pg_sleep(0.1);
  end loop;
end
$$;
select format('select count(*) from %s', relation::regclass)
from pg_locks join pg_class on pg_class.oid = relation
where mode = 'AccessExclusiveLock' and granted
  and relkind = 'r' and relnamespace = 'public'::regnamespace
limit 1
\gexec
"""
"""psql: read a table until a restore waits for it, then one that the restore has locked."""


@dataclass(frozen=True)
class Replacement:
    """What a restore into a stack with data did."""

    fingerprint: Fingerprint
    seen: list[str]
    """What a reader saw, from before the restore until after it."""
    in_the_way: str
    """What a reader was told that kept a table which the restore wanted."""


@pytest.fixture(scope="module")
def replaced(checkout: Checkout, target: Stores, failed: Run, bundle: Path) -> Replacement:
    """The target after other data was put into it and the bundle was restored with FORCE=1."""
    assert failed.code != 0
    target.query("create table public.other (id int); insert into public.other values (1)")
    target.query("create role other_owner; create schema other authorization other_owner")
    target.query("create database other_database")
    target.query("insert into todos (user_id, title) select id, 'another' from auth.users")
    with target.mongo() as client:
        client["other"]["things"].insert_one({"_id": 1})
        client["app"]["notes"].delete_many({})
    s3 = target.s3()
    s3.create_bucket(Bucket="other-bucket")
    s3.put_object(Bucket="other-bucket", Key="x", Body=b"x")
    s3.put_object(Bucket="plinth", Key="pictures/cat.png", Body=b"a dog")
    with ThreadPoolExecutor(2) as pool:
        in_the_way = pool.submit(target.script, READER_IN_THE_WAY)
        restoring = pool.submit(checkout.done, "restore", "bakb", FROM=str(bundle), FORCE="1")
        seen = [what_a_reader_sees(target)]
        while not restoring.done():
            seen.append(what_a_reader_sees(target))
            time.sleep(0.1)  # or asking takes the processor that restoring needs
        restoring.result()
    seen.append(what_a_reader_sees(target))
    return Replacement(target.everything(), seen, in_the_way.result())


def what_a_reader_sees(target: Stores) -> str:
    """Numbers from several tables in one query: to-do items, users, and other things.

    It asks again where it was ended because the restore waited for it.
    """
    while True:
        try:
            return target.query(
                "select concat_ws(' ', (select count(*) from public.todos), (select count(*) from"
                " auth.users), to_regclass('public.other'), (select count(*) from public.kinds))"
            )
        except AssertionError as refused:
            if DEADLOCK not in str(refused):
                raise


@pytest.mark.parametrize("what", ["definitions", "rows", "documents", "objects"])
def test_forced_what_was_there_is_replaced(
    replaced: Replacement, filled: Fingerprint, what: str
) -> None:
    assert replaced.fingerprint[what] == filled[what]


def test_a_restore_outlives_a_deadlock(replaced: Replacement) -> None:
    assert DEADLOCK in replaced.in_the_way


def test_a_reader_sees_the_old_content_and_then_the_new(replaced: Replacement) -> None:
    assert [seen for seen, _ in groupby(replaced.seen)] == ["4 2 other 2002", "2 2 2002"]


# The secrets


@pytest.fixture(scope="module")
def twin(checkout: Checkout, bundle: Path) -> Stores:
    """A stack that was brought up with the secrets of the source."""
    checkout.done("restore", "bakc", FROM=str(bundle), STATE="1")
    checkout.done("up", "bakc")
    return read(checkout, "bakc")


@pytest.mark.parametrize("key", ["publishable_key", "secret_key", "s3", "mongo", "database"])
def test_the_secrets_come_back(source: Stores, twin: Stores, key: str) -> None:
    ours, theirs = twin.outputs[key], source.outputs[key]
    if isinstance(ours, dict):
        password = "secret_access_key" if key == "s3" else "password"
        ours, theirs = ours[password], theirs[password]
    assert ours == theirs


def test_the_signing_key_comes_back(source: Stores, twin: Stores) -> None:
    path = "/auth/v1/.well-known/jwks.json"
    assert twin.api(path) == source.api(path)


def test_restored_secrets_are_encrypted_in_the_state(checkout: Checkout, twin: Stores) -> None:
    state = checkout.folder / ".plinth" / "state"
    password = twin.outputs["database"]["password"].encode()
    holding = [
        path for path in state.rglob("*") if path.is_file() and password in path.read_bytes()
    ]
    assert holding == []


# With age and tar alone


def test_the_archive_inside_is_what_tar_reads(bundle: Path, tmp_path: Path) -> None:
    plain = tmp_path / "bundle.tar"
    with bundle.open("rb") as file:
        plain.write_bytes(age.Reader(file, age.read_header(file).file_key(PASSPHRASE)).readall())
    listed = subprocess.run(["tar", "-tf", plain], capture_output=True, text=True, check=True)
    names = listed.stdout.splitlines()
    assert (names[0], names[-1]) == ("manifest.json", "contents.json")
