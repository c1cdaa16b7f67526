"""Use cases of numbers: list and delist them, find the one that rings (contract, sections 7.1 and 7.2)."""

from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Sequence
from datetime import datetime
from functools import partial
from typing import TypeVar

from callmark.domain.audit import service as audit
from callmark.domain.audit.model import AuditAction
from callmark.domain.deps import Deps, in_own_transaction
from callmark.domain.feature_sets import service as feature_sets, visible_sets
from callmark.domain.feature_sets.model import FeatureSet
from callmark.domain.ids import AccountId, FeatureSetId, ListingJobId
from callmark.domain.numbers import caller_queries, queries
from callmark.domain.numbers.model import (
    Delisted,
    HeldNumber,
    JobKind,
    JobState,
    ListedCaller,
    ListingJob,
    NumberState,
    Published,
    RequestStatus,
    Unlisted,
)
from callmark.domain.numbers.proofs import service as proofs
from callmark.domain.numbers.sort_request import ListingRequest, read_request, sort_delisted, sort_published
from callmark.domain.policy.model import Actor, ActorKind, Scope
from callmark.domain.work_names import WorkName
from callmark.kit.errors import Forbidden
from callmark.kit.ids import new_id
from callmark.kit.phone import PhoneNumber
from callmark.kit.postgres.database import Transaction, Tx

_T = TypeVar("_T")

_NOT_REVIEWED = frozenset({ActorKind.COMMAND_LINE, ActorKind.SYSTEM})
"""Whose listings are the operator's own, and need no review."""

_TRIES = 5
"""How often a request is begun that met another in a deadlock."""


async def publish_in(
    tx: Transaction,
    deps: Deps,
    account_id: AccountId,
    feature_set_id: FeatureSetId,
    numbers: Sequence[str],
    *,
    by: Actor,
) -> Published:
    """Puts 1 to 10,000 numbers into the feature set and publishes it; a job lists them.

    Where the operator reviews listings the job waits for that, unless the operator asks at the command line. Raises
    InvalidInput for their count or a feature set without a label, Forbidden for one that the account does not have,
    NotFound for one outside the actor's place. What the account holds outside that place stays there. To be used within
    `in_transaction`, for other requests may hold the numbers and wait for what this one holds.
    """
    asked = read_request(numbers)
    into = await lock_set(tx, account_id, feature_set_id, by.scope)
    return await list_into(tx, deps, into, asked, by=by)


publish = in_own_transaction(publish_in, tries=_TRIES)


async def delist_in(
    tx: Transaction,
    deps: Deps,
    account_id: AccountId,
    feature_set_id: FeatureSetId,
    numbers: Sequence[str],
    *,
    by: Actor,
) -> Delisted:
    """Takes 1 to 10,000 numbers out of the feature set and the account; a job removes them. Raises as `publish_in`."""
    asked, now = read_request(numbers), deps.clock.now()
    out_of = await lock_set(tx, account_id, feature_set_id, by.scope)
    await queries.lock_numbers(tx, asked.numbers)
    held = await queries.select_held(tx, asked.numbers)
    answer = sort_delisted(asked, held, out_of)
    going = [PhoneNumber(number) for number in answer.existing]
    if not going:
        answer.status = RequestStatus.FAILED
        return answer
    answer.job_id = ListingJobId(new_id())
    await queries.mark_delisting(tx, going, answer.job_id, now)
    await _end_left_reviews(tx, going, held, account_id, now)
    await queries.insert_job(tx, _job(answer.job_id, JobKind.DELIST, out_of, len(going), by.email, now))
    facts = {"numbers": len(going), "job_id": str(answer.job_id)}
    await audit.note(tx, by, AuditAction.NUMBERS_DELISTED, out_of.name, account_id=account_id, at=now, **facts)
    tx.after_commit(partial(deps.wake, WorkName.LISTING_JOBS))
    return answer


delist = in_own_transaction(delist_in, tries=_TRIES)


async def list_into(tx: Transaction, deps: Deps, into: FeatureSet, asked: ListingRequest, *, by: Actor) -> Published:
    """As `publish_in`, into a locked feature set or number group."""
    now = deps.clock.now()
    if into.label_id is None:
        await feature_sets.publish(tx, into, now)  # which says why it cannot be
    job_id = ListingJobId(new_id())
    inserted = await queries.insert_pending(tx, asked.numbers, into, job_id, by.email, now)
    held = await queries.select_held(tx, [number for number in asked.numbers if number not in inserted])
    visible = await visible_sets.visible_ids(tx, into.account_id, by.scope)
    answer, moves = sort_published(asked, held, into, by.email, visible)
    count = len(inserted) + len(moves.taken)
    if moves.taken:
        await queries.take_numbers(tx, moves.taken, moves.newly_owned, into, job_id, by.email, now)
        if moves.newly_owned:
            await proofs.end_proofs(tx, moves.newly_owned)
        await _end_left_reviews(tx, moves.taken, held, into.account_id, now)
    await feature_sets.change_number_count(
        tx, into.id, len(inserted) + await _leave_others(tx, moves.taken, held, into)
    )
    changed = bool(count or answer.existing) and await feature_sets.publish(tx, into, now)
    answer.status = RequestStatus.PENDING if count or changed else RequestStatus.FAILED
    if count:
        answer.job_id = job_id
        reviewed = deps.settings.listing_policy == "review" and by.kind not in _NOT_REVIEWED
        await queries.insert_job(tx, _job(job_id, JobKind.PUBLISH, into, count, by.email, now, reviewed=reviewed))
        tx.after_commit(partial(deps.wake, WorkName.LISTING_JOBS))
    if answer.status is not RequestStatus.FAILED:
        facts = {"numbers": answer.coming_count, "job_id": str(answer.job_id or "")}
        await audit.note(tx, by, AuditAction.NUMBERS_LISTED, into.name, account_id=into.account_id, at=now, **facts)
    return answer


async def lock_set(tx: Tx, account_id: AccountId, feature_set_id: FeatureSetId, scope: Scope) -> FeatureSet:
    """The feature set, locked. Raises Forbidden for an unknown one (contract D4b) and for a number group.

    NotFound for one outside the scope, also when it was moved there meanwhile.
    """
    there = await feature_sets.lock_feature_set(tx, account_id, feature_set_id)
    await visible_sets.check_visible(tx, account_id, feature_set_id, scope)
    if there is None or there.is_number_group:
        raise Forbidden
    return there


async def in_transaction(deps: Deps, use: Callable[[Transaction], Awaitable[_T]]) -> _T:
    """What `use` gives, in a transaction; again after a deadlock with other requests.

    See docs/decisions/0006-numbers-and-jobs.md.
    """
    return await deps.db.in_transaction(use, tries=_TRIES)


async def answered_caller(tx: Tx, number: PhoneNumber) -> ListedCaller | None:
    """The number that rang, when it is listed in a published feature set; None otherwise. One statement.

    Also of a suspended account: it offers nothing, but what a receiver says about an earlier call is not lost.
    """
    (found,) = await caller_queries.select_callers(tx, [number], also_suspended=True)
    return found if isinstance(found, ListedCaller) else None


async def callers(tx: Tx, ringing: Sequence[PhoneNumber]) -> list[ListedCaller | Unlisted | None]:
    """What each number that rings is listed as, or why not; None for one that no account holds. One statement."""
    return await caller_queries.select_callers(tx, ringing)


async def holders(tx: Tx, callers: Collection[PhoneNumber]) -> dict[PhoneNumber, AccountId]:
    """Which account holds each of the numbers: pending, listed or delisting. One statement, none for no numbers."""
    return await caller_queries.select_holders(tx, callers) if callers else {}


async def proven_numbers(tx: Tx, account_id: AccountId) -> list[PhoneNumber]:
    """The account's numbers that calls may be signed for, in order: listed in a published feature set, and proven."""
    return await caller_queries.select_proven(tx, account_id)


async def _end_left_reviews(
    tx: Tx, gone: Sequence[PhoneNumber], held: dict[PhoneNumber, HeldNumber], account_id: AccountId, now: datetime
) -> None:
    """Ends the reviews whose last number is among those that went to another job: nobody could decide them."""
    if any(held[number].state is NumberState.PENDING for number in gone):
        await queries.end_left_reviews(tx, account_id, now)


async def _leave_others(
    tx: Tx, taken: Sequence[PhoneNumber], held: dict[PhoneNumber, HeldNumber], into: FeatureSet
) -> int:
    """Takes numbers off the counts of the feature sets they leave, in order of id; how many come from elsewhere."""
    left = Counter(held[number].feature_set_id for number in taken if held[number].feature_set_id != into.id)
    for feature_set_id in sorted(left):
        await feature_sets.change_number_count(tx, feature_set_id, -left[feature_set_id])
    return left.total()


def _job(
    job_id: ListingJobId,
    kind: JobKind,
    of: FeatureSet,
    count: int,
    email: str,
    now: datetime,
    *,
    reviewed: bool = False,
) -> ListingJob:
    state = JobState.IN_REVIEW if reviewed else JobState.RUNNING
    return ListingJob(job_id, of.account_id, of.id, kind, state, count, 0, 0, email, now, None, None, None, None)
