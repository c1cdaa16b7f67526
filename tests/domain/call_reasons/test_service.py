"""The call-reason library on a real database."""

import asyncio
from datetime import timedelta
from uuid import uuid4

import pytest
from tests.support.audit_log import log_of
from tests.support.factories import ALICE, make_feature_set
from tests.support.fake_clock import FakeClock

from callmark.domain.accounts import service as accounts
from callmark.domain.call_reasons import service as call_reasons
from callmark.domain.call_reasons.model import CallReason
from callmark.domain.deps import Deps
from callmark.domain.feature_sets import service as feature_sets
from callmark.domain.feature_sets.model import FeatureSetChange, NewFeatureSet
from callmark.domain.ids import AccountId, LabelId
from callmark.domain.policy.model import SYSTEM, WHOLE_ACCOUNT
from callmark.kit.errors import Conflict, InvalidInput, NotFound


@pytest.fixture
async def alices(deps: Deps) -> AccountId:
    return (await accounts.create_account(deps, "Acme", by=SYSTEM)).id


@pytest.fixture
async def charlies(deps: Deps) -> AccountId:
    return (await accounts.create_account(deps, "Charlie", by=SYSTEM)).id


async def make_reason(deps: Deps, account_id: AccountId, text: str = "Your parcel arrives today") -> CallReason:
    return await call_reasons.create_call_reason(deps, account_id, text=text, by=ALICE)


async def test_the_library_lists_what_was_put_in_newest_first(deps: Deps, clock: FakeClock, alices: AccountId) -> None:
    first = await make_reason(deps, alices)
    clock.advance(timedelta(seconds=1))
    second = await make_reason(deps, alices, "About your appointment")
    assert await call_reasons.list_call_reasons(deps, alices) == [second, first]
    assert await call_reasons.get_call_reason(deps, alices, first.id) == first
    assert (first.created_by_email, first.account_id) == (ALICE.email, alices)


async def test_a_wording_against_the_rules_is_refused_and_a_duplicate_is_too(deps: Deps, alices: AccountId) -> None:
    made = await make_reason(deps, alices)
    other = await make_reason(deps, alices, "About your appointment")
    with pytest.raises(InvalidInput, match="between 10 and 100 characters"):
        await make_reason(deps, alices, "Your desk")
    with pytest.raises(InvalidInput, match="not allowed"):
        await make_reason(deps, alices, "Call me now!!")
    for text in ("YOUR parcel arrives today", "Your parcel\u00a0arrives today"):
        with pytest.raises(Conflict, match="already in the library"):
            await make_reason(deps, alices, text)
    with pytest.raises(Conflict):
        await call_reasons.update_call_reason(deps, alices, other.id, text=made.text, by=ALICE)
    assert (
        await call_reasons.update_call_reason(deps, alices, made.id, text=made.text.upper(), by=ALICE)
    ).text == made.text.upper()
    assert {one.text for one in await call_reasons.list_call_reasons(deps, alices)} == {made.text.upper(), other.text}
    twin = made.text.replace(" ", "\u00a0")
    async with deps.db.connection() as tx:  # earlier versions let it be made
        await tx.execute("UPDATE call_reason SET text = $2 WHERE id = $1", other.id, twin)
    assert (await call_reasons.update_call_reason(deps, alices, other.id, text=twin, by=ALICE)).text == twin


async def test_another_account_sees_and_changes_nothing_of_it(
    deps: Deps, alices: AccountId, charlies: AccountId
) -> None:
    made = await make_reason(deps, alices)
    assert await call_reasons.list_call_reasons(deps, charlies) == []
    for attempt in (
        call_reasons.get_call_reason(deps, charlies, made.id),
        call_reasons.update_call_reason(deps, charlies, made.id, text="This is mine now", by=ALICE),
        call_reasons.delete_call_reason(deps, charlies, made.id, by=ALICE),
        call_reasons.list_call_reasons(deps, AccountId(uuid4())),
    ):
        with pytest.raises(NotFound):
            await attempt
    assert (await make_reason(deps, charlies)).text == made.text  # the same wording is free in another account


async def test_a_used_call_reason_is_not_deleted_and_the_error_names_who_uses_it(deps: Deps, alices: AccountId) -> None:
    made = await make_reason(deps, alices)
    user = await make_feature_set(deps, alices, new=NewFeatureSet("Delivery default", call_reason_id=made.id))
    with pytest.raises(Conflict, match="used by the feature set 'Delivery default'"):
        await call_reasons.delete_call_reason(deps, alices, made.id, by=ALICE)
    uses = await feature_sets.list_uses(deps, alices, WHOLE_ACCOUNT)
    assert (uses.of_call_reasons[made.id], uses.of_labels.get(LabelId(uuid4()))) == (["Delivery default"], None)
    await feature_sets.update_feature_set(deps, alices, user.id, FeatureSetChange(call_reason_id=None), by=SYSTEM)
    await call_reasons.delete_call_reason(deps, alices, made.id, by=ALICE)
    assert await call_reasons.list_call_reasons(deps, alices) == []


async def test_of_two_who_add_one_wording_at_once_one_does(deps: Deps, alices: AccountId) -> None:
    both = await asyncio.gather(*(make_reason(deps, alices) for _ in range(4)), return_exceptions=True)
    assert sorted(isinstance(one, Conflict) for one in both) == [False, True, True, True]
    assert len(await call_reasons.list_call_reasons(deps, alices)) == 1


async def test_every_change_is_in_the_audit_log(deps: Deps, alices: AccountId) -> None:
    made = await make_reason(deps, alices)
    await call_reasons.update_call_reason(deps, alices, made.id, text="Your parcel is near", by=ALICE)
    with pytest.raises(InvalidInput):
        await call_reasons.update_call_reason(deps, alices, made.id, text="short", by=ALICE)
    await call_reasons.delete_call_reason(deps, alices, made.id, by=ALICE)
    entries = await log_of(deps, alices)
    assert [(entry.action, entry.subject, entry.actor_email) for entry in reversed(entries)] == [
        ("call_reason.created", made.text, ALICE.email),
        ("call_reason.changed", "Your parcel is near", ALICE.email),
        ("call_reason.deleted", "Your parcel is near", ALICE.email),
    ]
    assert {str(entry.details) for entry in entries} == {str({"call_reason_id": str(made.id)})}
