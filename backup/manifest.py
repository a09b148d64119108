"""What a bundle says about itself: the manifest at its start and the table of contents at its end.

The manifest stands first and says what the bundle is. Sizes and checksums are known only once
everything went through, and nothing is kept aside to write them earlier: they stand last.
"""

from __future__ import annotations

import json
from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

FORMAT = 1
"""Version of the bundle's layout. Count up when an older Plinth could not restore it."""


class FormatVersionError(ValueError):
    """The bundle has a layout that this version does not know."""


class Record(BaseModel):
    """Base of everything that is written into a bundle."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Manifest(Record):
    """Where a bundle comes from."""

    format: int
    product: Literal["plinth"] = "plinth"
    version: str
    """Of Plinth."""
    created: datetime
    stack: str
    components: dict[str, str]
    """Image by component."""
    postgres_version: int
    """Major version of the PostgreSQL server."""
    migrations: tuple[str, ...]
    """Versions of the migrations that the platform's database had."""


class Roles(Record):
    """SQL that makes the database roles, with the passwords of those that Plinth does not set."""

    kind: Literal["roles"] = "roles"


class Database(Record):
    """A PostgreSQL database: pg_dump's custom format."""

    kind: Literal["database"] = "database"
    name: str
    creation: str
    """Statement that makes an empty database with the same encoding and locale."""
    properties: tuple[str, ...]
    """Statements for what pg_dump leaves out: owner, privileges, settings."""
    tables: dict[str, int]
    """Rows by table; names are quoted as SQL needs it."""


class Collection(Record):
    """Documents of a Mongo collection: BSON, one after the other by `_id`, compressed by gzip."""

    kind: Literal["collection"] = "collection"
    database: str
    name: str
    options: str
    """As `listCollections` gives them, in canonical extended JSON."""
    indexes: str
    """As `listIndexes` gives them, in canonical extended JSON."""
    documents: int


class Bucket(Record):
    """A bucket; has no content of its own."""

    kind: Literal["bucket"] = "bucket"
    name: str
    policy: str | None = None


class StoredObject(Record):
    """A file of the S3 store: its bytes."""

    kind: Literal["object"] = "object"
    bucket: str
    key: str
    headers: dict[str, str]
    """Content type and the like, by the parameter's name in S3's PutObject."""
    metadata: dict[str, str]
    tags: dict[str, str] = {}


class Secrets(Record):
    """Generated secrets: their resources of the stack's deployment, as JSON."""

    kind: Literal["secrets"] = "secrets"
    count: int


class StackFile(Record):
    """`Pulumi.<stack>.yaml`."""

    kind: Literal["stack-file"] = "stack-file"


Subject = Annotated[
    Roles | Database | Collection | Bucket | StoredObject | Secrets | StackFile,
    Field(discriminator="kind"),
]


class Item(Record):
    """One entry of the table of contents."""

    path: str
    """Folder in the bundle that holds the item's parts: `postgres/000001`."""
    parts: int
    size: int
    """In bytes."""
    sha256: str
    subject: Subject


class Contents(Record):
    """The table of contents, in the order of the bundle."""

    items: tuple[Item, ...]


def parse_manifest(text: bytes) -> Manifest:
    """Read a manifest.

    Raises:
        FormatVersionError: A newer Plinth wrote it.
        ValueError: It is no manifest.
    """
    fields = json.loads(text)
    if not isinstance(fields, dict) or not isinstance(fields.get("format"), int):
        raise ValueError("it says no format")  # noqa: TRY004  (what was read is wrong, not a type)
    if fields["format"] > FORMAT:
        raise FormatVersionError(
            f"it has format {fields['format']} and this Plinth reads up to {FORMAT}"
        )
    return Manifest.model_validate(fields)


def parse_contents(text: bytes) -> Contents:
    """Read a table of contents.

    Raises:
        ValueError: It is none.
    """
    try:
        return Contents.model_validate_json(text)
    except ValidationError as error:
        raise ValueError(f"{error.error_count()} entries are not understood") from None
