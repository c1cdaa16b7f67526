"""What becomes known of a call late is counted as what is known at once: home says what the batch's funnel says."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from random import Random

import pytest
from msgspec import Struct
from msgspec.structs import replace
from tests.domain.personalisation.counted_calls import OTHERS, submit
from tests.support.cases import each
from tests.support.factories import make_cast
from tests.support.fake_clock import FakeClock

from callmark.domain.calls import daily_figures as call_figures, service as calls
from callmark.domain.calls.model import CallEvent, CallReport, CallSource
from callmark.domain.deps import Deps
from callmark.domain.ids import AccountId, CallId
from callmark.domain.personalisation import service
from callmark.domain.personalisation.daily_figures.service import DailyFigures
from callmark.domain.personalisation.model import StoredRecord
from callmark.kit.clock_watch import TRUSTED_WITHIN
from callmark.kit.ids import new_id
from callmark.kit.phone import PhoneNumber

HALF_A_MINUTE = timedelta(seconds=30)
"""How often the job runs."""


class Stage(Struct, frozen=True):
    """An account's records, and a job that counts their calls."""

    deps: Deps
    clock: FakeClock
    account_id: AccountId
    records: list[StoredRecord]

    async def said(
        self, call_id: CallId, event: CallEvent, *, source: CallSource = CallSource.CALL_RECORD, of: int = 0
    ) -> None:
        """The handset reports an event of a call."""
        record = self.records[of]
        key = record.key if source is CallSource.CALL_RECORD else None
        report = CallReport(call_id, PhoneNumber("918040001234"), event, source, key)
        await calls.report(self.deps, record.key.receiver_number, report)

    async def passed(self, time: timedelta) -> None:
        """The job runs now and then while time passes, and each run happens twice."""
        until = self.clock.now() + time
        for moment in (HALF_A_MINUTE, timedelta(minutes=2), timedelta(minutes=6), time):
            self.clock.advance(max(min(moment, until - self.clock.now()), timedelta(0)))
            await call_figures.count_calls(self.deps)
            await call_figures.count_calls(self.deps)

    async def days(self) -> DailyFigures:
        return await call_figures.read_days(self.deps, self.account_id)

    async def home(self) -> tuple[int, int]:
        """Shown and answered of all days together."""
        days = (await self.days()).days
        return sum(day.shown for day in days), sum(day.answered for day in days)

    async def funnel(self) -> tuple[int, int]:
        """The same, as the batch says it."""
        counts = await calls.count_calls(self.deps, [(one.key.id, one.key.receiver_number) for one in self.records])
        return counts.shown, counts.answered


async def staged(deps: Deps, clock: FakeClock, records: int = 1) -> Stage:
    cast = await make_cast(deps)
    batch = await submit(deps, cast, records)
    return Stage(deps, clock, cast.account.id, await service.records_of_batch(deps, batch.id, cast.account.id))


async def test_an_answered_call_counts_however_late_its_end_is_reported(deps: Deps, clock: FakeClock) -> None:
    async def counts_after(minutes: int) -> None:
        stage, call_id = await staged(deps, clock), CallId(new_id())
        await stage.said(call_id, CallEvent.SHOWN)
        await stage.passed(timedelta(minutes=minutes))
        assert await stage.home() == (1, 0)
        await stage.said(call_id, CallEvent.ANSWERED)
        assert await stage.home() == (1, 1)
        await stage.passed(timedelta(hours=1))
        assert await stage.home() == await stage.funnel() == (1, 1)

    await each([1, 3, 6, 8, 20, 7 * 24 * 60], counts_after)


async def test_an_end_counts_that_a_machine_reports_whose_clock_is_as_far_behind_as_is_trusted(
    deps: Deps, clock: FakeClock
) -> None:
    async def counts_after(minutes: int) -> None:
        stage, call_id = await staged(deps, clock), CallId(new_id())
        await stage.said(call_id, CallEvent.SHOWN)
        for _ in range(2 * minutes):
            clock.advance(HALF_A_MINUTE)
            await call_figures.count_calls(deps)
        slow = FakeClock(clock.now() - TRUSTED_WITHIN + timedelta(seconds=1))
        await replace(stage, deps=replace(deps, clock=slow)).said(call_id, CallEvent.ANSWERED)
        await stage.passed(timedelta(hours=1))
        assert await stage.home() == await stage.funnel() == (1, 1)

    await each([0, 5, 6, 7, 12], counts_after)


async def test_a_record_that_was_answered_in_a_long_call_and_in_a_short_one_counts_once(
    deps: Deps, clock: FakeClock
) -> None:
    stage, long, short = await staged(deps, clock), CallId(new_id()), CallId(new_id())
    await stage.said(long, CallEvent.SHOWN)
    await stage.passed(timedelta(minutes=8))
    await stage.said(long, CallEvent.ANSWERED)
    await stage.said(short, CallEvent.SHOWN)
    await stage.said(short, CallEvent.ANSWERED)
    await stage.passed(timedelta(hours=1))
    assert await stage.home() == await stage.funnel() == (1, 1)


async def test_an_end_that_comes_after_another_answered_call_was_counted_counts_no_second_time(
    deps: Deps, clock: FakeClock
) -> None:
    stage, first, second = await staged(deps, clock), CallId(new_id()), CallId(new_id())
    await stage.said(first, CallEvent.SHOWN)
    await stage.passed(timedelta(minutes=30))
    await stage.said(second, CallEvent.ANSWERED)
    await stage.passed(timedelta(minutes=30))
    await stage.said(first, CallEvent.ANSWERED)
    await stage.passed(timedelta(minutes=30))
    assert await stage.home() == await stage.funnel() == (1, 1)


async def test_what_was_shown_may_become_known_after_the_end(deps: Deps, clock: FakeClock) -> None:
    stage, late_shown, late_record = await staged(deps, clock, 2), CallId(new_id()), CallId(new_id())
    await stage.said(late_shown, CallEvent.ANSWERED)
    await stage.said(late_record, CallEvent.SHOWN, source=CallSource.NONE, of=1)
    await stage.passed(timedelta(minutes=30))
    assert await stage.home() == (0, 1)
    await stage.said(late_shown, CallEvent.SHOWN)
    await stage.said(late_record, CallEvent.ANSWERED, of=1)
    await stage.passed(timedelta(minutes=30))
    assert await stage.home() == await stage.funnel() == (2, 2)


async def test_a_call_counts_on_the_day_on_which_it_began(deps: Deps, clock: FakeClock) -> None:
    stage, call_id = await staged(deps, clock), CallId(new_id())
    midnight = datetime.combine(clock.now().date() + timedelta(days=1), datetime.min.time(), clock.now().tzinfo)
    clock.advance(midnight - clock.now() - timedelta(minutes=5))
    await stage.said(call_id, CallEvent.SHOWN)
    await stage.passed(timedelta(minutes=15))
    await stage.said(call_id, CallEvent.ANSWERED)
    for _ in range(2):
        yesterday, today = (await stage.days()).days[-2:]
        assert (yesterday.shown, yesterday.answered) == (1, 1)
        assert (today.shown, today.answered) == (0, 0)
        await stage.passed(timedelta(minutes=15))


async def test_what_a_clock_that_was_ahead_brought_late_is_taken_back_and_comes_again(
    deps: Deps, clock: FakeClock
) -> None:
    stage, early, other = await staged(deps, clock, 2), CallId(new_id()), CallId(new_id())
    await stage.said(early, CallEvent.SHOWN)
    await stage.passed(timedelta(minutes=10))
    clock.advance(timedelta(hours=2))
    await stage.said(early, CallEvent.ANSWERED)
    await stage.passed(timedelta(minutes=10))
    assert await stage.home() == (1, 1)
    clock.advance(-timedelta(hours=2))
    await call_figures.count_calls(deps)
    assert await stage.home() == (1, 0)
    await stage.said(other, CallEvent.SHOWN, of=1)
    await stage.passed(timedelta(minutes=20))
    await stage.said(other, CallEvent.ANSWERED, of=1)
    await stage.passed(timedelta(minutes=10))
    assert await stage.home() == (2, 1)
    await stage.passed(timedelta(hours=3))
    assert await stage.home() == await stage.funnel() == (2, 2)


@pytest.mark.parametrize("step", [1, 3, 2_000])
async def test_home_and_funnel_agree_at_every_moment(
    deps: Deps, clock: FakeClock, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    monkeypatch.setattr(call_figures, "_A_STEP", step)
    stage, random = await staged(deps, clock, 12), Random(step)
    open_calls: list[tuple[int, CallId]] = []
    for _ in range(120):
        if not open_calls or random.random() < 0.4:
            open_calls.append((random.randrange(len(stage.records)), CallId(new_id())))
        of, call_id = random.choice(open_calls)
        source = random.choice([CallSource.CALL_RECORD, CallSource.CALL_RECORD, CallSource.NONE])
        await stage.said(call_id, random.choice(list(CallEvent)), source=source, of=of)
        clock.advance(timedelta(seconds=random.choice([0, 10, 70, 200])))
        if random.random() < 0.5:
            await call_figures.count_calls(deps)
        assert await stage.home() == await stage.funnel()
    await stage.passed(timedelta(hours=1))
    assert await stage.home() == await stage.funnel()
    assert await counted(deps) == await stage.funnel()


async def test_calls_of_others_hide_none_of_ones_own_and_home_says_when_there_are_too_many(
    deps: Deps, clock: FakeClock
) -> None:
    stage = await staged(deps, clock)
    async with deps.db.connection() as tx:
        await tx.execute(OTHERS, clock.now() - timedelta(minutes=1), 2_000, None)  # which showed no record
    await stage.said(CallId(new_id()), CallEvent.ANSWERED)
    assert await stage.home() == (0, 1)
    assert not (await stage.days()).are_calls_behind
    async with deps.db.connection() as tx:
        await tx.execute(OTHERS, clock.now() - timedelta(minutes=1), 2_000, new_id())
    assert await stage.home() == (0, 0)
    days = await stage.days()
    assert (days.are_calls_behind, days.is_behind) == (True, False)


SPREAD = """
INSERT INTO call (receiver_number, id, caller_number, source, reported_at)
SELECT '91' || (7000000000 + n)::text, gen_random_uuid(), '918040009999', 'none', $1::timestamptz - n * interval '1 ms'
FROM generate_series(1, $2::int) n
"""


async def test_home_reads_no_more_calls_than_it_may_where_nobody_counts_them(deps: Deps, clock: FakeClock) -> None:
    stage = await staged(deps, clock)
    async with deps.db.connection() as tx:
        await tx.execute(SPREAD, clock.now(), 19_998)
    await stage.said(CallId(new_id()), CallEvent.ANSWERED)
    assert (await stage.home(), (await stage.days()).are_calls_behind) == ((0, 1), False)
    clock.advance(timedelta(seconds=1))
    await stage.said(CallId(new_id()), CallEvent.SHOWN)
    assert (await stage.home(), (await stage.days()).are_calls_behind) == ((0, 1), True)
    await stage.passed(timedelta(minutes=20))
    assert (await stage.home(), (await stage.days()).are_calls_behind) == ((1, 1), False)


async def counted(deps: Deps) -> Sequence[int]:
    """What the job has counted, without what a page adds."""
    async with deps.db.connection() as tx:
        return tuple(await tx.fetchrow("SELECT sum(shown)::int, sum(answered)::int FROM record_day") or ())
