"""Listing reviews: what waits for an operator where its policy says so (contract, D18; settings: listing_policy)."""

from callmark.domain.access.changes import changing
from callmark.domain.access.model import Operating
from callmark.domain.deps import Deps
from callmark.domain.ids import ListingJobId
from callmark.domain.numbers import reviews
from callmark.domain.numbers.model import ListingJob, Review
from callmark.domain.work_names import WorkName
from callmark.kit.errors import NotFound

LONGEST_REASON = reviews.LONGEST_REASON
MOST = 100
"""Requests that one page shows; the longest waiting first."""


async def list_reviews(deps: Deps) -> list[Review]:
    """The requests that wait, of all accounts, longest waiting first."""
    return await reviews.list_reviews(deps, limit=MOST)


async def find_review(deps: Deps, job_id: ListingJobId) -> Review:
    """A request that waits. Raises NotFound, also once somebody has decided."""
    found = next((one for one in await list_reviews(deps) if one.job.id == job_id), None)
    if found is None:
        raise NotFound("This request is not awaiting review. Someone may have decided it already.")
    return found


async def approve(deps: Deps, operating: Operating, job_id: ListingJobId) -> ListingJob:
    """Lets it list its numbers. Raises NotFound, Conflict when it does not wait any more."""
    async with changing(deps, operating) as change:
        job = await reviews.approve(change.deps, job_id, operating.email)
        await change.note("listing.approved", str(job.id), account_id=job.account_id, numbers=job.number_count)
    await deps.wake(WorkName.LISTING_JOBS)
    return job


async def reject(deps: Deps, operating: Operating, job_id: ListingJobId, reason: str) -> ListingJob:
    """Turns it down: its numbers fail and say why. Raises as `approve`, and InvalidInput about `reason`."""
    async with changing(deps, operating) as change:
        job = await reviews.reject(change.deps, job_id, reason, operating.email)
        await change.note(
            "listing.rejected", str(job.id), account_id=job.account_id, numbers=job.number_count, why=job.why
        )
    await deps.wake(WorkName.LISTING_JOBS)
    return job
