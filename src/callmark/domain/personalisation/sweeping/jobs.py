"""Fails what is still pending past its window (contract D28), also while NATS is away.

There are two passes, because a batch can be marked as done while one of its records is still pending. Each round reads
the batches that are not counted as done (`daily_figures` counts a batch once none of its records is pending). Every
hour, or in each round while the days in question are small, it also reads the records themselves, of all batches.
"""

from collections.abc import Generator, Sequence
from datetime import datetime, timedelta

import structlog

from callmark.domain.deps import Deps
from callmark.domain.personalisation import metrics
from callmark.domain.personalisation.model import Outcome
from callmark.domain.personalisation.sweeping import queries
from callmark.domain.personalisation.sweeping.queries import OpenBatch, RecordPartition

log = structlog.get_logger(__name__)

_EVERY = timedelta(hours=1)
_SLACK = timedelta(hours=1)
"""How long before the last look a window may have ended whose record was written after it."""
_DAY = timedelta(days=1)
_RECORDS = 50_000
"""Records that one statement looks up by their batches."""
_BLOCKS = 4096
"""Blocks of a partition (8 KB each) that one statement reads."""
_SMALL = 8192
"""Blocks that may be read every round: 64 MB, some 50 ms."""


async def sweep(deps: Deps) -> None:
    """Fails every record that is pending past its window; safe to repeat and to run beside itself."""
    now = deps.clock.now()
    async with deps.db.connection() as tx:
        batches = await queries.open_batches(tx, now)
    count = 0
    for some in _in_steps(batches):
        async with deps.db.connection() as tx:
            count += await queries.fail_ended_of(tx, some, now)
    if count:
        log.info("records_swept", count=count)
    metrics.BULK[Outcome.FAILED_TO_PUSH].inc(count)
    if left := await _look_through(deps, now):
        metrics.BULK[Outcome.FAILED_TO_PUSH].inc(left)
        log.warning("records_swept_of_done_batches", count=left)


def _in_steps(batches: Sequence[OpenBatch]) -> Generator[list[OpenBatch]]:
    step: list[OpenBatch] = []
    records = 0
    for batch in batches:
        step.append(batch)
        records += batch.records
        if records >= _RECORDS:
            yield step
            step, records = [], 0
    if step:
        yield step


async def _look_through(deps: Deps, now: datetime) -> int:
    """Reads the days in which windows have ended since the last time, from the oldest day on the first time."""
    async with deps.db.connection() as tx:
        since = await queries.swept_to(tx)
        parts = _parts_between(await queries.parts(tx), since, now)
    if since and since <= now < since + _EVERY and sum(part.blocks for part in parts) > _SMALL:
        return 0
    count = 0
    for part in parts:
        count += await _look_through_part(deps, part, now)
    async with deps.db.connection() as tx:
        await queries.set_swept_to(tx, now)
    return count


def _parts_between(parts: Sequence[RecordPartition], since: datetime | None, now: datetime) -> list[RecordPartition]:
    """Those in which windows may have ended since then; all that have begun, if the clock was set back."""
    begun = [part for part in parts if part.day is None or part.day < now]
    if since is None or since > now:
        return begun
    return [part for part in begun if part.day is None or part.day + _DAY > since - _SLACK]


async def _look_through_part(deps: Deps, part: RecordPartition, now: datetime) -> int:
    count = 0
    for first in range(0, part.blocks, _BLOCKS):
        async with deps.db.connection() as tx:  # one for each step, so that a long look holds none
            failed = await queries.fail_ended_in(tx, part, range(first, first + _BLOCKS), now)
        if failed is None:
            break
        count += failed
    return count
