"""A member loses access: the callback requests that they have taken are new again, for others to take."""

from collections.abc import Callable, Coroutine

import pytest
from msgspec import Struct
from msgspec.structs import replace
from tests.support.actors import ALICE, BOB
from tests.support.audit_log import log_of
from tests.support.listed_number import Listed, make_listed, ring
from tests.support.waiting import one_after_the_other

from callmark.domain.callbacks import service as callbacks, work_list
from callmark.domain.callbacks.model import CallbackRequest, NewCallbackRequest, RequestState
from callmark.domain.deps import Deps
from callmark.domain.feature_sets import service as feature_sets
from callmark.domain.ids import AccountId
from callmark.domain.members import service as members
from callmark.domain.members.model import Member
from callmark.domain.policy.model import SYSTEM, Role
from callmark.domain.sessions.model import MemberState
from callmark.kit.errors import Conflict
from callmark.kit.ids import random_uuid

NEW, TAKEN, DONE = RequestState
Use = Callable[[Deps, Member], Coroutine[None, None, object]]


class Desk(Struct, frozen=True):
    """An account of Alice and Mia, admins, where Mia works on requests."""

    near: Listed
    far: Listed
    group: Listed
    mia: Member


@pytest.fixture
async def desk(deps: Deps) -> Desk:
    near = await make_listed(deps)
    far = await make_listed(deps, account_id=near.account_id)
    group = await make_listed(deps, account_id=near.account_id, is_number_group=True)
    await an_admin(deps, near.account_id, ALICE.email)
    return Desk(near, far, group, await an_admin(deps, near.account_id, "mia@acme.example"))


async def an_admin(deps: Deps, account_id: AccountId, email: str) -> Member:
    active = MemberState.ACTIVE
    return await members.create_without_rules(
        deps, account_id, by=SYSTEM, email=email, name="Mia", role=Role.ADMIN, state=active
    )


async def asked(deps: Deps, listed: Listed, taken_by: str = "") -> CallbackRequest:
    receiver, _ = await ring(deps, listed)
    made = await callbacks.request(deps, receiver, NewCallbackRequest(random_uuid(), listed.number))
    return await work_list.take(deps, listed.account_id, made.id, by=BOB, email=taken_by) if taken_by else made


async def now(deps: Deps, *requests: CallbackRequest) -> list[tuple[RequestState, str | None]]:
    found = [await work_list.get_request(deps, one.account_id, one.id) for one in requests]
    return [(one.state, one.handled_by_email) for one in found]


async def revoke(deps: Deps, mia: Member) -> None:
    await members.revoke_access(deps, mia.account_id, mia.id, by=ALICE)


async def delete(deps: Deps, mia: Member) -> None:
    await members.remove_member(deps, mia.account_id, mia.id, by=ALICE)


async def revoke_by_operator(deps: Deps, mia: Member) -> None:
    await members.update_without_rules(deps, mia.account_id, mia.id, by=ALICE, state=MemberState.REVOKED)


async def delete_by_operator(deps: Deps, mia: Member) -> None:
    await members.delete_without_rules(deps, mia.account_id, mia.id, by=ALICE)


@pytest.mark.parametrize("use", [revoke, delete, revoke_by_operator, delete_by_operator])
async def test_what_a_member_has_taken_who_loses_access_is_new_again(deps: Deps, desk: Desk, use: Use) -> None:
    mias, others = await asked(deps, desk.near, desk.mia.email), await asked(deps, desk.near, BOB.email)
    done = await work_list.finish(deps, mias.account_id, (await asked(deps, desk.far)).id, by=BOB, email=desk.mia.email)
    await use(deps, desk.mia)
    assert await now(deps, mias, others, done) == [(NEW, None), (TAKEN, BOB.email), (DONE, desk.mia.email)]
    reopened = [one for one in await log_of(deps, mias.account_id) if one.action == "callback.reopened"]
    told = {"request_id": str(mias.id), "was_taken_by": desk.mia.email}
    assert [(one.actor_email, one.subject, one.details) for one in reopened] == [
        (ALICE.email, "Delivery default", told)
    ]


@pytest.mark.parametrize("use", [revoke, delete])
async def test_who_loses_access_meanwhile_takes_nothing(deps: Deps, desk: Desk, use: Use) -> None:
    made = await asked(deps, desk.near)
    take = work_list.take(deps, made.account_id, made.id, by=replace(ALICE, email=desk.mia.email))
    taken = await one_after_the_other(deps.db, ("SELECT FROM member FOR UPDATE",), use(deps, desk.mia), take)
    with pytest.raises(Conflict, match=f"{desk.mia.email} has no access"):
        taken.result()
    assert await now(deps, made) == [(NEW, None)]


async def test_the_api_gives_requests_to_who_is_invited_and_none_to_who_has_no_access(deps: Deps, desk: Desk) -> None:
    of = (deps, desk.mia.account_id, desk.mia.id)
    await members.update_without_rules(*of, by=SYSTEM, state=MemberState.INVITED)
    taken = await asked(deps, desk.near, desk.mia.email)
    await members.update_without_rules(*of, by=SYSTEM, role=Role.ADMIN)
    assert await now(deps, taken) == [(TAKEN, desk.mia.email)]
    await revoke(deps, desk.mia)
    with pytest.raises(Conflict, match="has no access"):
        await work_list.take(deps, taken.account_id, taken.id, by=BOB, email=desk.mia.email)
    assert await now(deps, taken) == [(NEW, None)]


async def test_a_member_keeps_what_is_in_the_place_that_they_get(deps: Deps, desk: Desk) -> None:
    taken = [await asked(deps, listed, desk.mia.email) for listed in (desk.near, desk.far, desk.group)]
    place = (await feature_sets.get_placed(deps, desk.mia.account_id, desk.near.feature_set_id)).place
    of = (deps, desk.mia.account_id, desk.mia.id)
    kept, lost = (TAKEN, desk.mia.email), (NEW, None)
    owner = Role.DEPARTMENT_OWNER
    await members.edit_member(*of, by=ALICE, name="Mia M.", role=Role.ADMIN)
    assert await now(deps, *taken) == [kept, kept, kept]
    await members.edit_member(*of, by=ALICE, role=owner, node_id=place.department_id)
    assert await now(deps, *taken) == [kept, lost, lost]
    await work_list.take(
        deps, desk.mia.account_id, taken[1].id, by=BOB, email=desk.mia.email
    )  # for who sees no other place
    await members.edit_member(*of, by=ALICE, name="Mia")
    assert await now(deps, *taken) == [kept, kept, lost]
    await members.update_without_rules(*of, by=ALICE, role=Role.PROCESS_OWNER)  # of no place yet
    assert await now(deps, *taken) == [lost, lost, lost]
