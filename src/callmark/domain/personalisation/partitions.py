"""The days of the tables that are partitioned by day, and what else goes with old call records."""

from datetime import datetime, timedelta

from callmark.domain.deps import Deps
from callmark.domain.personalisation import queries
from callmark.kit.partitions import keep_days

_DAY = timedelta(days=1)


async def keep_partitions(deps: Deps) -> None:
    """Makes the days from yesterday to eight ahead of the product clock, and drops those past the retention.

    Of every table with a partition a day (`kit.partitions.DAILY_TABLES`). Safe to run by many at once and at any time;
    must have run before a moved clock is acknowledged.
    """
    await keep_partitions_at(deps, deps.clock.now())


async def keep_partitions_at(deps: Deps, now: datetime) -> None:
    """As `keep_partitions`, for the instant that the product clock is about to have."""
    await keep_days(deps.db, now, deps.settings.retention_days, deps.settings.event_retention_days)


async def drop_old_batches(deps: Deps) -> None:
    """Forgets batches whose records have all been dropped."""
    oldest = deps.clock.now() - (deps.settings.retention_days + 2) * _DAY
    async with deps.db.transaction() as tx:
        await queries.delete_batches_before(tx, oldest)
