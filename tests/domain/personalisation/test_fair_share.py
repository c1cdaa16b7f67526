"""A tenant whose handsets are silent keeps nobody else waiting."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import partial

import msgspec
from msgspec.structs import replace
from tests.domain.personalisation.partitions import new_record, register, submit
from tests.support.factories import make_cast, phone
from tests.support.fake_clock import FakeClock
from tests.support.waiting import Growing, until

from callmark.domain.deps import Deps
from callmark.domain.personalisation import jobs, service
from callmark.domain.personalisation.model import Batch, Outcome
from callmark.kit.worker import Worker

CROWD = 77


class Handset:
    """A connected handset that acknowledges, or does not."""

    def __init__(self, deps: Deps, *, acknowledges: bool) -> None:
        self.number = phone()
        self.pushed = Growing[str]()
        self._deps = deps
        self._acknowledges = acknowledges

    def on_push(self, key: str, reply: str, _: bytes) -> None:
        self.pushed.append(key)
        if self._acknowledges:
            self._deps.fabric.acknowledge(reply)

    async def has(self, count: int) -> None:
        await self.pushed.until(lambda pushed: len(pushed) >= count)


@asynccontextmanager
async def connected(deps: Deps, *, acknowledges: bool) -> AsyncGenerator[Handset]:
    handset = Handset(deps, acknowledges=acknowledges)
    await register(deps, handset.number)
    attached = await deps.fabric.attach(handset.number, handset.on_push)
    yield handset
    await deps.fabric.detach(attached)


@asynccontextmanager
async def working(deps: Deps) -> AsyncGenerator[None]:
    worker = asyncio.create_task(
        Worker(deps.db, deps.gather, deps.fabric, deps.clock, deps.real_clock).run([jobs.batches(deps)])
    )
    yield
    worker.cancel()
    await asyncio.wait([worker])


async def outcome_of(deps: Deps, batch: Batch) -> Outcome:
    (record,) = await service.records_of_batch(deps, batch.id, None)
    return record.outcome


async def is_pushed(deps: Deps, batch: Batch) -> bool:
    return await outcome_of(deps, batch) is Outcome.SUCCESS


async def test_batches_to_a_silent_handset_keep_no_other_account_waiting(deps: Deps, clock: FakeClock) -> None:
    deps = replace(deps, settings=msgspec.structs.replace(deps.settings, bulk_deadline_s=600))  # none is given up yet
    alice, charlie = await make_cast(deps), await make_cast(deps)
    window = (clock.now(), clock.now() + timedelta(hours=1))
    async with (
        connected(deps, acknowledges=False) as silent,
        connected(deps, acknowledges=True) as lively,
        working(deps),
    ):
        first = [await submit(deps, alice, new_record(alice, silent.number, *window)) for _ in range(CROWD)]
        await silent.has(jobs.AT_ONCE)
        other = await submit(deps, charlie, new_record(charlie, lively.number, *window))
        await until(partial(is_pushed, deps, other))
        await silent.has(CROWD)
        assert {await outcome_of(deps, batch) for batch in first} == {Outcome.PENDING}
