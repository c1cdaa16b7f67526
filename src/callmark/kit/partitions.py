"""Tables with a partition a day: days are made ahead of time and dropped after their retention."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import count
from typing import LiteralString

import asyncpg
import structlog

from callmark.kit.db import Database, Tx, own_names
from callmark.kit.errors import Unavailable

log = structlog.get_logger(__name__)

DAYS_AHEAD = 8
LOG_DAYS = 30
"""How long events, deliveries and attempts are shown. Source: contract, section 9.1."""

_LOCK = 0x63616C6C5F726563  # "call_rec"
_DAY = timedelta(days=1)
_LOCK_WAIT: LiteralString = "1s"
"""For a table: while we wait, everyone who comes after us waits too."""


@dataclass(frozen=True)
class DailyTable:
    """A table partitioned by the day of `column`; `<name>_rest` is its default partition."""

    name: LiteralString
    column: LiteralString
    fillfactor: LiteralString = "100"
    is_log: bool = True
    """Whether its rows are kept as long as events, or as call records."""

    def of(self, day: date) -> LiteralString:
        """The name of a day's partition."""
        return own_names(f"{self.name}_{day:%Y%m%d}")


DAILY_TABLES = (
    DailyTable("call_record", "ends_at", fillfactor="47", is_log=False),
    DailyTable("event", "created_at"),
    DailyTable("delivery", "created_at", fillfactor="70"),
    DailyTable("attempt", "began_at"),
)


async def keep_days(db: Database, now: datetime, record_days: int, event_days: int = LOG_DAYS) -> None:
    """Makes the days from yesterday to eight ahead of `now` in every table, and drops those past their retention.

    `record_days` is the retention of call records, `event_days` that of the logs. A transaction for each table; safe to
    run by many at once. A table that a long reader holds (a backup) is left for the next run while it has today and
    tomorrow.
    """
    today = now.astimezone(UTC).date()
    for table in DAILY_TABLES:
        try:
            await _keep_days_of(db, table, today, today - ((event_days if table.is_log else record_days) + 1) * _DAY)
        except Unavailable as exc:
            if not isinstance(exc.__cause__, asyncpg.LockNotAvailableError) or not await _has_days(db, table, today):
                raise
            log.info("days_wait_for_lock", table=table.name)


async def _keep_days_of(db: Database, table: DailyTable, today: date, oldest: date) -> None:
    async with db.transaction() as tx:
        await tx.execute("SELECT pg_advisory_xact_lock($1)", _LOCK)
        await tx.execute(f"SET LOCAL lock_timeout = '{_LOCK_WAIT}'")
        days = await _days(tx, table)
        for day in (today + offset * _DAY for offset in range(-1, DAYS_AHEAD + 1)):
            if day not in days:
                await _make(tx, table, day)
        await _drop(tx, table, days, oldest)


async def _has_days(db: Database, table: DailyTable, today: date) -> bool:
    async with db.connection() as tx:
        return {today, today + _DAY} <= await _days(tx, table)


async def days_ahead(tx: Tx, today: date) -> dict[str, int]:
    """For each table how many days after `today` have a partition, without a gap; -1 when today has none."""
    ahead: dict[str, int] = {}
    for table in DAILY_TABLES:
        days = await _days(tx, table)
        ahead[table.name] = next(n for n in count() if today + n * _DAY not in days) - 1
    return ahead


async def _days(tx: Tx, table: DailyTable) -> set[date]:
    rows = await tx.fetch(
        "SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid"
        " WHERE i.inhparent = $1::text::regclass AND c.relname ~ ('^' || $1::text || '_[0-9]{8}$')",
        table.name,
    )
    return {date.fromisoformat(row["relname"][-8:]) for row in rows}


async def _make(tx: Tx, table: DailyTable, day: date) -> None:
    """Creates a day's table, moves what of that day had gone to the rest, and attaches it."""
    name, start, end = table.of(day), _start(day), _start(day + _DAY)
    await tx.execute(f"CREATE TABLE {name} (LIKE {table.name} INCLUDING ALL) WITH (fillfactor = {table.fillfactor})")
    await tx.execute(
        f"WITH moved AS (DELETE FROM {table.name}_rest WHERE {table.column} >= $1 AND {table.column} < $2 RETURNING *)"
        f" INSERT INTO {name} SELECT * FROM moved",
        start,
        end,
    )
    await tx.execute(
        f"ALTER TABLE {table.name} ATTACH PARTITION {name}"
        + own_names(f" FOR VALUES FROM ('{start.isoformat()}') TO ('{end.isoformat()}')")
    )


async def _drop(tx: Tx, table: DailyTable, days: Iterable[date], oldest: date) -> None:
    for day in sorted(days):
        if day < oldest:
            await tx.execute(f"DROP TABLE {table.of(day)}")
            log.info("partition_dropped", table=table.name, day=str(day))
    await tx.execute(f"DELETE FROM {table.name}_rest WHERE {table.column} < $1", _start(oldest))


def _start(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)
