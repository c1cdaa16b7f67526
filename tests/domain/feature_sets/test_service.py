"""Feature sets on a real database: fields, life, place, and what they keep from being deleted."""

import asyncio
from datetime import timedelta
from uuid import uuid4

import pytest
from tests.support.audit_log import log_of
from tests.support.factories import ALICE, make_branch, make_feature_set, make_label, make_number_group
from tests.support.fake_clock import FakeClock

from callmark.domain.accounts import service as accounts
from callmark.domain.call_reasons import service as call_reasons
from callmark.domain.deps import Deps
from callmark.domain.feature_sets import service as feature_sets
from callmark.domain.feature_sets.model import FeatureSetChange, FeatureSetState, NewFeatureSet, NodeFilter, PhoneType
from callmark.domain.feature_sets.number_groups import keep_number_group
from callmark.domain.ids import AccountId, CallReasonId, DepartmentId, FeatureSetId, LabelId, OperationId, ProcessId
from callmark.domain.labels import service as labels
from callmark.domain.labels.model import Label, LabelType
from callmark.domain.policy.model import SYSTEM, Actor, ActorKind, Role, Scope
from callmark.kit.errors import Conflict, InvalidInput, NotFound


@pytest.fixture
async def alices(deps: Deps) -> AccountId:
    return (await accounts.create_account(deps, "Acme", by=SYSTEM)).id


@pytest.fixture
async def charlies(deps: Deps) -> AccountId:
    return (await accounts.create_account(deps, "Charlie", by=SYSTEM)).id


async def static_label(deps: Deps, account_id: AccountId, name: str = "Acme") -> Label:
    return await make_label(deps, account_id, name=name, label_type=LabelType.STATIC)


async def hold(deps: Deps, feature_set_id: FeatureSetId, count: int) -> None:
    async with deps.db.transaction() as tx:
        await feature_sets.change_number_count(tx, feature_set_id, count)


async def names(deps: Deps, account_id: AccountId, within: NodeFilter) -> list[str]:
    found, total = await feature_sets.list_placed(deps, account_id, within, page=1, limit=10)
    assert total == len(found)
    return [placed.feature_set.name for placed in found]


async def test_a_feature_set_is_a_draft_with_the_fields_it_was_given(deps: Deps, alices: AccountId) -> None:
    label = await static_label(deps, alices)
    reason = await call_reasons.create_call_reason(deps, alices, text="Your parcel is near", by=SYSTEM)
    new = NewFeatureSet(
        " Default ", " For parcels ", label.id, reason.id, call_me_back=True, survey=True, phone_type=PhoneType.PRIORITY
    )
    made = await make_feature_set(deps, alices, new=new)
    assert made == await feature_sets.get_feature_set(deps, alices, made.id)
    assert (made.name, made.description, made.state) == ("Default", "For parcels", FeatureSetState.DRAFT)
    assert (made.label_id, made.call_reason_id, made.phone_type) == (label.id, reason.id, PhoneType.PRIORITY)
    assert (made.call_me_back, made.survey, made.number_count) == (True, True, 0)


async def test_only_a_living_static_label_of_the_account_can_be_taken(
    deps: Deps, alices: AccountId, charlies: AccountId
) -> None:
    deleted = await static_label(deps, alices)
    await labels.delete_label(deps, alices, deleted.id, by=ALICE)
    dynamic, foreign = await make_label(deps, alices), await static_label(deps, charlies)
    made = await make_feature_set(deps, alices)
    for label_id in (deleted.id, dynamic.id, foreign.id, LabelId(uuid4())):
        with pytest.raises(InvalidInput, match="static label"):
            await make_feature_set(deps, alices, new=NewFeatureSet("With", label_id=label_id))
        with pytest.raises(InvalidInput, match="static label"):
            await feature_sets.update_feature_set(deps, alices, made.id, FeatureSetChange(label_id=label_id), by=ALICE)


async def test_only_a_call_reason_of_the_account_can_be_taken(
    deps: Deps, alices: AccountId, charlies: AccountId
) -> None:
    foreign = await call_reasons.create_call_reason(deps, charlies, text="Your parcel is near", by=SYSTEM)
    for reason_id in (foreign.id, CallReasonId(uuid4())):
        with pytest.raises(InvalidInput, match="call reason"):
            await make_feature_set(deps, alices, new=NewFeatureSet("With", call_reason_id=reason_id))


async def test_a_label_that_a_feature_set_has_is_not_deleted(deps: Deps, alices: AccountId) -> None:
    label = await static_label(deps, alices)
    made = await make_feature_set(deps, alices, new=NewFeatureSet("With", label_id=label.id))
    with pytest.raises(Conflict, match="used by a feature set"):
        await labels.delete_label(deps, alices, label.id, by=ALICE)
    assert await labels.get_label(deps, alices, label.id) == label
    await feature_sets.update_feature_set(deps, alices, made.id, FeatureSetChange(label_id=None), by=ALICE)
    await labels.delete_label(deps, alices, label.id, by=ALICE)


async def test_a_label_deleted_while_it_is_being_taken_is_either_kept_or_refused(deps: Deps, alices: AccountId) -> None:
    made = await make_feature_set(deps, alices)
    for _ in range(5):
        label = await static_label(deps, alices)
        taken, deleted = await asyncio.gather(
            feature_sets.update_feature_set(deps, alices, made.id, FeatureSetChange(label_id=label.id), by=ALICE),
            labels.delete_label(deps, alices, label.id, by=ALICE),
            return_exceptions=True,
        )
        kept = not isinstance(taken, BaseException) and isinstance(deleted, Conflict)
        refused = isinstance(taken, InvalidInput) and isinstance(deleted, Label)
        assert kept or refused
        await feature_sets.update_feature_set(deps, alices, made.id, FeatureSetChange(label_id=None), by=ALICE)


async def test_a_change_leaves_what_it_does_not_name(deps: Deps, clock: FakeClock, alices: AccountId) -> None:
    label = await static_label(deps, alices)
    made = await make_feature_set(deps, alices, new=NewFeatureSet("Default", "Why", label.id, call_me_back=True))
    clock.advance(timedelta(seconds=5))
    changed = await feature_sets.update_feature_set(
        deps, alices, made.id, FeatureSetChange(name="New", survey=True), by=ALICE
    )
    assert (changed.name, changed.description, changed.label_id) == ("New", "Why", label.id)
    assert (changed.call_me_back, changed.survey) == (True, True)
    assert (changed.created_at, changed.updated_at) == (made.created_at, clock.now())
    assert changed == await feature_sets.get_feature_set(deps, alices, made.id)


async def test_it_is_published_with_a_label_only_and_unpublished_from_published_only(
    deps: Deps, alices: AccountId
) -> None:
    label = await static_label(deps, alices)
    made = await make_feature_set(deps, alices)
    with pytest.raises(InvalidInput, match="without a label"):
        await feature_sets.publish_feature_set(deps, alices, made.id, by=ALICE)
    with pytest.raises(Conflict, match="is draft"):
        await feature_sets.unpublish_feature_set(deps, alices, made.id, by=ALICE)
    await feature_sets.update_feature_set(deps, alices, made.id, FeatureSetChange(label_id=label.id), by=ALICE)
    for _ in range(2):
        published = await feature_sets.publish_feature_set(deps, alices, made.id, by=ALICE)
        assert published.state is FeatureSetState.PUBLISHED
        assert published == await feature_sets.publish_feature_set(deps, alices, made.id, by=ALICE)
        with pytest.raises(InvalidInput, match="needs a label"):
            await feature_sets.update_feature_set(deps, alices, made.id, FeatureSetChange(label_id=None), by=ALICE)
        unpublished = await feature_sets.unpublish_feature_set(deps, alices, made.id, by=ALICE)
        assert unpublished.state is FeatureSetState.UNPUBLISHED
        assert unpublished == await feature_sets.get_feature_set(deps, alices, made.id)
    with pytest.raises(Conflict, match="is unpublished"):
        await feature_sets.unpublish_feature_set(deps, alices, made.id, by=ALICE)


async def test_with_numbers_in_it_it_is_neither_deleted_nor_of_another_phone_type(
    deps: Deps, alices: AccountId
) -> None:
    made = await make_feature_set(deps, alices)
    await hold(deps, made.id, 2)
    with pytest.raises(Conflict, match="2 numbers are in this feature set; delist them first"):
        await feature_sets.delete_feature_set(deps, alices, made.id, by=ALICE)
    with pytest.raises(Conflict, match="phone type"):
        await feature_sets.update_feature_set(
            deps, alices, made.id, FeatureSetChange(phone_type=PhoneType.PRIORITY), by=ALICE
        )
    await hold(deps, made.id, -2)
    changed = await feature_sets.update_feature_set(
        deps, alices, made.id, FeatureSetChange(phone_type=PhoneType.PRIORITY), by=ALICE
    )
    assert changed.phone_type is PhoneType.PRIORITY
    await feature_sets.delete_feature_set(deps, alices, made.id, by=ALICE)
    with pytest.raises(NotFound):
        await feature_sets.get_feature_set(deps, alices, made.id)


async def test_names_are_unique_in_a_process_and_a_move_keeps_them_so(deps: Deps, alices: AccountId) -> None:
    branch = await make_branch(deps, alices)
    above = await make_feature_set(deps, alices, branch.process.id, NewFeatureSet("Default"))
    with pytest.raises(Conflict, match="named 'DEFAULT' already exists in this process"):
        await make_feature_set(deps, alices, branch.process.id, NewFeatureSet("DEFAULT"))
    below = await make_feature_set(deps, alices, branch.sub_process.id, NewFeatureSet("Default"))
    with pytest.raises(Conflict):
        await feature_sets.move_feature_set(deps, alices, below.id, branch.process.id, by=ALICE)
    await feature_sets.update_feature_set(deps, alices, above.id, FeatureSetChange(name="Other"), by=ALICE)
    assert (
        await feature_sets.move_feature_set(deps, alices, below.id, branch.process.id, by=ALICE)
    ).process_id == branch.process.id
    with pytest.raises(Conflict):
        await feature_sets.update_feature_set(deps, alices, above.id, FeatureSetChange(name="default"), by=ALICE)
    place = (await feature_sets.get_placed(deps, alices, below.id)).place
    assert (place.process_id, place.sub_process_id, place.sub_process_name) == (branch.process.id, None, "")


async def test_of_two_who_take_one_name_at_once_one_gets_it(deps: Deps, alices: AccountId) -> None:
    process_id = (await make_branch(deps, alices)).process.id
    outcomes = await asyncio.gather(
        *(make_feature_set(deps, alices, process_id) for _ in range(4)), return_exceptions=True
    )
    assert sorted(isinstance(one, Conflict) for one in outcomes) == [False, True, True, True]
    assert len(await names(deps, alices, NodeFilter(process_id=process_id))) == 1


async def test_a_filter_gives_what_is_under_its_node(deps: Deps, clock: FakeClock, alices: AccountId) -> None:
    branch, other = await make_branch(deps, alices), await make_branch(deps, alices, department="Bank")
    for name, process_id in (
        ("above", branch.process.id),
        ("below", branch.sub_process.id),
        ("elsewhere", other.process.id),
    ):
        await make_feature_set(deps, alices, process_id, NewFeatureSet(name))
        clock.advance(timedelta(seconds=1))
    await make_number_group(deps, alices)
    assert await names(deps, alices, NodeFilter()) == ["elsewhere", "below", "above"]
    assert await names(deps, alices, NodeFilter(department_id=branch.department.id)) == ["below", "above"]
    assert await names(deps, alices, NodeFilter(operation_id=other.operation.id)) == ["elsewhere"]
    assert await names(deps, alices, NodeFilter(process_id=branch.process.id)) == ["below", "above"]
    assert await names(deps, alices, NodeFilter(process_id=branch.sub_process.id)) == ["below"]
    nobody = uuid4()
    for within in (
        NodeFilter(department_id=DepartmentId(nobody)),
        NodeFilter(operation_id=OperationId(nobody)),
        NodeFilter(process_id=ProcessId(nobody)),
    ):
        assert await names(deps, alices, within) == []
    page, total = await feature_sets.list_placed(deps, alices, NodeFilter(), page=2, limit=2)
    assert ([placed.feature_set.name for placed in page], total) == (["above"], 3)
    assert await feature_sets.list_placed(deps, alices, NodeFilter(), page=10**30, limit=10_000) == ([], 3)


async def test_a_number_group_has_no_place_but_a_life(deps: Deps, alices: AccountId) -> None:
    group_id = await make_number_group(deps, alices)
    process_id = (await make_branch(deps, alices)).process.id
    with pytest.raises(NotFound):
        await feature_sets.get_placed(deps, alices, group_id)
    with pytest.raises(Conflict, match="not part of the structure"):
        await feature_sets.move_feature_set(deps, alices, group_id, process_id, by=ALICE)
    label = await static_label(deps, alices)
    await feature_sets.update_feature_set(deps, alices, group_id, FeatureSetChange(label_id=label.id), by=ALICE)
    published = await feature_sets.publish_feature_set(deps, alices, group_id, by=ALICE)
    assert published.state is FeatureSetState.PUBLISHED
    await feature_sets.delete_feature_set(deps, alices, group_id, by=ALICE)


async def test_an_owner_changes_what_is_inside_its_place_and_knows_of_nothing_else(
    deps: Deps, alices: AccountId
) -> None:
    branch, label = await make_branch(deps, alices), await static_label(deps, alices)
    mine = await make_feature_set(deps, alices, branch.process.id)
    other = await make_feature_set(deps, alices)
    group_id = await make_number_group(deps, alices)
    scope = Scope(branch.process.id)
    olivia = Actor(ActorKind.MEMBER, "olivia@acme.example", Role.PROCESS_OWNER, scope)
    with_label = FeatureSetChange(label_id=label.id)
    await feature_sets.update_feature_set(deps, alices, mine.id, with_label, by=olivia)
    await feature_sets.publish_feature_set(deps, alices, mine.id, by=olivia)
    await feature_sets.move_feature_set(deps, alices, mine.id, branch.sub_process.id, by=olivia)
    assert (await feature_sets.get_placed(deps, alices, mine.id, scope)).place.sub_process_id == branch.sub_process.id
    for attempt in (
        feature_sets.get_placed(deps, alices, other.id, scope),
        feature_sets.update_feature_set(deps, alices, other.id, with_label, by=olivia),
        feature_sets.update_feature_set(deps, alices, group_id, with_label, by=olivia),
        feature_sets.publish_feature_set(deps, alices, other.id, by=olivia),
        feature_sets.unpublish_feature_set(deps, alices, other.id, by=olivia),
        feature_sets.delete_feature_set(deps, alices, other.id, by=olivia),
        feature_sets.move_feature_set(deps, alices, mine.id, ProcessId(other.process_id or uuid4()), by=olivia),
        feature_sets.create_feature_set(
            deps, alices, ProcessId(other.process_id or uuid4()), NewFeatureSet("Mine"), by=olivia
        ),
    ):
        with pytest.raises(NotFound):
            await attempt


async def test_every_change_is_in_the_audit_log(deps: Deps, alices: AccountId) -> None:
    branch, label = await make_branch(deps, alices), await static_label(deps, alices)
    made = await feature_sets.create_feature_set(deps, alices, branch.process.id, NewFeatureSet("Default"), by=ALICE)
    with pytest.raises(InvalidInput):
        await feature_sets.publish_feature_set(deps, alices, made.id, by=ALICE)
    change = FeatureSetChange(name="Renamed", label_id=label.id)
    await feature_sets.update_feature_set(deps, alices, made.id, change, by=ALICE)
    await feature_sets.publish_feature_set(deps, alices, made.id, by=ALICE)
    await feature_sets.unpublish_feature_set(deps, alices, made.id, by=ALICE)
    await feature_sets.move_feature_set(deps, alices, made.id, branch.sub_process.id, by=ALICE)
    await feature_sets.delete_feature_set(deps, alices, made.id, by=ALICE)
    entries, set_id = await log_of(deps, alices), {"feature_set_id": str(made.id)}
    inside = "Retail \u203a Delivery \u203a Last mile"
    assert [(entry.action, entry.subject, entry.details) for entry in reversed(entries)] == [
        ("feature_set.created", "Default", set_id | {"inside": inside}),
        ("feature_set.changed", "Renamed", set_id),
        ("feature_set.published", "Renamed", set_id | {"numbers": 0}),
        ("feature_set.unpublished", "Renamed", set_id | {"numbers": 0}),
        ("feature_set.moved", "Renamed", set_id | {"to": f"{inside} \u203a Evening"}),
        ("feature_set.deleted", "Renamed", set_id | {"campaigns": 0, "answers": 0}),
    ]
    assert {entry.actor_email for entry in entries} == {ALICE.email}


async def test_a_number_group_is_made_once_and_found_by_its_name_afterwards(
    deps: Deps, clock: FakeClock, alices: AccountId
) -> None:
    label = await static_label(deps, alices)

    async def keep(name: str) -> FeatureSetId:
        async with deps.db.transaction() as tx:
            group = await keep_number_group(tx, alices, name=name, label_id=label.id, by=ALICE, now=clock.now())
        return group.id

    made = await keep("Old console é")
    assert await keep("OLD console E\u0301") == made
    (entry,) = await log_of(deps, alices)
    assert (entry.action, entry.subject) == ("number_group.created", "Old console é")
    assert entry.details == {"feature_set_id": str(made)}
