"""The days of `call_record`: made ahead of time, dropped after the retention (design, section 2)."""

from datetime import UTC, date, datetime, timedelta

import structlog

from callmark.domain.deps import Deps
from callmark.kit.db import Tx

log = structlog.get_logger(__name__)

DAYS_AHEAD = 8
_LOCK = 0x63616C6C5F726563  # "call_rec"
_DAY = timedelta(days=1)


async def keep_partitions(deps: Deps) -> None:
    """Makes the days from yesterday to eight ahead of the product clock, and drops those past the retention.

    Safe to run by many at once and at any time; must have run before a moved clock is acknowledged.
    """
    await keep_partitions_at(deps, deps.clock.now())


async def keep_partitions_at(deps: Deps, now: datetime) -> None:
    """As `keep_partitions`, for the instant that the product clock is about to have."""
    today = now.astimezone(UTC).date()
    async with deps.db.transaction() as tx:
        await tx.execute("SELECT pg_advisory_xact_lock($1)", _LOCK)
        days = await _days(tx)
        for offset in range(-1, DAYS_AHEAD + 1):
            if today + offset * _DAY not in days:
                await _make(tx, today + offset * _DAY)
        oldest = today - (deps.settings.retention_days + 1) * _DAY
        for day in sorted(days):
            if day < oldest:
                await tx.execute(f"DROP TABLE {_name(day)}")
                log.info("partition_dropped", day=str(day))
        await tx.execute("DELETE FROM call_record_rest WHERE ends_at < $1", _start(oldest))


async def drop_old_batches(deps: Deps) -> None:
    """Forgets batches whose records have all been dropped, and calls as old."""
    oldest = deps.clock.now() - (deps.settings.retention_days + 2) * _DAY
    async with deps.db.transaction() as tx:
        await tx.execute("DELETE FROM batch WHERE ends_to < $1 AND due_at IS NULL", oldest)


async def _days(tx: Tx) -> set[date]:
    rows = await tx.fetch(
        "SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid"
        " WHERE i.inhparent = 'call_record'::regclass AND c.relname ~ '^call_record_[0-9]{8}$'"
    )
    return {date.fromisoformat(row["relname"][-8:]) for row in rows}


async def _make(tx: Tx, day: date) -> None:
    """Creates a day's table, moves what of that day had gone to the rest, and attaches it."""
    name, start, end = _name(day), _start(day), _start(day + _DAY)
    await tx.execute(f"CREATE TABLE {name} (LIKE call_record INCLUDING ALL) WITH (fillfactor = 60)")
    await tx.execute(
        f"WITH moved AS (DELETE FROM call_record_rest WHERE ends_at >= $1 AND ends_at < $2 RETURNING *)"  # noqa: S608 - a name made from a date
        f" INSERT INTO {name} SELECT * FROM moved",
        start,
        end,
    )
    await tx.execute(
        f"ALTER TABLE call_record ATTACH PARTITION {name}"
        f" FOR VALUES FROM ('{start.isoformat()}') TO ('{end.isoformat()}')"
    )


def _name(day: date) -> str:
    return f"call_record_{day:%Y%m%d}"


def _start(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)
