"""Use cases of listing jobs: look at them, and, where the operator asked for it, approve or reject them."""

from datetime import datetime
from functools import partial

import structlog
from msgspec.structs import replace

from callmark.domain.accounts import service as accounts
from callmark.domain.alerts import service as alerts
from callmark.domain.alerts.model import Alert, AlertKind
from callmark.domain.audit import service as audit
from callmark.domain.audit.model import AuditAction
from callmark.domain.deps import Deps
from callmark.domain.feature_sets import visible_sets
from callmark.domain.ids import AccountId, FeatureSetId, ListingJobId
from callmark.domain.numbers import queries
from callmark.domain.numbers.model import ListingJob, Review
from callmark.domain.policy.model import Actor, Scope
from callmark.domain.stale_confirmations import refuse_changed
from callmark.domain.work_names import WorkName
from callmark.kit.errors import Conflict, found
from callmark.kit.phone import PhoneNumber
from callmark.kit.postgres.database import Tx
from callmark.kit.text import clean_line

log = structlog.get_logger(__name__)

LONGEST_REASON = 200
_UNKNOWN = "no listing job with this id"


async def list_jobs(
    deps: Deps,
    account_id: AccountId,
    scope: Scope,
    *,
    feature_set_id: FeatureSetId | None = None,
    before: tuple[datetime, ListingJobId] | None = None,
    limit: int = 100,
) -> list[ListingJob]:
    """Up to `limit` jobs inside the scope, or of one feature set in it, newest first.

    The next page begins before the last one's key: (requested_at, id).
    """
    async with deps.db.connection() as tx:
        among = await visible_sets.visible_ids(tx, account_id, scope)
        if feature_set_id is not None:
            among = [feature_set_id] if among is None or feature_set_id in among else []
        return await queries.select_jobs(tx, account_id, among, before, limit)


async def get_job(deps: Deps, account_id: AccountId, scope: Scope, job_id: ListingJobId) -> ListingJob:
    """The account's job, inside the scope. Raises NotFound."""
    async with deps.db.connection() as tx:
        job = found(await queries.select_job(tx, job_id, account_id), _UNKNOWN)
        await visible_sets.check_visible(tx, account_id, job.feature_set_id, scope)
    return job


async def list_reviews(deps: Deps, *, limit: int = 100) -> list[Review]:
    """Up to `limit` requests that wait for an operator, of all accounts, longest waiting first."""
    async with deps.db.connection() as tx:
        return await queries.select_reviews(tx, limit)


async def get_review(deps: Deps, job_id: ListingJobId) -> Review:
    """A request that waits. Raises NotFound, also once someone has decided."""
    async with deps.db.connection() as tx:
        waiting = await queries.select_reviews(tx, 1, job_id)
    return found(
        waiting[0] if waiting else None,
        "This request is not awaiting review. Someone may have decided it already.",
    )


async def numbers_of(deps: Deps, job_id: ListingJobId) -> list[PhoneNumber]:
    """All numbers of a request that waits, of any account, in order. Raises as `get_review`."""
    await get_review(deps, job_id)
    async with deps.db.connection() as tx:
        return await queries.select_in_review(tx, job_id)


async def approve(deps: Deps, job_id: ListingJobId, *, by: Actor, shown: str = "") -> Review:
    """Lets a job that waits for a review list its numbers; what was decided.

    `shown` is the digest of the identity that was shown. Raises ChangedMeanwhile where calls would now show another
    one, NotFound, Conflict when it does not wait.
    """
    return await _review(deps, job_id, None, by, shown)


async def reject(deps: Deps, job_id: ListingJobId, reason: str, *, by: Actor) -> Review:
    """Turns down a job that waits: its numbers become failed and say `reason` (1 to 200 characters).

    Raises as `approve`, and InvalidInput for the reason.
    """
    return await _review(deps, job_id, clean_line(reason, "reason", longest=LONGEST_REASON), by)


async def _review(deps: Deps, job_id: ListingJobId, why: str | None, by: Actor, shown: str = "") -> Review:
    now = deps.clock.now()
    async with deps.db.transaction() as tx:
        waiting = await queries.select_reviews(tx, 1, job_id)
        job = await queries.review_job(tx, job_id, why, by.email, now)
        if job is None or not waiting:
            found(await queries.select_job(tx, job_id), _UNKNOWN)
            raise Conflict("this request is not awaiting review")
        decided = replace(waiting[0], job=job)
        refuse_changed(shown, decided.identity)
        action = AuditAction.LISTING_APPROVED if why is None else AuditAction.LISTING_REJECTED
        facts = {"numbers": decided.waiting_count} | ({} if why is None else {"why": why})
        await audit.note(tx, by, action, str(job.id), account_id=job.account_id, at=now, **facts)
        await alerts.tell(tx, deps, await _alert(tx, deps, decided, why))
        tx.after_commit(partial(deps.wake, WorkName.LISTING_JOBS))
    log.info("listing_reviewed", job=str(job_id), approved=why is None, by=by.email)
    return decided


async def _alert(tx: Tx, deps: Deps, decided: Review, why: str | None) -> Alert:
    account = await accounts.get_account_in(tx, decided.job.account_id)
    count = decided.waiting_count
    numbers = "1 number" if count == 1 else f"{count:,} numbers"
    verb = "was" if count == 1 else "were"
    done = "approved" if why is None else "rejected"
    next_ = "They are being listed now." if why is None else f"The reason given: {why}"
    return Alert(
        AlertKind.NUMBERS_REVIEWED,
        account.id,
        f"{account.name}: {numbers} {verb} {done}",
        [f"The operator of Callmark has {done} {numbers} that {account.name} asked to list.", next_],
        [("Open the request", f"{deps.public_url}/console/numbers/jobs/{decided.job.id}")],
    )
