"""The days of the tables that are partitioned by day, and what else goes with old call records."""

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import UUID

import structlog

from callmark.domain.deps import Deps
from callmark.domain.personalisation import queries
from callmark.domain.personalisation.model import Batch
from callmark.domain.work_names import WorkName
from callmark.kit.errors import EngineRefuses, Unavailable
from callmark.kit.heartbeats import apart
from callmark.kit.postgres.partitions import DAYS_AHEAD, DailyTable, have_near_days, keep_days

log = structlog.get_logger(__name__)

CALL_RECORDS = DailyTable("call_record", "ends_at", 0, fillfactor="47")
LOGS = (
    DailyTable("event", "created_at", 1),
    DailyTable("delivery", "created_at", 2, fillfactor="70"),
    DailyTable("attempt", "began_at", 3),
)
DAILY_TABLES = (CALL_RECORDS, *LOGS)
"""Every table with a partition a day."""

_DAY = timedelta(days=1)
_START_WAITS_S = 20.0
"""Of the minute that a process has for its start."""
_BATCHES_A_PIECE = 5_000
_CLOCK_IS_WRONG = timedelta(hours=1)


async def begin_partitions(deps: Deps) -> None:
    """For a process that starts: makes days where today or tomorrow has none. Other days are for the periodic job.

    A start does not fail without days: until the job has made them, rows go to the rest. Raises EngineRefuses.
    """
    try:
        async with asyncio.timeout(_START_WAITS_S):
            if not await have_near_days(deps.db, deps.clock.now(), DAILY_TABLES):
                await keep_partitions(deps)
    except EngineRefuses:
        raise
    except (Unavailable, TimeoutError) as exc:
        log.warning("days_left_to_worker", error=exc.reason if isinstance(exc, Unavailable) else "no time")


async def keep_partitions(deps: Deps) -> None:
    """Makes the days of `DAILY_TABLES` from yesterday to eight ahead of the product clock, and drops old ones.

    Safe to run by many at once and at any time; must have run before a moved clock is acknowledged.
    """
    await keep_partitions_at(deps, deps.clock.now())


async def keep_partitions_at(deps: Deps, now: datetime) -> None:
    """As `keep_partitions`, for the instant that the product clock is about to have.

    Raises Unavailable on a machine whose clock is wrong: the days that it would drop would be lost.
    """
    async with deps.db.connection() as tx:
        asked_at, theirs = deps.real_clock.now(), await queries.select_instant(tx)
    if abs(off := apart(theirs, asked_at, deps.real_clock.now())) > _CLOCK_IS_WRONG:
        raise Unavailable(f"clock: the database's is {off} ahead of this machine's")
    kept = {CALL_RECORDS: deps.settings.retention_days, **dict.fromkeys(LOGS, deps.settings.event_retention_days)}
    await keep_days(deps.db, now, kept)


async def count_ahead(deps: Deps, batch: Batch) -> None:
    """Has a worker look for busy days once this process has accepted many records of days that may not be made yet.

    The job alone would look every minute, and in a minute half a million may come. For after the commit.
    """
    last_made = deps.clock.now().astimezone(UTC).date() + DAYS_AHEAD * _DAY
    if batch.ends_to.astimezone(UTC).date() <= last_made or not deps.ahead.is_look_due(batch.record_count):
        return
    try:
        async with deps.db.connection() as tx:
            await queries.make_days_due(tx, deps.clock.now())
    except Unavailable as exc:  # the batch is accepted in spite of it
        log.warning("days_not_looked_at", error=exc.reason)
    await deps.wake(WorkName.PERIODIC)


async def drop_old_batches(deps: Deps) -> None:
    """Forgets batches whose records have all been dropped.

    In the order of their ids, up to those that were accepted too late to have ended so long ago.
    """
    oldest = deps.clock.now() - (deps.settings.retention_days + 2) * _DAY
    after: UUID | None = UUID(int=0)
    while after is not None:
        async with deps.db.connection() as tx:
            after = await queries.delete_batches_before(tx, oldest, after, _BATCHES_A_PIECE)
