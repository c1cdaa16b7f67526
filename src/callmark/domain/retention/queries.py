"""The SQL that looks at the oldest rows."""

from datetime import datetime

from callmark.domain.retention.model import KeptTable
from callmark.kit.db import Tx, own_names


async def select_oldest(tx: Tx, table: KeptTable) -> datetime | None:
    """When the table's oldest row was made. Of partitions the first that has rows is read, and no other."""
    order = "ORDER BY id LIMIT 1" if table.by_id else f"ORDER BY {table.column} LIMIT 1"
    for name in await _parts(tx, table):
        found = await tx.fetchval(own_names(f"SELECT {table.column} FROM {name} {order}"))
        if found is not None:
            return found
    return None


async def _parts(tx: Tx, table: KeptTable) -> list[str]:
    """Its partitions, oldest first and the rest last; the table itself where it has none."""
    rows = await tx.fetch(
        "SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid"
        " WHERE i.inhparent = $1::text::regclass ORDER BY c.relname",
        table.name,
    )
    return [row["relname"] for row in rows] or [table.name]
