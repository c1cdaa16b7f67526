"""What a business reads of its calls on the telephone network: one line a call, and none that hides another."""

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

import pytest
from tests.support.factories import Cast, make_cast, phone
from tests.support.fake_clock import FakeClock

from callmark.domain.calls.model import Call, CallDetails, CallEvent, CallSource
from callmark.domain.calls.service import report_ended
from callmark.domain.deps import Deps
from callmark.domain.ids import AccountId, CallId, EdgeId, SignedCallId, VerifiedCallId
from callmark.domain.signed_calls import queries
from callmark.domain.signed_calls.model import CallKey, NetworkCallFilter, SignedCall, VerifiedCall, Verstat
from callmark.domain.signed_calls.search import CallOnNetwork, list_calls
from callmark.kit.ids import new_id, random_uuid
from callmark.kit.phone import PhoneNumber
from callmark.passport import Attestation, Reason

CALLER = PhoneNumber("918040001234")
EVERY = NetworkCallFilter()


@pytest.fixture
async def cast(deps: Deps) -> Cast:
    return await make_cast(deps)


async def sign(deps: Deps, account_id: AccountId, receiver: PhoneNumber, caller: PhoneNumber = CALLER) -> SignedCall:
    now = deps.clock.now()
    call = SignedCall(
        SignedCallId(new_id()),
        EdgeId(new_id()),
        account_id,
        caller,
        receiver,
        random_uuid(),
        now,
        Attestation.FULL,
        CallSource.LISTED_NUMBER,
        None,
        now,
    )
    async with deps.db.transaction() as tx:
        await queries.insert_signed(tx, [call])
    return call


async def verify(
    deps: Deps, account_id: AccountId, receiver: PhoneNumber, reason: Reason | None = None
) -> VerifiedCall:
    call = VerifiedCall(
        VerifiedCallId(new_id()),
        EdgeId(new_id()),
        account_id,
        CALLER,
        receiver,
        Verstat.FAILED if reason else Verstat.PASSED,
        reason.code if reason else None,
        None,
        None if reason else "Acme",
        None,
        deps.clock.now(),
    )
    async with deps.db.transaction() as tx:
        await queries.insert_verified(tx, [call])
    return call


async def ended(
    deps: Deps, receiver: PhoneNumber, outcome: CallEvent, seconds: int = 0, of: AccountId | None = None
) -> Call:
    now = deps.clock.now()
    call = Call(
        receiver,
        CallId(random_uuid()),
        CALLER,
        CallSource.LISTED_NUMBER,
        None,
        None,
        outcome,
        now,
        now,
        CallDetails(duration_s=seconds or None),
        of,
    )
    return await report_ended(deps, call)


async def listed(deps: Deps, cast: Cast, wanted: NetworkCallFilter = EVERY) -> Sequence[CallOnNetwork]:
    return (await list_calls(deps, cast.account.id, wanted, None)).calls


def ids(calls: Sequence[CallOnNetwork]) -> list[tuple[UUID | None, UUID | None]]:
    return [(one.signed and one.signed.id, one.verified and one.verified.id) for one in calls]


async def test_a_call_is_one_line_and_a_token_that_somebody_sends_again_is_another(
    deps: Deps, cast: Cast, clock: FakeClock
) -> None:
    receiver = phone()
    signed = await sign(deps, cast.account.id, receiver)
    clock.advance(timedelta(seconds=1))
    verified = await verify(deps, cast.account.id, receiver)
    clock.advance(timedelta(seconds=1))
    replayed = await verify(deps, cast.account.id, receiver, Reason.STALE_DATE)
    assert ids(await listed(deps, cast)) == [(None, replayed.id), (signed.id, verified.id)]


async def test_a_verification_belongs_to_the_pairs_newest_signing_within_the_life_of_its_token(
    deps: Deps, cast: Cast, clock: FakeClock
) -> None:
    receiver = phone()
    lost = await sign(deps, cast.account.id, receiver)
    clock.advance(timedelta(seconds=30))
    signed = await sign(deps, cast.account.id, receiver)
    verified = await verify(deps, cast.account.id, receiver)
    clock.advance(timedelta(seconds=121))
    late = await verify(deps, cast.account.id, receiver, Reason.NO_IDENTITY)
    assert ids(await listed(deps, cast)) == [(None, late.id), (signed.id, verified.id), (lost.id, None)]


async def test_a_call_that_lasts_belongs_to_the_signing_before_it_began(
    deps: Deps, cast: Cast, clock: FakeClock
) -> None:
    receiver = phone()
    await sign(deps, cast.account.id, receiver)
    clock.advance(timedelta(seconds=20))
    await ended(deps, receiver, CallEvent.MISSED)
    clock.advance(timedelta(seconds=20))
    await sign(deps, cast.account.id, receiver)
    clock.advance(timedelta(minutes=30))
    await ended(deps, receiver, CallEvent.ANSWERED, seconds=29 * 60)
    second, first = await listed(deps, cast)
    assert (first.outcome, first.talked_s, first.is_shown) == (CallEvent.MISSED, None, False)
    assert (second.outcome, second.talked_s) == (CallEvent.ANSWERED, 29 * 60)


async def test_a_call_that_no_signing_explains_is_told_of_none(deps: Deps, cast: Cast, clock: FakeClock) -> None:
    receiver = phone()
    await sign(deps, cast.account.id, receiver)
    clock.advance(timedelta(minutes=6))
    await ended(deps, receiver, CallEvent.MISSED)
    (one,) = await listed(deps, cast)
    assert (one.outcome, one.is_shown) == (None, None)


async def test_the_list_is_narrowed_by_verdict_and_by_the_first_digits_of_a_number(
    deps: Deps, cast: Cast, clock: FakeClock
) -> None:
    one, other = phone(), phone()
    signed = await sign(deps, cast.account.id, one)
    verified = await verify(deps, cast.account.id, one)
    clock.advance(timedelta(seconds=1))
    failed = await verify(deps, cast.account.id, other, Reason.INVALID_IDENTITY)
    passed = await listed(deps, cast, NetworkCallFilter(Verstat.PASSED))
    assert ids(passed) == [(signed.id, verified.id)]
    assert ids(await listed(deps, cast, NetworkCallFilter(Verstat.FAILED))) == [(None, failed.id)]
    assert await listed(deps, cast, NetworkCallFilter(Verstat.NONE)) == []
    assert ids(await listed(deps, cast, NetworkCallFilter(digits=one))) == [(signed.id, verified.id)]
    assert len(await listed(deps, cast, NetworkCallFilter(digits=CALLER[:4]))) == 2
    assert await listed(deps, cast, NetworkCallFilter(digits=CALLER + "0")) == []


async def test_pages_follow_each_other_and_hold_every_call_once(deps: Deps, cast: Cast, clock: FakeClock) -> None:
    expected: list[tuple[UUID | None, UUID | None]] = []
    for number in range(7):
        clock.advance(timedelta(minutes=5))
        receiver = phone()
        signed = await sign(deps, cast.account.id, receiver)
        clock.advance(timedelta(seconds=1))
        verified = await verify(deps, cast.account.id, receiver) if number % 2 else None
        expected.append((signed.id, verified and verified.id))
    assert await _paged(deps, cast, 3) == expected[::-1]


async def _paged(deps: Deps, cast: Cast, size: int) -> list[tuple[UUID | None, UUID | None]]:
    found: list[tuple[UUID | None, UUID | None]] = []
    after: CallKey | None = None
    while True:
        part = await list_calls(deps, cast.account.id, EVERY, after, page=size)
        found += ids(part.calls)
        if part.next is None:
            return found
        after = part.next


async def test_calls_are_of_their_account_alone(deps: Deps, cast: Cast) -> None:
    other, receiver = await make_cast(deps), phone()
    await sign(deps, other.account.id, receiver)
    await verify(deps, other.account.id, receiver)
    assert await listed(deps, cast) == []
    own = await verify(deps, cast.account.id, receiver)
    assert ids(await listed(deps, cast)) == [(None, own.id)]
    await ended(deps, receiver, CallEvent.ANSWERED, of=other.account.id)  # which has the number, or had it
    assert [one.outcome for one in await listed(deps, cast)] == [None]
    await ended(deps, receiver, CallEvent.MISSED, of=cast.account.id)
    assert [one.outcome for one in await listed(deps, cast)] == [CallEvent.MISSED]
