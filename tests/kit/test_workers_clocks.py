"""Workers whose machines' clocks differ: leases are those of the database's clock, whatever each machine's says."""

from datetime import timedelta

import pytest
from tests.kit.chores import Chores

from callmark.kit.clock import ProductClock
from callmark.kit.clock_watch import ClockWatch
from callmark.kit.health import Health
from callmark.kit.work import LEASE
from callmark.kit.worker import Worker


def worker_ahead(chores: Chores, ahead: timedelta) -> Worker:
    """A worker on a machine whose clock is so far ahead of the database's, which is `chores.real`."""
    real, health = ProductClock(chores.real), Health()
    real.offset, health.clock_ahead = ahead, lambda: ahead
    return Worker(chores.deps.db, chores.deps.gather, chores.deps.fabric, chores.clock, real, health)


@pytest.mark.parametrize("seconds", [-50, -16, 16, 50])
async def test_a_worker_whose_clock_differs_takes_no_row_that_another_holds(chores: Chores, seconds: int) -> None:
    await chores.make("mail")
    other = worker_ahead(chores, timedelta(seconds=seconds))
    assert len(await chores.worker().claim(chores.work(), 1)) == 1
    assert await other.claim(chores.work(), 1) == []
    chores.real.advance(LEASE)
    assert await other.claim(chores.work(), 1) == []
    chores.real.advance(timedelta(microseconds=1))
    assert len(await other.claim(chores.work(), 1)) == 1
    chores.real.advance(LEASE + timedelta(microseconds=1))
    assert len(await chores.worker().claim(chores.work(), 1)) == 1


@pytest.mark.parametrize("is_shared", [False, True])
async def test_a_lease_that_a_killed_worker_took_while_its_clock_was_ahead_holds_nothing_up(
    chores: Chores, *, is_shared: bool
) -> None:
    await chores.make("acme mail")
    work = chores.shared() if is_shared else chores.work()
    chores.real.advance(timedelta(days=60))
    assert len(await chores.worker().claim(work, 1)) == 1
    chores.real.advance(-timedelta(days=60))
    assert len(await chores.worker().claim(work, 1)) == 1


async def test_a_lease_of_a_worker_that_lives_holds_when_the_clock_is_set_back_a_little(chores: Chores) -> None:
    await chores.make("mail")
    assert len(await chores.worker().claim(chores.work(), 1)) == 1
    chores.real.advance(-timedelta(minutes=1))
    assert await chores.worker().claim(chores.work(), 1) == []


async def test_when_the_clock_is_set_back_far_those_who_live_can_renew_their_leases_first(chores: Chores) -> None:
    await chores.make("mail")
    since_boot = 0.0
    watch, health = ClockWatch(chores.real, lambda: since_boot), Health()
    health.clock_ahead, health.is_set_back = watch.ahead, watch.is_set_back
    worker = Worker(chores.deps.db, chores.deps.gather, chores.deps.fabric, chores.clock, chores.real, health)
    watch.heard(chores.real.now(), watch.begin())
    assert len(await worker.claim(chores.work(), 1)) == 1
    chores.real.advance(-timedelta(hours=2))
    assert await worker.claim(chores.work(), 1) == []
    watch.heard(chores.real.now(), watch.begin())
    assert await worker.claim(chores.work(), 1) == []
    since_boot += LEASE.total_seconds()
    chores.real.advance(LEASE)
    watch.heard(chores.real.now(), watch.begin())
    assert len(await worker.claim(chores.work(), 1)) == 1  # no one has renewed it


@pytest.mark.parametrize("minutes", [-6, 6])
async def test_a_worker_whose_clock_is_wrong_takes_nothing_until_it_is_right(chores: Chores, minutes: int) -> None:
    await chores.make("mail")
    health = Health()
    worker = Worker(chores.deps.db, chores.deps.gather, chores.deps.fabric, chores.clock, chores.real, health)
    health.clock_ahead = lambda: timedelta(minutes=minutes)
    assert await worker.run_due(chores.work()) == 0
    health.clock_ahead = timedelta
    assert await worker.run_due(chores.work()) == 1
