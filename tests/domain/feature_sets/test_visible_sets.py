"""Which feature sets and number groups somebody sees."""

import pytest
from tests.support.actors import ALICE, owner_of
from tests.support.factories import make_branch, make_feature_set, make_number_group

from callmark.domain.accounts import service as accounts
from callmark.domain.deps import Deps
from callmark.domain.feature_sets import visible_sets
from callmark.domain.feature_sets.model import FeatureSetName, FeatureSetState, NewFeatureSet
from callmark.domain.ids import FeatureSetId
from callmark.domain.policy.model import SYSTEM
from callmark.kit.errors import NotFound
from callmark.kit.ids import new_id


async def test_an_owner_sees_the_feature_sets_on_and_below_its_place(deps: Deps) -> None:
    account_id = (await accounts.create_account(deps, "Acme", by=SYSTEM)).id
    branch = await make_branch(deps, account_id)
    below = await make_feature_set(deps, account_id, branch.sub_process.id, NewFeatureSet("below"))
    on = await make_feature_set(deps, account_id, branch.process.id, NewFeatureSet("On"))
    elsewhere = await make_feature_set(deps, account_id)
    group = await make_number_group(deps, account_id)
    ids = {"below": below.id, "On": on.id, "elsewhere": elsewhere.id, "group": group}
    for node_id, names in (
        (branch.department.id, ["below", "On"]),
        (branch.operation.id, ["below", "On"]),
        (branch.process.id, ["below", "On"]),
        (branch.sub_process.id, ["below"]),
        (None, []),
    ):
        scope = owner_of(node_id).scope
        assert [one.name for one in await visible_sets.list_names(deps, account_id, scope)] == names
        assert await visible_sets.has_any(deps, account_id, scope) is bool(names)
        seen = await visible_sets.find_each(deps, account_id, set(ids.values()), scope)
        assert {one.feature_set.name for one in seen.values()} == set(names)
        async with deps.db.transaction() as tx:
            assert set(await visible_sets.visible_ids(tx, account_id, scope) or []) == {ids[name] for name in names}
            for name, id_ in ids.items():
                if name in names:
                    assert (await visible_sets.lock_visible(tx, account_id, id_, scope)).id == id_
                else:
                    with pytest.raises(NotFound):
                        await visible_sets.check_visible(tx, account_id, id_, scope)
        for name, id_ in ids.items():
            if name not in names:
                with pytest.raises(NotFound):
                    await visible_sets.get_visible(deps, account_id, id_, scope)


async def test_who_sees_the_whole_account_sees_number_groups_at_the_end(deps: Deps) -> None:
    account_id = (await accounts.create_account(deps, "Acme", by=SYSTEM)).id
    branch = await make_branch(deps, account_id)
    one = await make_feature_set(deps, account_id, branch.sub_process.id, NewFeatureSet("Parcels"))
    group = await make_number_group(deps, account_id, name="Groceries")
    names = await visible_sets.list_names(deps, account_id, ALICE.scope)
    assert names == [FeatureSetName(one.id, "Parcels"), FeatureSetName(group, "Groceries", is_number_group=True)]
    assert await visible_sets.list_names(deps, account_id, ALICE.scope, branch.process.id) == names[:1]
    assert await visible_sets.list_names(deps, account_id, ALICE.scope, None, FeatureSetState.UNPUBLISHED) == []
    placed, grouped = (await visible_sets.find_each(deps, account_id, [one.id, group], ALICE.scope)).values()
    assert (placed.feature_set, placed.where.split(" \N{SINGLE RIGHT-POINTING ANGLE QUOTATION MARK} ")) == (
        one,
        ["Retail", "Delivery", "Last mile", "Evening"],
    )
    assert placed.path == (branch.department.id, branch.operation.id, branch.process.id, branch.sub_process.id)
    assert (grouped.feature_set.id, grouped.path, grouped.where) == (group, (), "Number group")
    for there in (placed, grouped):
        assert await visible_sets.get_visible(deps, account_id, there.feature_set.id, ALICE.scope) == there
    async with deps.db.transaction() as tx:
        assert await visible_sets.visible_ids(tx, account_id, ALICE.scope) is None


async def test_a_feature_set_that_is_not_there_is_not_found(deps: Deps) -> None:
    account_id = (await accounts.create_account(deps, "Acme", by=SYSTEM)).id
    unknown = FeatureSetId(new_id())
    with pytest.raises(NotFound):
        await visible_sets.get_visible(deps, account_id, unknown, ALICE.scope)
    async with deps.db.transaction() as tx:
        await visible_sets.check_visible(tx, account_id, unknown, ALICE.scope)  # what is said about it still counts
        with pytest.raises(NotFound):
            await visible_sets.lock_visible(tx, account_id, unknown, ALICE.scope)
