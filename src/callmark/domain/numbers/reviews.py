"""Use cases of listing jobs: look at them, and, where the operator asked for it, approve or reject them."""

from collections.abc import Sequence
from datetime import datetime

import structlog

from callmark.domain.deps import Deps
from callmark.domain.ids import AccountId, FeatureSetId, ListingJobId
from callmark.domain.numbers import queries
from callmark.domain.numbers.model import ListingJob, Review
from callmark.domain.work_names import WorkName
from callmark.kit.errors import Conflict, NotFound
from callmark.kit.text import clean_line

log = structlog.get_logger(__name__)

LONGEST_REASON = 200


async def list_jobs(
    deps: Deps,
    account_id: AccountId,
    *,
    feature_sets: Sequence[FeatureSetId] | None = None,
    before: tuple[datetime, ListingJobId] | None = None,
    limit: int = 100,
) -> list[ListingJob]:
    """Up to `limit` jobs of the account, or of these feature sets, newest first; the next page begins before the last.

    The key is (requested_at, id).
    """
    async with deps.db.connection() as tx:
        return await queries.select_jobs(tx, account_id, feature_sets, before, limit)


async def get_job(deps: Deps, account_id: AccountId, job_id: ListingJobId) -> ListingJob:
    """The account's job. Raises NotFound."""
    async with deps.db.connection() as tx:
        return _found(await queries.select_job(tx, job_id, account_id))


async def list_reviews(deps: Deps, *, limit: int = 100) -> list[Review]:
    """Up to `limit` requests that wait for an operator, of all accounts, longest waiting first."""
    async with deps.db.connection() as tx:
        return await queries.select_reviews(tx, limit)


async def approve(deps: Deps, job_id: ListingJobId, reviewed_by_email: str) -> ListingJob:
    """Lets a job that waits for a review list its numbers. Raises NotFound, Conflict when it does not wait."""
    return await _reviewed(deps, job_id, None, reviewed_by_email)


async def reject(deps: Deps, job_id: ListingJobId, reason: str, reviewed_by_email: str) -> ListingJob:
    """Turns down a job that waits: its numbers become failed and say `reason` (1 to 200 characters).

    Raises as `approve`, and InvalidInput for the reason.
    """
    return await _reviewed(deps, job_id, clean_line(reason, "reason", longest=LONGEST_REASON), reviewed_by_email)


async def _reviewed(deps: Deps, job_id: ListingJobId, why: str | None, reviewed_by_email: str) -> ListingJob:
    async with deps.db.transaction() as tx:
        job = await queries.review_job(tx, job_id, why, reviewed_by_email, deps.clock.now())
        if job is None:
            _found(await queries.select_job(tx, job_id))
            raise Conflict("this request is not awaiting review")
    await deps.wake(WorkName.LISTING_JOBS)
    log.info("listing_reviewed", job=str(job_id), approved=why is None, by=reviewed_by_email)
    return job


def _found(job: ListingJob | None) -> ListingJob:
    if job is None:
        raise NotFound("no listing job with this id")
    return job
