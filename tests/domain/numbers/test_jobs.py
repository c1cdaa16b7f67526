"""Listing jobs: bounded steps, workers that die, and the operator's review."""

import asyncio
from datetime import timedelta

import pytest
from msgspec.structs import replace
from tests.domain.numbers.staging import (
    Business,
    check_counters,
    make_business,
    phones,
    reviewing,
    rows_of,
    run_jobs,
    states_of,
)
from tests.support.actors import ALICE, OPERATOR
from tests.support.fake_clock import FakeClock
from tests.support.waiting import until

from callmark.domain.deps import Deps
from callmark.domain.ids import ListingJobId
from callmark.domain.numbers import imports, jobs, reviews, search as number_search, service as numbers
from callmark.domain.numbers.model import JobKind, JobState, ListingJob, NumberState
from callmark.domain.policy.model import WHOLE_ACCOUNT
from callmark.kit.errors import Conflict, InvalidInput, NotFound
from callmark.kit.ids import new_id
from callmark.kit.work import LEASE
from callmark.kit.worker import Worker


@pytest.fixture
async def acme(deps: Deps) -> Business:
    return await make_business(deps)


async def job_of(acme: Business, job_id: ListingJobId | None) -> ListingJob:
    assert job_id
    return await reviews.get_job(acme.deps, acme.account_id, WHOLE_ACCOUNT, job_id)


@pytest.mark.parametrize("kind", list(JobKind))
async def test_a_worker_that_dies_in_the_middle_leaves_the_rest_to_the_next(acme: Business, kind: JobKind) -> None:
    many = phones(2_500)
    job_id = (await acme.publish(*many)).job_id
    final: dict[str, int] = {NumberState.LISTED: len(many)}
    if kind is JobKind.DELIST:
        await run_jobs(acme.deps)
        job_id, final = (await acme.delist(*many)).job_id, {}
    assert job_id
    real = FakeClock()
    first, second = (Worker(acme.deps.db, acme.deps.gather, acme.deps.fabric, acme.deps.clock, real) for _ in range(2))
    work = jobs.listing_jobs(acme.deps)
    held = {claimed.row["id"] for claimed in await first.claim(work, 100)}
    assert job_id in held
    assert not await jobs.take_step(acme.deps, job_id)
    assert (await job_of(acme, job_id)).done_count == jobs.STEP
    assert await second.run_due(work) == 0  # the dead one's lease still holds
    real.advance(LEASE + timedelta(seconds=1))
    assert await second.run_due(work) == len(held)
    job = await job_of(acme, job_id)
    assert (job.state, job.done_count, job.failed_count) == (JobState.ENDED, len(many), 0)
    assert await states_of(acme.deps, acme.account_id) == final
    await check_counters(acme.deps, acme.account_id)


async def test_a_worker_stopped_at_any_moment_loses_and_repeats_nothing(acme: Business) -> None:
    many = phones(10_000)
    job_id = (await acme.publish(*many)).job_id
    for steps in (1, 4):
        running = asyncio.create_task(run_jobs(acme.deps))

        async def far_enough(least: int = steps * jobs.STEP) -> bool:
            return (await job_of(acme, job_id)).done_count >= least

        await until(far_enough)
        running.cancel()
        await asyncio.wait([running])
    await run_jobs(replace(acme.deps, real_clock=_later()))
    job = await job_of(acme, job_id)
    assert (job.state, job.done_count) == (JobState.ENDED, len(many))
    assert await states_of(acme.deps, acme.account_id) == {NumberState.LISTED: len(many)}
    await check_counters(acme.deps, acme.account_id)


async def test_two_workers_on_one_job_move_each_number_once(acme: Business) -> None:
    many = phones(2_500)
    job_id = (await acme.publish(*many)).job_id
    assert job_id

    async def carry_out() -> None:
        while not await jobs.take_step(acme.deps, job_id):
            pass

    await asyncio.gather(carry_out(), carry_out(), carry_out())
    assert (await job_of(acme, job_id)).done_count == len(many)
    assert await states_of(acme.deps, acme.account_id) == {NumberState.LISTED: len(many)}


async def test_a_number_delisted_while_pending_leaves_its_job(acme: Business) -> None:
    stays, leaves = phones(2)
    listing = (await acme.publish(stays, leaves)).job_id
    delisting = (await acme.delist(leaves)).job_id
    await run_jobs(acme.deps)
    listed, gone = await job_of(acme, listing), await job_of(acme, delisting)
    assert (listed.number_count, listed.done_count, listed.state) == (2, 1, JobState.ENDED)
    assert (gone.number_count, gone.done_count, gone.state) == (1, 1, JobState.ENDED)
    assert list(await rows_of(acme.deps, acme.account_id)) == [stays]


async def test_what_waits_for_a_review_is_listed_once_approved(acme: Business, clock: FakeClock) -> None:
    many = phones(6)
    asked = await numbers.publish(reviewing(acme.deps), acme.account_id, acme.feature_set_id, many, by=ALICE)
    assert asked.job_id
    await run_jobs(acme.deps)
    assert await states_of(acme.deps, acme.account_id) == {NumberState.PENDING: 6}
    (waiting,) = [one for one in await reviews.list_reviews(acme.deps, limit=1000) if one.job.id == asked.job_id]
    assert (waiting.account_name, waiting.feature_set_name, waiting.label_name) == (
        "Acme",
        "Delivery default",
        "Acme Deliveries",
    )
    assert (waiting.examples, waiting.job.number_count, waiting.waiting_count) == (many[:5], 6, 6)
    clock.advance(timedelta(hours=1))
    approved = (await reviews.approve(acme.deps, asked.job_id, by=OPERATOR)).job
    assert (approved.state, approved.reviewed_by_email, approved.reviewed_at) == (
        JobState.RUNNING,
        OPERATOR.email,
        clock.now(),
    )
    await run_jobs(acme.deps)
    assert await states_of(acme.deps, acme.account_id) == {NumberState.LISTED: 6}
    with pytest.raises(Conflict):
        await reviews.reject(acme.deps, asked.job_id, "too late", by=OPERATOR)


async def test_a_rejected_number_is_failed_and_says_why(acme: Business) -> None:
    (one,) = phones(1)
    asked = await numbers.publish(reviewing(acme.deps), acme.account_id, acme.feature_set_id, [one], by=ALICE)
    assert asked.job_id
    for reason in (" ", "x" * 201):
        with pytest.raises(InvalidInput):
            await reviews.reject(acme.deps, asked.job_id, reason, by=OPERATOR)
    await reviews.reject(acme.deps, asked.job_id, " no proof of ownership ", by=OPERATOR)
    await run_jobs(acme.deps)
    details, working = await number_search.get_number(acme.deps, acme.account_id, WHOLE_ACCOUNT, one)
    assert (details.number.state, details.number.why, working) == (NumberState.FAILED, "no proof of ownership", None)
    job = await job_of(acme, asked.job_id)
    assert (job.done_count, job.failed_count, job.state) == (0, 1, JobState.ENDED)
    await check_counters(acme.deps, acme.account_id)


async def test_a_review_that_all_numbers_have_left_is_over(acme: Business, clock: FakeClock) -> None:
    many = phones(3)
    asked = await numbers.publish(reviewing(acme.deps), acme.account_id, acme.feature_set_id, many, by=ALICE)
    assert asked.job_id
    await numbers.delist(acme.deps, acme.account_id, acme.feature_set_id, many[:2], by=ALICE)
    assert (await job_of(acme, asked.job_id)).state is JobState.IN_REVIEW
    await numbers.delist(acme.deps, acme.account_id, acme.feature_set_id, many[2:], by=ALICE)
    over = await job_of(acme, asked.job_id)
    assert (over.state, over.ended_at, over.done_count) == (JobState.ENDED, clock.now(), 0)
    assert await reviews.list_reviews(acme.deps) == []
    with pytest.raises(Conflict):
        await reviews.approve(acme.deps, asked.job_id, by=OPERATOR)


async def test_what_an_operator_lists_is_not_reviewed(acme: Business) -> None:
    await imports.append(reviewing(acme.deps), acme.account_id, acme.feature_set_id, phones(1), by=OPERATOR)
    await run_jobs(acme.deps)
    assert await states_of(acme.deps, acme.account_id) == {NumberState.LISTED: 1}


async def test_only_what_is_there_and_ones_own_can_be_seen_and_reviewed(acme: Business, deps: Deps) -> None:
    borealis = await make_business(deps)
    job_id = (await acme.publish(*phones(1))).job_id
    assert job_id
    with pytest.raises(NotFound):
        await reviews.get_job(deps, borealis.account_id, WHOLE_ACCOUNT, job_id)
    with pytest.raises(NotFound):
        await reviews.approve(deps, ListingJobId(new_id()), by=OPERATOR)
    with pytest.raises(Conflict):
        await reviews.approve(deps, job_id, by=OPERATOR)


async def test_jobs_are_listed_newest_first_page_by_page(acme: Business, clock: FakeClock) -> None:
    other = await acme.another_set("Returns")
    made: list[ListingJobId | None] = []
    for feature_set in (acme.feature_set_id, other, acme.feature_set_id):
        made.append((await acme.publish(*phones(1), to=feature_set)).job_id)
        clock.advance(timedelta(seconds=1))
    first = await reviews.list_jobs(acme.deps, acme.account_id, WHOLE_ACCOUNT, limit=2)
    last = first[-1]
    rest = await reviews.list_jobs(acme.deps, acme.account_id, WHOLE_ACCOUNT, before=(last.requested_at, last.id))
    assert [job.id for job in first + rest] == made[::-1]
    of_one = await reviews.list_jobs(acme.deps, acme.account_id, WHOLE_ACCOUNT, feature_set_id=other)
    assert [job.id for job in of_one] == [made[1]]


def _later() -> FakeClock:
    """A real clock past every lease that a test's workers took."""
    return FakeClock(FakeClock().now() + timedelta(days=3650))
