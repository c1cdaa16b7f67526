"""What a backup says of itself."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import Meta

FORMAT = 1
"""Of the file: raised when an older Callmark could not restore it."""

PLAIN_NAME = r"^[a-z][a-z0-9_]*$"
TableName = Annotated[str, Meta(pattern=PLAIN_NAME)]
"""A name that goes into SQL as it is. Checked where a manifest is read, so a backup has to be refused with another."""


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """A backup's `manifest.json`. Everything is as of one instant, that of the snapshot that was dumped."""

    format: int = FORMAT
    callmark: str
    """The version that wrote it."""
    schema: int
    """The newest migration of the database."""
    migrations: list[int]
    """All of them: a step for after an upgrade may be missing before newer ones."""
    installation: UUID
    taken_at: datetime
    clock_offset_s: float
    """How far the product clock was ahead of the real one (emulator only)."""
    postgres: int
    """Major version of the server."""
    pg_dump: int
    """Major version of the program that wrote the dump."""
    namespace: TableName
    """The PostgreSQL schema that the tables are in."""
    database_bytes: int
    secret_key_mark: str | None
    """Tells whether a secret key is the right one; the key itself is in no backup. Null: there was none yet."""
    rows: dict[TableName, int]
    """How many each table had, partitions counted with their table."""


class FormatOnly(msgspec.Struct, frozen=True):
    """What every manifest has, also one that this code cannot read."""

    format: int
