"""The Mongo store: collections over the wire protocol, so that any server behind it will do.

Documents travel as the bytes that the server gives: no type is changed on the way. The protocol
offers no snapshot here: what is written during a backup may or may not be in it. Users and their
passwords cannot be read by it and are not in a bundle.
"""

from __future__ import annotations

import gzip
import struct
import zlib
from typing import IO, TYPE_CHECKING, Any, cast

import bson.errors
import pymongo
import pymongo.errors
from bson import json_util
from bson.raw_bson import RawBSONDocument

from backup.errors import BackupError
from backup.manifest import Collection

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from backup.bundle import BundleWriter, ItemReader

SERVERS_OWN = frozenset({"admin", "config", "local"})
READ_DOCUMENTS = 500
"""In one answer. An answer of 16 MB, which is what a server gives unasked, makes DocumentDB take
many times as much memory when the documents are small: more than its container has."""

BATCH_DOCUMENTS = 1000
BATCH_BYTES = 8 * 1024 * 1024
_PRIMARY_INDEX = "_id_"
_CONNECT_MILLISECONDS = 20_000
_COMPRESSION = 6

Document = dict[str, Any]
Client = pymongo.MongoClient[Document]


def connect(address: tuple[str, int], user: str, password: str) -> Client:
    """A client of the store at a host and port."""
    host, port = address
    return pymongo.MongoClient(
        host,
        port,
        username=user,
        password=password,
        directConnection=True,
        serverSelectionTimeoutMS=_CONNECT_MILLISECONDS,
    )


def databases(client: Client) -> list[str]:
    """Names of the databases that hold users' data."""
    return sorted(set(client.list_database_names()) - SERVERS_OWN)


def dump(client: Client, bundle: BundleWriter) -> Iterator[str]:
    """Add every collection to a bundle.

    Yields:
        What was added, in words.
    """
    for database in databases(client):
        documents = 0
        for found in sorted(client[database].list_collections(), key=lambda each: each["name"]):
            if found["name"].startswith("system."):
                continue
            with bundle.item("mongo") as item:
                subject = _dump_collection(client, database, found, item.content)
                item.describe(subject)
            documents += subject.documents
        yield f"Mongo database {database}: {documents} documents"


def _dump_collection(
    client: Client,
    database: str,
    found: Mapping[str, Any],
    content: Any,  # noqa: ANN401
) -> Collection:
    collection = client[database][found["name"]]
    count = 0
    indexes: list[Document] = []
    if found.get("type", "collection") != "view":
        indexes = [dict(index) for index in collection.list_indexes()]
        # No name and no time in its header: the same documents give the same bytes.
        with gzip.GzipFile("", "wb", _COMPRESSION, content, mtime=0) as compressed:
            batches = collection.find_raw_batches(batch_size=READ_DOCUMENTS).sort(
                "_id", pymongo.ASCENDING
            )
            # Typed as documents; they are BSON.
            for batch in cast("Iterator[bytes]", batches):
                count += _count(batch)
                compressed.write(batch)
    return Collection(
        database=database,
        name=found["name"],
        options=_to_json(dict(found.get("options") or {})),
        indexes=_to_json(indexes),
        documents=count,
    )


def held_data(client: Client) -> list[str]:
    """What a target holds that a restore would replace, in words."""
    return [
        f"Mongo database {database} ({sum(_documents(client, database).values())} documents)"
        for database in databases(client)
    ]


def _documents(client: Client, database: str) -> dict[str, int]:
    return {
        found["name"]: client[database][found["name"]].count_documents({})
        for found in client[database].list_collections()
        if found.get("type", "collection") != "view" and not found["name"].startswith("system.")
    }


def clear(client: Client) -> None:
    """Remove every database of users."""
    for database in databases(client):
        client.drop_database(database)


def restore(client: Client, subject: Collection, content: ItemReader) -> None:
    """Make a collection with its documents and indexes.

    Raises:
        BackupError: The server refused, or has another number of documents afterwards.
    """
    place = f"Mongo collection {subject.database}.{subject.name}"
    try:
        _restore(client, subject, content)
        if "viewOn" in _from_json(subject.options):
            return
        held = client[subject.database][subject.name].count_documents({})
    except pymongo.errors.PyMongoError as error:
        raise BackupError(
            f"{place} could not be restored: {str(error).splitlines()[0]}",
            "Mend what the store says, then run this again with FORCE=1.",
        ) from None
    if held != subject.documents:
        raise BackupError(
            f"{place} has {held} documents instead of {subject.documents}",
            "Run this again with FORCE=1.",
        )


def check(subject: Collection, content: ItemReader) -> None:
    """Read a collection's documents to their end, and restore none.

    Raises:
        BackupError: They are not as many as were written, or are damaged.
    """
    if not content.item.parts:
        return
    failure = f"Mongo collection {subject.database}.{subject.name} cannot be read back"
    try:
        with gzip.GzipFile(fileobj=content, mode="rb") as plain:
            found = sum(map(len, _batches(plain)))
    except (EOFError, OSError, struct.error, zlib.error, bson.errors.BSONError) as error:
        raise BackupError(f"{failure}: {error}", "Run this again.") from None
    if found != subject.documents:
        raise BackupError(
            f"{failure}: it has {found} documents instead of {subject.documents}", "Run this again."
        )


def _restore(client: Client, subject: Collection, content: ItemReader) -> None:
    database = client[subject.database]
    database.command({"create": subject.name, **_from_json(subject.options)})
    if not subject.documents and not content.item.parts:
        return
    collection = client[subject.database].get_collection(subject.name)
    with gzip.GzipFile(fileobj=content, mode="rb") as plain:
        for batch in _batches(plain):
            collection.insert_many(batch, bypass_document_validation=True)
    wanted = [
        {name: value for name, value in index.items() if name not in {"ns", "v"}}
        for index in _from_json(subject.indexes)
        if index["name"] != _PRIMARY_INDEX
    ]
    if wanted:
        database.command({"createIndexes": subject.name, "indexes": wanted})


def _count(batch: bytes) -> int:
    """Number of documents in BSON that stands one after the other."""
    at = count = 0
    while at < len(batch):
        at += struct.unpack_from("<i", batch, at)[0]
        count += 1
    return count


def _batches(content: IO[bytes] | gzip.GzipFile) -> Iterator[list[RawBSONDocument]]:
    batch: list[RawBSONDocument] = []
    size = 0
    while head := content.read(4):
        (length,) = struct.unpack("<i", head)
        document = head + content.read(length - 4)
        if batch and (len(batch) >= BATCH_DOCUMENTS or size + length > BATCH_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(RawBSONDocument(document))
        size += length
    if batch:
        yield batch


def _to_json(value: Any) -> str:  # noqa: ANN401  (any document)
    return json_util.dumps(value, json_options=json_util.CANONICAL_JSON_OPTIONS)


def _from_json(text: str) -> Any:  # noqa: ANN401  (any document)
    return json_util.loads(text, json_options=json_util.CANONICAL_JSON_OPTIONS)
