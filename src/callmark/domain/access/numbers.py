"""Numbers, for people: search them, list and delist them, follow the jobs that do it (contract, sections 7, 12.3, D24).

A request and its line in the audit log are written together, a line for each request.
"""

from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from callmark.domain.access.changes import Change
from callmark.domain.access.feature_sets import find_set, hung_in, path_of
from callmark.domain.access.model import Action, Actor, Path, check, check_at
from callmark.domain.access.structure import Node, tree_of
from callmark.domain.accounts.model import Role
from callmark.domain.deps import Deps
from callmark.domain.ids import FeatureSetId, ListingJobId
from callmark.domain.numbers import look_up, reviews
from callmark.domain.numbers import service as numbers
from callmark.domain.numbers.look_up import Search, search_for
from callmark.domain.numbers.model import (
    Answer,
    Delisted,
    ListingJob,
    Number,
    NumberDetails,
    NumberState,
    Published,
    RequestStatus,
)
from callmark.domain.structure import service as structure
from callmark.domain.structure.model import Placed
from callmark.kit.db import Tx
from callmark.kit.errors import NotFound
from callmark.kit.phone import PhoneNumber

MOST_IN_LIST = 100_000
"""Numbers of one list in the console; longer ones go through `callmark number`."""


@dataclass(frozen=True)
class Wanted:
    """What a list of numbers is narrowed to; an empty part narrows nothing. `text` is a number or a set's name."""

    text: str = ""
    state: NumberState | None = None
    place: UUID | None = None
    feature_set: UUID | None = None


@dataclass(frozen=True)
class Found:
    """A number, where it is (None: in a number group, outside the structure), and the job that works on it."""

    details: NumberDetails
    placed: Placed | None
    job: ListingJob | None

    @property
    def path(self) -> Path:
        """Ids from its department down; empty for a number group's."""
        return path_of(self.placed.place) if self.placed else ()


@dataclass(frozen=True)
class Preview:
    """What a list would do to a feature set at this moment; `going` are the numbers that a rewrite would delist."""

    placed: Placed
    answer: Published
    going: list[PhoneNumber]


@dataclass(frozen=True)
class Done:
    """What a list did: the answer bucket by bucket, and how many numbers are being delisted."""

    placed: Placed
    answer: Published
    going_count: int


@dataclass(frozen=True)
class JobLine:
    """A job with the name of its feature set, empty when that is deleted."""

    job: ListingJob
    feature_set_name: str


async def search(
    deps: Deps, actor: Actor, wanted: Wanted, before: tuple[datetime, PhoneNumber] | None, limit: int
) -> tuple[list[NumberDetails], list[Node]]:
    """Up to `limit` numbers of the actor's place, newest first, and the tree they hang in. Raises Forbidden."""
    check(actor, Action.NUMBERS_VIEW)
    tree = await tree_of(deps, actor)
    sought = search_for(wanted.text)
    exact = Search(
        sought.number_prefix,
        sought.name_prefix,
        FeatureSetId(wanted.feature_set) if wanted.feature_set else None,
        wanted.state,
        _sets_within(actor, tree, wanted.place),
    )
    return await look_up.search_numbers(deps, actor.account_id, exact, before=before, limit=limit), tree


async def find_number(deps: Deps, actor: Actor, number: PhoneNumber, action: Action = Action.NUMBERS_VIEW) -> Found:
    """A number inside the actor's place. Raises Forbidden, NotFound."""
    check(actor, action)
    details, job = await look_up.find_number(deps, actor.account_id, number)
    placed = await _placed(deps, actor, details.number.feature_set_id)
    found = Found(details, placed, job)
    check_at(actor, action, found.path)
    return found


async def find_all(deps: Deps, actor: Actor, wanted: Sequence[PhoneNumber]) -> list[Number]:
    """Those of `wanted` that the account still has. Raises Forbidden, NotFound when one is outside the actor's place."""
    check(actor, Action.NUMBERS_MANAGE)
    found = await look_up.find_numbers(deps, actor.account_id, wanted)
    for feature_set_id in {number.feature_set_id for number in found}:
        placed = await _placed(deps, actor, feature_set_id)
        check_at(actor, Action.NUMBERS_MANAGE, path_of(placed.place) if placed else ())
    return found


async def preview(
    deps: Deps, actor: Actor, feature_set_id: FeatureSetId, listed: Sequence[PhoneNumber], *, rewrite: bool
) -> Preview:
    """What `apply` would do; nothing is written. Raises Forbidden, NotFound."""
    placed = await find_set(deps, actor, feature_set_id, Action.NUMBERS_MANAGE)
    account_id = actor.account_id
    answer = await numbers.preview(deps, account_id, feature_set_id, listed)
    most = max(placed.feature_set.number_count, 1)
    going = await numbers.find_rest(deps, account_id, feature_set_id, listed, most=most) if rewrite else []
    return Preview(placed, answer, going)


async def apply(
    deps: Deps, actor: Actor, feature_set_id: FeatureSetId, listed: Sequence[PhoneNumber], *, rewrite: bool
) -> Done:
    """Adds the numbers to the feature set, or makes its content equal to them; publishes it; jobs do the work.

    Raises Forbidden, NotFound, InvalidInput for an empty list or a feature set without a label.
    """
    placed = await find_set(deps, actor, feature_set_id, Action.NUMBERS_MANAGE)
    of = (deps, actor.account_id, feature_set_id, listed, actor.email)
    also = _noting(deps, actor, placed.feature_set.name)
    if rewrite:
        answer, going = await numbers.rewrite(*of, also=also)
    else:
        answer, going = await numbers.append(*of, also=also), 0
    return Done(placed, answer, going)


async def delist(deps: Deps, actor: Actor, chosen: Sequence[PhoneNumber]) -> int:
    """Delists numbers of whatever feature sets; how many. Raises Forbidden, NotFound."""
    found = await find_all(deps, actor, chosen)
    count = 0
    for feature_set_id, some in _by_set(found).items():
        also = _noting(deps, actor, await _set_name(deps, actor, feature_set_id))
        answer = await _delist(deps, actor, feature_set_id, some, also)
        count += len(answer.existing)
    return count


async def publish_again(deps: Deps, actor: Actor, chosen: Sequence[PhoneNumber]) -> int:
    """Sends failed ones of the numbers to be listed again; how many. Raises Forbidden, NotFound, InvalidInput."""
    found = await find_all(deps, actor, chosen)
    count = 0
    for feature_set_id, some in _by_set([one for one in found if one.state is NumberState.FAILED]).items():
        also = _noting(deps, actor, await _set_name(deps, actor, feature_set_id))
        answer = await numbers.publish(deps, actor.account_id, feature_set_id, some, actor.email, also=also)
        count += len(answer.updated)
    return count


async def list_jobs(
    deps: Deps,
    actor: Actor,
    feature_set_id: FeatureSetId | None,
    before: tuple[datetime, ListingJobId] | None,
    limit: int,
) -> list[JobLine]:
    """Up to `limit` jobs of the actor's place, or of one feature set, newest first. Raises Forbidden, NotFound."""
    check(actor, Action.NUMBERS_VIEW)
    tree = await tree_of(deps, actor)
    names = {one.feature_set.id: one.feature_set.name for one in hung_in(tree)}
    wanted = _sets_within(actor, tree, None)
    if feature_set_id is not None:
        if feature_set_id not in names:
            raise NotFound
        wanted = [feature_set_id]
    found = await reviews.list_jobs(deps, actor.account_id, feature_sets=wanted, before=before, limit=limit)
    return [JobLine(job, names.get(job.feature_set_id, "")) for job in found]


async def get_job(deps: Deps, actor: Actor, job_id: ListingJobId) -> JobLine:
    """A job of the actor's place. Raises Forbidden, NotFound."""
    check(actor, Action.NUMBERS_VIEW)
    job = await reviews.get_job(deps, actor.account_id, job_id)
    placed = await _placed(deps, actor, job.feature_set_id)
    check_at(actor, Action.NUMBERS_VIEW, path_of(placed.place) if placed else ())
    return JobLine(job, placed.feature_set.name if placed else "")


def _sets_within(actor: Actor, tree: list[Node], place: UUID | None) -> list[FeatureSetId] | None:
    """The feature sets of a place inside the actor's; None for all of the account, those outside the structure too."""
    if place is None and actor.role is Role.ADMIN:
        return None
    return [one.feature_set.id for one in hung_in(tree) if place is None or place in one.node.path]


async def _placed(deps: Deps, actor: Actor, feature_set_id: FeatureSetId) -> Placed | None:
    """The feature set with its place; None for a number group, and for one that is deleted."""
    try:
        return await structure.get_placed(deps, actor.account_id, feature_set_id)
    except NotFound:
        return None


async def _set_name(deps: Deps, actor: Actor, feature_set_id: FeatureSetId) -> str:
    return (await structure.get_feature_set(deps, actor.account_id, feature_set_id)).name


async def _delist(
    deps: Deps, actor: Actor, feature_set_id: FeatureSetId, some: Sequence[PhoneNumber], also: numbers.Also
) -> Delisted:
    return await numbers.delist(deps, actor.account_id, feature_set_id, some, actor.email, also=also)


def _by_set(found: Sequence[Number]) -> dict[FeatureSetId, list[PhoneNumber]]:
    grouped: dict[FeatureSetId, list[PhoneNumber]] = defaultdict(list)
    for number in found:
        grouped[number.feature_set_id].append(number.phone_number)
    return grouped


def _noting(deps: Deps, actor: Actor, name: str) -> Callable[[Tx, Answer], Awaitable[None]]:
    """Writes the audit entry of a request in its own transaction, with its counts."""

    async def also(tx: Tx, answer: Answer) -> None:
        if answer.status is RequestStatus.FAILED:
            return
        change = Change(deps, tx, actor)
        if isinstance(answer, Delisted):
            await change.note("numbers.delisted", name, numbers=len(answer.existing), job_id=str(answer.job_id))
            return
        count = len(answer.new) + len(answer.updated) + len(answer.migrated)
        await change.note("numbers.listed", name, numbers=count, job_id=str(answer.job_id or ""))

    return also
