"""An alarm is an event: once for each call, not without end, and never in the way of the call."""

import asyncio
from datetime import timedelta

import msgspec
from tests.support.factories import make_cast, phone
from tests.support.fake_clock import FakeClock

from callmark.domain import news
from callmark.domain.background.registry import PERIODIC
from callmark.domain.deps import Deps
from callmark.domain.events import service as events
from callmark.domain.ids import AccountId
from callmark.domain.spoof_alarms import service as alarms
from callmark.domain.spoof_alarms.model import MOST_IN_PERIOD, PossibleSpoof, SpoofCause
from callmark.instants import to_ms
from callmark.kit.phone import PhoneNumber

CALLER = PhoneNumber("918040001234")


async def told(deps: Deps, account_id: AccountId) -> int:
    return (await events.events_after(deps, account_id, 0, 1000))[1]


async def test_the_account_hears_of_the_call_by_an_event(deps: Deps, clock: FakeClock) -> None:
    cast, receiver = await make_cast(deps), phone()
    assert await alarms.raise_possible_spoof(deps, cast.account.id, CALLER, receiver, SpoofCause.FOREIGN_SIGNATURE)
    ((event,), last) = await events.events_after(deps, cast.account.id, 0, 10)
    assert last == 1
    assert msgspec.json.decode(event.body) == {
        "event_id": str(event.id),
        "client_account_id": str(cast.account.id),
        "event_type": "possible_spoof",
        "created_at": str(to_ms(clock.now()) // 1000),
        "possible_spoof_payload": {
            "business_number": CALLER,
            "client_number": receiver,
            "cause": "foreign_signature",
            "detected_at": str(to_ms(clock.now()) // 1000),
        },
    }
    (kept,) = await alarms.newest_alarms(deps, cast.account.id)
    assert kept == PossibleSpoof(kept.id, cast.account.id, CALLER, receiver, SpoofCause.FOREIGN_SIGNATURE, clock.now())


async def test_requests_that_wait_for_events_hear_of_an_alarm_once_it_is_committed(deps: Deps) -> None:
    cast, heard = await make_cast(deps), asyncio.Queue[int]()

    async def on_news(_: bytes) -> None:
        heard.put_nowait(await told(deps, cast.account.id))

    await deps.fabric.listen(news.of_events(cast.account.id), on_news)
    assert await alarms.raise_possible_spoof(deps, cast.account.id, CALLER, phone(), SpoofCause.NOT_ANNOUNCED)
    async with asyncio.timeout(60):
        assert await heard.get() == 1


async def test_a_call_is_told_once_also_when_two_edges_see_it_at_once(deps: Deps, clock: FakeClock) -> None:
    cast, receiver = await make_cast(deps), phone()
    raised = await asyncio.gather(
        *(alarms.raise_possible_spoof(deps, cast.account.id, CALLER, receiver, cause) for cause in SpoofCause)
    )
    assert sorted(raised) == [False, False, True]
    clock.advance(timedelta(minutes=2, seconds=1))
    assert await alarms.raise_possible_spoof(deps, cast.account.id, CALLER, receiver, SpoofCause.NOT_ANNOUNCED)
    assert await told(deps, cast.account.id) == 2


async def test_an_attack_is_told_by_so_many_events_an_hour_and_of_other_accounts_all_the_same(
    deps: Deps, clock: FakeClock
) -> None:
    alice, bob = await make_cast(deps), await make_cast(deps)
    for _ in range(MOST_IN_PERIOD + 5):
        await alarms.raise_possible_spoof(deps, alice.account.id, CALLER, phone(), SpoofCause.FOREIGN_SIGNATURE)
    assert await told(deps, alice.account.id) == MOST_IN_PERIOD
    assert await alarms.raise_possible_spoof(deps, bob.account.id, CALLER, phone(), SpoofCause.FOREIGN_SIGNATURE)
    assert await alarms.raise_possible_spoof(deps, alice.account.id, CALLER, phone(), SpoofCause.NOT_ANNOUNCED)
    clock.advance(timedelta(hours=1, seconds=1))
    assert await alarms.raise_possible_spoof(deps, alice.account.id, CALLER, phone(), SpoofCause.FOREIGN_SIGNATURE)


async def test_an_alarm_of_a_clock_that_was_ahead_hides_none_once_it_is_set_right(deps: Deps, clock: FakeClock) -> None:
    cast, receiver = await make_cast(deps), phone()
    clock.advance(timedelta(hours=10))
    assert await alarms.raise_possible_spoof(deps, cast.account.id, CALLER, receiver, SpoofCause.FOREIGN_SIGNATURE)
    clock.advance(-timedelta(hours=10))
    assert await alarms.raise_possible_spoof(deps, cast.account.id, CALLER, receiver, SpoofCause.FOREIGN_SIGNATURE)


async def test_without_the_database_the_call_goes_on(deps: Deps) -> None:
    cast = await make_cast(deps)
    await deps.db.close()
    assert not await alarms.raise_possible_spoof(deps, cast.account.id, CALLER, phone(), SpoofCause.NOT_ANNOUNCED)


async def test_alarms_are_kept_as_long_as_records(deps: Deps, clock: FakeClock) -> None:
    cast = await make_cast(deps)
    await alarms.raise_possible_spoof(deps, cast.account.id, CALLER, phone(), SpoofCause.NOT_ANNOUNCED)
    clock.advance(timedelta(days=deps.settings.retention_days))
    await PERIODIC["old_signed_calls"].run(deps)
    assert await alarms.newest_alarms(deps, cast.account.id)
    clock.advance(timedelta(seconds=1))
    await PERIODIC["old_signed_calls"].run(deps)
    assert not await alarms.newest_alarms(deps, cast.account.id)
