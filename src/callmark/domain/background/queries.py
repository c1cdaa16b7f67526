"""The SQL over every kind of work."""

from collections.abc import Collection
from datetime import datetime

from callmark.kit.db import Row, Tx, fetch_one
from callmark.kit.work import Work


async def count_rows(tx: Tx, work: Work, now: datetime, real_now: datetime, most: int) -> Row:
    """Of up to `most` rows of that work: how many are there, leased, due and nobody's, not due yet; the first due.

    Index `<table>_due_<owner>`, or `<table>_due`.
    """
    return await fetch_one(
        tx,
        "SELECT count(*) AS total, count(*) FILTER (WHERE held) AS running,"
        " count(*) FILTER (WHERE NOT held AND due_at <= $1) AS waiting,"
        " count(*) FILTER (WHERE NOT held AND due_at > $1) AS later,"
        " min(due_at) FILTER (WHERE NOT held AND due_at <= $1) AS oldest_due_at"
        " FROM (SELECT due_at, coalesce(leased_until >= $2, false) AS held FROM"
        f" {work.table} WHERE due_at IS NOT NULL ORDER BY due_at LIMIT $3) d",
        now,
        real_now,
        most,
    )


async def select_periodic(tx: Tx, real_now: datetime) -> list[Row]:
    """Name, due instant and whether it runs, of every periodic job, next first."""
    return await tx.fetch(
        "SELECT name, due_at, coalesce(leased_until >= $1, false) AS held FROM periodic_job ORDER BY due_at, name",
        real_now,
    )


async def insert_periodic(tx: Tx, names: Collection[str], now: datetime) -> None:
    """Makes the jobs of these names due, unless they are there."""
    await tx.execute(
        "INSERT INTO periodic_job (name, due_at) SELECT n, $2 FROM unnest($1::text[]) n ON CONFLICT DO NOTHING",
        list(names),
        now,
    )
