"""Lists that are carried out while others change the feature set, and for whom. Source: contract, D24."""

import asyncio

import pytest
from tests.domain.numbers.staging import Business, make_business, phones, reviewing, rows_of, run_jobs, states_of
from tests.support.actors import ALICE, OPERATOR, owner_of
from tests.support.waiting import until_locked

from callmark.domain.deps import Deps
from callmark.domain.feature_sets import service as feature_sets
from callmark.domain.feature_sets.model import FeatureSetChange
from callmark.domain.numbers import imports, reviews, service as numbers
from callmark.domain.numbers.imports import ListMode
from callmark.domain.numbers.model import NumberState
from callmark.domain.policy.model import WHOLE_ACCOUNT
from callmark.domain.stale_confirmations import digest_of
from callmark.kit.errors import ChangedMeanwhile, Forbidden, InvalidInput, NotFound


@pytest.fixture
async def acme(deps: Deps) -> Business:
    return await make_business(deps)


async def test_a_rewrite_leaves_what_comes_in_meanwhile(acme: Business) -> None:
    dropped, fresh, bobs = phones(3)
    await acme.publish(dropped)
    of, other = (acme.deps, acme.account_id), await acme.another_set("Returns")
    async with acme.deps.db.transaction() as tx:
        await numbers.publish_in(tx, *of, other, [fresh], by=ALICE)
        rewriting = asyncio.ensure_future(imports.rewrite(*of, acme.feature_set_id, [fresh], by=ALICE))
        await until_locked(acme.deps.db, 1)  # it holds the feature set, and waits for the number
        publishing = asyncio.ensure_future(acme.publish(bobs))
        await until_locked(acme.deps.db, 2)  # and gets the feature set next
    assert (await publishing).new == [bobs]
    assert (await rewriting)[1] == 1
    await run_jobs(acme.deps)
    assert set(await rows_of(acme.deps, acme.account_id)) == {fresh, bobs}


async def test_a_list_that_would_delist_others_than_were_shown_changes_nothing(acme: Business) -> None:
    one, two, fresh = phones(3)
    of = (acme.deps, acme.account_id, acme.feature_set_id)
    await acme.publish(one)
    shown = digest_of(await imports.list_rest(*of, [], WHOLE_ACCOUNT))
    await acme.publish(two)
    for changing in (
        imports.rewrite(*of, [fresh], by=ALICE, shown=shown),
        imports.apply_list(*of, [fresh], ListMode.REWRITE, by=ALICE, shown=shown),
        imports.apply_list(*of, [one, two], ListMode.DELIST, by=ALICE, shown=shown),
        imports.delist_all(*of, by=ALICE, shown=shown),
    ):
        with pytest.raises(ChangedMeanwhile):
            await changing
    assert set(await rows_of(acme.deps, acme.account_id)) == {one, two}
    assert (await imports.rewrite(*of, [two, fresh], by=ALICE, shown=shown))[1] == 1


async def test_a_list_for_a_feature_set_that_is_not_the_actors_is_refused_in_every_mode(acme: Business) -> None:
    foreign = (await make_business(acme.deps)).feature_set_id
    for mode in ListMode:
        with pytest.raises(Forbidden):
            await imports.apply_list(acme.deps, acme.account_id, foreign, phones(1), mode, by=ALICE)
        with pytest.raises(NotFound):
            await imports.apply_list(
                acme.deps, acme.account_id, acme.feature_set_id, phones(1), mode, by=owner_of(None)
            )


async def test_failed_numbers_of_several_feature_sets_are_listed_again_all_or_none(acme: Business) -> None:
    of, here = (acme.deps, acme.account_id), reviewing(acme.deps)
    other, third = await acme.another_set("Returns"), await acme.another_set("Reminders")
    failed = phones(3)
    for number, feature_set_id in zip(failed, (acme.feature_set_id, other, third), strict=True):
        asked = await numbers.publish(here, acme.account_id, feature_set_id, [number], by=ALICE)
        assert asked.job_id
        await reviews.reject(acme.deps, asked.job_id, "wrong label", by=OPERATOR)
    await run_jobs(acme.deps)
    label_id = (await feature_sets.get_feature_set(*of, other)).label_id
    await feature_sets.unpublish_feature_set(*of, other, by=ALICE)
    await feature_sets.update_feature_set(*of, other, FeatureSetChange(label_id=None), by=ALICE)
    with pytest.raises(InvalidInput, match=r"without a label cannot be published: Returns$"):
        await imports.publish_again(*of, failed, by=ALICE)
    assert await states_of(*of) == {NumberState.FAILED: 3}
    await feature_sets.update_feature_set(*of, other, FeatureSetChange(label_id=label_id), by=ALICE)
    assert await imports.publish_again(*of, failed, by=ALICE) == 3
    assert await states_of(*of) == {NumberState.PENDING: 3}
    assert await imports.publish_again(*of, failed, by=ALICE) == 0
