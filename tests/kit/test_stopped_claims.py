"""A worker that is stopped leaves nothing leased by a claim, and nothing running."""

import asyncio
from datetime import timedelta

import pytest
from tests.kit.chores import Chores
from tests.support.fake_clock import FakeClock
from tests.support.lost_answer import LostAnswer

from callmark.kit.work import Claimed


@pytest.mark.parametrize("once", [False, True])
async def test_a_claim_that_a_stop_meets_is_given_back(
    chores: Chores, monkeypatch: pytest.MonkeyPatch, *, once: bool
) -> None:
    await chores.make("first", "second")
    answer = LostAnswer(chores.deps.db, monkeypatch)
    worker, work = chores.worker(), chores.work()
    working = asyncio.create_task(worker.run_due(work) if once else worker.run([work]))
    await asyncio.wait_for(answer.is_done.wait(), 30)
    assert set(await chores.leased()) == {"first", "second"}
    working.cancel()
    await asyncio.wait([working])
    assert working.cancelled()
    assert await chores.leased() == {}
    assert len(await chores.worker().claim(chores.work(), 2)) == 2


async def test_only_what_the_claim_took_is_given_back(chores: Chores, monkeypatch: pytest.MonkeyPatch) -> None:
    await chores.make("first")
    (held,) = await chores.worker().claim(chores.work(), 1)
    await chores.add("second")
    answer = LostAnswer(chores.deps.db, monkeypatch)
    working = asyncio.create_task(chores.worker().run([chores.work()]))
    await asyncio.wait_for(answer.is_done.wait(), 30)
    working.cancel()
    await asyncio.wait([working])
    assert await chores.leased() == {"first": held.lease_id}


class LosesCancellation(FakeClock):
    """Who sleeps by it wakes up for the first cancellation, and does not hear of it: `asyncio.wait_for` may do so."""

    is_lost = False

    async def sleep(self, duration: timedelta) -> None:
        try:
            await super().sleep(duration)
        except asyncio.CancelledError:
            if self.is_lost:
                raise
            self.is_lost = True


async def test_no_lease_is_renewed_once_the_work_is_done(chores: Chores) -> None:
    await chores.make("sweep")
    chores.real = LosesCancellation()
    before = asyncio.all_tasks()

    async def run(_: Claimed) -> None:
        await asyncio.sleep(0)  # the renewal of leases begins

    assert await chores.worker().run_due(chores.work(run)) == 1
    assert asyncio.all_tasks() <= before
