"""What shows when it rings, and the reason given when nothing does."""

from datetime import timedelta

from tests.factories import make_cast, phone
from tests.surfaces.gateway.helpers import CALLER, make_handset, new_record, store_records

from callmark.domain.calls.model import CallSource
from callmark.domain.deps import Deps
from callmark.domain.handsets.model import OS
from callmark.domain.personalisation import service as personalisation
from callmark.domain.resolution import service as resolution
from callmark.kit.clock import FakeClock, to_ms

HOUR_MS = 3_600_000


async def test_the_latest_accepted_open_record_shows(deps: Deps, clock: FakeClock) -> None:
    cast, owner = await make_cast(deps), await make_handset(deps, phone())
    now = to_ms(clock.now())
    await store_records(deps, cast, new_record(deps, cast, owner.number))
    clock.advance(timedelta(minutes=1))
    _, last = await store_records(
        deps,
        cast,
        new_record(deps, cast, owner.number, label_name="First of two"),
        new_record(deps, cast, owner.number, label_name="Second of two"),
    )
    clock.advance(timedelta(minutes=1))
    await store_records(
        deps,
        cast,
        new_record(deps, cast, owner.number, starts_at=now + HOUR_MS, ends_at=now + 2 * HOUR_MS),
        new_record(deps, cast, owner.number, caller="918040009999"),
        new_record(deps, cast, phone()),
    )
    found = await resolution.resolve(deps, owner.registration, CALLER)
    assert found.identity
    assert (found.identity.id, found.identity.name) == (last.key.id, "Second of two")
    assert found.source is CallSource.CALL_RECORD
    assert str(last.key.id) in found.why


async def test_a_window_opens_at_its_start_and_is_over_at_its_end(deps: Deps, clock: FakeClock) -> None:
    cast, owner = await make_cast(deps), await make_handset(deps, phone())
    now = to_ms(clock.now())
    (record,) = await store_records(
        deps, cast, new_record(deps, cast, owner.number, starts_at=now + 60_000, ends_at=now + 120_000)
    )
    early = await resolution.resolve(deps, owner.registration, CALLER)
    assert early.identity is None
    assert (
        early.why
        == f"the window of call record {record.key.id} of this caller does not open until 2026-01-01T10:01:00.000Z"
    )
    clock.advance(timedelta(minutes=1))
    assert (await resolution.resolve(deps, owner.registration, CALLER)).identity
    clock.advance(timedelta(minutes=1))
    late = await resolution.resolve(deps, owner.registration, CALLER)
    assert (late.identity, late.source) == (None, CallSource.NONE)
    assert late.why == f"the window of call record {record.key.id} of this caller ended at 2026-01-01T10:02:00.000Z"


async def test_a_withdrawn_record_does_not_show_and_the_one_before_does(deps: Deps) -> None:
    cast, owner = await make_cast(deps), await make_handset(deps, phone())
    before, after = await store_records(
        deps, cast, new_record(deps, cast, owner.number), new_record(deps, cast, owner.number)
    )
    await personalisation.withdraw_record(deps, cast.account.id, after.key.id)
    found = await resolution.resolve(deps, owner.registration, CALLER)
    assert found.identity
    assert found.identity.id == before.key.id
    await personalisation.withdraw_record(deps, cast.account.id, before.key.id)
    nothing = await resolution.resolve(deps, owner.registration, CALLER)
    assert nothing.identity is None
    assert nothing.why == f"call record {after.key.id} of this caller was withdrawn at 2026-01-01T10:00:00.000Z"


async def test_without_a_record_the_reason_says_so(deps: Deps) -> None:
    owner = await make_handset(deps, phone())
    nothing = await resolution.resolve(deps, owner.registration, CALLER)
    assert nothing.why == "no call record of this caller for this handset"
    assert (nothing.offers.slots, nothing.offers.questions) == ([], [])


async def test_handsets_that_cannot_show_call_records_get_the_real_reason(deps: Deps) -> None:
    cast = await make_cast(deps)
    ios = await make_handset(deps, phone(), os=OS.IOS)
    old = await make_handset(deps, phone(), version="0.9")
    await store_records(deps, cast, new_record(deps, cast, ios.number), new_record(deps, cast, old.number))
    on_ios = await resolution.resolve(deps, ios.registration, CALLER)
    on_old = await resolution.resolve(deps, old.registration, CALLER)
    assert on_ios.identity is on_old.identity is None
    assert on_ios.why == "call records show on Android only; this handset runs ios"
    assert on_old.why == "call records need app version 1.0.0; this handset has 0.9"
