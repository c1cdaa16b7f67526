"""Requests that race each other over connections of their own: one order, no deadlock left, nothing twice."""

import asyncio

from tests.domain.numbers.staging import (
    check_counters,
    make_business,
    phones,
    reviewing,
    rows_of,
    run_jobs,
    some_of,
    states_of,
)
from tests.support.actors import ALICE, OPERATOR
from tests.support.waiting import until_locked

from callmark.domain.deps import Deps
from callmark.domain.feature_sets import service as feature_sets
from callmark.domain.numbers import queries, reviews, service as numbers
from callmark.domain.numbers.model import Delisted, NumberState, Published


async def test_of_two_accounts_that_publish_one_number_at_once_one_has_it(deps: Deps) -> None:
    acme, borealis = await make_business(deps), await make_business(deps)
    many = phones(300)
    shuffled = some_of(many, len(many), 7)
    one, two = await asyncio.gather(acme.publish(*many), borealis.publish(*shuffled))
    assert sorted([*one.new, *two.new]) == many
    assert (sorted(one.others), sorted(two.others)) == (sorted(two.new), sorted(one.new))
    await check_counters(deps, acme.account_id, borealis.account_id)


async def test_publishing_and_delisting_at_once_end_in_one_order(deps: Deps) -> None:
    acme = await make_business(deps)
    many = phones(200)
    await acme.publish(*many)
    answers = await asyncio.gather(
        *(ask(*some_of(many, 150, i)) for i in range(6) for ask in (acme.publish, acme.delist)),
        *(run_jobs(deps) for _ in range(3)),
    )
    given_ = [one for answer in answers if isinstance(answer, Published) for one in answer.new]
    taken = [one for answer in answers if isinstance(answer, Delisted) for one in answer.existing]
    await run_jobs(deps)
    # Whatever the order was: a number is there when it was accepted once more often than it was taken away.
    left = {one for one in many if 1 + given_.count(one) - taken.count(one) == 1}
    assert all(1 + given_.count(one) - taken.count(one) in {0, 1} for one in many)
    assert set(await rows_of(deps, acme.account_id)) == left
    assert await states_of(deps, acme.account_id) in ({}, {NumberState.LISTED: len(left)})
    await check_counters(deps, acme.account_id)


async def test_many_feature_sets_and_accounts_at_once_leave_each_number_in_one_place(deps: Deps) -> None:
    acme, borealis = await make_business(deps), await make_business(deps)
    returns = await acme.another_set("Returns")
    many = phones(120)
    for turn in range(3):
        some = [some_of(many, 80, 10 * turn + i) for i in range(6)]
        await asyncio.gather(
            acme.publish(*some[0]),
            acme.publish(*some[1], to=returns),
            borealis.publish(*some[2]),
            acme.delist(*some[3]),
            acme.delist(*some[4], of=returns),
            borealis.delist(*some[5]),
            run_jobs(deps),
        )
    await run_jobs(deps)
    ours, theirs = await rows_of(deps, acme.account_id), await rows_of(deps, borealis.account_id)
    assert not ours.keys() & theirs.keys()
    assert {state for state, _ in [*ours.values(), *theirs.values()]} <= {NumberState.LISTED}
    await check_counters(deps, acme.account_id, borealis.account_id)


async def test_a_request_that_meets_another_in_a_deadlock_is_run_again(deps: Deps) -> None:
    """A failed number changes hands while its feature set's own request waits for it: the engine ends one of them."""
    acme, borealis = await make_business(deps), await make_business(deps)
    (one,) = phones(1)
    asked = await numbers.publish(reviewing(deps), acme.account_id, acme.feature_set_id, [one], by=ALICE)
    assert asked.job_id
    await reviews.reject(deps, asked.job_id, "no proof of ownership", by=OPERATOR)
    await run_jobs(deps)
    async with deps.db.transaction() as tx:
        await tx.execute("SET LOCAL deadlock_timeout = '1h'")  # so that the engine ends the other
        await feature_sets.lock_feature_set(tx, acme.account_id, acme.feature_set_id)
        async with deps.db.transaction() as gate:
            await queries.lock_numbers(gate, [one])
            taking = asyncio.create_task(borealis.publish(one))
            await until_locked(deps.db, 1)
            locking = asyncio.create_task(queries.lock_numbers(tx, [one]))
            await until_locked(deps.db, 2)
        await locking  # the gate is open: the other has the number, and waits for the feature set
    assert (await taking).new == [one]
    await run_jobs(deps)
    assert await states_of(deps, borealis.account_id) == {NumberState.LISTED: 1}
    await check_counters(deps, acme.account_id, borealis.account_id)
