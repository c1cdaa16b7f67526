"""The SQL over every kind of work."""

from collections.abc import Collection
from datetime import datetime
from typing import LiteralString

from callmark.kit.postgres.database import Row, Tx, fetch_one
from callmark.kit.work import Work


async def count_rows(tx: Tx, work: Work, now: datetime, real_now: datetime, most: int) -> Row:
    """Of up to `most` rows of that work: how many are there, leased, due and nobody's, not due yet; the first due.

    Index `<table>_due`, or `<table>_due_<owner>`: there any rows are counted, and where there are more the first due is
    looked for among the first of each owner (of `most` owners).
    """
    order: LiteralString = "" if work.owner else "ORDER BY due_at"
    return await fetch_one(
        tx,
        f"""
        WITH looked_at AS (
          SELECT due_at, coalesce(leased_until >= $2, false) AS held FROM {work.table} WHERE due_at IS NOT NULL
          {order} LIMIT $3
        ), counted AS (
          SELECT count(*) AS total, count(*) FILTER (WHERE held) AS running,
            count(*) FILTER (WHERE NOT held AND due_at <= $1) AS waiting,
            count(*) FILTER (WHERE NOT held AND due_at > $1) AS later,
            min(due_at) FILTER (WHERE NOT held AND due_at <= $1) AS oldest_due_at
          FROM looked_at
        )
        SELECT total, running, waiting, later, {_first_due(work)} AS oldest_due_at FROM counted
        """,
        now,
        real_now,
        most,
    )


def _first_due(work: Work) -> LiteralString:
    """The first due instant of a row that is nobody's: of those counted, or of the first of each owner."""
    if work.owner is None:
        return "oldest_due_at"
    return f"""
        CASE WHEN total < $3 THEN oldest_due_at ELSE (
          {work.owners_sql}
          SELECT min(first.due_at) FROM (SELECT id FROM owner WHERE id IS NOT NULL LIMIT $3) o CROSS JOIN LATERAL (
            SELECT due_at FROM {work.table} t WHERE t.{work.owner} = o.id AND t.due_at <= $1
              AND (t.leased_until IS NULL OR t.leased_until < $2) ORDER BY t.due_at LIMIT 1
          ) first
        ) END
    """


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
