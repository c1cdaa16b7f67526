"""What a business does with requests: read them, take one, give it back, be done with it."""

import asyncio
from datetime import timedelta
from typing import Any, LiteralString

import pytest
from msgspec.structs import replace
from tests.support.actors import ALICE, BOB, owner_of
from tests.support.audit_log import log_of
from tests.support.fake_clock import FakeClock
from tests.support.listed_number import Listed, make_listed, ring

from callmark.domain.background.registry import PERIODIC
from callmark.domain.callbacks import queries, service as callbacks, work_list
from callmark.domain.callbacks.model import (
    CallbackRequest,
    NewCallbackRequest,
    RequestFilter,
    RequestState,
    ShownState,
)
from callmark.domain.deps import Deps
from callmark.domain.feature_sets import service as feature_sets
from callmark.domain.ids import CallbackRequestId
from callmark.domain.members import service as members
from callmark.domain.policy.model import SYSTEM, Actor, Role
from callmark.domain.sessions.model import MemberState
from callmark.kit.errors import Conflict, NotFound
from callmark.kit.ids import new_id, random_uuid
from callmark.kit.phone import PhoneNumber


def asked(listed: Listed) -> NewCallbackRequest:
    return NewCallbackRequest(random_uuid(), listed.number)


async def make_requests(deps: Deps, clock: FakeClock, listed: Listed, count: int) -> list[CallbackRequest]:
    """Requests a second apart but for the last two, newest first."""
    made: list[CallbackRequest] = []
    for number in range(count):
        receiver, _ = await ring(deps, listed)
        made.append(await callbacks.request(deps, receiver, asked(listed)))
        clock.advance(timedelta(seconds=number < count - 2))
    return made[::-1]


async def test_requests_are_paged_by_key_newest_first(deps: Deps, clock: FakeClock) -> None:
    listed = await make_listed(deps)
    made = await make_requests(deps, clock, listed, 5)
    of = (deps, listed.account_id)
    assert await work_list.list_requests(*of, limit=2) == made[:2]
    first, last = [await work_list.position_of(*of, one.id) for one in (made[0], made[4])]
    assert await work_list.list_requests(*of, after=first, limit=2) == made[1:3]
    assert await work_list.list_requests(*of, after=last) == []
    with pytest.raises(NotFound):
        await work_list.position_of(*of, CallbackRequestId(new_id()))


async def test_a_request_is_taken_by_one_and_done_once(deps: Deps, clock: FakeClock) -> None:
    listed = await make_listed(deps)
    (made,) = await make_requests(deps, clock, listed, 1)
    of = (deps, listed.account_id, made.id)
    taken = await work_list.take(*of, by=ALICE)
    assert taken == replace(
        made, state=RequestState.TAKEN, handled_by_email="alice@acme.example", handled_at=clock.now()
    )
    assert await work_list.take(*of, by=ALICE) == taken
    with pytest.raises(Conflict, match="taken by alice"):
        await work_list.take(*of, by=BOB)
    clock.advance(timedelta(minutes=5))
    done = await work_list.finish(*of, by=BOB)
    assert (done.state, done.handled_by_email, done.handled_at) == (RequestState.DONE, "bob@acme.example", clock.now())
    assert await work_list.finish(*of, by=ALICE) == done
    with pytest.raises(Conflict, match="already done"):
        await work_list.take(*of, by=ALICE)
    assert await work_list.get_request(*of) == done


async def test_a_request_is_its_members_in_whatever_case_their_address_was_given(deps: Deps, clock: FakeClock) -> None:
    listed = await make_listed(deps)
    (made,) = await make_requests(deps, clock, listed, 1)
    of = (deps, listed.account_id, made.id)
    bob = await members.create_without_rules(
        deps,
        listed.account_id,
        by=SYSTEM,
        email="Bob@Acme.example",
        name="Bob",
        role=Role.ADMIN,
        state=MemberState.ACTIVE,
    )
    taken = await work_list.take(*of, by=ALICE, email="bob@ACME.example")
    assert taken.handled_by_email == bob.email
    assert await work_list.take(*of, by=replace(BOB, email=bob.email)) == taken
    assert (await work_list.finish(*of, by=ALICE, email="BOB@acme.example")).handled_by_email == bob.email


async def test_a_request_is_reopened_for_whoever_takes_it_next(deps: Deps, clock: FakeClock) -> None:
    listed = await make_listed(deps)
    (made,) = await make_requests(deps, clock, listed, 1)
    of = (deps, listed.account_id, made.id)
    assert await work_list.reopen(*of, by=ALICE) == made
    await work_list.take(*of, by=ALICE)
    assert await work_list.reopen(*of, by=ALICE) == made
    await work_list.finish(*of, by=ALICE)
    assert await work_list.reopen(*of, by=ALICE) == made
    assert (await work_list.take(*of, by=BOB)).handled_by_email == "bob@acme.example"


def shown(request: CallbackRequest) -> ShownState:
    """How a page shows it."""
    return ShownState(request.state, request.handled_by_email, request.handled_at)


async def test_a_request_that_somebody_else_took_since_it_was_shown_is_not_done(deps: Deps, clock: FakeClock) -> None:
    listed = await make_listed(deps)
    (made,) = await make_requests(deps, clock, listed, 1)
    of = (deps, listed.account_id, made.id)
    taken = await work_list.take(*of, by=ALICE)
    with pytest.raises(Conflict, match="is taken by alice"):
        await work_list.finish(*of, by=BOB, shown=shown(made))
    assert await work_list.get_request(*of) == taken
    assert (await work_list.finish(*of, by=BOB, shown=shown(taken))).handled_by_email == BOB.email
    await work_list.reopen(*of, by=ALICE)
    await work_list.take(*of, by=BOB)
    assert (await work_list.finish(*of, by=BOB, shown=shown(made))).state is RequestState.DONE  # taken in another tab


@pytest.mark.parametrize("by", [ALICE, BOB])
async def test_a_request_that_was_done_once_more_since_it_was_shown_is_not_reopened(
    deps: Deps, clock: FakeClock, by: Actor
) -> None:
    listed = await make_listed(deps)
    (made,) = await make_requests(deps, clock, listed, 1)
    of = (deps, listed.account_id, made.id)
    first = await work_list.finish(*of, by=BOB)
    await work_list.reopen(*of, by=ALICE, shown=shown(first))
    clock.advance(timedelta(minutes=1))
    again = await work_list.finish(*of, by=by)
    with pytest.raises(Conflict, match=f"was marked as done by {by.email}"):
        await work_list.reopen(*of, by=BOB, shown=shown(first))
    assert await work_list.get_request(*of) == again
    assert (await work_list.reopen(*of, by=BOB, shown=shown(again))).state is RequestState.NEW


async def test_a_receiver_who_is_not_interested_is_never_to_do(deps: Deps) -> None:
    listed = await make_listed(deps)
    receiver, _ = await ring(deps, listed)
    made = await callbacks.request(deps, receiver, replace(asked(listed), is_interested=False))
    with pytest.raises(Conflict, match="not interested"):
        await work_list.reopen(deps, listed.account_id, made.id, by=ALICE)
    assert await work_list.get_request(deps, listed.account_id, made.id) == made


async def test_requests_are_narrowed_to_feature_sets_and_to_the_beginning_of_a_number(
    deps: Deps, clock: FakeClock
) -> None:
    listed = await make_listed(deps)
    other = await make_listed(deps, account_id=listed.account_id)
    (one,), (two,) = await make_requests(deps, clock, listed, 1), await make_requests(deps, clock, other, 1)

    async def found(**wanted: Any) -> list[CallbackRequest]:
        return await work_list.list_requests(deps, listed.account_id, RequestFilter(**wanted))

    assert await found() == [two, one]
    assert await found(feature_set_id=listed.feature_set_id) == [one]
    assert await found(receiver=one.receiver_number) == [one]
    assert await found(receiver=one.receiver_number[:4]) == [two, one]
    assert await found(receiver=one.receiver_number[1:]) == []
    assert await found(receiver=one.receiver_number, states=frozenset({RequestState.DONE})) == []


MANY: LiteralString = """
INSERT INTO callback_request SELECT made.* FROM callback_request r, generate_series(1, 20000) n,
  LATERAL jsonb_populate_record(r, jsonb_build_object(
    'id', gen_random_uuid(), 'request_id', gen_random_uuid(), 'requested_at', r.requested_at + n * interval '1 s',
    'receiver_number', 9198000000 + n, 'alternate_number', CASE WHEN n % 20 = 0 THEN 9177000000 + n END)) made
"""
READ: LiteralString = (
    "SELECT coalesce(sum(seq_tup_read + idx_tup_fetch), 0)::int FROM pg_stat_xact_user_tables"
    " WHERE relname = 'callback_request'"
)


async def test_a_number_is_found_among_many_requests_without_reading_them_all(deps: Deps) -> None:
    listed = await make_listed(deps)
    receiver, _ = await ring(deps, listed)
    oldest = await callbacks.request(
        deps, receiver, replace(asked(listed), alternate_number=PhoneNumber("918811223344"))
    )
    async with deps.db.connection() as tx:
        await tx.execute(MANY)
        await tx.execute("ANALYZE callback_request")

    async def found(number: str) -> tuple[list[CallbackRequest], int]:
        wanted = RequestFilter(number=number)
        async with deps.db.transaction() as tx:
            before = await tx.fetchval(READ)
            rows = await queries.select_requests(tx, listed.account_id, wanted, among=None, before=None, limit=51)
            return rows, await tx.fetchval(READ) - before

    for number, fits in (("918811223344", [oldest]), (receiver, [oldest]), ("91881122", [oldest]), ("1212", [])):
        rows, read = await found(number)
        assert rows == fits
        assert read < 100
    newest, read = await found("91")
    assert [one.receiver_number for one in newest] == [str(9198020000 - n) for n in range(51)]
    assert read < 10_000


async def test_of_two_who_take_one_request_at_once_one_has_it(deps: Deps, clock: FakeClock) -> None:
    listed = await make_listed(deps)
    for made in await make_requests(deps, clock, listed, 5):
        ended = await asyncio.gather(
            *[work_list.take(deps, listed.account_id, made.id, by=by) for by in (ALICE, BOB)], return_exceptions=True
        )
        assert sorted(type(one).__name__ for one in ended) == ["CallbackRequest", "Conflict"]


async def test_requests_are_listed_by_state(deps: Deps, clock: FakeClock) -> None:
    listed = await make_listed(deps)
    new, taken, done = await make_requests(deps, clock, listed, 3)
    taken = await work_list.take(deps, listed.account_id, taken.id, by=ALICE)
    done = await work_list.finish(deps, listed.account_id, done.id, by=ALICE)
    for state, one in zip(RequestState, (new, taken, done), strict=True):
        assert await work_list.list_requests(deps, listed.account_id, RequestFilter(frozenset({state}))) == [one]


async def test_an_owner_sees_and_moves_the_requests_of_its_place_alone(deps: Deps, clock: FakeClock) -> None:
    near = await make_listed(deps)
    far = await make_listed(deps, account_id=near.account_id)
    group = await make_listed(deps, account_id=near.account_id, is_number_group=True)
    made = [(await make_requests(deps, clock, one, 1))[0] for one in (near, far, group)]
    of = (deps, near.account_id)
    process = (await feature_sets.get_placed(*of, near.feature_set_id)).place.process_id
    for by, seen in ((ALICE, made), (owner_of(process), made[:1]), (owner_of(None), [])):
        listed = await work_list.list_to_do(*of, by.scope, RequestFilter(), now=clock.now(), after=None, limit=9)
        assert {one.id for one in listed} == {one.id for one in seen}
        assert await work_list.count_new(*of, by.scope, 9) == len(seen)
    elsewhere = RequestFilter(feature_set_id=far.feature_set_id)
    assert (
        await work_list.list_to_do(*of, owner_of(process).scope, elsewhere, now=clock.now(), after=None, limit=9) == []
    )
    for use in (work_list.take, work_list.finish, work_list.reopen):
        for one in made[1:]:
            with pytest.raises(NotFound):
                await use(*of, one.id, by=owner_of(process))
    assert (await work_list.take(*of, made[0].id, by=owner_of(process))).state is RequestState.TAKEN


async def test_a_step_that_changes_something_is_in_the_audit_log(deps: Deps, clock: FakeClock) -> None:
    listed = await make_listed(deps)
    (made,) = await make_requests(deps, clock, listed, 1)
    of = (deps, listed.account_id, made.id)
    for use in (work_list.take, work_list.finish, work_list.reopen):
        await use(*of, by=ALICE)
        await use(*of, by=ALICE)
    await work_list.take(*of, by=ALICE, email=BOB.email)
    with pytest.raises(Conflict):
        await work_list.take(*of, by=ALICE)
    log = (await log_of(deps, listed.account_id))[::-1]
    steps = [f"callback.{step}" for step in ("taken", "done", "reopened", "taken")]
    assert [(one.actor_email, one.action) for one in log] == [(ALICE.email, step) for step in steps]
    assert {one.subject for one in log} == {"Delivery default"}
    told = {"request_id": str(made.id)}
    assert [one.details for one in log] == [told, told, told, told | {"handled_by": BOB.email}]
    assert (await work_list.get_request(*of)).handled_by_email == BOB.email


async def test_requests_are_kept_as_long_as_records(deps: Deps, clock: FakeClock) -> None:
    listed = await make_listed(deps)
    (made,) = await make_requests(deps, clock, listed, 1)
    clock.advance(timedelta(days=deps.settings.retention_days))
    await PERIODIC["old_call_me_back_requests"].run(deps)
    assert await work_list.get_request(deps, listed.account_id, made.id) == made
    clock.advance(timedelta(seconds=1))
    await PERIODIC["old_call_me_back_requests"].run(deps)
    assert await work_list.list_requests(deps, listed.account_id) == []
