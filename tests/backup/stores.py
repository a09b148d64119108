"""What a stack's stores hold: a way to fill them, and a fingerprint to compare.

Through clients of the stores' own, at the ports that the stacks publish for the tests.
"""

from __future__ import annotations

import datetime as dt
import decimal
import hashlib
import re
import uuid
from dataclasses import dataclass
from typing import Any

import boto3
import bson
import docker
import httpx
import pymongo
import pytest
from bson.raw_bson import RawBSONDocument

from tests.running_stack import ROOT

PASSWORD = "the password of ann, as she typed it"
REPORTER_PASSWORD = "the-password-of-a-role-of-the-users-own"
MANY = 100_000
"""So many small documents are more than the Mongo store can give in one answer."""
END = "(all of it)"
"""Printed last: under load the engine loses what a program printed just before it ended."""
MOST_TRIES = 5
BIG = bytes(range(256)) * (20 * 1024 * 1024 // 256)
SQL = (ROOT / "tests" / "backup" / "fill.sql").read_text(encoding="utf-8")
OTHER_SQL = (ROOT / "tests" / "backup" / "fill_other.sql").read_text(encoding="utf-8")
# A run of a job may be noted at any time.
ROW_HASHES = r"""
select format(
  'select %L, count(*), md5(string_agg(row::text, %L order by row::text)) from only %I.%I as row',
  format('%I.%I', schemaname, tablename), '', schemaname, tablename
)
from pg_tables
where schemaname not in ('pg_catalog', 'information_schema')
  and (schemaname, tablename) <> ('cron', 'job_run_details')
\gexec
"""
"""A query for each table, run by psql: one start of it for a whole database."""
Document = dict[str, Any]

DOCUMENTS: list[Document] = [
    {
        "_id": bson.ObjectId("65f0c0ffee65f0c0ffee0001"),
        "double": 1.5,
        "not a number": float("nan"),
        "infinite": float("-inf"),
        "string": "naïve, 日本語 \x00 end",
        "document": {"b": 1, "a": {"c": []}},
        "array": [1, "two", None, [3]],
        "binary": b"\x00\xff\x10",
        "binary of a kind": bson.Binary(b"kind", 5),
        "uuid": bson.Binary.from_uuid(uuid.UUID(int=7)),
        "true": True,
        "date": dt.datetime(1969, 12, 31, 23, 59, 59, 999000, tzinfo=dt.UTC),
        "null": None,
        "expression": bson.Regex("^a.*z$", "i"),
        "code": bson.Code("function () { return 1; }"),
        "int32": -(2**31),
        "timestamp": bson.Timestamp(4_000_000_000, 7),
        "int64": bson.Int64(5),
        "int64, big": 2**62,
        "decimal": bson.Decimal128(decimal.Decimal("1234567890.000000000000000001000")),
        "smallest": bson.MinKey(),
        "greatest": bson.MaxKey(),
    },
    {"_id": 1, "owner": "ann"},
    {"_id": bson.Int64(2), "owner": "bob", "expires": dt.datetime(2999, 1, 1, tzinfo=dt.UTC)},
    {"_id": "three"},
    {"_id": {"part": 1, "of": "a key"}, "owner": "eve"},
    {"_id": dt.datetime(2026, 1, 1, tzinfo=dt.UTC)},
]
OBJECTS: dict[str, dict[str, Any]] = {
    "empty": {"Body": b""},
    "pictures/cat.png": {
        "Body": b"\x89PNG\r\n",
        "ContentType": "image/png",
        "CacheControl": "max-age=60",
        "ContentDisposition": 'attachment; filename="cat.png"',
        "Metadata": {"owner": "ann", "taken-at": "2026-01-01"},
        "Tagging": "kind=picture&of=a+cat%3A+asleep",
    },
    "ünïcode and spaces/日本.txt": {"Body": "grüße".encode(), "ContentType": "text/plain"},
    "folder/": {"Body": b""},
    "archive/big.bin": {"Body": BIG, "ContentType": "application/x-big"},
}


@dataclass(frozen=True)
class Stores:
    """The stores of a stack that is up, from the stack's outputs."""

    name: str
    outputs: dict[str, Any]

    # PostgreSQL

    def in_container(self, script: str, *words: str) -> str:
        """Run a shell script in the database's container, as the superuser."""
        container = docker.from_env().containers.get(f"plinth-{self.name}-postgres")
        environment = 'export PGPASSWORD="$POSTGRES_PASSWORD" PGUSER="$POSTGRES_USER" '
        environment += "PGHOST=127.0.0.1; "
        command = ["sh", "-c", f"{environment}{script} && printf '{END}'", "sh", *words]
        for _ in range(MOST_TRIES):
            ended: Any = container.exec_run(command)
            printed = str(ended.output.decode())
            assert ended.exit_code == 0, printed
            if printed.endswith(END):
                return printed.removesuffix(END)
        pytest.fail(f"the engine lost what {script} printed, {MOST_TRIES} times")

    def script(self, lines: str) -> str:
        """What psql prints of a script, errors among it; it goes on after one."""
        return self.in_container('printf %s "$1" | psql -XqAt -d postgres 2>&1', lines).strip()

    def query(self, sql: str, database: str = "postgres") -> str:
        """What psql prints."""
        return self.in_container(
            'psql -XqAt -v ON_ERROR_STOP=1 -d "$1" -c "$2"', database, sql
        ).strip()

    def databases(self) -> list[str]:
        """Names of the databases with data."""
        return self.query(
            "select datname from pg_database where not datistemplate order by 1"
        ).splitlines()

    def rows(self) -> dict[str, str]:
        """Number and hash of the rows of each table, those of extensions included."""
        script = 'printf "%s" "$2" | psql -XqAt -v ON_ERROR_STOP=1 -d "$1"'
        found: dict[str, str] = {}
        for database in self.databases():
            for line in self.in_container(script, database, ROW_HASHES).splitlines():
                table, _, number_and_hash = line.partition("|")
                found[f"{database} {table}"] = number_and_hash
        return found

    def definitions(self) -> dict[str, str]:
        """Everything but rows: what pg_dump says of each database, with owners and privileges."""
        return {
            database: without_chance(
                self.in_container('pg_dump --schema-only --create -d "$1"', database)
            )
            for database in self.databases()
        }

    def roles(self) -> str:
        """Every role with its attributes, memberships and settings, without the passwords."""
        return without_chance(self.in_container("pg_dumpall --globals-only --no-role-passwords"))

    def signs_in(self, role: str, password: str) -> bool:
        """Whether PostgreSQL accepts the password of a role of the user's own."""
        script = 'PGUSER="$1" PGPASSWORD="$2" psql -XqAtd postgres -c "select 1" 2>&1 || true'
        return self.in_container(script, role, password).strip() == "1"

    # Mongo

    def mongo(self) -> pymongo.MongoClient[Document]:
        """A client of the Mongo store."""
        return pymongo.MongoClient(self.outputs["mongo"]["published_url"])

    def documents(self) -> dict[str, Any]:
        """Hash of the documents, indexes and kind of each collection."""
        found: dict[str, Any] = {}
        options = bson.CodecOptions(document_class=RawBSONDocument)
        with self.mongo() as client:
            for database in sorted(set(client.list_database_names()) - {"admin", "local"}):
                for collection in client[database].list_collections():
                    place = client[database][collection["name"]]
                    raw = place.with_options(codec_options=options).find().sort("_id")
                    # More in one answer costs DocumentDB more memory than its container has.
                    raw.batch_size(500)
                    is_view = collection["type"] == "view"
                    found[f"{database}.{collection['name']}"] = (
                        hashlib.sha256(b"".join(document.raw for document in raw)).hexdigest(),
                        [] if is_view else sorted(map(repr, place.list_indexes())),
                        collection["type"],
                        repr(collection.get("options")),
                    )
        return found

    # S3

    def s3(self) -> Any:
        """A client of the S3 store."""
        details = self.outputs["s3"]
        return boto3.client(
            "s3",
            endpoint_url=details["published_endpoint"],
            region_name=details["region"],
            aws_access_key_id=details["access_key_id"],
            aws_secret_access_key=details["secret_access_key"],
        )

    def objects(self) -> dict[str, Any]:
        """Hash of the bytes, headers, metadata and tags of each object, and every bucket."""
        client = self.s3()
        found: dict[str, Any] = {}
        for bucket in (entry["Name"] for entry in client.list_buckets()["Buckets"]):
            found[bucket] = None
            for entry in client.list_objects_v2(Bucket=bucket).get("Contents", ()):
                got = client.get_object(Bucket=bucket, Key=entry["Key"])
                tags = client.get_object_tagging(Bucket=bucket, Key=entry["Key"])["TagSet"]
                found[f"{bucket}/{entry['Key']}"] = (
                    hashlib.sha256(got["Body"].read()).hexdigest(),
                    got.get("ContentType"),
                    got.get("CacheControl"),
                    got.get("ContentDisposition"),
                    got["Metadata"],
                    sorted((tag["Key"], tag["Value"]) for tag in tags),
                )
        return found

    def everything(self) -> dict[str, Any]:
        """A fingerprint of all that the stores hold."""
        return {
            "roles": self.roles(),
            "definitions": self.definitions(),
            "rows": self.rows(),
            "documents": self.documents(),
            "objects": self.objects(),
        }

    # The API

    def api(self, path: str, token: str = "", **body: Any) -> Any:
        """What the gateway answers; a body makes it a POST."""
        headers = {"apikey": self.outputs["publishable_key"]}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        answer = httpx.request(
            "POST" if body else "GET",
            f"{self.outputs['gateway_url']}{path}",
            headers=headers,
            json=body or None,
        )
        assert answer.is_success, (answer.status_code, answer.text)
        return answer.json() if answer.content else None

    def fill(self) -> dict[str, str]:
        """Put something of every kind into every store; ann's and bob's refresh tokens."""
        sessions = {}
        for name in ("ann", "bob"):
            session = self.api(
                "/auth/v1/signup", email=f"{name}@example.com", password=f"{PASSWORD} {name}"
            )
            self.api("/rest/v1/todos", session["access_token"], title=f"a task of {name}")
            sessions[name] = session["refresh_token"]
        self.query(SQL.replace("REPORTER_PASSWORD", REPORTER_PASSWORD))
        self.query("create database analytics template template0 encoding 'UTF8' locale 'C'")
        self.query(OTHER_SQL, "analytics")
        self.query('alter database analytics set search_path = "$user", facts, public')
        self.query("grant connect on database analytics to reporter")
        self.query("alter role reporter in database analytics set work_mem = '5MB'")
        with self.mongo() as client:
            notes = client["app"]["notes"]
            notes.insert_many(DOCUMENTS)
            notes.create_index([("owner", 1), ("_id", -1)], name="owners")
            notes.create_index("email", unique=True, sparse=True)
            notes.create_index("expires", expireAfterSeconds=3600)
            client["app"].create_collection("empty")
            for start in range(0, MANY, 1000):
                entries = [{"_id": start + number, "text": "x" * 120} for number in range(1000)]
                client["log-2026"]["entries"].insert_many(entries)
        s3 = self.s3()
        s3.create_bucket(Bucket="another-bucket")
        for key, parameters in OBJECTS.items():
            s3.put_object(Bucket="plinth", Key=key, **parameters)
        s3.put_object(Bucket="another-bucket", Key="a", Body=b"1")
        return sessions


def without_chance(dump: str) -> str:
    """A dump without the token that is different each time."""
    return re.sub(r"^\\(un)?restrict .*$", "", dump, flags=re.MULTILINE)
