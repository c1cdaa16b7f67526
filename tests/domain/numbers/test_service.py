"""Listing and delisting: every bucket, every state. Source: contract, sections 7.1 and 7.2, D14, D18, D18b, D18c."""

from datetime import timedelta

import pytest
from tests.domain.numbers.staging import (
    Business,
    check_counters,
    labelled_set,
    make_business,
    phones,
    reviewing,
    rows_of,
    run_jobs,
    states_of,
)
from tests.support.actors import ALICE, BOB, OPERATOR, owner_of
from tests.support.audit_log import log_of
from tests.support.factories import make_feature_set, make_label
from tests.support.fake_clock import FakeClock

from callmark.domain.deps import Deps
from callmark.domain.feature_sets import service as feature_sets
from callmark.domain.feature_sets.model import FeatureSetState, PhoneType
from callmark.domain.ids import FeatureSetId
from callmark.domain.labels.model import LabelType
from callmark.domain.numbers import imports, reviews, search, service as numbers
from callmark.domain.numbers.imports import ListMode
from callmark.domain.numbers.model import NumberState, RequestStatus
from callmark.domain.policy.model import SYSTEM, WHOLE_ACCOUNT
from callmark.kit.errors import Forbidden, InvalidInput, NotFound
from callmark.kit.ids import new_id

PENDING, FAILED = RequestStatus.PENDING, RequestStatus.FAILED


@pytest.fixture
async def acme(deps: Deps) -> Business:
    return await make_business(deps)


async def test_new_numbers_are_pending_then_listed_and_their_feature_set_is_published(acme: Business) -> None:
    one, two = phones(2)
    answer = await acme.publish(two, one)
    assert (answer.new, answer.status, answer.phone_type) == ([two, one], PENDING, PhoneType.VERIFIED)
    assert answer.created_by_email == ALICE.email
    feature_set = await acme.feature_set()
    assert (feature_set.state, feature_set.number_count) == (FeatureSetState.PUBLISHED, 2)
    assert {state for state, _ in (await rows_of(acme.deps, acme.account_id)).values()} == {NumberState.PENDING}
    await run_jobs(acme.deps)
    assert {state for state, _ in (await rows_of(acme.deps, acme.account_id)).values()} == {NumberState.LISTED}
    await check_counters(acme.deps, acme.account_id)


async def test_a_number_counts_once_in_its_canonical_form_and_what_is_none_is_echoed(acme: Business) -> None:
    (one,) = phones(1)
    answer = await acme.publish(one, f"+{one}", "08040001234", one, "+", "08040001234")
    assert (answer.new, answer.invalid) == ([one], ["08040001234", "+"])


async def test_listing_again_what_is_there_fails_and_changes_nothing(acme: Business) -> None:
    listed, pending = phones(2)
    await acme.publish(listed)
    await run_jobs(acme.deps)
    await acme.publish(pending)
    before = await rows_of(acme.deps, acme.account_id)
    answer = await acme.publish(listed, pending)
    assert (answer.existing, answer.status, answer.job_id) == ([listed, pending], FAILED, None)
    assert await rows_of(acme.deps, acme.account_id) == before


async def test_listing_again_in_an_unpublished_feature_set_publishes_it(acme: Business) -> None:
    (one,) = phones(1)
    await acme.publish(one)
    await run_jobs(acme.deps)
    await feature_sets.unpublish_feature_set(acme.deps, acme.account_id, acme.feature_set_id, by=SYSTEM)
    answer = await acme.publish(one)
    assert (answer.existing, answer.status) == ([one], PENDING)
    assert (await acme.feature_set()).state is FeatureSetState.PUBLISHED


async def test_a_request_without_any_number_of_use_leaves_a_draft_a_draft(acme: Business, deps: Deps) -> None:
    (taken,) = phones(1)
    await (await make_business(deps)).publish(taken)
    answer = await acme.publish("12", taken)
    assert (answer.invalid, answer.others, answer.status) == (["12"], [taken], FAILED)
    assert (await acme.feature_set()).state is FeatureSetState.DRAFT


async def test_a_number_of_another_feature_set_is_told_and_not_moved(acme: Business) -> None:
    same_type, other_type = phones(2)
    other = await acme.another_set("Returns")
    priority = await acme.another_set("Urgent", PhoneType.PRIORITY)
    await acme.publish(same_type, to=other)
    await acme.publish(other_type, to=priority)
    answer = await acme.publish(same_type, other_type)
    assert (answer.other_feature_set, answer.other_phone_type) == ([same_type], [other_type])
    assert answer.status is FAILED
    delisted = await acme.delist(same_type, other_type)
    assert (delisted.other_feature_set, delisted.other_phone_type) == ([same_type], [other_type])
    assert delisted.status is FAILED
    assert await rows_of(acme.deps, acme.account_id) == {
        same_type: (NumberState.PENDING, other),
        other_type: (NumberState.PENDING, priority),
    }


async def test_a_number_of_another_account_is_told_and_left_alone(acme: Business, deps: Deps) -> None:
    borealis = await make_business(deps)
    (one,) = phones(1)
    await borealis.publish(one)
    assert (await acme.publish(one)).others == [one]
    assert (await acme.delist(one)).others == [one]
    assert await rows_of(deps, acme.account_id) == {}


async def test_delisting_removes_the_number_and_whatever_is_unknown_is_new(acme: Business) -> None:
    listed, pending, unknown = phones(3)
    await acme.publish(listed)
    await run_jobs(acme.deps)
    await acme.publish(pending)
    answer = await acme.delist(unknown, pending, listed, "no")
    assert (answer.existing, answer.new, answer.invalid) == ([pending, listed], [unknown], ["no"])
    assert answer.status is PENDING
    assert {state for state, _ in (await rows_of(acme.deps, acme.account_id)).values()} == {NumberState.DELISTING}
    await run_jobs(acme.deps)
    assert await rows_of(acme.deps, acme.account_id) == {}
    assert (await acme.feature_set()).number_count == 0


async def test_delisting_only_what_is_unknown_fails(acme: Business) -> None:
    (unknown,) = phones(1)
    answer = await acme.delist(unknown)
    assert (answer.new, answer.existing, answer.status) == ([unknown], [], FAILED)


async def test_a_number_being_delisted_is_neither_delisted_twice_nor_listed_meanwhile(acme: Business) -> None:
    (one,) = phones(1)
    other = await acme.another_set("Returns")
    await acme.publish(one)
    await run_jobs(acme.deps)
    await acme.delist(one)
    again = await acme.delist(one)
    assert (again.processing, again.status) == ([one], FAILED)
    for feature_set in (acme.feature_set_id, other):
        meanwhile = await acme.publish(one, to=feature_set)
        assert (meanwhile.delisted, meanwhile.status) == ([one], FAILED)
    await run_jobs(acme.deps)
    assert (await acme.publish(one, to=other)).new == [one]


async def test_a_failed_number_is_sent_again_or_taken_over_by_another_account(
    acme: Business, deps: Deps, clock: FakeClock
) -> None:
    again, moved, lost = phones(3)
    await _rejected(acme, again, moved, lost)
    borealis, other = await make_business(deps), await acme.another_set("Returns")
    clock.advance(timedelta(hours=1))
    assert (await acme.publish(again)).updated == [again]
    assert (await acme.publish(moved, to=other)).updated == [moved]
    assert (await borealis.delist(lost)).new == [lost]
    taken = await borealis.publish(lost)
    assert (taken.new, taken.status) == ([lost], PENDING)
    assert await rows_of(deps, acme.account_id) == {
        again: (NumberState.PENDING, acme.feature_set_id),
        moved: (NumberState.PENDING, other),
    }
    assert await rows_of(deps, borealis.account_id) == {lost: (NumberState.PENDING, borealis.feature_set_id)}
    assert (await acme.publish(lost)).others == [lost]
    async with deps.db.connection() as tx:
        created = dict(
            await tx.fetch("SELECT phone_number, created_at FROM number WHERE phone_number = ANY ($1)", [again, lost])
        )
    assert created == {again: clock.now() - timedelta(hours=1), lost: clock.now()}
    await run_jobs(deps)
    await check_counters(deps, acme.account_id, borealis.account_id)


async def test_a_failed_number_can_be_delisted(acme: Business) -> None:
    (one,) = phones(1)
    await _rejected(acme, one)
    assert (await acme.delist(one)).existing == [one]
    await run_jobs(acme.deps)
    assert await rows_of(acme.deps, acme.account_id) == {}


async def test_numbers_of_a_number_group_migrate_when_they_are_listed(acme: Business, deps: Deps) -> None:
    old, stays = phones(2)
    label = await make_label(deps, acme.account_id, label_type=LabelType.STATIC)
    group, imported = await imports.import_group(deps, acme.account_id, "Old console", label.id, [old, stays], by=ALICE)
    assert imported.new == [old, stays]
    await run_jobs(deps)
    with pytest.raises(Forbidden):
        await acme.publish(old, to=group.id)
    answer = await acme.publish(old)
    assert (answer.migrated, answer.status) == ([old], PENDING)
    await run_jobs(deps)
    assert await rows_of(deps, acme.account_id) == {
        old: (NumberState.LISTED, acme.feature_set_id),
        stays: (NumberState.LISTED, group.id),
    }
    again, told = await imports.import_group(deps, acme.account_id, "old CONSOLE", label.id, [old, stays], by=ALICE)
    assert (again.id, told.existing, told.other_feature_set) == (group.id, [stays], [old])
    await check_counters(deps, acme.account_id)


async def test_an_owner_lists_and_delists_in_its_place_alone(acme: Business) -> None:
    near, far, grouped, failing = phones(4)
    of = (acme.deps, acme.account_id)
    other = await acme.another_set("Returns")
    label = await make_label(*of, label_type=LabelType.STATIC)
    await imports.import_group(*of, "Old console", label.id, [grouped], by=OPERATOR)
    olivia = owner_of((await feature_sets.get_placed(*of, acme.feature_set_id)).place.process_id)
    await numbers.publish(*of, other, [far], by=ALICE)
    for by, feature_set_id in ((olivia, other), (owner_of(None), acme.feature_set_id)):
        for refused in (
            numbers.publish(*of, feature_set_id, [near], by=by),
            numbers.delist(*of, feature_set_id, [far], by=by),
            imports.rewrite(*of, feature_set_id, [near], by=by),
            imports.delist_all(*of, feature_set_id, by=by),
            imports.preview(*of, feature_set_id, [near], by.scope),
        ):
            with pytest.raises(NotFound):
                await refused
    assert (await numbers.publish(*of, acme.feature_set_id, [near], by=olivia)).new == [near]
    await _rejected(acme, failing)
    every = [near, far, grouped, failing]
    assert [one.phone_number for one in await search.find_in_sets(*of, olivia.scope, every)] == [near, failing]
    assert await imports.publish_again(*of, every, by=olivia) == 1
    assert await imports.delist_chosen(*of, every, by=olivia) == 2
    assert await imports.delist_chosen(*of, every, by=ALICE) == 1  # a number group's number stays
    for number in (far, grouped):
        with pytest.raises(NotFound):
            await search.get_number(*of, olivia.scope, number)


async def test_an_owner_does_not_take_or_see_what_its_account_holds_outside_its_place(acme: Business) -> None:
    grouped, failed, being_delisted, listed, fresh = phones(5)
    of, here = (acme.deps, acme.account_id), acme.feature_set_id
    there = await acme.another_set("Returns")
    label = await make_label(*of, label_type=LabelType.STATIC)
    group, _ = await imports.import_group(*of, "Old console", label.id, [grouped], by=OPERATOR)
    await acme.publish(listed, being_delisted, to=there)
    await _rejected(acme, failed, into=there)
    await acme.delist(being_delisted, of=there)
    before, every = await rows_of(*of), [grouped, failed, being_delisted, listed, fresh]
    olivia = owner_of((await feature_sets.get_placed(*of, here)).place.process_id)
    shown = await imports.preview_list(acme.deps, await acme.feature_set(), every, ListMode.APPEND, olivia.scope)
    answer = await numbers.publish(*of, here, every, by=olivia)
    for each in (shown.answer, answer):
        assert each
        assert (each.new, each.others, each.coming_count) == ([fresh], every[:-1], 1)
        assert not any([each.delisted, each.other_feature_set, each.other_phone_type])
    assert shown.after_count == 1
    assert await rows_of(*of) == {**before, fresh: (NumberState.PENDING, here)}
    alice = await acme.publish(*every)
    assert (alice.migrated, alice.updated, alice.other_feature_set) == ([grouped], [failed], [listed])
    assert (await feature_sets.get_feature_set(*of, group.id)).number_count == 0


async def test_each_request_that_does_something_is_in_the_audit_log(acme: Business) -> None:
    one, two = phones(2)
    of = (acme.deps, acme.account_id, acme.feature_set_id)
    made = [await numbers.publish(*of, [one, two], by=ALICE), await numbers.delist(*of, [two], by=BOB)]
    await numbers.delist(*of, phones(1), by=BOB)
    await numbers.publish(*of, ["12"], by=BOB)
    log = (await log_of(acme.deps, acme.account_id))[::-1]
    assert [(line.actor_email, line.action, line.subject, line.details) for line in log] == [
        (ALICE.email, "numbers.listed", "Delivery default", {"numbers": 2, "job_id": str(made[0].job_id)}),
        (BOB.email, "numbers.delisted", "Delivery default", {"numbers": 1, "job_id": str(made[1].job_id)}),
    ]


async def test_a_preview_says_what_a_list_would_do(acme: Business) -> None:
    there, coming, elsewhere = phones(3)
    await acme.publish(there)
    await acme.publish(elsewhere, to=await acme.another_set("Returns"))
    listed, whole = [coming, elsewhere], WHOLE_ACCOUNT
    for mode, going, after in ((ListMode.APPEND, [], 2), (ListMode.REWRITE, [there], 1)):
        found = await imports.preview_list(acme.deps, await acme.feature_set(), listed, mode, whole)
        assert found.answer
        assert (found.answer.new, found.answer.other_feature_set) == ([coming], [elsewhere])
        assert (found.going, found.after_count) == (going, after)
    found = await imports.preview_list(acme.deps, await acme.feature_set(), [there, elsewhere], ListMode.DELIST, whole)
    assert (found.answer, found.going, found.elsewhere, found.after_count) == (None, [there], [elsewhere], 0)
    of = (acme.deps, acme.account_id, acme.feature_set_id)
    done = [await imports.apply_list(*of, [coming, elsewhere], mode, by=ALICE) for mode in ListMode]
    assert [(one.coming_count, one.going_count) for one in done if one] == [(1, 0), (0, 1), (0, 1)]


@pytest.mark.parametrize("count", [0, 10_001])
async def test_a_request_names_between_one_and_ten_thousand(acme: Business, count: int) -> None:
    for ask in (acme.publish, acme.delist):
        with pytest.raises(InvalidInput, match="phone_numbers must contain between 1 and 10000 numbers"):
            await ask(*["918040001234"] * count)


async def test_a_feature_set_without_a_label_takes_no_numbers(deps: Deps, acme: Business) -> None:
    bare = await make_feature_set(deps, acme.account_id)
    with pytest.raises(InvalidInput, match="without a label"):
        await acme.publish(*phones(1), to=bare.id)
    with pytest.raises(InvalidInput, match="without a label"):
        await acme.publish("12", to=bare.id)
    assert await rows_of(deps, acme.account_id) == {}


async def test_an_unknown_and_a_foreign_feature_set_are_refused_alike(deps: Deps, acme: Business) -> None:
    foreign = (await make_business(deps)).feature_set_id
    for feature_set in (foreign, FeatureSetId(new_id())):
        with pytest.raises(Forbidden):
            await acme.publish(*phones(1), to=feature_set)
        with pytest.raises(Forbidden):
            await acme.delist(*phones(1), of=feature_set)


async def test_appending_takes_more_than_one_request_holds(acme: Business) -> None:
    many = phones(10_001)
    answer = await imports.append(acme.deps, acme.account_id, acme.feature_set_id, many, by=ALICE)
    assert (answer.new, answer.status) == (many, PENDING)
    await run_jobs(acme.deps)
    assert await states_of(acme.deps, acme.account_id) == {NumberState.LISTED: len(many)}
    assert (await acme.feature_set()).number_count == len(many)


async def test_a_rewrite_makes_the_content_equal_to_the_list(acme: Business) -> None:
    kept, dropped, waiting, fresh = phones(4)
    await acme.publish(kept, dropped)
    await run_jobs(acme.deps)
    await acme.publish(waiting)
    other = await labelled_set(acme.deps, acme.account_id, "Returns")
    (elsewhere,) = phones(1)
    await acme.publish(elsewhere, to=other.id)
    answer, delisted = await imports.rewrite(acme.deps, acme.account_id, acme.feature_set_id, [kept, fresh], by=ALICE)
    assert (answer.existing, answer.new, delisted) == ([kept], [fresh], 2)
    await run_jobs(acme.deps)
    rows = await rows_of(acme.deps, acme.account_id)
    assert {number for number, (_, feature_set) in rows.items() if feature_set == acme.feature_set_id} == {kept, fresh}
    assert elsewhere in rows
    again = await imports.rewrite(acme.deps, acme.account_id, acme.feature_set_id, [kept, fresh], by=ALICE)
    assert (again[0].existing, again[1]) == ([kept, fresh], 0)


async def _rejected(acme: Business, *failing: str, into: FeatureSetId | None = None) -> None:
    """Numbers of the business that a reviewer has turned down."""
    set_id = into or acme.feature_set_id
    answer = await numbers.publish(reviewing(acme.deps), acme.account_id, set_id, failing, by=ALICE)
    assert answer.job_id
    await reviews.reject(acme.deps, answer.job_id, "no proof of ownership", by=OPERATOR)
    await run_jobs(acme.deps)
