"""What a person or a key does to records, and the line of the audit log that says so."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import cast as cast_to

import msgspec
import pytest
from msgspec.structs import replace
from tests.domain.personalisation.partitions import register
from tests.domain.personalisation.submitting import new_record
from tests.support.factories import Cast, Sent, make_cast, phone, submit_batch
from tests.support.fake_clock import FakeClock
from tests.support.metrics_page import scrape
from tests.support.waiting import until
from tests.support.way_to_postgres import way_to_postgres

from callmark.domain.accounts import service as accounts
from callmark.domain.accounts.model import AccountState
from callmark.domain.audit import service as audit
from callmark.domain.audit.model import AuditEntry, AuditFilter
from callmark.domain.deps import Deps
from callmark.domain.personalisation import admitted_push, queries, service
from callmark.domain.personalisation.batches import service as batches
from callmark.domain.personalisation.model import Outcome, RingingPair, Settlement
from callmark.domain.personalisation.validation import V2, RecordRefused
from callmark.domain.policy.model import SYSTEM, Actor, ActorKind
from callmark.kit.clock import ProductClock
from callmark.kit.clock_watch import ClockWatch, OneOrder
from callmark.kit.errors import Conflict, Forbidden, NotFound, Unavailable
from callmark.kit.phone import PhoneNumber
from callmark.kit.postgres.database import Database
from callmark.kit.postgres.kept_connections import KeptConnections
from callmark.kit.postgres.statement_batcher import StatementBatcher
from callmark.record_rules.fields import Fault, Field, NewRecord

ALICE = Actor(ActorKind.MEMBER, "alice@acme.example", address="192.0.2.1")
KEY = Actor(ActorKind.API_KEY, "alice@acme.example", key_name="CRM")
TERMINAL = Actor(ActorKind.COMMAND_LINE, "root@callmark")


async def audited(deps: Deps, cast: Cast, action: str = "") -> list[AuditEntry]:
    """The account's entries of that action, or all but those of what a test is set up with."""
    found = await audit.list_entries(deps, cast.account.id, AuditFilter(action))
    return [entry for entry in found if entry.actor_email != SYSTEM.email]


async def test_a_push_whose_end_is_written_is_answered_although_nobody_can_look_again(
    deps: Deps, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A silent handset leaves 0.3 s of a push: to write what became of it, and then to see whether it was too late."""

    async def out_of_time(*_: object) -> None:
        raise Unavailable("postgresql: no answer in time")

    deps = replace(deps, settings=msgspec.structs.replace(deps.settings, real_time_deadline_s=0.05))
    cast, number = await make_cast(deps), phone()
    await register(deps, number)

    def be_silent(_number: str, _reply: str, _record: bytes) -> None:
        pass

    silent = await deps.fabric.attach(number, be_silent)
    monkeypatch.setattr(queries, "find_record", out_of_time)
    pushed = await service.push_now(deps, cast.account.id, V2, new_record(deps, cast, receiver=number))
    assert pushed.outcome is Outcome.FAILED_TO_PUSH
    (record,) = await service.records_of_batch(deps, pushed.batch_id, cast.account.id)
    assert record.outcome is Outcome.FAILED_TO_PUSH
    await deps.fabric.detach(silent)


async def test_the_time_of_a_push_is_counted_without_the_wait_for_its_handset(deps: Deps) -> None:
    real = FakeClock()
    deps = replace(deps, real_clock=real, settings=msgspec.structs.replace(deps.settings, real_time_deadline_s=0.05))
    cast, number = await make_cast(deps), phone()
    await register(deps, number)

    def be_silent(_number: str, _reply: str, _record: bytes) -> None:
        real.advance(timedelta(seconds=2.5))

    async def counted(what: str) -> float:
        return (await scrape(deps)).value(f"callmark_real_time_push_seconds_{what}")

    silent = await deps.fabric.attach(number, be_silent)
    before = await counted("count"), await counted("sum")
    await service.push_now(deps, cast.account.id, V2, new_record(deps, cast, receiver=number))
    assert (await counted("count"), await counted("sum")) == (before[0] + 1, before[1])
    await deps.fabric.detach(silent)


async def test_a_withdrawal_is_audited_once_under_whoever_asked_first(deps: Deps) -> None:
    cast = await make_cast(deps)
    good = [Sent(new_record(deps, cast), lambda: b"{}") for _ in range(2)]
    batch = await submit_batch(deps, cast.account.id, V2, good)
    first, _ = await service.records_of_batch(deps, batch.id, cast.account.id)
    await service.withdraw_record(deps, cast.account.id, first.key.id, by=KEY)
    await service.withdraw_record(deps, cast.account.id, first.key.id, by=ALICE)
    await batches.withdraw_batch(deps, cast.account.id, batch.id, by=TERMINAL)
    await batches.withdraw_batch(deps, cast.account.id, batch.id, by=ALICE)
    (record,) = await audited(deps, cast, "record.withdrawn")
    (whole,) = await audited(deps, cast, "batch.withdrawn")
    assert (record.subject, record.details) == (cast.label.name, {"record_id": str(first.key.id)})
    assert (record.actor_email, record.by_operator) == ("API key CRM", False)
    assert (whole.subject, whole.details) == (str(batch.id), {"records": 1})
    assert (whole.actor_email, whole.by_operator) == ("root@callmark", True)


async def test_what_is_another_accounts_or_cannot_be_taken_back_is_not_audited(deps: Deps) -> None:
    cast, charlie = await make_cast(deps), await make_cast(deps)
    bad = Sent(new_record(deps, cast, receiver="nobody"), lambda: b"{}")
    batch = await submit_batch(deps, cast.account.id, V2, [bad])
    (record,) = await service.records_of_batch(deps, batch.id, cast.account.id)
    with pytest.raises(Conflict):
        await service.withdraw_record(deps, cast.account.id, record.key.id, by=ALICE)
    with pytest.raises(NotFound):
        await service.withdraw_record(deps, charlie.account.id, record.key.id, by=ALICE)
    with pytest.raises(NotFound):
        await batches.withdraw_batch(deps, charlie.account.id, batch.id, by=ALICE)
    assert await audited(deps, cast) == await audited(deps, charlie) == []


async def test_a_push_by_hand_takes_numbers_as_people_write_them_and_is_audited_without_the_number(deps: Deps) -> None:
    cast, receiver = await make_cast(deps), phone()
    record = new_record(deps, cast, caller="+91 (80) 4000-1234", receiver=f"+{receiver[:2]} {receiver[2:]}")
    pushed = await service.push_by_hand(deps, cast.account.id, record, by=ALICE)
    assert (pushed.key.receiver_number, pushed.outcome) == (receiver, Outcome.NOT_REGISTERED)
    (entry,) = await audited(deps, cast)
    assert (entry.action, entry.subject, entry.actor_email) == ("record.pushed", cast.label.name, ALICE.email)
    assert entry.details == {"record_id": str(pushed.key.id), "outcome": "not_registered"}
    assert entry.address == ALICE.address


async def test_a_push_by_hand_is_refused_with_everything_that_is_wrong(deps: Deps) -> None:
    cast = await make_cast(deps)
    with pytest.raises(RecordRefused) as refused:
        await service.push_by_hand(
            deps, cast.account.id, new_record(deps, cast, receiver="nobody", call_reason="Sale"), by=ALICE
        )
    found = {(one.field, one.fault) for one in refused.value.faults}
    assert found == {(Field.RECEIVER, Fault.PHONE), (Field.CALL_REASON, Fault.REASON_LENGTH)}
    await accounts.update_account(deps, cast.account.id, state=AccountState.SUSPENDED, by=SYSTEM)
    with pytest.raises(Forbidden, match="suspended"):
        await service.push_by_hand(deps, cast.account.id, new_record(deps, cast), by=ALICE)
    assert await audited(deps, cast) == []


async def test_no_step_of_a_timeline_is_earlier_than_the_one_before_whatever_clocks_said(deps: Deps) -> None:
    cast, now = await make_cast(deps), deps.clock.now()
    batch = await submit_batch(deps, cast.account.id, V2, [Sent(new_record(deps, cast), lambda: b"{}")])
    (record,) = await service.records_of_batch(deps, batch.id, cast.account.id)
    before, sent = now - timedelta(seconds=1), now + timedelta(seconds=2)
    async with deps.db.transaction() as tx:
        await queries.settle(tx, [Settlement(record.key, Outcome.FAILED_TO_PUSH, sent, before)])
        await queries.settle(tx, [Settlement(record.key, Outcome.SUCCESS, None, before)])
    (read,) = await service.records_of_batch(deps, batch.id, cast.account.id)
    assert read.settled_at == read.delivered_late_at == read.sent_at == sent


async def test_a_host_that_is_behind_writes_no_step_that_is_earlier_than_the_acceptance(
    deps: Deps, clock: FakeClock
) -> None:
    behind = FakeClock(clock.now() - timedelta(seconds=3))
    watch = ClockWatch(behind, lambda: 0.0)
    watch.heard(clock.now(), watch.begin())
    here = replace(deps, clock=ProductClock(behind), order=OneOrder(watch.correction))
    cast = await make_cast(here)
    bad = new_record(here, cast, receiver="no number")
    for withdrawn_whole in (True, False):
        records = [new_record(here, cast), new_record(here, cast), bad]
        batch = await submit_batch(here, cast.account.id, V2, [Sent(record, lambda: b"{}") for record in records])
        sent, pending, _ = await service.records_of_batch(here, batch.id, cast.account.id)
        async with here.db.transaction() as tx:
            await queries.settle(tx, [Settlement(sent.key, Outcome.SUCCESS, behind.now(), behind.now())])
        if withdrawn_whole:
            await batches.withdraw_batch(here, cast.account.id, batch.id, by=ALICE)
        else:
            for record in (sent, pending):
                await service.withdraw_record(here, cast.account.id, record.key.id, by=ALICE)
        for read in await service.records_of_batch(here, batch.id, cast.account.id):
            assert read.accepted_at >= clock.now()
            steps = {read.sent_at, read.settled_at, read.withdrawn_at} - {None}
            assert steps == {read.accepted_at}, read.outcome


async def test_an_acknowledgement_that_nothing_waits_for_is_written_when_postgresql_is_back(
    deps: Deps, clock: FakeClock
) -> None:
    cast, real = await make_cast(deps), FakeClock()
    batch = await submit_batch(deps, cast.account.id, V2, [Sent(new_record(deps, cast), lambda: b"{}")])
    (record,) = await service.records_of_batch(deps, batch.id, cast.account.id)
    async with deps.db.transaction() as tx:
        await queries.settle(tx, [Settlement(record.key, Outcome.FAILED_TO_PUSH, clock.now(), clock.now())])
    clock.advance(timedelta(seconds=3))
    tries = {clock.now()}
    with way_to_postgres(deps) as way:
        away = KeptConnections(way.dsn, size=1, name="away")
        cut_off = replace(deps, gather=StatementBatcher(away), real_clock=real)
        writing = asyncio.create_task(service.acknowledge_token(cut_off, record.key.token()))
        await asyncio.sleep(0)
        with pytest.raises(Unavailable):  # it has asked behind the first try
            await service.acknowledge(cut_off, [record.key])
        way.open()

        async def is_written() -> bool:
            clock.advance(timedelta(seconds=1))
            tries.add(clock.now())
            real.advance(service.WRITTEN_AGAIN_AFTER)
            (read,) = await service.records_of_batch(deps, batch.id, cast.account.id)
            return read.outcome is Outcome.SUCCESS

        await until(is_written)
        await writing
        await away.close()
    (read,) = await service.records_of_batch(deps, batch.id, cast.account.id)
    assert read.first_outcome is Outcome.FAILED_TO_PUSH
    assert read.delivered_late_at in tries - {min(tries)}


class Between:
    """The database, where something happens after the n-th statement of a connection."""

    def __init__(self, deps: Deps, after: int, happens: Callable[[], Awaitable[None]]) -> None:
        self._db = deps.db
        self._left = after
        self._happens = happens

    @asynccontextmanager
    async def connection(self) -> AsyncGenerator["Between"]:
        async with self._db.connection() as self._tx:
            yield self

    def __getattr__(self, name: str) -> Callable[..., Awaitable[object]]:
        async def run(*arguments: object) -> object:
            found = await getattr(self._tx, name)(*arguments)
            self._left -= 1
            if self._left == 0:
                await self._happens()
            return found

        return run


@pytest.mark.parametrize("after", [1, 2, 3])
async def test_a_batch_that_is_done_shows_no_record_without_an_outcome(deps: Deps, after: int) -> None:
    cast = await make_cast(deps)
    batch = await submit_batch(deps, cast.account.id, V2, [Sent(new_record(deps, cast), lambda: b"{}")])
    (record,) = await service.records_of_batch(deps, batch.id, cast.account.id)

    async def settled() -> None:
        async with deps.db.transaction() as tx:
            one = Settlement(record.key, Outcome.SUCCESS, None, deps.clock.now(), ends_batch=batch.id)
            await queries.settle(tx, [one])

    db = cast_to(Database, Between(deps, after, settled))
    page = await batches.read_page(replace(deps, db=db), cast.account.id, batch.id, after=-1, limit=1)
    assert (page.is_done, page.records[0].outcome) != (True, Outcome.PENDING)
    assert await batches.is_done(deps, cast.account.id, batch.id)


Way = Callable[[Deps, Cast, NewRecord], Awaitable[object]]


async def _push(deps: Deps, cast: Cast, record: NewRecord) -> object:
    return await service.push_now(deps, cast.account.id, V2, record)


async def _push_admitted(deps: Deps, cast: Cast, record: NewRecord) -> object:
    read = admitted_push.read_push(deps, V2, record)
    assert read
    return await admitted_push.admit(deps, cast.token, str(cast.account.id), read)


async def _submit(deps: Deps, cast: Cast, record: NewRecord) -> object:
    return await submit_batch(deps, cast.account.id, V2, [Sent(record, lambda: b"{}")])


@pytest.mark.parametrize("way", [_push, _push_admitted, _submit])
async def test_the_record_accepted_last_shows_although_the_host_of_the_one_before_was_ahead(
    deps: Deps, clock: FakeClock, way: Way
) -> None:
    here = replace(deps, clock=ProductClock(clock))
    cast, number, ahead = await make_cast(here), phone(), FakeClock(clock.now() + timedelta(seconds=3))
    watch = ClockWatch(ahead, lambda: 0.0)
    watch.heard(clock.now(), watch.begin())
    there = replace(deps, clock=ProductClock(ahead), order=OneOrder(watch.correction))
    await way(there, cast, new_record(here, cast, receiver=number, call_reason="Old reason"))
    clock.advance(timedelta(seconds=0.2))
    await way(here, cast, new_record(here, cast, receiver=number, call_reason="New reason"))
    pair = RingingPair(number, PhoneNumber("918040001234"), ahead.now())
    async with deps.db.connection() as tx:
        (shows,) = await service.newest_open_each(tx, [pair])
    assert shows
    assert shows.call_reason == "New reason"
