"""Announced calls: what an account says of them, once or again, and until when they count."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta

import pytest
from tests.support.cases import each
from tests.support.factories import phone
from tests.support.fake_clock import FakeClock
from tests.support.listed_number import Listed, make_listed, set_state

from callmark.domain.announced_calls import service as announced_calls
from callmark.domain.announced_calls.model import AFTER_CONNECTED, KEPT, RINGS_FOR, AnnouncedState, CallAnnouncement
from callmark.domain.background.registry import PERIODIC
from callmark.domain.deps import Deps
from callmark.kit.errors import Conflict, InvalidInput
from callmark.kit.phone import PhoneNumber

RINGING, CONNECTED, ENDED = AnnouncedState
A_MOMENT = timedelta(milliseconds=1)


@pytest.fixture
async def acme(deps: Deps) -> Listed:
    return await make_listed(deps)


def said(acme: Listed, receiver: PhoneNumber, state: AnnouncedState, call_id: str = "one") -> CallAnnouncement:
    return CallAnnouncement(call_id, acme.number, receiver, state)


async def is_announced(deps: Deps, acme: Listed, receiver: PhoneNumber, caller: PhoneNumber | None = None) -> bool:
    asked = (acme.account_id, caller or acme.number, receiver, deps.clock.now())
    async with deps.db.connection() as tx:
        (found,) = await announced_calls.are_announced(tx, [asked])
    return found


COUNTS_FOR: list[tuple[Sequence[AnnouncedState], timedelta]] = [
    ([RINGING], RINGS_FOR),
    ([RINGING, RINGING], RINGS_FOR),
    ([CONNECTED], AFTER_CONNECTED),
    ([RINGING, CONNECTED], AFTER_CONNECTED),
    ([RINGING, CONNECTED, RINGING], AFTER_CONNECTED),
    ([ENDED], timedelta()),
    ([RINGING, ENDED], timedelta()),
    ([ENDED, CONNECTED], timedelta()),
]


async def test_a_call_counts_until_its_state_says(deps: Deps, clock: FakeClock, acme: Listed) -> None:
    async def counts(case: tuple[Sequence[AnnouncedState], timedelta]) -> None:
        (states, counts_for), receiver = case, phone()
        all_said = [said(acme, receiver, state, call_id=receiver) for state in states]
        calls = [await announced_calls.announce(deps, acme.account_id, one) for one in all_said]
        assert calls[-1].shown_until - clock.now() == counts_for
        if counts_for:
            clock.advance(counts_for - A_MOMENT)
            assert await is_announced(deps, acme, receiver)
            clock.advance(A_MOMENT)
        assert not await is_announced(deps, acme, receiver)

    await each(COUNTS_FOR, counts)


async def test_a_call_that_rang_out_is_not_announced_again_by_its_later_states(
    deps: Deps, clock: FakeClock, acme: Listed
) -> None:
    receiver = phone()
    first = await announced_calls.announce(deps, acme.account_id, said(acme, receiver, RINGING))
    clock.advance(RINGS_FOR)
    call = await announced_calls.announce(deps, acme.account_id, said(acme, receiver, CONNECTED))
    assert (call.state, call.shown_until) == (CONNECTED, first.shown_until)
    assert not await is_announced(deps, acme, receiver)


async def test_only_the_announced_pair_of_that_account_is_announced(deps: Deps, acme: Listed) -> None:
    borealis, receiver = await make_listed(deps), phone()
    await announced_calls.announce(deps, acme.account_id, said(acme, receiver, RINGING))
    assert not await is_announced(deps, acme, phone())
    assert not await is_announced(deps, acme, receiver, caller=borealis.number)
    assert not await is_announced(deps, borealis, receiver, caller=acme.number)


async def test_said_again_it_is_the_same_call(deps: Deps, clock: FakeClock, acme: Listed) -> None:
    receiver = phone()
    first = await announced_calls.announce(deps, acme.account_id, said(acme, receiver, RINGING))
    clock.advance(timedelta(seconds=5))
    assert await announced_calls.announce(deps, acme.account_id, said(acme, receiver, RINGING)) == first
    with pytest.raises(Conflict, match="other numbers"):
        await announced_calls.announce(deps, acme.account_id, said(acme, phone(), RINGING))
    borealis = await make_listed(deps)  # which may call it the same
    await announced_calls.announce(deps, borealis.account_id, said(borealis, receiver, RINGING))


async def test_of_states_that_come_at_once_the_furthest_stays(deps: Deps, acme: Listed) -> None:
    receiver = phone()
    await asyncio.gather(
        *(
            announced_calls.announce(deps, acme.account_id, said(acme, receiver, state))
            for _ in range(4)
            for state in AnnouncedState
        )
    )
    last = await announced_calls.announce(deps, acme.account_id, said(acme, receiver, RINGING))
    assert last.state is ENDED
    assert not await is_announced(deps, acme, receiver)


async def test_only_numbers_of_the_account_announce(deps: Deps, acme: Listed) -> None:
    borealis = await make_listed(deps)
    for caller in (borealis.number, phone()):
        with pytest.raises(InvalidInput, match="not a number of this account") as refused:
            await announced_calls.announce(deps, acme.account_id, CallAnnouncement("one", caller, phone(), RINGING))
        assert refused.value.field == "caller"
    await set_state(deps, acme, "number", "failed")
    with pytest.raises(InvalidInput, match="not a number of this account"):
        await announced_calls.announce(deps, acme.account_id, said(acme, phone(), RINGING))


async def test_a_name_that_cannot_be_kept_is_refused(deps: Deps, acme: Listed) -> None:
    async def is_refused(call_id: str) -> None:
        with pytest.raises(InvalidInput, match="call_id must have"):
            await announced_calls.announce(deps, acme.account_id, said(acme, phone(), RINGING, call_id))

    await each(["", "x" * 256, "a\x00b", "a\nb"], is_refused, name=repr)


async def test_calls_are_forgotten_a_day_later(deps: Deps, clock: FakeClock, acme: Listed) -> None:
    receiver = phone()
    await announced_calls.announce(deps, acme.account_id, said(acme, receiver, RINGING))
    clock.advance(KEPT + RINGS_FOR)
    await PERIODIC["old_announced_calls"].run(deps)
    assert await _count(deps, acme) == 1
    clock.advance(A_MOMENT)
    await PERIODIC["old_announced_calls"].run(deps)
    assert await _count(deps, acme) == 0


async def _count(deps: Deps, acme: Listed) -> int:
    async with deps.db.connection() as tx:
        return await tx.fetchval("SELECT count(*) FROM announced_call WHERE account_id = $1", acme.account_id)
