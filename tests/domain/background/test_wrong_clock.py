"""What background work does on a machine whose clock is wrong, and after one."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest
from msgspec.structs import replace
from tests.domain.personalisation.partitions import new_record, submit
from tests.support.factories import make_cast, phone
from tests.support.fake_clock import FakeClock
from tests.support.table_rows import put_row

from callmark.domain.background import service as background
from callmark.domain.background.registry import PERIODIC, deletions, periodic, row_works
from callmark.domain.deps import Deps
from callmark.domain.personalisation import partitions
from callmark.kit.clock import ProductClock
from callmark.kit.health import Health
from callmark.kit.heartbeats import LiveProcess
from callmark.kit.postgres.database import own_names
from callmark.kit.worker import Worker

STAMPED = {
    "call": "reported_at",
    "callback_request": "requested_at",
    "waiting_delivery": "created_at",
    "mail": "created_at",
    "signed_call": "signed_at",
    "verified_call": "verified_at",
}
"""Tables of what is kept for a time, and the column that says since when."""


@asynccontextmanager
async def process_ahead(deps: Deps, ahead: timedelta) -> AsyncGenerator[Deps]:
    """What a process has that has just been put together, on a machine whose clock is so far ahead."""
    real = ProductClock(deps.real_clock)
    real.offset = ahead
    live = LiveProcess("worker", deps.db, deps.fabric, ProductClock(real), real)
    await live.start()
    try:
        health = Health()
        health.clock_ahead = live.clock_watch.ahead
        yield replace(deps, clock=FakeClock(real.now()), real_clock=real, health=health)
    finally:
        await live.stop()


def worker_of(deps: Deps) -> Worker:
    return Worker(deps.db, deps.gather, deps.fabric, deps.clock, deps.real_clock, deps.health)


async def run_jobs(deps: Deps) -> int:
    return sum([await worker_of(deps).run_due(work) for work in (periodic(deps), deletions(deps))])


async def fill(deps: Deps) -> None:
    """Fresh rows of what is deleted with time, and a record that is still to be pushed."""
    now = deps.clock.now()
    await partitions.keep_partitions(deps)
    cast = await make_cast(deps)
    await submit(deps, cast, new_record(cast, phone(), now, now + timedelta(hours=1)))
    async with deps.db.transaction() as tx:
        for table, column in STAMPED.items():
            await put_row(tx, table, now, {column: now})
    await background.add_periodic_jobs(deps)


async def what_is_there(deps: Deps) -> dict[str, object]:
    async with deps.db.connection() as tx:
        tables = (*STAMPED, "batch", "access_token")
        counts: dict[str, object] = {
            name: await tx.fetchval(own_names(f"SELECT count(*) FROM {name}")) for name in tables
        }
        outcomes = [row[0] for row in await tx.fetch("SELECT outcome FROM call_record")]
        due = await tx.fetchval("SELECT max(due_at) FROM periodic_job")
    return counts | {"outcomes": outcomes, "due": due}


@pytest.mark.parametrize("days", [60, -60])
async def test_a_machine_whose_clock_is_wrong_deletes_ends_and_plans_nothing(deps: Deps, days: int) -> None:
    async with process_ahead(deps, timedelta()) as right:
        await fill(right)
        before = await what_is_there(right)
    async with process_ahead(deps, timedelta(days=days)) as wrong:
        for work in (periodic(wrong), deletions(wrong), *(work for _, work in row_works(wrong))):
            assert await worker_of(wrong).run_due(work) == 0
    assert await what_is_there(deps) == before
    async with process_ahead(deps, timedelta()) as right:
        assert await run_jobs(right) == len(PERIODIC)


async def test_periodic_jobs_run_at_once_when_a_clock_that_was_ahead_is_set_right(deps: Deps, clock: FakeClock) -> None:
    """Database and worker on one machine, so that nobody could notice."""
    await background.add_periodic_jobs(deps)
    clock.advance(timedelta(hours=5, minutes=30))
    assert await run_jobs(deps) == len(PERIODIC)
    clock.advance(-timedelta(hours=5, minutes=30))
    assert await run_jobs(deps) == len(PERIODIC)
    assert await run_jobs(deps) == 0
