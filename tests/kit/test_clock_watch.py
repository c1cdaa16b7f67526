"""How far this machine's clock is from the database's: known before anything is done by it, and when it jumps."""

from datetime import datetime, timedelta

import pytest
from structlog.testing import capture_logs
from tests.support.fake_clock import FakeClock

from callmark.domain.deps import Deps
from callmark.kit.clock import ProductClock, SystemClock
from callmark.kit.clock_watch import TRUSTED_WITHIN, ClockWatch, OneOrder, trouble_of
from callmark.kit.health import Health, readyz
from callmark.kit.heartbeats import LiveProcess


@pytest.mark.parametrize("days", [60, -60])
async def test_a_wrong_clock_is_known_once_the_process_has_started(deps: Deps, days: int) -> None:
    wrong = FakeClock(SystemClock().now() + timedelta(days=days))
    process = LiveProcess("test", deps.db, deps.fabric, ProductClock(wrong), wrong)
    await process.start()
    await process.stop()
    assert abs(process.clock_watch.ahead() - timedelta(days=days)) < timedelta(minutes=10)
    assert trouble_of(process.clock_watch.ahead())


async def test_the_emulators_clock_is_not_compared(deps: Deps) -> None:
    real = SystemClock()
    clock = ProductClock(real)
    process = LiveProcess("test", deps.db, deps.fabric, clock, real)
    async with deps.db.connection() as tx:
        await tx.execute("UPDATE installation SET clock_offset = interval '90 days'")
    await process.start()
    await process.stop()
    assert clock.offset == timedelta(days=90)
    assert not trouble_of(process.clock_watch.ahead())


def test_a_jump_is_seen_before_the_database_is_asked_again() -> None:
    real, since_boot = FakeClock(), 100.0
    watch = ClockWatch(real, lambda: since_boot)
    assert watch.ahead() == timedelta()
    watch.heard(real.now(), watch.begin())
    real.advance(timedelta(seconds=5))
    since_boot += 5
    assert watch.ahead() == timedelta()
    real.advance(timedelta(days=60))
    assert watch.ahead() == timedelta(days=60)


def test_a_clock_that_is_wrong_or_right_again_is_logged_once() -> None:
    real = FakeClock()
    watch = ClockWatch(real, lambda: 0.0)
    right = real.now()
    with capture_logs() as lines:
        for off in (0, 60, 60, 0, 0):
            real.advance(right + timedelta(days=off) - real.now())
            watch.heard(right, watch.begin())
    assert [line["event"] for line in lines] == ["clock_wrong", "clock_right"]


def test_a_clock_is_trusted_up_to_five_minutes_in_either_direction() -> None:
    assert trouble_of(TRUSTED_WITHIN) == trouble_of(-TRUSTED_WITHIN) == ""
    assert trouble_of(timedelta(minutes=90)) == "this machine's clock is 1:30:00 ahead of the database's"
    assert trouble_of(timedelta(minutes=-6)) == "this machine's clock is 0:06:00 behind the database's"


async def test_readiness_of_the_worker_alone_depends_on_the_clock(deps: Deps) -> None:
    health = Health()
    health.roles = frozenset({"api", "worker"})
    health.ask("clock", health.clock_trouble, role="worker")
    health.clock_ahead = lambda: timedelta(hours=1)
    stand = {role: (await readyz(deps.db, deps.fabric, health, role=role))[0] for role in ("api", "worker")}
    assert stand == {"api": 200, "worker": 503}


def test_clocks_that_agree_are_not_corrected_by_what_a_slow_answer_makes_of_them() -> None:
    since_boot, real = 0.0, FakeClock()
    watch = ClockWatch(real, lambda: since_boot)
    began, theirs = watch.begin(), real.now()  # it answers at once, and is heard late
    real.advance(timedelta(seconds=4))
    since_boot += 4
    watch.heard(theirs, began)
    assert watch.ahead() == timedelta(seconds=2)
    assert not watch.correction()


@pytest.mark.parametrize(
    ("off", "took"),
    [(1.0, [0.002, 1.9, 0.002, 1.9]), (-1.0, [0.002, 1.9]), (0.16, [0.002, 0.15, 0.002]), (0.105, [0.002, 0.02])],
)
def test_a_slow_answer_takes_no_correction_back_that_may_be_right(off: float, took: list[float]) -> None:
    since_boot, right = 0.0, FakeClock()
    wrong = FakeClock(right.now() + timedelta(seconds=off))
    watch = ClockWatch(wrong, lambda: since_boot)

    def advance(seconds: float) -> datetime:
        nonlocal since_boot
        since_boot += seconds
        for clock in (right, wrong):
            clock.advance(timedelta(seconds=seconds))
        return right.now()

    for seconds in took:
        began = watch.begin()
        theirs = advance(seconds / 2)
        advance(seconds / 2)
        watch.heard(theirs, began)
        assert watch.correction() == pytest.approx(off, abs=0.001)
    wrong.advance(-timedelta(seconds=off))
    watch.heard(right.now(), watch.begin())
    assert not watch.correction()


@pytest.mark.parametrize("off", [3, -3, 7200, -7200])
def test_instants_of_machines_whose_clocks_differ_are_in_one_order(off: int) -> None:
    since_boot, right = 0.0, FakeClock()
    wrong = FakeClock(right.now() + timedelta(seconds=off))
    watch = ClockWatch(wrong, lambda: since_boot)
    there, here = OneOrder(watch.correction), OneOrder()
    watch.heard(right.now(), watch.begin())
    given = list[datetime]()
    for _ in range(3):
        given += [there.at(wrong.now()), here.at(right.now())]
        for clock in (right, wrong):
            clock.advance(timedelta(seconds=0.2))
        since_boot += 0.2
    assert given == sorted(given)
    wrong.advance(-timedelta(seconds=off))  # it is set right, before the database is asked again
    assert there.at(wrong.now()) == right.now()


def test_a_correction_changes_no_order_within_a_process_and_holds_its_clock_for_a_minute_at_most() -> None:
    real, ahead = FakeClock(), 0.0
    order = OneOrder(lambda: ahead)
    first = order.at(real.now())
    ahead = 3.0
    assert [order.at(real.now()) - first for _ in range(2)] == [timedelta(microseconds=n) for n in (1, 2)]
    real.advance(timedelta(seconds=5))
    assert order.at(real.now()) - first == timedelta(seconds=2)
    ahead = 120.0
    assert order.at(real.now()) - first == timedelta(seconds=5, minutes=-2)
