"""A listing job whose worker is killed in the middle of it."""

from msgspec.structs import replace
from tests.domain.numbers.staging import Business, phones, reviewing, states_of
from tests.e2e.play import Serving
from tests.support.actors import OPERATOR
from tests.support.waiting import until

from callmark.domain.deps import Deps
from callmark.domain.ids import ListingJobId
from callmark.domain.numbers import reviews
from callmark.domain.numbers.jobs import STEP
from callmark.domain.numbers.model import MOST_NUMBERS, JobState, ListingJob
from callmark.domain.policy.model import WHOLE_ACCOUNT

LISTED_BEFORE = 4 * STEP
"""How many are listed when the worker is killed, in the middle of its fifth step."""


async def killed_in_the_middle(deps: Deps, business: Business, serve: Serving) -> ListingJobId:
    """The job of a whole request, whose worker was killed while it waited for a number of the fifth step."""
    numbers = phones(MOST_NUMBERS)
    job_id = (await replace(business, deps=reviewing(deps)).publish(*numbers)).job_id
    assert job_id
    async with deps.db.transaction() as tx:
        in_the_way = numbers[LISTED_BEFORE + STEP // 2]
        await tx.execute("SELECT FROM number WHERE phone_number = $1 FOR UPDATE", in_the_way)
        await reviews.approve(deps, job_id, by=OPERATOR)
        await job_with(deps, business, job_id, LISTED_BEFORE)
        serve.kill_child("worker")
        before = await states_of(deps, business.account_id)
    assert before == {"listed": LISTED_BEFORE, "pending": MOST_NUMBERS - LISTED_BEFORE}
    async with deps.db.connection() as tx:  # its lease, which would take 15 s to run out
        await tx.execute("UPDATE listing_job SET leased_until = $2 WHERE id = $1", job_id, deps.real_clock.now())
    return job_id


async def job_with(deps: Deps, business: Business, job_id: ListingJobId, done: int) -> ListingJob:
    """The job, once it has done so many and, if those are all, ended."""
    found: list[ListingJob] = []

    async def there() -> bool:
        found[:] = [await reviews.get_job(deps, business.account_id, WHOLE_ACCOUNT, job_id)]
        return found[0].done_count >= done and (done < MOST_NUMBERS or found[0].state is JobState.ENDED)

    await until(there)
    return found[0]
