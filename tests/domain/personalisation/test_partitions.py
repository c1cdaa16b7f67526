"""The days of `call_record`, on real PostgreSQL."""

import asyncio
from datetime import datetime, timedelta
from typing import LiteralString

import pytest
from msgspec.structs import replace
from tests.domain.personalisation.partitions import new_record, partition_of, register, submit
from tests.support.due_work import run_due_once
from tests.support.engines import Engines
from tests.support.factories import make_cast, phone
from tests.support.fake_clock import FakeClock
from tests.support.hidden_sessions import hidden_from_each_other
from tests.support.kept_days import KEPT
from tests.support.waiting import until, until_locked

from callmark.domain.deps import Deps
from callmark.domain.personalisation import partitions, queries, service as personalisation
from callmark.domain.personalisation.accepting import SMALL
from callmark.domain.personalisation.model import Batch, Outcome, RingingPair, Settlement, StoredRecord
from callmark.domain.personalisation.sweeping.jobs import sweep
from callmark.domain.personalisation.validation import V1
from callmark.domain.policy.model import SYSTEM
from callmark.kit.errors import Conflict, Unavailable
from callmark.kit.phone import PhoneNumber
from callmark.kit.postgres import partitions as days_of_tables
from callmark.kit.postgres.database import connect, own_names
from callmark.kit.postgres.partitions import EARLY_DAYS, are_read_for_long, days_ahead, keep_days
from callmark.processes.worker import prepare
from callmark.record_rules.fields import NewRecord


async def only(deps: Deps, batch: Batch) -> StoredRecord:
    (record,) = await personalisation.records_of_batch(deps, batch.id, batch.account_id)
    return record


async def test_days_are_made_ahead_and_what_ends_later_moves_into_its_day_when_that_is_made(
    deps: Deps, clock: FakeClock
) -> None:
    clock.advance(timedelta(days=4000))  # days of its own, which no other test makes
    cast = await make_cast(deps)
    await partitions.keep_partitions(deps)
    now = clock.now()
    far = await submit(deps, cast, new_record(cast, phone(), now + timedelta(days=20), now + timedelta(days=20.5)))
    near = await submit(deps, cast, new_record(cast, phone(), now, now + timedelta(hours=24)))
    assert await partition_of(deps, await only(deps, far)) == "call_record_rest"
    assert (await partition_of(deps, await only(deps, near))).startswith("call_record_20")
    clock.advance(timedelta(days=13))
    await asyncio.gather(*(partitions.keep_partitions(deps) for _ in range(3)))
    assert (await partition_of(deps, await only(deps, far))).startswith("call_record_20")
    assert (await only(deps, far)).outcome is Outcome.PENDING


async def test_days_past_the_retention_are_dropped_with_their_batches(deps: Deps, clock: FakeClock) -> None:
    clock.advance(timedelta(days=8000))
    cast = await make_cast(deps)
    await partitions.keep_partitions(deps)
    batch = await submit(deps, cast, new_record(cast, phone(), clock.now(), clock.now() + timedelta(hours=1)))
    await run_due_once(deps)
    clock.advance(timedelta(days=30))
    await partitions.keep_partitions(deps)
    assert await personalisation.records_of_batch(deps, batch.id, None)
    clock.advance(timedelta(days=3))
    await partitions.keep_partitions(deps)
    await partitions.drop_old_batches(deps)
    async with deps.db.connection() as tx:
        assert await queries.find_batch(tx, batch.id) is None


@pytest.mark.parametrize("days", [60, -60])
async def test_a_machine_whose_clock_is_wrong_drops_nothing(deps: Deps, days: int) -> None:
    now = deps.real_clock.now()
    right = replace(deps, clock=FakeClock(now))
    await partitions.keep_partitions(right)
    cast = await make_cast(right)
    batch = await submit(right, cast, new_record(cast, phone(), now, now + timedelta(hours=1)))
    wrong = FakeClock(now + timedelta(days=days))
    astray = replace(deps, clock=wrong, real_clock=wrong)
    with pytest.raises(Unavailable) as refused:
        await partitions.keep_partitions(astray)
    assert refused.value.reason.startswith("clock: ")
    await partitions.begin_partitions(astray)
    assert (await partition_of(deps, await only(deps, batch))).startswith("call_record_20")


async def test_a_record_that_waited_for_its_day_s_partition_is_written_into_it(
    deps: Deps, clock: FakeClock, engines: Engines
) -> None:
    clock.advance(timedelta(days=20_000))
    cast, now = await make_cast(deps), clock.now()
    record = new_record(cast, phone(), now, now + timedelta(hours=1))
    async with connect(engines.dsn) as maker:
        day = record_day(now)
        async with maker.transaction():
            await maker.execute("CREATE TABLE a_day (LIKE call_record INCLUDING ALL)")
            await maker.execute(f"ALTER TABLE call_record ATTACH PARTITION a_day FOR VALUES {day}")
            real_time = asyncio.create_task(personalisation.push_now(deps, cast.account.id, V1, record))
            small = asyncio.create_task(submit(deps, cast, record))
            large = asyncio.create_task(submit(deps, cast, *[record] * (SMALL + 1)))
            await until_locked(deps.db, 3)
        assert (await real_time).outcome is Outcome.NOT_REGISTERED
        assert (await small).record_count == 1
        assert (await large).record_count == SMALL + 1
        assert await maker.fetchval("SELECT count(*) FROM a_day") == SMALL + 3
        assert await maker.fetchval("SELECT count(*) FROM batch") == 3


def record_day(now: datetime) -> LiteralString:
    start = now.replace(hour=0, minute=0, second=0, microsecond=0)
    return own_names(f"FROM ('{start.isoformat()}') TO ('{(start + timedelta(days=1)).isoformat()}')")


async def test_days_are_made_later_while_a_backup_reads_their_table(
    deps: Deps, clock: FakeClock, engines: Engines
) -> None:
    clock.advance(timedelta(days=10_000))
    await partitions.keep_partitions(deps)
    days = "SELECT count(*) FROM pg_inherits WHERE inhparent = 'call_record'::regclass"
    async with connect(engines.dsn) as reader, connect(engines.dsn) as tx:
        before = await tx.fetchval(days)
        async with reader.transaction():
            await reader.execute("LOCK TABLE call_record, call_record_rest IN ACCESS SHARE MODE")
            clock.advance(timedelta(days=1))
            await partitions.keep_partitions(deps)
            assert await tx.fetchval(days) == before
            clock.advance(timedelta(days=8))  # today would have no day of its own
            with pytest.raises(Unavailable):
                await partitions.keep_partitions(deps)
        await partitions.keep_partitions(deps)
        assert await tx.fetchval(days) > before


LOOKS_AGAIN = """
SELECT EXISTS (SELECT FROM pg_stat_activity WHERE application_name = 'hidden' AND query LIKE '%virtual%WHERE granted')
"""


@pytest.mark.parametrize(("looks", "is_long"), [(1_000_000, False), (2, True)])
async def test_of_sessions_that_may_not_be_looked_at_what_stays_open_is_a_long_reader(
    deps: Deps, engines: Engines, monkeypatch: pytest.MonkeyPatch, looks: int, *, is_long: bool
) -> None:
    """A backup: to wait for its tables would have everyone wait, each minute again. Others take milliseconds."""
    monkeypatch.setattr(days_of_tables, "LOOKS", looks)
    async with hidden_from_each_other(deps) as hidden, hidden.db.transaction() as tx, connect(engines.dsn) as reader:
        async with reader.transaction():
            await reader.execute("LOCK TABLE call_record_rest IN ACCESS SHARE MODE")
            assert not await are_read_for_long(tx, ["event_rest"])
            looking = asyncio.create_task(are_read_for_long(tx, ["call_record_rest"]))

            async def is_over_or_looks_again() -> bool:
                async with deps.db.connection() as asking:
                    return looking.done() or (not is_long and await asking.fetchval(LOOKS_AGAIN))

            await until(is_over_or_looks_again)
        assert await looking is is_long


async def test_a_transaction_that_ends_between_two_looks_is_no_long_reader(engines: Engines) -> None:
    """What its session is seen to do may be of later than its locks."""
    async with connect(engines.dsn) as reader, connect(engines.dsn) as tx, reader.transaction(), tx.transaction():
        await reader.execute("LOCK TABLE call_record_rest IN ACCESS SHARE MODE")
        await tx.execute("SET LOCAL search_path = public, pg_catalog")
        await tx.execute(
            "CREATE VIEW pg_stat_activity AS SELECT pid, datname, usesysid, backend_type, 'idle' AS state,"
            " NULL::timestamptz AS xact_start FROM pg_catalog.pg_stat_activity"
        )
        assert not await are_read_for_long(tx, ["call_record_rest"])
        await tx.execute("DROP VIEW pg_stat_activity")


async def test_a_day_on_which_much_ends_is_made_early_and_holds_what_came_before(deps: Deps, clock: FakeClock) -> None:
    clock.advance(timedelta(days=18_000))
    cast, now = await make_cast(deps), clock.now()
    await keep_days(deps.db, now, KEPT)
    busy = [new_record(cast, phone(), now + timedelta(days=29.9), now + timedelta(days=30))] * 3
    far = await submit(deps, cast, *busy)
    quiet = await submit(deps, cast, new_record(cast, phone(), now + timedelta(days=31), now + timedelta(days=31.1)))
    await asyncio.gather(*(keep_days(deps.db, now, KEPT, many=3) for _ in range(3)))
    records = await personalisation.records_of_batch(deps, far.id, None)
    assert {await partition_of(deps, record) for record in records} == {f"call_record_{far.ends_to:%Y%m%d}"}
    assert [record.outcome for record in records] == [Outcome.PENDING] * 3
    assert await partition_of(deps, await only(deps, quiet)) == "call_record_rest"


async def test_a_day_that_is_far_away_is_not_made_early_however_much_ends_on_it(deps: Deps, clock: FakeClock) -> None:
    clock.advance(timedelta(days=24_000))
    cast, now = await make_cast(deps), clock.now()
    await keep_days(deps.db, now, KEPT)
    last = now + timedelta(days=EARLY_DAYS)
    for end, made in ((last, f"call_record_{last:%Y%m%d}"), (last + timedelta(days=1), "call_record_rest")):
        batch = await submit(deps, cast, *[new_record(cast, phone(), end - timedelta(hours=1), end)] * 3)
        await keep_days(deps.db, now, KEPT, many=3)
        records = await personalisation.records_of_batch(deps, batch.id, None)
        assert {await partition_of(deps, record) for record in records} == {made}
        assert [record.outcome for record in records] == [Outcome.PENDING] * 3


MOVES_TAKE_TOO_LONG: tuple[LiteralString, LiteralString] = (
    "CREATE FUNCTION too_long() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE query_canceled; END $$",
    "CREATE TRIGGER too_long BEFORE DELETE ON call_record_rest FOR EACH ROW EXECUTE FUNCTION too_long()",
)


async def test_a_move_that_takes_too_long_keeps_no_other_day_and_no_process_waiting(
    deps: Deps, clock: FakeClock, engines: Engines
) -> None:
    clock.advance(timedelta(days=14_000))
    cast, now = await make_cast(deps), clock.now()
    await partitions.keep_partitions(deps)
    far = await submit(deps, cast, new_record(cast, phone(), now + timedelta(days=8.9), now + timedelta(days=9)))
    async with connect(engines.dsn) as tx:
        for statement in MOVES_TAKE_TOO_LONG:
            await tx.execute(statement)
        clock.advance(timedelta(days=2))
        await partitions.keep_partitions(deps)
        ahead = await days_ahead(tx, clock.now().date(), partitions.DAILY_TABLES)
        assert ahead == {"call_record": 6, "event": 8, "delivery": 8, "attempt": 8}
        clock.advance(timedelta(days=7))  # it is the day that cannot be made
        with pytest.raises(Unavailable):
            await partitions.keep_partitions(deps)
        await prepare(deps)
        assert await partition_of(deps, await only(deps, far)) == "call_record_rest"
        await tx.execute("DROP FUNCTION too_long CASCADE")
        await partitions.keep_partitions(deps)
        assert set((await days_ahead(tx, clock.now().date(), partitions.DAILY_TABLES)).values()) == {8}
    assert await partition_of(deps, await only(deps, far)) == f"call_record_{far.ends_to:%Y%m%d}"


EARLIER_BATCHES = """
INSERT INTO batch (id, account_id, accepted_at, record_count, ends_from, ends_to)
SELECT (lpad(to_hex(n), 12, '0') || '7000' || repeat('80', 8))::uuid, $1, o.old, 1, o.old,
  CASE WHEN n = 2 THEN $3 ELSE o.old END FROM generate_series(1, 6000) n, (SELECT $2::timestamptz AS old) o
"""


async def test_old_batches_go_piece_by_piece_and_those_that_end_late_stay(
    deps: Deps, clock: FakeClock, engines: Engines
) -> None:
    cast = await make_cast(deps)
    async with connect(engines.dsn) as holder, connect(engines.dsn) as tx:
        old, ends_late = clock.now() - timedelta(days=40), clock.now() + timedelta(days=5)
        await tx.execute(EARLIER_BATCHES, cast.account.id, old, ends_late)

        async def left() -> int:
            return await tx.fetchval("SELECT count(*) FROM batch")

        async def has_first_piece_gone() -> bool:
            return await left() == 1001

        async with holder.transaction():
            await holder.execute("SELECT FROM batch ORDER BY id DESC LIMIT 1 FOR UPDATE")
            dropping = asyncio.create_task(partitions.drop_old_batches(deps))
            await until(has_first_piece_gone)
        await dropping
        assert await left() == 1


async def test_the_ring_time_look_up_visits_the_days_of_an_open_window_only(deps: Deps, clock: FakeClock) -> None:
    clock.advance(timedelta(days=12_000))
    await partitions.keep_partitions(deps)
    now = clock.now()
    async with deps.db.connection() as tx:
        plan = await tx.fetch(
            "EXPLAIN SELECT id FROM call_record r WHERE r.receiver_number = '919900000001' AND r.ends_at > $1"
            " AND r.ends_at <= $2 AND r.caller_number = '918040001234' AND r.starts_at <= $1",
            now,
            now + timedelta(hours=24),
        )
    text = "\n".join(row[0] for row in plan)
    assert text.count("Scan") <= 3, text
    assert "Seq Scan" not in text, text


async def test_settling_on_a_day_without_statistics_reads_what_it_settles_and_no_more(
    engines: Engines, deps: Deps, clock: FakeClock
) -> None:
    clock.advance(timedelta(days=16_000))
    await partitions.keep_partitions(deps)
    cast, now = await make_cast(deps), clock.now()
    window = (now, now + timedelta(hours=1))
    async with connect(engines.dsn) as tx:
        await tx.execute("SET plan_cache_mode = force_generic_plan")
        await queries.settle(
            tx, [settled(await only(deps, await submit(deps, cast, new_record(cast, phone(), *window))))]
        )
        many = [await submit(deps, cast, *(new_record(cast, phone(), *window) for _ in range(500))) for _ in range(4)]
        records = await personalisation.records_of_batch(deps, many[0].id, None)
        async with tx.transaction():
            await queries.settle(tx, list(map(settled, records[:5])))  # by the plan kept from when the day was empty
            read = await tx.fetchval(
                "SELECT sum(idx_tup_fetch) FROM pg_stat_xact_user_tables WHERE relname ~ '^call_rec'"
            )
    assert read < 20  # of 2,001


def settled(record: StoredRecord) -> Settlement:
    return Settlement(record.key, Outcome.SUCCESS, None, record.accepted_at)


async def test_what_is_pending_past_its_window_is_swept_to_failed(deps: Deps, clock: FakeClock) -> None:
    cast = await make_cast(deps)
    batch = await submit(deps, cast, new_record(cast, phone(), clock.now(), clock.now() + timedelta(minutes=1)))
    clock.advance(timedelta(minutes=1))
    await sweep(deps)
    assert (await only(deps, batch)).outcome is Outcome.PENDING  # it ends at this very instant
    clock.advance(timedelta(milliseconds=1))
    await sweep(deps)
    assert (await only(deps, batch)).outcome is Outcome.FAILED_TO_PUSH


async def test_a_batch_claimed_again_after_a_crash_pushes_only_what_is_pending(deps: Deps, clock: FakeClock) -> None:
    cast, receiver = await make_cast(deps), phone()
    await register(deps, receiver)
    window = (clock.now(), clock.now() + timedelta(hours=1))
    batch = await submit(deps, cast, new_record(cast, receiver, *window), new_record(cast, "not a number", *window))
    await run_due_once(deps)
    async with deps.db.connection() as tx:  # as if its worker had died before it gave the batch back
        await tx.execute("UPDATE batch SET due_at = $2 WHERE id = $1", batch.id, clock.now())
    before = await personalisation.records_of_batch(deps, batch.id, None)
    await run_due_once(deps)
    assert await personalisation.records_of_batch(deps, batch.id, None) == before
    assert [r.outcome for r in before] == [Outcome.FAILED_TO_PUSH, Outcome.INVALID]


async def test_a_failure_never_overrides_a_success(deps: Deps, clock: FakeClock) -> None:
    cast = await make_cast(deps)
    batch = await submit(deps, cast, new_record(cast, phone(), clock.now(), clock.now() + timedelta(hours=1)))
    record = await only(deps, batch)
    await personalisation.acknowledge(deps, [record.key])
    await run_due_once(deps)  # the receiver is not registered
    assert (await only(deps, batch)).outcome is Outcome.SUCCESS


async def test_a_withdrawn_record_is_not_shown_not_synced_and_not_withdrawn_twice(deps: Deps, clock: FakeClock) -> None:
    cast, receiver = await make_cast(deps), phone()
    batch = await submit(deps, cast, new_record(cast, receiver, clock.now(), clock.now() + timedelta(hours=1)))
    record = await only(deps, batch)
    first = await personalisation.withdraw_record(deps, cast.account.id, record.key.id, by=SYSTEM)
    assert first.outcome is Outcome.FAILED_TO_PUSH
    assert await personalisation.withdraw_record(deps, cast.account.id, record.key.id, by=SYSTEM) == first
    assert await personalisation.records_for_handset(deps, receiver, after=None, limit=10) == []
    assert await personalisation.withdrawn_among(deps, receiver, [record.key.id]) == [record.key]
    assert await shown(deps, receiver, clock, 0) is None


async def test_a_record_whose_window_has_ended_cannot_be_withdrawn(deps: Deps, clock: FakeClock) -> None:
    cast = await make_cast(deps)
    batch = await submit(deps, cast, new_record(cast, phone(), clock.now(), clock.now() + timedelta(minutes=1)))
    clock.advance(timedelta(minutes=1))
    with pytest.raises(Conflict):
        await personalisation.withdraw_record(deps, cast.account.id, (await only(deps, batch)).key.id, by=SYSTEM)


async def test_of_overlapping_records_the_latest_accepted_shows(deps: Deps, clock: FakeClock) -> None:
    cast, receiver = await make_cast(deps), phone()

    def lasting(hours: float, name: str) -> NewRecord:
        now = clock.now()
        return new_record(cast, receiver, now, now + timedelta(hours=hours))._replace(label_name=name)

    await submit(deps, cast, lasting(3, "first"))
    clock.advance(timedelta(minutes=1))
    await submit(deps, cast, lasting(2, "second"), lasting(1, "third"))
    assert [await shown(deps, receiver, clock, at) for at in (0, 90, 150, 240)] == ["third", "second", "first", None]


async def shown(deps: Deps, receiver: PhoneNumber, clock: FakeClock, after_minutes: int) -> str | None:
    at = clock.now() + timedelta(minutes=after_minutes)
    async with deps.db.connection() as tx:
        (record,) = await personalisation.newest_open_each(tx, [RingingPair(receiver, PhoneNumber("918040001234"), at)])
    return record.label_name if record else None
