"""Tables with a partition a day: days are made ahead of time and dropped after their retention.

Rows of a day without a partition are in the rest, the default partition, and move when the day is made. They cannot
move piece by piece, because what has left the rest is nowhere to be seen until its day is attached. So everyone waits
while a day moves, and one on which much ends is made early, before much is there (docs/decisions/0071-busy-days.md).
"""

from collections.abc import AsyncGenerator, Collection, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime, timedelta
from itertools import count
from typing import LiteralString

import structlog
from msgspec import Struct

from callmark.kit.errors import EngineRefuses, Unavailable
from callmark.kit.postgres.database import Database, Tx, own_names
from callmark.kit.postgres.open_transactions import LOOKS, left_open
from callmark.kit.postgres.session import AT_LENGTH

log = structlog.get_logger(__name__)

DAYS_AHEAD = 8
MANY = 10_000
"""Rows of a later day that give it a partition early: they move in a fraction of a second."""
EARLY_DAYS = 100
"""How far ahead a day may be to get a partition early: each statement pays for each partition."""
MOVE_WITHIN_S = 3600.0
"""However long it takes: a move that is undone is begun again, and there is more to move each time."""

_LOCKS = 0x63616C6C5F726563  # "call_rec"
"""The first of the advisory locks, of which each table has one.

With one for all tables, who is about to move a day would leave that to another one, who is busy with another table.
"""
_DAY = timedelta(days=1)
_LOCK_WAIT: LiteralString = "1500ms"
"""For a table: while we wait, everyone who comes after us waits too. An autovacuum gives way after a second."""
_HELD: LiteralString = (
    "SELECT l.virtualtransaction AS name, a.xact_start < clock_timestamp() - interval '5 s' AS is_long"
    " FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid"
    " WHERE l.relation = ANY ($1::text[]::regclass[]) AND l.granted AND a.datname = current_database()"
    " AND l.pid <> pg_backend_pid() AND a.usesysid IS NOT NULL"
    " AND coalesce(a.backend_type, 'client backend') = 'client backend'"
    " AND (coalesce(a.state, 'disabled') = 'disabled' OR a.xact_start IS NOT NULL)"
)
"""The transactions of users that have locked one of these tables, and whether for long: NULL where that is hidden.

A session that is seen in no transaction has given its locks back meanwhile.
"""
_OPEN: LiteralString = "SELECT DISTINCT virtualtransaction FROM pg_locks WHERE granted"


class DailyTable(Struct, frozen=True):
    """A table partitioned by the day of `column`; `<name>_rest` is its default partition."""

    name: LiteralString
    column: LiteralString
    lock: int
    """Which of the locks from `_LOCKS` is its own, for as long as there is the table."""
    fillfactor: LiteralString = "100"

    def of(self, day: date) -> LiteralString:
        """The name of a day's partition."""
        return own_names(f"{self.name}_{day:%Y%m%d}")

    @property
    def rest(self) -> LiteralString:
        """The name of its default partition."""
        return f"{self.name}_rest"


class RowsAhead:
    """Counts what one process writes of days that may not be made yet."""

    def __init__(self, look_after: int = MANY) -> None:
        self._look_after = look_after
        self._rows = 0

    def is_look_due(self, rows: int) -> bool:
        """Whether, with `rows` more, there are many since this was last true."""
        self._rows += rows
        if self._rows < self._look_after:
            return False
        self._rows = 0
        return True


async def keep_days(db: Database, now: datetime, kept: Mapping[DailyTable, int], *, many: int = MANY) -> None:
    """Makes the days from yesterday to eight ahead of `now` in each table, and drops those past their retention.

    `kept` has the days of each table's retention. Days up to `EARLY_DAYS` ahead are made too that have `many` rows
    already; later ones stay in the rest. Safe to run by many at once: while one works, others leave a table to it that
    has today and tomorrow. A table that cannot be had now, because a backup reads it or a move took too long, is left
    for the next run. Raises Unavailable, after all tables, for one without today or tomorrow.
    """
    today = now.astimezone(UTC).date()
    failed: Unavailable | None = None
    for table, days in kept.items():
        oldest = today - (days + 1) * _DAY
        try:
            await _keep_days_of(db, table, today, oldest, many)
        except Unavailable as exc:
            log.warning("days_not_kept", table=table.name, error=exc.reason)
            if isinstance(exc, EngineRefuses) or not await _has_near_days(db, table, today):
                failed = failed or exc
    if failed:
        raise failed


async def have_near_days(db: Database, now: datetime, tables: Iterable[DailyTable]) -> bool:
    """Whether today and tomorrow have a partition in each of the tables."""
    today = now.astimezone(UTC).date()
    return all([await _has_near_days(db, table, today) for table in tables])


async def days_ahead(tx: Tx, today: date, tables: Iterable[DailyTable]) -> dict[str, int]:
    """For each table how many days after `today` have a partition, without a gap; -1 when today has none."""
    ahead: dict[str, int] = {}
    for table in tables:
        days = await _days(tx, table)
        ahead[table.name] = next(n for n in count() if today + n * _DAY not in days) - 1
    return ahead


async def _keep_days_of(db: Database, table: DailyTable, today: date, oldest: date, many: int) -> None:
    async with _at_length(db) as tx:
        days, rest = await _days(tx, table), await _rows_of_rest(tx, table)
    near = {today + offset * _DAY for offset in range(-1, DAYS_AHEAD + 1)}
    busy = {day for day, rows in rest.items() if rows >= many and today < day <= today + EARLY_DAYS * _DAY}
    missing = sorted((near | busy).difference(days))
    await _make_days(db, table, today, [day for day in missing if day not in rest])
    failed: Unavailable | None = None
    try:
        await _drop_days(db, table, today, sorted(day for day in days if day < oldest))
    except Unavailable as exc:  # who reads an old day keeps no later one from being made
        failed = exc
    if any(day < oldest for day in rest):
        async with _at_length(db) as tx:
            await tx.execute(
                f"DELETE FROM {table.rest} WHERE {table.column} < $1", _start(oldest), timeout=MOVE_WITHIN_S
            )
    for day in missing:
        if day in rest:
            await _make_days(db, table, today, [day])
    if failed:
        raise failed


@asynccontextmanager
async def _at_length(db: Database) -> AsyncGenerator[Tx]:
    """A transaction that the server does not end for how long it takes."""
    async with db.transaction() as tx:
        await tx.execute(AT_LENGTH)
        yield tx


async def _make_days(db: Database, table: DailyTable, today: date, wanted: Collection[date]) -> None:
    if not wanted:
        return
    async with _at_length(db) as tx:
        if not await _is_alone(tx, table, today, [table.rest]):
            return
        days = await _days(tx, table)
        for day in wanted:
            if day not in days:
                await _make(tx, table, day)


async def _drop_days(db: Database, table: DailyTable, today: date, old: Collection[date]) -> None:
    if not old:
        return
    async with _at_length(db) as tx:
        if not await _is_alone(tx, table, today, [table.name, table.rest, *map(table.of, old)]):
            return
        days = await _days(tx, table)
        for day in old:
            if day in days:
                await tx.execute(f"DROP TABLE {table.of(day)}")
                log.info("partition_dropped", table=table.name, day=str(day))


async def _is_alone(tx: Tx, table: DailyTable, today: date, locks: Sequence[str]) -> bool:
    """Makes this transaction the only one that makes and drops the table's days, waiting for tables for a moment only.

    False while another one is that, and today and tomorrow are there. Raises Unavailable while one of the tables that
    it will lock is read for long.
    """
    lock = _LOCKS + table.lock
    if not await tx.fetchval("SELECT pg_try_advisory_xact_lock($1)", lock):
        if _near(today) <= await _days(tx, table):
            return False
        await tx.execute("SELECT pg_advisory_xact_lock($1)", lock)
    await tx.execute(f"SET LOCAL lock_timeout = '{_LOCK_WAIT}'")
    there = await tx.fetchval(
        "SELECT array_agg(name) FROM unnest($1::text[]) name WHERE to_regclass(name) IS NOT NULL", locks
    )
    if await are_read_for_long(tx, there):
        raise Unavailable(f"postgresql: a long transaction reads {table.name}")
    return True


async def are_read_for_long(tx: Tx, tables: Sequence[str]) -> bool:
    """Whether it would be in vain to wait for one of these tables: a backup or a long export reads it.

    How long others' transactions last may be hidden: those are long that do not end within five seconds.
    """
    held = await tx.fetch(_HELD, tables)
    if any(row["is_long"] for row in held):
        return True
    hidden = {row["name"] for row in held if row["is_long"] is None}

    async def look() -> set[str]:
        return hidden & {row["virtualtransaction"] for row in await tx.fetch(_OPEN)}

    return bool(hidden and await left_open(look, LOOKS))


def _near(today: date) -> set[date]:
    return {today, today + _DAY}


async def _has_near_days(db: Database, table: DailyTable, today: date) -> bool:
    async with db.connection() as tx:
        return _near(today) <= await _days(tx, table)


async def _days(tx: Tx, table: DailyTable) -> set[date]:
    rows = await tx.fetch(
        "SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid"
        " WHERE i.inhparent = $1::text::regclass AND c.relname ~ ('^' || $1::text || '_[0-9]{8}$')",
        table.name,
    )
    return {date.fromisoformat(row["relname"][-8:]) for row in rows}


async def _rows_of_rest(tx: Tx, table: DailyTable) -> dict[date, int]:
    """How many rows of which day have no partition of their own. Reads the rest from end to end."""
    rows = await tx.fetch(
        f"SELECT ({table.column} AT TIME ZONE 'UTC')::date AS day, count(*) AS rows FROM {table.rest} GROUP BY 1",
        timeout=MOVE_WITHIN_S,
    )
    return {row["day"]: row["rows"] for row in rows}


async def _make(tx: Tx, table: DailyTable, day: date) -> None:
    """Creates a day's table, moves what of that day had gone to the rest, and attaches it.

    The rest is locked first. A row that came to it meanwhile could not be attached around, and one that waits to change
    a row that has moved would hold the lock that attaching needs. Before it the table is locked as attaching needs it:
    an ANALYZE has that lock when it comes to the rest. Attaching makes the indexes, at once for all rows.
    """
    name, start, end = table.of(day), _start(day), _start(day + _DAY)
    await tx.execute(f"LOCK TABLE ONLY {table.name} IN SHARE UPDATE EXCLUSIVE MODE")
    await tx.execute(f"LOCK TABLE {table.rest} IN ACCESS EXCLUSIVE MODE")
    await tx.execute(
        f"CREATE TABLE {name} (LIKE {table.name} INCLUDING ALL EXCLUDING INDEXES)"
        f" WITH (fillfactor = {table.fillfactor})"
    )
    await tx.execute(
        f"WITH moved AS (DELETE FROM {table.rest} WHERE {table.column} >= $1 AND {table.column} < $2 RETURNING *)"
        f" INSERT INTO {name} SELECT * FROM moved",
        start,
        end,
        timeout=MOVE_WITHIN_S,
    )
    await tx.execute(
        f"ALTER TABLE {table.name} ATTACH PARTITION {name}"
        + own_names(f" FOR VALUES FROM ('{start.isoformat()}') TO ('{end.isoformat()}')"),
        timeout=MOVE_WITHIN_S,
    )


def _start(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)
