"""The stores through their own clients, at the addresses that the stack hands out."""

import secrets
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any
from urllib.parse import quote, urlsplit, urlunsplit

import asyncpg
import boto3
import botocore
import botocore.config
import botocore.exceptions
import pymongo
import pymongo.errors
import pytest
import redis
from pymongo.collection import Collection

from tests.running_stack import RunningStack

pytestmark = [pytest.mark.engine, pytest.mark.stack]

WAIT_SECONDS = 60
WRONG_PASSWORD = "not-the-password-of-anybody-here"
CONNECT_MILLISECONDS = 5000
Document = dict[str, Any]


def with_credentials(url: str, user: str, password: str) -> str:
    """The same address for somebody else; without a user when the name is empty."""
    parts = urlsplit(url)
    account = f"{quote(user, safe='')}:{quote(password, safe='')}@" if user or password else ""
    return urlunsplit(parts._replace(netloc=f"{account}{parts.hostname}:{parts.port}"))


def wait_until_healthy(stack: RunningStack, name: str) -> None:
    deadline = time.monotonic() + WAIT_SECONDS
    while time.monotonic() < deadline:
        if stack.inspect(name)["State"]["Health"]["Status"] == "healthy":
            return
        time.sleep(0.2)
    pytest.fail(f"{name} is not healthy after {WAIT_SECONDS} s; its log:\n{stack.log(name)}")


# Redis


@pytest.fixture(scope="module")
def redis_url(stack: RunningStack) -> str:
    return str(stack.outputs["redis"]["published_url"])


@pytest.fixture
def queue(redis_url: str) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(redis_url, decode_responses=True) as client:
        yield client


@pytest.fixture
def key(queue: redis.Redis) -> Iterator[str]:
    """A key of the test's own."""
    key = f"test:{secrets.token_hex(8)}"
    yield key
    queue.delete(key)


def test_redis_keeps_a_value(queue: redis.Redis, key: str) -> None:
    queue.set(key, "kept")
    assert queue.get(key) == "kept"


@pytest.mark.parametrize(
    ("password", "refusal"),
    [("", "must be called with the client already authenticated"), (WRONG_PASSWORD, "invalid")],
)
def test_redis_refuses_who_has_not_its_password(
    redis_url: str, password: str, refusal: str
) -> None:
    with (
        redis.Redis.from_url(with_credentials(redis_url, "", password)) as client,
        pytest.raises(redis.AuthenticationError, match=refusal),
    ):
        client.ping()


def test_redis_writes_every_change_to_its_log(queue: redis.Redis) -> None:
    assert queue.config_get("appendonly") == {"appendonly": "yes"}


def test_redis_refuses_a_write_rather_than_lose_one(queue: redis.Redis) -> None:
    assert queue.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}


def test_redis_keeps_a_value_over_a_restart(
    stack: RunningStack, queue: redis.Redis, key: str
) -> None:
    queue.set(key, "kept")
    stack.engine.containers.get(stack.component("redis")["container"]).restart()
    wait_until_healthy(stack, "redis")
    assert queue.get(key) == "kept"


# MongoDB's protocol


@pytest.fixture(scope="module")
def mongo_url(stack: RunningStack) -> str:
    return str(stack.outputs["mongo"]["published_url"])


@pytest.fixture(scope="module")
def documents(mongo_url: str) -> Iterator[Collection[Document]]:
    """A collection of the tests' own."""
    name = f"test_{secrets.token_hex(8)}"
    with pymongo.MongoClient[Document](
        mongo_url, serverSelectionTimeoutMS=CONNECT_MILLISECONDS
    ) as client:
        yield client[name]["notes"]
        client.drop_database(name)


def test_mongo_authenticates_with_scram(mongo_url: str) -> None:
    with pymongo.MongoClient[Document](
        mongo_url, authMechanism="SCRAM-SHA-256", serverSelectionTimeoutMS=CONNECT_MILLISECONDS
    ) as client:
        assert client.admin.command("ping")["ok"] == 1


@pytest.mark.parametrize(("user", "password"), [("", ""), ("plinth", WRONG_PASSWORD)])
def test_mongo_refuses_who_has_not_its_password(mongo_url: str, user: str, password: str) -> None:
    with (
        pymongo.MongoClient[Document](
            with_credentials(mongo_url, user, password),
            serverSelectionTimeoutMS=CONNECT_MILLISECONDS,
        ) as client,
        pytest.raises(pymongo.errors.OperationFailure, match=r"(?i)auth"),
    ):
        client.admin.command("listDatabases")


def test_mongo_finds_a_document_again(documents: Collection[Document]) -> None:
    identifier = documents.insert_one({"title": "find me", "tags": ["a", "b"]}).inserted_id
    assert documents.find_one({"tags": "b", "_id": identifier}, {"_id": 0}) == {
        "title": "find me",
        "tags": ["a", "b"],
    }


def test_mongo_changes_a_document(documents: Collection[Document]) -> None:
    identifier = documents.insert_one({"count": 1}).inserted_id
    documents.update_one({"_id": identifier}, {"$inc": {"count": 2}})
    assert documents.find_one({"_id": identifier}, {"_id": 0}) == {"count": 3}


def test_mongo_deletes_a_document(documents: Collection[Document]) -> None:
    identifier = documents.insert_one({"title": "forget me"}).inserted_id
    documents.delete_one({"_id": identifier})
    assert documents.find_one({"_id": identifier}) is None


def test_mongo_groups_documents(documents: Collection[Document]) -> None:
    documents.insert_many([{"kind": "sum", "amount": amount} for amount in (1, 2, 3)])
    pipeline: list[Document] = [
        {"$match": {"kind": "sum"}},
        {"$group": {"_id": "$kind", "total": {"$sum": "$amount"}}},
    ]
    assert documents.aggregate(pipeline).to_list() == [{"_id": "sum", "total": 6}]


def test_mongo_keeps_an_index(documents: Collection[Document]) -> None:
    name = documents.create_index([("owner", pymongo.ASCENDING)])
    assert name in documents.index_information()


def test_a_unique_index_refuses_a_second_document(documents: Collection[Document]) -> None:
    documents.create_index([("email", pymongo.ASCENDING)], unique=True, sparse=True)
    documents.insert_one({"email": "ann@example.com"})
    with pytest.raises(pymongo.errors.DuplicateKeyError):
        documents.insert_one({"email": "ann@example.com"})


# S3


@pytest.fixture(scope="module")
def s3_settings(stack: RunningStack) -> dict[str, str]:
    """Connection details by boto3's names."""
    details = stack.outputs["s3"]
    return {
        "endpoint_url": details["published_endpoint"],
        "region_name": details["region"],
        "aws_access_key_id": details["access_key_id"],
        "aws_secret_access_key": details["secret_access_key"],
    }


@pytest.fixture(scope="module")
def bucket(stack: RunningStack) -> str:
    return str(stack.outputs["s3"]["bucket"])


@pytest.fixture(scope="module")
def s3(s3_settings: dict[str, str]) -> Any:
    return boto3.client("s3", **s3_settings)


@pytest.fixture
def object_key(s3: Any, bucket: str) -> Iterator[str]:
    """An object of the test's own: its content is `content of a file`."""
    key = f"tests/{secrets.token_hex(8)}.txt"
    s3.put_object(Bucket=bucket, Key=key, Body=b"content of a file", ContentType="text/plain")
    yield key
    s3.delete_object(Bucket=bucket, Key=key)


def test_the_bucket_is_there(s3: Any, bucket: str) -> None:
    assert bucket in {entry["Name"] for entry in s3.list_buckets()["Buckets"]}


def test_an_object_comes_back(s3: Any, bucket: str, object_key: str) -> None:
    found = s3.get_object(Bucket=bucket, Key=object_key)
    assert found["Body"].read() == b"content of a file"


def test_an_object_keeps_its_content_type(s3: Any, bucket: str, object_key: str) -> None:
    assert s3.head_object(Bucket=bucket, Key=object_key)["ContentType"] == "text/plain"


def test_a_part_of_an_object_can_be_read(s3: Any, bucket: str, object_key: str) -> None:
    found = s3.get_object(Bucket=bucket, Key=object_key, Range="bytes=0-6")
    assert found["Body"].read() == b"content"


def test_an_object_is_listed(s3: Any, bucket: str, object_key: str) -> None:
    listed = s3.list_objects_v2(Bucket=bucket, Prefix="tests/")["Contents"]
    assert object_key in {entry["Key"] for entry in listed}


def test_a_deleted_object_is_gone(s3: Any, bucket: str, object_key: str) -> None:
    s3.delete_object(Bucket=bucket, Key=object_key)
    with pytest.raises(s3.exceptions.NoSuchKey):
        s3.get_object(Bucket=bucket, Key=object_key)


def test_a_wrong_secret_is_refused(
    s3_settings: dict[str, str], bucket: str, object_key: str
) -> None:
    stranger = boto3.client("s3", **{**s3_settings, "aws_secret_access_key": WRONG_PASSWORD})
    with pytest.raises(botocore.exceptions.ClientError, match="SignatureDoesNotMatch"):
        stranger.get_object(Bucket=bucket, Key=object_key)


@pytest.mark.parametrize("operation", ["get_object", "head_object", "delete_object"])
def test_nobody_gets_in_without_a_signature(
    s3_settings: dict[str, str], bucket: str, object_key: str, operation: str
) -> None:
    stranger = boto3.client(
        "s3",
        endpoint_url=s3_settings["endpoint_url"],
        region_name=s3_settings["region_name"],
        config=botocore.config.Config(signature_version=botocore.UNSIGNED),
    )
    with pytest.raises(botocore.exceptions.ClientError) as refused:
        getattr(stranger, operation)(Bucket=bucket, Key=object_key)
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403


# PostgreSQL


@pytest.fixture(scope="module")
def database_url(stack: RunningStack) -> str:
    return str(stack.outputs["database"]["published_url"])


@pytest.fixture
async def superuser(database_url: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(database_url)
    yield connection
    await connection.close()


async def test_postgres_is_version_17(superuser: asyncpg.Connection) -> None:
    assert superuser.get_server_version().major == 17


@pytest.mark.parametrize("user", ["postgres", "authenticator", "auth_admin"])
@pytest.mark.parametrize("password", ["", WRONG_PASSWORD])
async def test_postgres_refuses_who_has_not_the_password(
    database_url: str, user: str, password: str
) -> None:
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(database_url, user=user, password=password)


@pytest.mark.parametrize("user", ["anon", "authenticated", "service_role"])
async def test_a_role_of_requests_cannot_sign_in(database_url: str, user: str) -> None:
    with pytest.raises(
        (asyncpg.InvalidPasswordError, asyncpg.InvalidAuthorizationSpecificationError)
    ):
        await asyncpg.connect(database_url, user=user, password=WRONG_PASSWORD)


async def test_every_password_is_kept_as_a_scram_verifier(superuser: asyncpg.Connection) -> None:
    kept = await superuser.fetch(
        "select distinct left(rolpassword, 14) as kind from pg_authid where rolpassword is not null"
    )
    assert [row["kind"] for row in kept] == ["SCRAM-SHA-256$"]


@pytest.mark.parametrize("role", ["authenticator", "anon", "authenticated", "service_role"])
async def test_a_role_of_requests_cannot_see_users(
    superuser: asyncpg.Connection, role: str
) -> None:
    await superuser.execute(f"set role {role}")
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await superuser.fetch("select * from auth.users")


@pytest.mark.parametrize("role", ["authenticator", "auth_admin"])
async def test_no_service_is_superuser(superuser: asyncpg.Connection, role: str) -> None:
    assert not await superuser.fetchval("select rolsuper from pg_roles where rolname = $1", role)


async def test_auth_does_not_read_the_applications_tables(superuser: asyncpg.Connection) -> None:
    await superuser.execute("set role auth_admin")
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await superuser.fetch("select * from public.todos")


async def test_no_service_connects_as_superuser(superuser: asyncpg.Connection) -> None:
    # The tests come from the host through the published port, the services from their network.
    users = await superuser.fetch(
        "select distinct usename from pg_stat_activity"
        " where backend_type = 'client backend' and pid <> pg_backend_pid()"
    )
    assert "postgres" not in {row["usename"] for row in users}
