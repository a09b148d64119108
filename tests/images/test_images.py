from __future__ import annotations

import dataclasses
import smtplib
import subprocess
import time
from typing import TYPE_CHECKING, Any

import boto3
import httpx
import pymongo
import pytest
import redis
from botocore.config import Config
from botocore.exceptions import ClientError
from pymongo.errors import OperationFailure

from infra.observability import prometheus
from tests.images.conftest import PASSWORD, REPOSITORY, SETTINGS, Running, Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    import docker

pytestmark = pytest.mark.engine

COMPONENTS = sorted(SETTINGS)
ROTATED = PASSWORD[::-1]
RULE_TESTS = REPOSITORY / "tests" / "images" / "rules_test.yaml"
KILL_BY_COMMAND_LINE = """
for folder in /proc/[0-9]*; do
  words=$(tr '\\0' ' ' <"$folder/cmdline")
  case $words in "$0"*) kill -KILL "${folder#/proc/}" ;; esac
done
"""
"""Bash: kills the processes whose command line begins with $0."""


def wait_for_exit(running: Running) -> int:
    return int(running.container.wait(timeout=60)["StatusCode"])


def with_environment(component: str, changes: Mapping[str, str]) -> Settings:
    settings = SETTINGS[component]
    return dataclasses.replace(settings, environment={**settings.environment, **changes})


@pytest.mark.parametrize("component", COMPONENTS)
def test_is_healthy_read_only_and_without_capabilities(
    component: str, running: Callable[[str], Running]
) -> None:
    running(component)


@pytest.mark.parametrize("component", COMPONENTS)
def test_runs_as_its_own_user_by_default(
    component: str, image: Callable[[str], str], engine: docker.DockerClient
) -> None:
    assert engine.images.get(image(component)).attrs["Config"]["User"] == SETTINGS[component].user


@pytest.mark.parametrize("component", COMPONENTS)
def test_ends_cleanly_when_asked_to(component: str, start: Callable[..., Running]) -> None:
    instance = start(component)
    instance.wait_until_healthy()
    instance.container.stop(timeout=30)
    assert wait_for_exit(instance) == 0, instance.log()


@pytest.mark.parametrize("component", COMPONENTS)
def test_log_holds_no_password(component: str, running: Callable[[str], Running]) -> None:
    assert PASSWORD not in running(component).log()


# ---- gateway ----


def test_gateway_serves(running: Callable[[str], Running]) -> None:
    gateway = running("gateway")
    assert httpx.get(f"http://127.0.0.1:{gateway.port}/").text == "served"


# ---- postgres ----


def psql(postgres: Running, statement: str) -> str:
    return postgres.run(
        "psql", "-XAt", "-h", "127.0.0.1", "-U", "postgres", "-d", 'odd "name"', "-c", statement,
        environment={"PGPASSWORD": PASSWORD},
    )  # fmt: skip


def test_postgres_asks_for_the_password(running: Callable[[str], Running]) -> None:
    exit_code, _ = running("postgres").container.exec_run(
        ["psql", "-w", "-h", "127.0.0.1", "-U", "postgres", "-c", "select 1"]
    )
    assert exit_code == 2


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("server_version_num", "17"),
        ("server_encoding", "UTF8"),
        ("data_checksums", "on"),
        ("password_encryption", "scram-sha-256"),
    ],
)
def test_postgres_setting(setting: str, value: str, running: Callable[[str], Running]) -> None:
    assert psql(running("postgres"), f"show {setting}").startswith(value)


@pytest.mark.parametrize("extension", ["vector", "pgcrypto", "pg_trgm", "hstore"])
def test_postgres_has_extension(extension: str, running: Callable[[str], Running]) -> None:
    assert psql(running("postgres"), f"create extension {extension}") == "CREATE EXTENSION"


@pytest.fixture(scope="module")
def replicating(start: Callable[..., Running]) -> Running:
    instance = start(
        "postgres",
        command=[
            "postgres",
            "-c", "shared_preload_libraries=pg_cron,pgaudit",
            "-c", 'cron.database_name=odd "name"',
            "-c", "wal_level=logical",
        ],
    )  # fmt: skip
    instance.wait_until_healthy()
    return instance


@pytest.mark.parametrize("extension", ["pg_cron", "pgaudit"])
def test_postgres_has_preloaded_extension(extension: str, replicating: Running) -> None:
    assert psql(replicating, f"create extension {extension}") == "CREATE EXTENSION"


def test_postgres_decodes_changes_as_json(replicating: Running) -> None:
    psql(replicating, "select pg_create_logical_replication_slot('changes', 'wal2json')")
    psql(replicating, "create table things (id int primary key); insert into things values (7)")
    changes = psql(
        replicating, "select data from pg_logical_slot_get_changes('changes', null, null)"
    )
    assert '"columnvalues":[7]' in changes


def test_postgres_refuses_an_empty_password(start: Callable[..., Running]) -> None:
    instance = start("postgres", with_environment("postgres", {"POSTGRES_PASSWORD": ""}))
    assert wait_for_exit(instance) == 1
    assert instance.log().splitlines() == [
        "postgres: POSTGRES_PASSWORD is empty; a new database needs the superuser's password"
    ]


@pytest.mark.parametrize(
    ("preparation", "message"),
    [
        pytest.param(
            "echo 16 >PG_VERSION",
            "postgres: /var/lib/postgresql/data was written by PostgreSQL 16 and this image is 17; "
            "restore a dump or run pg_upgrade",
            id="other major",
        ),
        pytest.param(
            "echo precious >notes",
            "postgres: /var/lib/postgresql/data holds files but no database "
            "(/var/lib/postgresql/data/notes); empty it or mount another volume",
            id="foreign files",
        ),
    ],
)
def test_postgres_leaves_a_folder_alone_that_is_not_its_own(
    preparation: str, message: str, start: Callable[..., Running], volume: str
) -> None:
    command = ["sh", "-c", f"cd /var/lib/postgresql/data && {preparation}"]
    assert wait_for_exit(start("postgres", volume=volume, command=command)) == 0
    instance = start("postgres", volume=volume)
    assert wait_for_exit(instance) == 1
    assert instance.log().strip() == message


def test_postgres_starts_after_an_interrupted_first_start(
    start: Callable[..., Running], volume: str
) -> None:
    interrupted = start("postgres", volume=volume)
    while "creating subdirectories" not in interrupted.log():
        time.sleep(0.01)
    interrupted.container.kill()
    instance = start("postgres", volume=volume)
    instance.wait_until_healthy()
    assert psql(instance, "select 1") == "1"


# ---- rest ----


def test_rest_serves_from_a_database(
    running: Callable[[str], Running], start: Callable[..., Running]
) -> None:
    database = running("postgres")
    rest = start(
        "rest",
        Settings(
            "1000:1000",
            3000,
            environment={
                "PGRST_DB_URI": "postgres://postgres@127.0.0.1/odd%20%22name%22",
                "PGRST_DB_ANON_ROLE": "postgres",
                "PGPASSWORD": PASSWORD,
            },
        ),
        network_mode=f"container:{database.container.id}",
        ports={},
    )
    rest.wait_until_healthy()
    rest.run("http-check", "http://127.0.0.1:3000/")


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:8025/absent", "http://127.0.0.1:9/"], ids=["404", "nothing listens"]
)
def test_http_check_fails(url: str, running: Callable[[str], Running]) -> None:
    exit_code, _ = running("mail").container.exec_run(["http-check", url])
    assert exit_code == 1


# ---- redis ----


def test_redis_serves_with_its_password(running: Callable[[str], Running]) -> None:
    client = redis.Redis(port=running("redis").port, password=PASSWORD)
    client.set("key", "value")
    assert client.get("key") == b"value"


# ---- mongo ----


def mongo_client(
    mongo: Running, password: str, user: str = "plinth"
) -> pymongo.MongoClient[dict[str, object]]:
    return pymongo.MongoClient("127.0.0.1", mongo.port, username=user, password=password)


def test_mongo_keeps_a_document(running: Callable[[str], Running]) -> None:
    documents = mongo_client(running("mongo"), PASSWORD).test.documents
    documents.insert_one({"name": "one"})
    found = documents.find_one({"name": "one"})
    assert found is not None


def test_mongo_builds_an_index(running: Callable[[str], Running]) -> None:
    indexed = mongo_client(running("mongo"), PASSWORD).test.indexed
    assert indexed.create_index("expires", expireAfterSeconds=60) == "expires_1"


def test_mongo_refuses_a_wrong_password(running: Callable[[str], Running]) -> None:
    with pytest.raises(OperationFailure, match="Authentication failed"):
        mongo_client(running("mongo"), "wrong").test.documents.find_one()


def test_mongo_refuses_a_client_without_user(running: Callable[[str], Running]) -> None:
    client: pymongo.MongoClient[dict[str, object]] = pymongo.MongoClient(
        "127.0.0.1", running("mongo").port
    )
    with pytest.raises(OperationFailure, match="requires authentication"):
        client.test.documents.find_one()


@pytest.fixture(scope="module")
def rotated_mongo(start: Callable[..., Running], lasting_volume: str) -> Running:
    """A store with a document that another root user wrote, who is the previous one now."""
    before = start("mongo", volume=lasting_volume)
    before.wait_until_healthy()
    mongo_client(before, PASSWORD).test.documents.insert_one({"name": "kept"})
    before.container.stop(timeout=30)
    environment = {
        "MONGO_INITDB_ROOT_USERNAME": "plinth_alternate",
        "MONGO_INITDB_ROOT_PASSWORD": ROTATED,
        "MONGO_PREVIOUS_ROOT_USERNAME": "plinth",
        "MONGO_PREVIOUS_ROOT_PASSWORD": PASSWORD,
    }
    after = start("mongo", with_environment("mongo", environment), volume=lasting_volume)
    after.wait_until_healthy()
    return after


@pytest.mark.parametrize(
    ("user", "password"), [("plinth_alternate", ROTATED), ("plinth", PASSWORD)]
)
def test_mongo_serves_both_root_users_what_it_kept(
    rotated_mongo: Running, user: str, password: str
) -> None:
    assert mongo_client(rotated_mongo, password, user).test.documents.find_one({"name": "kept"})


def test_mongo_refuses_a_previous_user_without_password(start: Callable[..., Running]) -> None:
    environment = {"MONGO_PREVIOUS_ROOT_USERNAME": "plinth_alternate"}
    instance = start("mongo", with_environment("mongo", environment))
    assert wait_for_exit(instance) == 1
    assert instance.log().startswith("ferretdb: MONGO_PREVIOUS_ROOT_PASSWORD is empty; set")


def test_mongo_starts_after_it_was_killed(start: Callable[..., Running], volume: str) -> None:
    killed = start("mongo", volume=volume)
    killed.wait_until_healthy()
    # The number of a process that the next container has, too.
    killed.run("sed", "-i", "1s/.*/1/", "/var/lib/postgresql/data/postmaster.pid")
    killed.container.kill()
    start("mongo", volume=volume, init=True).wait_until_healthy()


def test_mongo_refuses_a_volume_that_is_in_use(start: Callable[..., Running], volume: str) -> None:
    start("mongo", volume=volume).wait_until_healthy()
    second = start("mongo", volume=volume)
    assert wait_for_exit(second) == 1
    assert "another container uses the volume at /var/lib/postgresql/data" in second.log()


@pytest.mark.parametrize("process", ["ferretdb --listen", "postgres -D"])
def test_mongo_ends_when_one_of_its_processes_ends(
    process: str, start: Callable[..., Running]
) -> None:
    instance = start("mongo")
    instance.wait_until_healthy()
    instance.container.exec_run(
        [
            "bash",
            "-c",
            KILL_BY_COMMAND_LINE,
            process,
        ]
    )
    assert wait_for_exit(instance) == 1


# ---- object store ----


def object_client(store: Running, access_key: str, secret: str) -> Any:
    return boto3.client(
        "s3",
        endpoint_url=f"http://127.0.0.1:{store.port}",
        aws_access_key_id=access_key,
        aws_secret_access_key=secret,
        region_name="us-east-1",
        config=Config(signature_version="s3v4"),
    )


def test_object_store_has_its_buckets_and_keeps_an_object(
    running: Callable[[str], Running],
) -> None:
    client = object_client(running("object-store"), "plinth", PASSWORD)
    client.put_object(Bucket="more-files", Key="folder/file", Body=b"content")
    assert client.get_object(Bucket="more-files", Key="folder/file")["Body"].read() == b"content"


@pytest.fixture(scope="module")
def rotated_object_store(start: Callable[..., Running]) -> Running:
    """A store with a previous account, and an object of the current one."""
    environment = {
        "ROOT_ACCESS_KEY_ID": "plinth-alternate",
        "ROOT_SECRET_ACCESS_KEY": ROTATED,
        "PREVIOUS_ACCESS_KEY_ID": "plinth",
        "PREVIOUS_SECRET_ACCESS_KEY": PASSWORD,
    }
    store = start("object-store", with_environment("object-store", environment))
    store.wait_until_healthy()
    current = object_client(store, "plinth-alternate", ROTATED)
    current.put_object(Bucket="files", Key="file", Body=b"content")
    return store


def test_object_store_serves_the_previous_account(rotated_object_store: Running) -> None:
    previous = object_client(rotated_object_store, "plinth", PASSWORD)
    assert previous.get_object(Bucket="files", Key="file")["Body"].read() == b"content"


def test_object_store_lets_the_previous_account_write(rotated_object_store: Running) -> None:
    previous = object_client(rotated_object_store, "plinth", PASSWORD)
    previous.put_object(Bucket="files", Key="other", Body=b"written")
    assert previous.get_object(Bucket="files", Key="other")["Body"].read() == b"written"


@pytest.mark.parametrize("access_key", ["plinth", "plinth-alternate"])
def test_object_store_refuses_an_account_with_anothers_secret(
    rotated_object_store: Running, access_key: str
) -> None:
    swapped = {"plinth": ROTATED, "plinth-alternate": PASSWORD}[access_key]
    with pytest.raises(ClientError, match="SignatureDoesNotMatch"):
        object_client(rotated_object_store, access_key, swapped).list_objects_v2(Bucket="files")


def test_object_store_refuses_a_previous_account_that_is_no_plain_text(
    start: Callable[..., Running],
) -> None:
    environment = {"PREVIOUS_ACCESS_KEY_ID": 'a"b', "PREVIOUS_SECRET_ACCESS_KEY": PASSWORD}
    instance = start("object-store", with_environment("object-store", environment))
    assert wait_for_exit(instance) == 1
    assert instance.log().startswith("object store: PREVIOUS_ACCESS_KEY_ID, PREVIOUS_SECRET")


def test_object_store_refuses_a_bad_bucket_name(start: Callable[..., Running]) -> None:
    instance = start("object-store", with_environment("object-store", {"S3_BUCKETS": "../up"}))
    assert wait_for_exit(instance) == 1
    assert instance.log().startswith("object store: S3_BUCKETS: '../up' is no bucket name")


# ---- mail ----


@pytest.mark.parametrize("file", ["app.js", "app.css"])
def test_mail_sink_has_a_page(running: Callable[[str], Running], file: str) -> None:
    served = httpx.get(f"http://127.0.0.1:{running('mail').port}/dist/{file}")
    assert served.text == (REPOSITORY / "images" / "mailpit" / "page" / file).read_text()


def test_mail_sink_shows_what_it_received(start: Callable[..., Running]) -> None:
    mail = start("mail", ports={"8025/tcp": ("127.0.0.1", None), "1025/tcp": ("127.0.0.1", None)})
    mail.wait_until_healthy()
    with smtplib.SMTP("127.0.0.1", mail.published(1025)) as client:
        client.sendmail("a@example.org", "b@example.org", "Subject: hello\r\n\r\ntext")
    messages = httpx.get(f"http://127.0.0.1:{mail.port}/api/v1/messages").json()["messages"]
    assert [message["Subject"] for message in messages] == ["hello"]


# ---- monitor ----


def test_prometheus_takes_the_programs_configuration_and_rules(
    running: Callable[[str], Running],
) -> None:
    checked = running("prometheus").run(
        "promtool", "check", "config", "/run/plinth/files/prometheus.yaml"
    )
    assert "SUCCESS: 4 rules found" in checked


def test_rules_raise_the_alerts_that_they_should(start: Callable[..., Running]) -> None:
    checked = start(
        "prometheus",
        Settings(
            "65534:65534",
            9090,
            files={
                prometheus.RULES.name: prometheus.RULES.read_text(),
                RULE_TESTS.name: RULE_TESTS.read_text(),
            },
        ),
        entrypoint=["promtool", "test", "rules", f"/run/plinth/files/{RULE_TESTS.name}"],
    )
    assert wait_for_exit(checked) == 0, checked.log()


@pytest.mark.parametrize(
    ("module", "target", "success"),
    [
        ("http", "http://127.0.0.1:9115/-/healthy", 1),
        ("http", "http://127.0.0.1:9115/probe", 0),
        ("tcp", "127.0.0.1:9115", 1),
        ("tcp", "127.0.0.1:9", 0),
    ],
    ids=["2xx", "400", "connected", "nothing listens"],
)
def test_prober_says_whether_a_target_answers(
    running: Callable[[str], Running], module: str, target: str, success: int
) -> None:
    probe = f"http://127.0.0.1:{running('blackbox').port}/probe"
    answer = httpx.get(probe, params={"module": module, "target": target})
    assert f"\nprobe_success {success}\n" in answer.text


@pytest.mark.parametrize("path", ["/-/reload", "/-/quit", "/api/v1/admin/tsdb/snapshot"])
def test_prometheus_takes_no_orders(running: Callable[[str], Running], path: str) -> None:
    answer = httpx.post(f"http://127.0.0.1:{running('prometheus').port}{path}")
    assert not answer.is_success


# ---- db-bootstrap ----


@pytest.mark.parametrize("program", ["psql", "pg_isready", "dbmate", "setsid"])
def test_bootstrap_has_its_programs(
    program: str, image: Callable[[str], str], engine: docker.DockerClient
) -> None:
    output = engine.containers.run(
        image("db-bootstrap"), ["--version"], entrypoint=program, read_only=True, remove=True
    )
    assert output


# ---- base ----


@pytest.mark.parametrize(
    ("arguments", "variables", "message"),
    [
        pytest.param(
            [],
            {},
            (
                "base image: one argument is needed: the tag of the image, "
                "as in build.sh plinth/base:1"
            ),
            id="no tag",
        ),
        pytest.param(
            ["test/base:1"],
            {"DOCKER_HOST": "unix:///nowhere.sock"},
            "base image: no Docker engine answers; start it or set DOCKER_HOST",
            id="no engine",
        ),
    ],
)
def test_base_build_fails_with_one_line(
    arguments: list[str], variables: dict[str, str], message: str, tmp_path: Path
) -> None:
    run = subprocess.run(
        [REPOSITORY / "images/base/build.sh", *arguments],
        env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "TMPDIR": str(tmp_path), **variables},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (run.returncode, run.stderr.splitlines()) == (1, [message])
