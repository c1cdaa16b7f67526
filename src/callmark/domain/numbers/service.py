"""Use cases of numbers: list and delist them, find the one that rings (contract, sections 7.1 and 7.2)."""

from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Sequence
from datetime import datetime
from typing import TypeVar

from callmark.domain.deps import Deps
from callmark.domain.ids import AccountId, FeatureSetId, LabelId, ListingJobId
from callmark.domain.numbers import caller_queries, queries
from callmark.domain.numbers.model import (
    MOST_NUMBERS,
    Answer,
    Delisted,
    Held,
    JobKind,
    JobState,
    ListedCaller,
    ListingJob,
    Published,
    RequestStatus,
    Unlisted,
)
from callmark.domain.numbers.sort_request import Asked, read_asked, sort_delisted, sort_published
from callmark.domain.structure import service as structure
from callmark.domain.structure.model import FeatureSet
from callmark.domain.structure.number_groups import keep_number_group
from callmark.domain.work_names import WorkName
from callmark.kit.db import Tx
from callmark.kit.errors import Forbidden, InvalidInput, Unavailable
from callmark.kit.ids import new_id
from callmark.kit.phone import PhoneNumber

Also = Callable[[Tx, Answer], Awaitable[None]]
"""What is written in the transaction of a request, with its answer."""

_Answer = TypeVar("_Answer", Published, Delisted)

_TRIES = 5
"""How often a request is begun that met another in a deadlock."""


async def publish(
    deps: Deps,
    account_id: AccountId,
    feature_set_id: FeatureSetId,
    numbers: Sequence[str],
    created_by_email: str,
    *,
    reviewable: bool = True,
    also: Also | None = None,
) -> Published:
    """Puts 1 to 10,000 numbers into the feature set and publishes it; a job lists them.

    Where the operator reviews listings the job waits for that, unless it is not `reviewable` (the operator's own). All
    is written when it returns. Raises InvalidInput for their count or a feature set without a label, Forbidden for one
    that the account does not have.
    """
    asked = read_asked(numbers)

    async def use(tx: Tx) -> Published:
        into = await _locked(tx, account_id, feature_set_id)
        return await _publish(deps, tx, into, asked, created_by_email, reviewable=reviewable, also=also)

    return await _carried_out(deps, use)


async def preview(
    deps: Deps, account_id: AccountId, feature_set_id: FeatureSetId, numbers: Sequence[PhoneNumber]
) -> Published:
    """What `append` would answer at this moment; nothing is written. Raises Forbidden."""
    async with deps.db.transaction() as tx:
        into = await _locked(tx, account_id, feature_set_id)
        answer, _ = sort_published(Asked(list(numbers)), await queries.select_held(tx, numbers), into, "")
    if not (answer.new or answer.updated or answer.migrated):
        answer.status = RequestStatus.FAILED
    return answer


async def delist(
    deps: Deps,
    account_id: AccountId,
    feature_set_id: FeatureSetId,
    numbers: Sequence[str],
    requested_by_email: str,
    *,
    also: Also | None = None,
) -> Delisted:
    """Takes 1 to 10,000 numbers out of the feature set and the account; a job removes them. Raises as `publish`."""
    asked = read_asked(numbers)

    async def use(tx: Tx) -> Delisted:
        out_of = await _locked(tx, account_id, feature_set_id)
        return await _delist(deps, tx, out_of, asked, requested_by_email, also)

    return await _carried_out(deps, use)


async def append(
    deps: Deps,
    account_id: AccountId,
    feature_set_id: FeatureSetId,
    numbers: Sequence[PhoneNumber],
    created_by_email: str,
    *,
    reviewable: bool = True,
    also: Also | None = None,
) -> Published:
    """Publishes any count of numbers, a request for each 10,000; the answers as one. Raises as `publish`."""
    return _joined(
        [
            await publish(deps, account_id, feature_set_id, part, created_by_email, reviewable=reviewable, also=also)
            for part in _parts(numbers)
        ]
    )


async def rewrite(
    deps: Deps,
    account_id: AccountId,
    feature_set_id: FeatureSetId,
    numbers: Sequence[PhoneNumber],
    created_by_email: str,
    *,
    reviewable: bool = True,
    also: Also | None = None,
) -> tuple[Published, int]:
    """Makes the feature set's content equal to `numbers` (contract D24): publishes them, then delists the rest.

    The answer to the first, and how many are delisted. Safe to repeat after a crash in between. Raises as `publish`.
    """
    published = await append(
        deps, account_id, feature_set_id, numbers, created_by_email, reviewable=reviewable, also=also
    )
    count = 0
    while rest := await find_rest(deps, account_id, feature_set_id, numbers, most=MOST_NUMBERS):
        count += len((await delist(deps, account_id, feature_set_id, rest, created_by_email, also=also)).existing)
    return published, count


async def find_rest(
    deps: Deps,
    account_id: AccountId,
    feature_set_id: FeatureSetId,
    keep: Sequence[PhoneNumber],
    *,
    most: int,
) -> list[PhoneNumber]:
    """Up to `most` numbers of the feature set that a rewrite with `keep` would delist. Raises Forbidden."""
    async with deps.db.transaction() as tx:
        await _locked(tx, account_id, feature_set_id)
        return await queries.select_rest(tx, feature_set_id, keep, most)


async def import_group(
    deps: Deps,
    account_id: AccountId,
    name: str,
    label_id: LabelId,
    numbers: Sequence[PhoneNumber],
    created_by_email: str,
) -> tuple[FeatureSet, Published]:
    """Brings a number group of an older console over: makes it, or finds the one of that name, and lists its numbers.

    Published in a feature set later, a number of it is migrated. Raises InvalidInput.
    """
    if not numbers:
        raise InvalidInput("the list has no phone numbers", field="list")
    async with deps.db.transaction() as tx:
        group = await keep_number_group(
            tx, account_id, name=name, label_id=label_id, created_by_email=created_by_email, now=deps.clock.now()
        )

    async def use(tx: Tx, part: Sequence[PhoneNumber]) -> Published:
        into = await structure.lock_feature_set(tx, account_id, group.id)
        if into is None:
            raise Forbidden
        return await _publish(deps, tx, into, Asked(list(part)), created_by_email, reviewable=False)

    return group, _joined([await _carried_out(deps, lambda tx, part=part: use(tx, part)) for part in _parts(numbers)])


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


async def _locked(tx: Tx, account_id: AccountId, feature_set_id: FeatureSetId) -> FeatureSet:
    """The feature set, locked. Raises Forbidden for an unknown one (contract D4b), and for a number group."""
    found = await structure.lock_feature_set(tx, account_id, feature_set_id)
    if found is None or found.is_number_group:
        raise Forbidden
    return found


async def _publish(
    deps: Deps,
    tx: Tx,
    into: FeatureSet,
    asked: Asked,
    created_by_email: str,
    *,
    reviewable: bool,
    also: Also | None = None,
) -> Published:
    now = deps.clock.now()
    if into.label_id is None:
        await structure.publish(tx, into, now)  # which says why it cannot be
    job_id = ListingJobId(new_id())
    inserted = await queries.insert_pending(tx, asked.numbers, into, job_id, created_by_email, now)
    held = await queries.select_held(tx, [number for number in asked.numbers if number not in inserted])
    answer, moves = sort_published(asked, held, into, created_by_email)
    count = len(inserted) + len(moves.taken)
    if moves.taken:
        await queries.take_numbers(tx, moves.taken, moves.newly_owned, into, job_id, created_by_email, now)
    await structure.change_number_count(tx, into.id, len(inserted) + await _leave_others(tx, moves.taken, held, into))
    changed = bool(count or answer.existing) and await structure.publish(tx, into, now)
    answer.status = RequestStatus.PENDING if count or changed else RequestStatus.FAILED
    if count:
        answer.job_id = job_id
        reviewed = reviewable and deps.settings.listing_policy == "review"
        await queries.insert_job(
            tx, _job(job_id, JobKind.PUBLISH, into, count, created_by_email, now, reviewed=reviewed)
        )
    if also is not None:
        await also(tx, answer)
    return answer


async def _leave_others(tx: Tx, taken: Sequence[PhoneNumber], held: dict[PhoneNumber, Held], into: FeatureSet) -> int:
    """Takes numbers off the counts of the feature sets they leave, in order of id; how many come from elsewhere."""
    left = Counter(held[number].feature_set_id for number in taken if held[number].feature_set_id != into.id)
    for feature_set_id in sorted(left):
        await structure.change_number_count(tx, feature_set_id, -left[feature_set_id])
    return left.total()


async def _delist(
    deps: Deps, tx: Tx, out_of: FeatureSet, asked: Asked, requested_by_email: str, also: Also | None
) -> Delisted:
    now = deps.clock.now()
    await queries.lock_numbers(tx, asked.numbers)
    answer = sort_delisted(asked, await queries.select_held(tx, asked.numbers), out_of)
    going = [PhoneNumber(number) for number in answer.existing]
    answer.status = RequestStatus.PENDING if going else RequestStatus.FAILED
    if going:
        answer.job_id = ListingJobId(new_id())
        await queries.mark_delisting(tx, going, answer.job_id, now)
        await queries.insert_job(tx, _job(answer.job_id, JobKind.DELIST, out_of, len(going), requested_by_email, now))
    if also is not None:
        await also(tx, answer)
    return answer


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


async def _carried_out(deps: Deps, use: Callable[[Tx], Awaitable[_Answer]]) -> _Answer:
    """Runs a request in its transaction, again after a deadlock (decision 0006), and wakes a worker for its job."""
    for _ in range(_TRIES):
        try:
            async with deps.db.transaction() as tx:
                answer = await use(tx)
        except queries.Deadlocked:
            continue
        if answer.job_id is not None:
            await deps.wake(WorkName.LISTING_JOBS)
        return answer
    raise Unavailable("postgresql: other requests are working on the same numbers")


def _parts(numbers: Sequence[PhoneNumber]) -> list[Sequence[PhoneNumber]]:
    """The list in requests of as many as one may have; one (refused by `publish`) for an empty list."""
    return [numbers[at : at + MOST_NUMBERS] for at in range(0, max(len(numbers), 1), MOST_NUMBERS)]


def _joined(answers: Sequence[Published]) -> Published:
    """The answers of several requests as one; its job is the last one's."""
    whole = Published(answers[0].created_by_email, answers[0].phone_type, RequestStatus.FAILED)
    for answer in answers:
        for bucket, found in zip(whole.buckets(), answer.buckets(), strict=True):
            bucket.extend(found)
        whole.job_id = answer.job_id or whole.job_id
        if answer.status is RequestStatus.PENDING:
            whole.status = answer.status
    return whole
