"""The SQL that looks at the oldest rows."""

from contextlib import suppress
from datetime import datetime
from uuid import UUID

import asyncpg

from callmark.domain.retention.model import KeptTable
from callmark.kit.postgres.database import Tx, fetch_one, own_names

_PIECE = 10_000


async def select_oldest(tx: Tx, table: KeptTable, before: datetime | None) -> datetime | None:
    """When the table's oldest row was made. Of partitions the first that has rows is read, and no other.

    Of a table with `made`: some row's instant before that one, if any row has one.
    """
    if table.made:
        return await _first_before(tx, table, before)
    order = "ORDER BY id LIMIT 1" if table.by_id else f"ORDER BY {table.column} LIMIT 1"
    for name in await _parts(tx, table):
        with suppress(asyncpg.UndefinedTableError):  # a day that was dropped since
            found = await tx.fetchval(
                own_names(
                    f"SELECT {table.column} FROM {name} WHERE {table.only} AND {table.column} IS NOT NULL {order}"
                )
            )
            if found is not None:
                return found
    return None


async def _first_before(tx: Tx, table: KeptTable, before: datetime | None) -> datetime | None:
    """The oldest of those that were made first, piece by piece by their ids, until one is old or all are too young."""
    oldest: datetime | None = None
    after = UUID(int=0)
    while True:
        row = await fetch_one(
            tx,
            f"SELECT (array_agg(id ORDER BY id DESC))[1] AS last, max({table.made}) AS made,"
            f" min({table.column}) AS oldest, count(*) AS rows"
            f" FROM (SELECT id, {table.column}, {table.made} FROM {table.name} WHERE id > $1 ORDER BY id LIMIT $2) p",
            after,
            _PIECE,
        )
        oldest = min((at for at in (oldest, row["oldest"]) if at), default=None)
        if row["rows"] < _PIECE or before is None or row["oldest"] < before or row["made"] >= before:
            return oldest
        after = row["last"]


async def _parts(tx: Tx, table: KeptTable) -> list[str]:
    """Its partitions, oldest first and the rest last; the table itself where it has none."""
    rows = await tx.fetch(
        "SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid"
        " WHERE i.inhparent = $1::text::regclass ORDER BY c.relname",
        table.name,
    )
    return [row["relname"] for row in rows] or [table.name]
