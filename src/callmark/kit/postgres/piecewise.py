"""Changing and deleting many rows in pieces, each its own transaction.

In one statement they could take longer than a statement may: then it is undone, and begun again with more to do.
"""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import LiteralString
from uuid import UUID

from callmark.kit.postgres.database import Database, Tx, affected, fetch_one, own_names

PIECE = 10_000
LARGE_ROWS = 100
"""The piece of a table whose rows hold files."""


async def in_pieces(db: Database, step: Callable[[Tx, int], Awaitable[int]], most: int = PIECE) -> int:
    """Runs `step`, which changes up to `most` rows and says how many, until it finds fewer; how many in all.

    It must not find again what it has changed. A statement that finds rows by `ctid` must have its condition twice: a
    row that is changed at that moment is judged again by the outer one alone.
    """
    count, changed = 0, most
    while changed == most:
        async with db.connection() as tx:
            changed = await step(tx, most)
        count += changed
    return count


async def delete_where(
    db: Database,
    table: LiteralString,
    condition: LiteralString,
    *args: object,
    most: int = PIECE,
    but_held: bool = False,
) -> int:
    """Deletes the rows that meet the condition on `args`, up to `most` in a piece; how many.

    They are found by an index, or by reading the table from its beginning for each piece. With `but_held`, those that
    others hold are left for the next run: where others lock several of the table's rows, in an order of their own or
    with what these refer to, they and a piece could each hold what the other waits for.
    """
    limit = own_names(f"{most} FOR UPDATE SKIP LOCKED" if but_held else str(most))
    statement: LiteralString = (
        f"DELETE FROM {table} WHERE ctid = ANY (ARRAY (SELECT ctid FROM {table} WHERE {condition} LIMIT {limit}))"
        f" AND ({condition})"
    )

    async def delete(tx: Tx, _: int) -> int:
        return affected(await tx.execute(statement, *args))

    return await in_pieces(db, delete, most)


async def delete_older(
    db: Database, table: LiteralString, column: LiteralString, instant: datetime, most: int = PIECE
) -> int:
    """Deletes the rows whose `column` is before the instant; how many. An index begins with that column."""
    return await delete_where(db, table, f"{column} < $1", instant, most=most)


async def delete_older_by_id(db: Database, table: LiteralString, column: LiteralString, instant: datetime) -> int:
    """As `delete_older` without such an index, where ids are in about the same order: up to a piece that has none.

    A row that is younger than those beside it is skipped, and ends nothing; one without an instant has no age and is
    skipped too, however many there are. Primary key.
    """
    count, after = 0, UUID(int=0)
    while True:
        async with db.connection() as tx:
            piece = await fetch_one(
                tx,
                f"""
                WITH piece AS (
                  SELECT id, {column} < $1 AS is_old FROM {table} WHERE id > $2 AND {column} IS NOT NULL
                  ORDER BY id LIMIT $3
                ),
                gone AS (
                  DELETE FROM {table} WHERE id = ANY (ARRAY (SELECT id FROM piece WHERE is_old)) AND {column} < $1
                  RETURNING id
                )
                SELECT (SELECT id FROM piece ORDER BY id DESC LIMIT 1) AS last, (SELECT count(*) FROM piece) AS rows,
                  (SELECT count(*) FROM gone) AS gone
                """,
                instant,
                after,
                PIECE,
            )
        count += piece["gone"]
        if piece["rows"] < PIECE or not piece["gone"]:
            return count
        after = piece["last"]
