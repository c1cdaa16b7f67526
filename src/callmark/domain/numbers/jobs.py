"""What workers do for numbers: carry out listing jobs, a bounded step a transaction."""

from datetime import datetime

import structlog

from callmark.domain.deps import Deps
from callmark.domain.feature_sets import service as feature_sets
from callmark.domain.ids import ListingJobId
from callmark.domain.numbers import queries
from callmark.domain.numbers.model import JobKind, JobState, ListingJob, NumberState
from callmark.domain.numbers.proofs import service as proofs
from callmark.domain.work_names import WorkName
from callmark.kit.postgres.database import Tx
from callmark.kit.work import Claimed, Work

log = structlog.get_logger(__name__)

STEP = 1000
"""Numbers that one transaction moves on."""

AT_ONCE = 4

_SHARE = 2
"""Jobs of one account that run at once, over all workers."""

_TURN = 5
"""Steps after which a job lets others have their turn."""


def listing_jobs(deps: Deps) -> Work:
    """The work of carrying out listing jobs."""

    async def run(claimed: Claimed) -> datetime | None:
        job_id = ListingJobId(claimed.row["id"])
        for _ in range(_TURN):
            if await take_step(deps, job_id):
                return None
        return deps.clock.now()

    return Work(
        name=WorkName.LISTING_JOBS,
        table="listing_job",
        key="id",
        columns="id",
        run=run,
        at_once=AT_ONCE,
        owner="account_id",
        share=_SHARE,
    )


async def take_step(deps: Deps, job_id: ListingJobId) -> bool:
    """Moves up to `STEP` of the job's numbers to their final state, counters with them; whether the job has ended.

    Harmless to repeat and to run beside itself: a number is moved once, because it leaves the job as it is, and the
    feature set's lock lets one step of it run at a time.
    """
    now = deps.clock.now()
    async with deps.db.transaction() as tx:
        job = await queries.select_job(tx, job_id)
        if job is None or job.state is not JobState.RUNNING:
            return True
        await feature_sets.lock_feature_set(tx, job.account_id, job.feature_set_id)
        moved = await _move(tx, job, now)
        ended = not await queries.has_left(tx, job_id)
        failed = moved if job.why is not None else 0
        await queries.count_step(tx, job_id, done=moved - failed, failed=failed, ended_at=now if ended else None)
    if ended:
        log.info("listing_job_ended", job=str(job_id), kind=job.kind.value, numbers=job.number_count)
    return ended


async def _move(tx: Tx, job: ListingJob, now: datetime) -> int:
    if job.kind is JobKind.PUBLISH:
        state = NumberState.LISTED if job.why is None else NumberState.FAILED
        return await queries.settle_pending(tx, job.id, state, job.why, now, STEP)
    count = await queries.delete_delisting(tx, job.id, STEP)
    await proofs.end_left_requests(tx, job.account_id)
    await feature_sets.change_number_count(tx, job.feature_set_id, -count)
    return count
