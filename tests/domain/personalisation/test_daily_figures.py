import asyncio
from datetime import datetime, timedelta
from typing import LiteralString
from uuid import UUID

import pytest
from msgspec.structs import replace
from tests.domain.personalisation.counted_calls import called, count_all, long_after, submit
from tests.support.due_work import run_due_once
from tests.support.factories import Cast, make_cast
from tests.support.fake_clock import FakeClock
from tests.support.hidden_sessions import hidden_from_each_other
from tests.support.waiting import until
from tests.support.way_to_postgres import way_to_postgres

from callmark.domain.calls import daily_figures as call_figures
from callmark.domain.calls.model import CallEvent
from callmark.domain.deps import Deps
from callmark.domain.personalisation import service
from callmark.domain.personalisation.daily_figures import jobs, queries, service as record_figures
from callmark.domain.personalisation.model import Batch, Outcome, StoredRecord
from callmark.instants import EPOCH, to_ms
from callmark.kit.errors import Unavailable
from callmark.kit.ids import new_id
from callmark.kit.postgres.kept_connections import KeptConnections
from callmark.kit.postgres.statement_batcher import StatementBatcher
from callmark.processes.worker import prepare


async def records_of(deps: Deps, cast: Cast, batch: Batch) -> list[StoredRecord]:
    """The batch's records."""
    return await service.records_of_batch(deps, batch.id, cast.account.id)


async def test_the_newest_batches_show_before_the_job_has_counted_them(deps: Deps) -> None:
    cast = await make_cast(deps)
    await submit(deps, cast, 3, bad=2)
    await submit(deps, cast, 0, bad=1)
    today = (await call_figures.read_days(deps, cast.account.id)).today
    assert (today.accepted, today.waiting, today.invalid) == (6, 5, 1)
    await run_due_once(deps)
    today = (await call_figures.read_days(deps, cast.account.id)).today
    assert (today.accepted, today.valid, today.waiting, today.pushed) == (6, 3, 0, 0)
    assert today.failures[Outcome.NOT_REGISTERED] == 3


async def test_counting_changes_no_figure_and_never_counts_twice(deps: Deps) -> None:
    cast = await make_cast(deps)
    await submit(deps, cast, 4, bad=1)
    await run_due_once(deps)
    waiting = await submit(deps, cast, 2)
    before = await call_figures.read_days(deps, cast.account.id)
    for _ in range(2):
        await count_all(deps)
        assert await call_figures.read_days(deps, cast.account.id) == before
    await run_due_once(deps)
    for _ in range(2):
        await count_all(deps)
    today = (await call_figures.read_days(deps, cast.account.id)).today
    assert (today.accepted, today.waiting, today.failed, today.invalid) == (7, 0, 6, 1)
    assert waiting.record_count == 2


async def test_a_record_counts_as_shown_and_answered_once_however_often_it_rings(deps: Deps) -> None:
    cast = await make_cast(deps)
    (record,) = await records_of(deps, cast, await submit(deps, cast))
    await called(deps, record, CallEvent.SHOWN, CallEvent.MISSED)
    await called(deps, record, CallEvent.SHOWN, CallEvent.ANSWERED)
    await called(deps, record, CallEvent.SHOWN, CallEvent.ANSWERED)
    before = (await call_figures.read_days(deps, cast.account.id)).today
    assert (before.shown, before.answered) == (1, 1)
    await count_all(deps)
    await count_all(deps)
    assert (await call_figures.read_days(deps, cast.account.id)).today == before
    charlie = await make_cast(deps)
    assert (await call_figures.read_days(deps, charlie.account.id)).today.shown == 0


async def test_a_late_delivery_moves_from_the_failed_to_the_pushed(deps: Deps) -> None:
    cast = await make_cast(deps)
    batch = await submit(deps, cast)
    await run_due_once(deps)
    await count_all(deps)
    (record,) = await records_of(deps, cast, batch)
    await service.acknowledge(deps, [record.key])
    await count_all(deps)
    await count_all(deps)
    today = (await call_figures.read_days(deps, cast.account.id)).today
    assert (today.pushed, today.late, today.failed) == (1, 1, 0)


async def test_a_late_delivery_that_postgresql_could_not_take_at_once_is_counted(deps: Deps, clock: FakeClock) -> None:
    cast, real = await make_cast(deps), FakeClock()
    batch = await submit(deps, cast, 2)
    await run_due_once(deps)
    first, second = await records_of(deps, cast, batch)
    with way_to_postgres(deps) as way:
        away = KeptConnections(way.dsn, size=1, name="away")
        cut_off = replace(deps, gather=StatementBatcher(away), real_clock=real)
        writing = asyncio.create_task(service.acknowledge_token(cut_off, first.key.token()))
        await asyncio.sleep(0)
        with pytest.raises(Unavailable):  # it has asked behind the first try
            await service.acknowledge(cut_off, [first.key])
        clock.advance(timedelta(minutes=1))
        await service.acknowledge(deps, [second.key])
        await count_all(deps)
        clock.advance(timedelta(minutes=1))
        way.open()

        async def is_written() -> bool:
            real.advance(service.WRITTEN_AGAIN_AFTER)
            return writing.done()

        await until(is_written)
        await writing
        await away.close()
    await count_all(deps)
    today = (await call_figures.read_days(deps, cast.account.id)).today
    assert (today.pushed, today.late, today.failed) == (2, 2, 0)


async def test_a_day_is_its_own_and_days_without_anything_are_there(deps: Deps, clock: FakeClock) -> None:
    cast = await make_cast(deps)
    await submit(deps, cast, 2)
    await run_due_once(deps)
    await count_all(deps)
    clock.advance(timedelta(days=1))
    await prepare(deps)
    await submit(deps, cast, 1)
    found = await call_figures.read_days(deps, cast.account.id)
    assert [day.accepted for day in found.days[-3:]] == [0, 2, 1]
    assert len(found.days) == record_figures.DAYS


async def test_a_page_does_not_count_a_flood_itself(deps: Deps) -> None:
    cast = await make_cast(deps)
    for _ in range(31):
        await submit(deps, cast, 0, bad=500)
    behind = await call_figures.read_days(deps, cast.account.id)
    assert behind.is_behind
    assert behind.today.accepted == 0
    await count_all(deps)
    caught_up = await call_figures.read_days(deps, cast.account.id)
    assert not caught_up.is_behind
    assert caught_up.today.accepted == 15_500


async def test_a_batch_whose_transaction_is_still_open_is_not_passed_by(deps: Deps) -> None:
    cast = await make_cast(deps)
    async with deps.db.transaction() as tx:
        await tx.execute("UPDATE installation SET clock_version = clock_version")  # somebody who has written
        batch = await submit(deps, cast)
        await jobs.count_days(long_after(deps))
        async with deps.db.connection() as other:
            mark: UUID = await other.fetchval("SELECT up_to_id FROM count_mark WHERE what = 'batches'")
        began = await tx.fetchval("SELECT xact_start FROM pg_stat_activity WHERE pid = pg_backend_pid()")
    assert mark.int >> 80 <= to_ms(began)
    await count_all(deps)
    async with deps.db.connection() as other:
        assert await other.fetchval("SELECT up_to_id FROM count_mark WHERE what = 'batches'") == batch.id


WRITTEN_LATE = """
INSERT INTO batch (id, account_id, accepted_at, record_count, ends_from, ends_to) VALUES ($1, $2, $3, 2, $3, $3)
"""


async def test_a_batch_that_is_written_long_after_it_got_its_id_is_not_passed_by(deps: Deps) -> None:
    cast, now = await make_cast(deps), deps.real_clock.now()
    await submit(deps, cast, 0, bad=1)
    await jobs.count_days(replace(deps, real_clock=FakeClock(now + timedelta(seconds=8))))
    async with deps.db.connection() as tx:
        late_id = UUID(int=to_ms(now - timedelta(seconds=15)) << 80)
        await tx.execute(WRITTEN_LATE, late_id, cast.account.id, deps.clock.now())
    await count_all(deps)
    async with deps.db.connection() as tx:
        assert await tx.fetchval("SELECT accepted FROM record_day") == 3


async def test_a_batch_of_a_transaction_whose_session_is_hidden_is_counted_once_that_has_ended(deps: Deps) -> None:
    cast = await make_cast(deps)
    async with hidden_from_each_other(deps) as hidden:
        async with deps.db.transaction() as tx:
            await tx.execute(WRITTEN_LATE, new_id(), cast.account.id, deps.clock.now())
            await submit(deps, cast, 0, bad=1)
            await count_all(hidden)
            await count_all(hidden)
        async with deps.db.transaction() as tx:  # others write all the time; this one began after those looks
            await tx.execute("UPDATE installation SET clock_version = clock_version")
            await count_all(hidden)
            assert await tx.fetchval("SELECT count(*) FROM record_day") == 0
        await count_all(hidden)
        async with deps.db.connection() as tx:
            assert await tx.fetchval("SELECT accepted FROM record_day") == 3


BACKLOG = """
INSERT INTO batch (id, account_id, accepted_at, record_count, ends_from, ends_to)
SELECT (lpad(to_hex($2::bigint + n), 12, '0') || '7000' || repeat('80', 8))::uuid, $1, $3, 20000, $3, $3
FROM generate_series(1, 3) n
"""
"""Three steps of batches that are done."""


@pytest.mark.parametrize("is_hidden", [False, True])
async def test_a_backlog_is_counted_in_one_turn_beside_a_writer_that_began_after_it(
    deps: Deps, *, is_hidden: bool
) -> None:
    cast, ago = await make_cast(deps), to_ms(deps.real_clock.now() - timedelta(minutes=10))
    async with hidden_from_each_other(deps) as hidden, deps.db.connection() as other:
        counting = hidden if is_hidden else deps
        await other.execute(BACKLOG, cast.account.id, ago, deps.clock.now())
        async with deps.db.transaction() as tx:
            await tx.execute("UPDATE installation SET clock_version = clock_version")
            await jobs.count_days(counting)
            await jobs.count_days(counting)
            counted = await other.fetchval("SELECT accepted FROM record_day")
            assert counted == (None if is_hidden else 60_000)  # nothing says yet that it began after them
        async with deps.db.transaction() as tx:
            await tx.execute("UPDATE installation SET clock_version = clock_version")
            await jobs.count_days(counting)
            assert await other.fetchval("SELECT accepted FROM record_day") == 60_000


NUMBERS_USED_UP = """
CREATE TEMP VIEW count_mark AS SELECT what, up_to_at, up_to_id, ((pg_current_xact_id()::text::bigint
  + (1::bigint << 31) - 1000) % (1::bigint << 32))::text::xid AS xmin FROM public.count_mark
"""
"""The table as it is once the server has given more than 2^31 numbers since the note was made."""


@pytest.mark.parametrize(("ahead", "becomes"), [(timedelta(hours=1), "SELECT"), (timedelta(), NUMBERS_USED_UP)])
async def test_a_note_that_says_nothing_of_hidden_writers_is_made_again(
    deps: Deps, ahead: timedelta, becomes: LiteralString
) -> None:
    """One of a clock that was ahead would pass by a batch; one whose number is used up would stay as it is."""
    async with hidden_from_each_other(deps) as hidden:
        async with deps.db.connection() as other:
            await other.execute(
                "INSERT INTO count_mark VALUES ('writers', now() + $1::interval, $2)", ahead, UUID(int=0)
            )
        async with deps.db.transaction() as writer, hidden.db.transaction() as tx:
            noted: datetime = await tx.fetchval("SELECT now()")
            await writer.execute("UPDATE installation SET clock_version = clock_version")
            await tx.execute(becomes)
            await queries.lock_mark(tx, "batches")
            assert await queries.oldest_writer(tx) == EPOCH
            assert await tx.fetchval("SELECT up_to_at FROM public.count_mark WHERE what = 'writers'") == noted


WAITING = """
INSERT INTO batch (id, account_id, accepted_at, record_count, ends_from, ends_to, due_at)
SELECT (lpad(to_hex(n), 12, '0') || '7000' || repeat('80', 8))::uuid, $1, $2, 1, $2, $2, 'infinity'
FROM generate_series(1, 5001) n
"""


async def test_any_number_of_batches_that_wait_keeps_no_other_from_being_counted(deps: Deps) -> None:
    suspended, cast = await make_cast(deps), await make_cast(deps)
    async with deps.db.connection() as tx:
        await tx.execute(WAITING, suspended.account.id, deps.clock.now())
    await submit(deps, cast, 3)
    await count_all(deps)  # none is done
    await run_due_once(deps)
    await count_all(deps)
    async with deps.db.connection() as tx:
        counted = await tx.fetch("SELECT account_id, accepted, not_registered FROM record_day")
    assert [tuple(row) for row in counted] == [(cast.account.id, 3, 3)]


async def test_home_sums_all_that_waits_and_says_when_it_is_too_much(
    deps: Deps, monkeypatch: pytest.MonkeyPatch
) -> None:
    cast = await make_cast(deps)
    async with deps.db.connection() as tx:
        await tx.execute(
            "INSERT INTO uncounted_batch SELECT gen_random_uuid(), $1, $2::timestamptz - n % 2 * interval '1 day', 3"
            " FROM generate_series(1, 12000) n",
            cast.account.id,
            deps.clock.now(),
        )
    found = await call_figures.read_days(deps, cast.account.id)
    assert [(day.accepted, day.waiting) for day in found.days[-2:]] == [(18_000, 18_000)] * 2
    assert not found.is_behind
    monkeypatch.setattr(record_figures, "_MOST_WAITING", 11_000)
    assert (await call_figures.read_days(deps, cast.account.id)).is_behind


async def accepted_at(deps: Deps, batch: Batch, at: datetime) -> None:
    """Gives a batch the id that it has when it is accepted at that instant."""
    async with deps.db.transaction() as tx:
        made = UUID(int=(to_ms(at) << 80) + (batch.id.int & ((1 << 80) - 1)))
        await tx.execute("UPDATE batch SET id = $2 WHERE id = $1", batch.id, made)
        await tx.execute("UPDATE call_record SET batch_id = $2 WHERE batch_id = $1", batch.id, made)


@pytest.mark.parametrize(("step", "back"), [(1, 120), (2, 120), (2000, 120), (2000, 5)])
async def test_batches_of_a_clock_that_was_ahead_hide_none_of_the_right_one_and_count_once(
    deps: Deps, monkeypatch: pytest.MonkeyPatch, step: int, back: int
) -> None:
    monkeypatch.setattr(jobs, "_BATCHES_A_STEP", step)
    ahead = deps.real_clock.now() + timedelta(minutes=1)
    right = ahead - timedelta(minutes=back)
    cast = await make_cast(deps)
    await submit(deps, cast, 3, bad=1)
    await submit(deps, cast, 0, bad=2)
    await run_due_once(deps)
    await submit(deps, cast, 1)  # which no worker has pushed
    await jobs.count_days(replace(deps, real_clock=FakeClock(ahead)))
    at_right = replace(deps, real_clock=FakeClock(right))
    await jobs.count_days(at_right)
    await accepted_at(deps, await submit(deps, cast, 0, bad=5), right + timedelta(seconds=1))
    await run_due_once(deps)
    for minutes in (1, back // 2, back, back + 1):
        await jobs.count_days(replace(deps, real_clock=FakeClock(right + timedelta(minutes=minutes))))
        today = (await record_figures.read_days(deps, cast.account.id)).today
        assert (today.accepted, today.invalid, today.failed, today.waiting) == (12, 8, 4, 0)
        async with deps.db.connection() as tx:
            counted = await tx.fetchval("SELECT accepted FROM record_day")
        assert counted == (5 if minutes < back else 12)


async def test_calls_and_late_deliveries_of_a_clock_that_was_ahead_hide_none_of_the_right_one(
    deps: Deps, clock: FakeClock
) -> None:
    cast, ahead = await make_cast(deps), timedelta(hours=2)
    batch = await submit(deps, cast, 4)
    await run_due_once(deps)
    await count_all(deps)
    records = await records_of(deps, cast, batch)

    async def meet(record: StoredRecord) -> None:
        await service.acknowledge(deps, [record.key])
        await called(deps, record, CallEvent.SHOWN, CallEvent.ANSWERED)

    async def counts() -> tuple[int, int, int, int]:
        await count_all(deps)
        today = (await call_figures.read_days(deps, cast.account.id)).today
        return today.late, today.failed, today.shown, today.answered

    await meet(records[0])
    clock.advance(ahead)
    for record in records[1:3]:
        await meet(record)
    assert await counts() == (3, 1, 3, 3)
    clock.advance(-ahead)
    assert await counts() == (1, 3, 1, 1)
    clock.advance(timedelta(minutes=20))
    await meet(records[3])
    assert await counts() == (2, 2, 2, 2)
    clock.advance(ahead)
    assert await counts() == (4, 0, 4, 4)
    assert await counts() == (4, 0, 4, 4)
