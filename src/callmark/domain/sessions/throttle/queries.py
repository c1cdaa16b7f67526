"""The SQL of tries: one row for each limit and who tries, with the instants that still count.

Who tries is lowered here, as addresses are where they are compared: by the database's locale. Some let "İ" be an "i".
Only a digest is kept: people type their password into the field of the address, too.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import LiteralString

from callmark.kit.postgres.database import Database, Tx, fetch_one
from callmark.kit.postgres.piecewise import delete_where

_WHO: LiteralString = "encode(sha256(convert_to(lower($2::text), 'UTF8')), 'hex')"


async def lock_tries(tx: Tx, what: str, who: str) -> list[datetime]:
    """The tries there are, oldest first; their row, made if need be, is locked until the transaction ends.

    One statement: a row that is found by one and locked by the next can be forgotten in between.
    """
    row = await fetch_one(
        tx,
        f"INSERT INTO throttle (what, who, instants) VALUES ($1, {_WHO}, '{{}}')"
        " ON CONFLICT (what, who) DO UPDATE SET instants = throttle.instants RETURNING instants",
        what,
        who,
    )
    return row["instants"]


async def update_tries(tx: Tx, what: str, who: str, instants: Sequence[datetime]) -> None:
    """Writes the tries of a locked row."""
    await tx.execute(f"UPDATE throttle SET instants = $3 WHERE what = $1 AND who = {_WHO}", what, who, instants)


async def delete_tries(tx: Tx, what: str, who: str) -> None:
    """Deletes the row, and with it every try of `what` by `who`."""
    await tx.execute(f"DELETE FROM throttle WHERE what = $1 AND who = {_WHO}", what, who)


async def drop_newest(tx: Tx, what: str, who: str) -> None:
    """Forgets the newest, if there is one."""
    await tx.execute(
        "UPDATE throttle SET instants = trim_array(instants, 1)"
        f" WHERE what = $1 AND who = {_WHO} AND cardinality(instants) > 0",
        what,
        who,
    )


async def delete_older(db: Database, before: datetime) -> None:
    """Deletes every row whose newest try was before that instant, and those without one, piece by piece.

    Rows in use stay.
    """
    old = "coalesce(instants[cardinality(instants)], '-infinity') < $1"
    await delete_where(db, "throttle", old, before, but_held=True)
