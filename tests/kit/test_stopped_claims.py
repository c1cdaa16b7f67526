"""A worker that is stopped while it claims leaves nothing leased."""

import asyncio

import pytest
from tests.kit.chores import Chores
from tests.support.lost_answer import LostAnswer


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
