"""Facts of calls: each stands once, in whatever order it comes."""

from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st
from msgspec.structs import replace
from tests.support.factories import phone
from tests.support.fake_clock import FakeClock

from callmark.domain.background.registry import PERIODIC
from callmark.domain.calls import service as calls
from callmark.domain.calls.model import Call, CallEvent, CallReport, CallSource
from callmark.domain.deps import Deps
from callmark.domain.ids import CallId, RecordId
from callmark.domain.personalisation.model import RecordKey
from callmark.kit.errors import Conflict, Forbidden, InvalidInput
from callmark.kit.ids import new_id, random_uuid
from callmark.kit.phone import PhoneNumber

CALLER = PhoneNumber("918040001234")


def a_key(deps: Deps, receiver: PhoneNumber) -> RecordKey:
    return RecordKey(receiver, deps.clock.now(), RecordId(new_id()))


async def find(deps: Deps, receiver: PhoneNumber, call_id: CallId) -> Call | None:
    async with deps.db.connection() as tx:
        return await calls.find_call(tx, receiver, call_id)


async def read(deps: Deps, receiver: PhoneNumber, call_id: CallId) -> Call:
    call = await find(deps, receiver, call_id)
    assert call
    return call


async def test_a_call_gathers_its_facts_with_their_instants(deps: Deps, clock: FakeClock) -> None:
    receiver, call_id = phone(), CallId(random_uuid())
    record, shown_at = a_key(deps, receiver), clock.now()
    await calls.report(deps, receiver, CallReport(call_id, CALLER, CallEvent.SHOWN, CallSource.CALL_RECORD, record))
    clock.advance(timedelta(seconds=9))
    await calls.report(deps, receiver, CallReport(call_id, CALLER, CallEvent.ANSWERED, CallSource.CALL_RECORD, record))
    assert await calls.calls_of_record(deps, record) == [
        Call(
            receiver,
            call_id,
            CALLER,
            CallSource.CALL_RECORD,
            record.id,
            shown_at,
            CallEvent.ANSWERED,
            shown_at + timedelta(seconds=9),
            shown_at,
        )
    ]


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(events=st.permutations([CallEvent.SHOWN, CallEvent.SHOWN, CallEvent.MISSED, CallEvent.MISSED]))
async def test_order_and_repetition_change_nothing(deps: Deps, events: list[CallEvent]) -> None:
    receiver, call_id = phone(), CallId(random_uuid())
    record = a_key(deps, receiver)
    for event in events:
        await calls.report(deps, receiver, CallReport(call_id, CALLER, event, CallSource.CALL_RECORD, record))
    call = await read(deps, receiver, call_id)
    assert (call.outcome, call.record_id) == (CallEvent.MISSED, record.id)
    assert call.shown_at == call.ended_at == deps.clock.now()


async def test_a_later_outcome_does_not_replace_the_first(deps: Deps) -> None:
    receiver, call_id = phone(), CallId(random_uuid())
    for event in (CallEvent.MISSED, CallEvent.ANSWERED):
        await calls.report(deps, receiver, CallReport(call_id, CALLER, event, CallSource.NONE))
    assert (await read(deps, receiver, call_id)).outcome is CallEvent.MISSED


async def test_that_something_was_shown_overrides_that_nothing_was_and_not_the_other_way(deps: Deps) -> None:
    receiver, call_id = phone(), CallId(random_uuid())
    record, other = a_key(deps, receiver), a_key(deps, receiver)
    await calls.report(deps, receiver, CallReport(call_id, CALLER, CallEvent.MISSED, CallSource.NONE))
    await calls.report(deps, receiver, CallReport(call_id, CALLER, CallEvent.SHOWN, CallSource.CALL_RECORD, record))
    await calls.report(deps, receiver, CallReport(call_id, CALLER, CallEvent.SHOWN, CallSource.CALL_RECORD, other))
    await calls.report(deps, receiver, CallReport(call_id, CALLER, CallEvent.SHOWN, CallSource.NONE))
    call = await read(deps, receiver, call_id)
    assert (call.source, call.record_id) == (CallSource.CALL_RECORD, record.id)


async def test_a_call_of_a_clock_that_was_ahead_is_not_the_newest_once_there_is_another(
    deps: Deps, clock: FakeClock
) -> None:
    receiver, ids = phone(), [CallId(random_uuid()), CallId(random_uuid())]
    for call_id, moved in zip(ids, (timedelta(hours=8), timedelta(hours=-8)), strict=True):
        clock.advance(moved)
        await calls.report(deps, receiver, CallReport(call_id, CALLER, CallEvent.MISSED, CallSource.NONE))
        newest = await calls.newest_call(deps, receiver, CALLER, [CallEvent.MISSED])
        assert newest
        assert newest.id == call_id


async def test_calls_of_two_receivers_with_one_id_stay_apart(deps: Deps) -> None:
    one, other, call_id = phone(), phone(), CallId(random_uuid())
    await calls.report(deps, one, CallReport(call_id, CALLER, CallEvent.MISSED, CallSource.NONE))
    assert await find(deps, other, call_id) is None


async def test_a_record_has_the_first_calls_of_its_receiver_however_many_are_reported(deps: Deps) -> None:
    receiver = phone()
    record = a_key(deps, receiver)
    of_another = RecordKey(phone(), record.ends_at, record.id)
    ids = sorted(CallId(new_id()) for _ in range(calls.MOST_OF_RECORD + 1))
    for key, call_id in [(of_another, CallId(new_id())), *((record, one) for one in ids)]:
        number = key.receiver_number
        await calls.report(deps, number, CallReport(call_id, CALLER, CallEvent.SHOWN, CallSource.CALL_RECORD, key))
    assert [call.id for call in await calls.calls_of_record(deps, record)] == ids[:-1]


async def test_source_and_record_must_agree(deps: Deps) -> None:
    receiver, call_id = phone(), CallId(random_uuid())
    with pytest.raises(InvalidInput):
        await calls.report(deps, receiver, CallReport(call_id, CALLER, CallEvent.SHOWN, CallSource.CALL_RECORD))
    key = a_key(deps, receiver)
    with pytest.raises(InvalidInput):
        await calls.report(deps, receiver, CallReport(call_id, CALLER, CallEvent.SHOWN, CallSource.LISTED_NUMBER, key))


async def test_another_receivers_record_is_refused(deps: Deps) -> None:
    receiver, key = phone(), a_key(deps, phone())
    with pytest.raises(Forbidden):
        await calls.report(
            deps, receiver, CallReport(CallId(random_uuid()), CALLER, CallEvent.SHOWN, CallSource.CALL_RECORD, key)
        )


async def test_calls_are_kept_as_long_as_records(deps: Deps, clock: FakeClock) -> None:
    receiver, call_id = phone(), CallId(random_uuid())
    await calls.report(deps, receiver, CallReport(call_id, CALLER, CallEvent.MISSED, CallSource.NONE))
    clock.advance(timedelta(days=deps.settings.retention_days))
    await PERIODIC["old_calls"].run(deps)
    assert await find(deps, receiver, call_id)
    clock.advance(timedelta(seconds=1))
    await PERIODIC["old_calls"].run(deps)
    assert await find(deps, receiver, call_id) is None


async def test_a_receiver_reports_a_limited_number_of_calls_a_day(deps: Deps, clock: FakeClock) -> None:
    deps = replace(deps, settings=replace(deps.settings, calls_a_day=2))
    receiver, first, third = phone(), CallId(random_uuid()), CallId(random_uuid())

    async def report(call_id: CallId, event: CallEvent, by: PhoneNumber = receiver) -> None:
        await calls.report(deps, by, CallReport(call_id, CALLER, event, CallSource.NONE))

    await report(first, CallEvent.SHOWN)
    clock.advance(timedelta(hours=1))
    await report(CallId(random_uuid()), CallEvent.MISSED)
    with pytest.raises(Conflict, match="has reached the limit"):
        await report(third, CallEvent.MISSED)
    assert await find(deps, receiver, third) is None
    await report(first, CallEvent.ANSWERED)  # a fact of a call that is there
    assert (await read(deps, receiver, first)).outcome is CallEvent.ANSWERED
    await report(third, CallEvent.MISSED, by=phone())  # others are free
    clock.advance(timedelta(hours=23))
    await report(third, CallEvent.MISSED)
    assert (await read(deps, receiver, third)).outcome is CallEvent.MISSED


async def test_calls_of_a_clock_that_was_ahead_are_none_of_the_day(deps: Deps, clock: FakeClock) -> None:
    deps = replace(deps, settings=replace(deps.settings, calls_a_day=1))
    receiver, right = phone(), CallId(random_uuid())
    clock.advance(timedelta(hours=5))
    await calls.report(deps, receiver, CallReport(CallId(random_uuid()), CALLER, CallEvent.MISSED, CallSource.NONE))
    clock.advance(-timedelta(hours=5))
    await calls.report(deps, receiver, CallReport(right, CALLER, CallEvent.MISSED, CallSource.NONE))
    assert (await read(deps, receiver, right)).outcome is CallEvent.MISSED
