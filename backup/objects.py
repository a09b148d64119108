"""The S3 store: buckets and objects over the S3 API.

An object keeps its key, bytes, content type and the other headers that it was stored with, its
metadata and its tags. Former versions are not in a bundle.
"""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import boto3
import boto3.s3.transfer
import botocore.config
import botocore.exceptions

from backup.errors import BackupError
from backup.manifest import Bucket, StoredObject

if TYPE_CHECKING:
    from collections.abc import Iterator

    from backup.bundle import BundleWriter, ItemReader

HEADERS = (
    "CacheControl",
    "ContentDisposition",
    "ContentEncoding",
    "ContentLanguage",
    "ContentType",
)
"""Parameters of PutObject that come back as they were given."""

_COPY_BYTES = 1024 * 1024
_MANY_BYTES = 8 * 1024 * 1024
_DELETE_AT_ONCE = 1000

Client = Any
"""boto3 makes its clients' classes at run time."""


def connect(
    address: tuple[str, int], region: str, access_key_id: str, secret_access_key: str
) -> Client:
    """A client of the store at a host and port."""
    host, port = address
    return boto3.client(
        "s3",
        endpoint_url=f"http://{host}:{port}",
        region_name=region,
        aws_access_key_id=access_key_id,
        aws_secret_access_key=secret_access_key,
        config=botocore.config.Config(
            s3={"addressing_style": "path"}, retries={"max_attempts": 3}, max_pool_connections=2
        ),
    )


def buckets(client: Client) -> list[str]:
    """Names of the buckets."""
    return sorted(found["Name"] for found in client.list_buckets()["Buckets"])


def keys(client: Client, bucket: str) -> Iterator[str]:
    """Keys of a bucket's objects, in order."""
    for page in client.get_paginator("list_objects_v2").paginate(Bucket=bucket):
        for found in page.get("Contents", ()):
            yield found["Key"]


def dump(client: Client, bundle: BundleWriter) -> Iterator[str]:
    """Add every bucket and object to a bundle.

    Yields:
        What was added, in words.
    """
    for bucket in buckets(client):
        with bundle.item("objects") as item:
            item.describe(Bucket(name=bucket, policy=_policy(client, bucket)))
        count = size = 0
        for key in keys(client, bucket):
            try:
                found = client.get_object(Bucket=bucket, Key=key)
            except client.exceptions.NoSuchKey:
                continue  # deleted since it was listed
            with bundle.item("objects") as item, found["Body"] as body:
                shutil.copyfileobj(body, item.content, _COPY_BYTES)
                item.describe(_describe(client, bucket, key, found))
            count += 1
            size += found["ContentLength"]
        yield f"bucket {bucket}: {count} objects, {size} bytes"


def _describe(client: Client, bucket: str, key: str, found: dict[str, Any]) -> StoredObject:
    tags: dict[str, str] = {}
    if found.get("TagCount"):
        answer = client.get_object_tagging(Bucket=bucket, Key=key)
        tags = {tag["Key"]: tag["Value"] for tag in answer["TagSet"]}
    return StoredObject(
        bucket=bucket,
        key=key,
        headers={name: found[name] for name in HEADERS if found.get(name)},
        metadata=found.get("Metadata") or {},
        tags=tags,
    )


def _policy(client: Client, bucket: str) -> str | None:
    try:
        return str(client.get_bucket_policy(Bucket=bucket)["Policy"])
    except botocore.exceptions.ClientError as error:
        if error.response["Error"]["Code"] in {"NoSuchBucketPolicy", "NotImplemented"}:
            return None
        raise


def held_data(client: Client) -> list[str]:
    """What a target holds that a restore would replace, in words."""
    counts = {bucket: sum(1 for _ in keys(client, bucket)) for bucket in buckets(client)}
    return [f"bucket {bucket} ({count} objects)" for bucket, count in counts.items() if count]


def clear(client: Client, kept: set[str]) -> None:
    """Remove every object, and the buckets that are not to be kept."""
    for bucket in buckets(client):
        pending: list[dict[str, str]] = []
        for key in [*keys(client, bucket)]:
            pending.append({"Key": key})
            if len(pending) == _DELETE_AT_ONCE:
                client.delete_objects(Bucket=bucket, Delete={"Objects": pending, "Quiet": True})
                pending = []
        if pending:
            client.delete_objects(Bucket=bucket, Delete={"Objects": pending, "Quiet": True})
        if bucket not in kept:
            client.delete_bucket(Bucket=bucket)


def restore_bucket(client: Client, subject: Bucket) -> None:
    """Make a bucket that is missing, and set its policy."""
    if subject.name not in buckets(client):
        client.create_bucket(Bucket=subject.name)
    if subject.policy is not None:
        client.put_bucket_policy(Bucket=subject.name, Policy=subject.policy)


def restore_object(client: Client, subject: StoredObject, content: ItemReader) -> None:
    """Store an object; S3's own checksum of each part is checked by the store.

    Raises:
        BackupError: The store refused.
    """
    options: dict[str, Any] = {**subject.headers, "Metadata": subject.metadata}
    if subject.tags:
        options["Tagging"] = urlencode(subject.tags)
    try:
        if content.item.size <= _MANY_BYTES:
            body = content.readall()
            client.put_object(Bucket=subject.bucket, Key=subject.key, Body=body, **options)
        else:
            client.upload_fileobj(
                content,
                subject.bucket,
                subject.key,
                ExtraArgs=options,
                Config=boto3.s3.transfer.TransferConfig(use_threads=False),
            )
    except (botocore.exceptions.BotoCoreError, botocore.exceptions.ClientError) as error:
        raise BackupError(
            f"object {subject.bucket}/{subject.key} could not be restored: {error}",
            "Mend what the store says, then run this again with FORCE=1.",
        ) from None
