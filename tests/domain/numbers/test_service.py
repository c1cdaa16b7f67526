"""Listing and delisting: every bucket, every state. Source: contract, sections 7.1 and 7.2, D14, D18, D18b, D18c."""

from datetime import timedelta

import pytest
from tests.domain.numbers.staging import (
    ALICE,
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
from tests.factories import make_feature_set, make_label

from callmark.domain.deps import Deps
from callmark.domain.ids import FeatureSetId
from callmark.domain.labels.model import LabelType
from callmark.domain.numbers import reviews
from callmark.domain.numbers import service as numbers
from callmark.domain.numbers.model import NumberState, RequestStatus
from callmark.domain.structure import service as structure
from callmark.domain.structure.model import FeatureSetState, PhoneType
from callmark.kit.clock import FakeClock
from callmark.kit.errors import Forbidden, InvalidInput
from callmark.kit.ids import new_id

PENDING, FAILED = RequestStatus.PENDING, RequestStatus.FAILED


@pytest.fixture
async def acme(deps: Deps) -> Business:
    return await make_business(deps)


async def test_new_numbers_are_pending_then_listed_and_their_feature_set_is_published(acme: Business) -> None:
    one, two = phones(2)
    answer = await acme.publish(two, one)
    assert (answer.new, answer.status, answer.phone_type) == ([two, one], PENDING, PhoneType.VERIFIED)
    assert answer.created_by_email == ALICE
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
    await structure.unpublish_feature_set(acme.deps, acme.account_id, acme.feature_set_id)
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
    group, imported = await numbers.import_group(deps, acme.account_id, "Old console", label.id, [old, stays], ALICE)
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
    again, told = await numbers.import_group(deps, acme.account_id, "old CONSOLE", label.id, [old, stays], ALICE)
    assert (again.id, told.existing, told.other_feature_set) == (group.id, [stays], [old])
    await check_counters(deps, acme.account_id)


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
    answer = await numbers.append(acme.deps, acme.account_id, acme.feature_set_id, many, ALICE)
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
    answer, delisted = await numbers.rewrite(acme.deps, acme.account_id, acme.feature_set_id, [kept, fresh], ALICE)
    assert (answer.existing, answer.new, delisted) == ([kept], [fresh], 2)
    await run_jobs(acme.deps)
    rows = await rows_of(acme.deps, acme.account_id)
    assert {number for number, (_, feature_set) in rows.items() if feature_set == acme.feature_set_id} == {kept, fresh}
    assert elsewhere in rows
    again = await numbers.rewrite(acme.deps, acme.account_id, acme.feature_set_id, [kept, fresh], ALICE)
    assert (again[0].existing, again[1]) == ([kept, fresh], 0)


async def _rejected(acme: Business, *failing: str) -> None:
    """Numbers of the business that a reviewer has turned down."""
    answer = await numbers.publish(reviewing(acme.deps), acme.account_id, acme.feature_set_id, failing, ALICE)
    assert answer.job_id
    await reviews.reject(acme.deps, answer.job_id, "no proof of ownership", "operator@localhost")
    await run_jobs(acme.deps)
