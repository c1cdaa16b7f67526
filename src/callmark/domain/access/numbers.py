"""Numbers, for people: search them, list and delist them, follow the jobs that do it (contract, sections 7, 12.3, D24).

A request and its line in the audit log are written together, a line for each request.
"""

from collections import defaultdict
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from callmark.domain.access.changes import Change
from callmark.domain.access.feature_sets import find_set, hung_in, path_of
from callmark.domain.access.model import Actor, check, check_at, may
from callmark.domain.access.structure import Node, tree_of
from callmark.domain.deps import Deps
from callmark.domain.drafts import service as drafts
from callmark.domain.drafts.model import FileDraft, Purpose
from callmark.domain.ids import FeatureSetId, ListingJobId
from callmark.domain.numbers import reviews
from callmark.domain.numbers import search as number_search
from callmark.domain.numbers import service as numbers
from callmark.domain.numbers.model import (
    MOST_NUMBERS,
    Answer,
    Delisted,
    ListingJob,
    Number,
    NumberDetails,
    NumberState,
    Published,
    RequestStatus,
)
from callmark.domain.numbers.search import Search, search_for
from callmark.domain.policy.model import Action, Path, Role
from callmark.domain.structure import service as structure
from callmark.domain.structure.model import Placed
from callmark.kit.db import Tx
from callmark.kit.errors import NotFound
from callmark.kit.phone import PhoneNumber

MOST_IN_LIST = 100_000
"""Numbers of one list in the console; longer ones go through `callmark number`."""
_AT_A_TIME = 1000


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


class Mode(StrEnum):
    """What a list does to a feature set (contract, section 12.3)."""

    APPEND = "append"
    REWRITE = "rewrite"
    DELIST = "delist"


@dataclass(frozen=True)
class Preview:
    """What a list would do to a feature set at this moment: `answer` when it lists, `going` are to be delisted.

    `elsewhere` are numbers that a delisting leaves alone, because they are not in this feature set.
    """

    placed: Placed
    answer: Published | None
    going: list[PhoneNumber]
    elsewhere: list[PhoneNumber]
    after_count: int


@dataclass(frozen=True)
class Done:
    """What a list did: how many numbers a job now lists, how many one delists."""

    placed: Placed
    coming_count: int
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
    exact = _search(actor, tree, wanted)
    return await number_search.search_numbers(deps, actor.account_id, exact, before=before, limit=limit), tree


async def every(deps: Deps, actor: Actor, wanted: Wanted) -> AsyncGenerator[list[NumberDetails]]:
    """All that `search` finds, newest first, a thousand at a time. Raises Forbidden."""
    check(actor, Action.NUMBERS_VIEW)
    exact, before = _search(actor, await tree_of(deps, actor), wanted), None
    while page := await number_search.search_numbers(deps, actor.account_id, exact, before=before, limit=_AT_A_TIME):
        yield page
        before = number_search.page_of(page[-1].number)


async def find_number(deps: Deps, actor: Actor, number: PhoneNumber, action: Action = Action.NUMBERS_VIEW) -> Found:
    """A number inside the actor's place. Raises Forbidden, NotFound."""
    check(actor, action)
    details, job = await number_search.find_number(deps, actor.account_id, number)
    placed = await _placed(deps, actor, details.number.feature_set_id)
    found = Found(details, placed, job)
    check_at(actor, action, found.path)
    return found


async def find_all(deps: Deps, actor: Actor, wanted: Sequence[PhoneNumber]) -> list[Number]:
    """Those of `wanted` that feature sets of the actor's place hold. Others, and number groups', are left out.

    Raises Forbidden.
    """
    check(actor, Action.NUMBERS_MANAGE)
    found = await number_search.find_numbers(deps, actor.account_id, wanted)
    mine: set[FeatureSetId] = set()
    for feature_set_id in {number.feature_set_id for number in found}:
        placed = await _placed(deps, actor, feature_set_id)
        if placed and may(actor, Action.NUMBERS_MANAGE, path_of(placed.place)):
            mine.add(feature_set_id)
    return [number for number in found if number.feature_set_id in mine]


async def preview(
    deps: Deps, actor: Actor, feature_set_id: FeatureSetId, listed: Sequence[PhoneNumber], mode: Mode
) -> Preview:
    """What `apply` would do; nothing is written. Raises Forbidden, NotFound."""
    placed = await find_set(deps, actor, feature_set_id, Action.NUMBERS_MANAGE)
    account_id, before = actor.account_id, placed.feature_set.number_count
    if mode is Mode.DELIST:
        found = await number_search.find_numbers(deps, account_id, listed)
        going = [one.phone_number for one in found if _is_to_go(one, feature_set_id)]
        gone = set(going)
        elsewhere = [number for number in listed if number not in gone]
        return Preview(placed, None, going, elsewhere, before - len(going))
    answer = await numbers.preview(deps, account_id, feature_set_id, listed)
    coming = len(answer.new) + len(answer.migrated) + await _from_elsewhere(deps, actor, feature_set_id, answer.updated)
    if mode is Mode.APPEND:
        return Preview(placed, answer, [], [], before + coming)
    going = await numbers.find_rest(deps, account_id, feature_set_id, listed, most=max(before, 1))
    return Preview(placed, answer, going, [], before + coming - len(going))


async def keep_list(
    deps: Deps, actor: Actor, feature_set_id: FeatureSetId, *, file_name: str, content: bytes
) -> FileDraft:
    """A list of numbers, kept for a day to be previewed. Raises Forbidden, NotFound."""
    await find_set(deps, actor, feature_set_id, Action.NUMBERS_MANAGE)
    return await drafts.keep_draft(
        deps,
        actor.account_id,
        Purpose.NUMBERS,
        file_name=file_name,
        content=content,
        choices={},
        email=actor.email,
        subject_id=feature_set_id,
    )


async def get_list(deps: Deps, actor: Actor, feature_set_id: FeatureSetId, draft_id: UUID) -> FileDraft:
    """A list that is kept for the feature set. Raises Forbidden, NotFound."""
    await find_set(deps, actor, feature_set_id, Action.NUMBERS_MANAGE)
    return await drafts.get_draft(deps, actor.account_id, draft_id, Purpose.NUMBERS, feature_set_id)


async def choose_for_list(
    deps: Deps, actor: Actor, feature_set_id: FeatureSetId, draft: FileDraft, choices: Mapping[str, str]
) -> None:
    """Keeps how the list is read, and what it does. Raises Forbidden, NotFound."""
    await find_set(deps, actor, feature_set_id, Action.NUMBERS_MANAGE)
    await drafts.choose(deps, draft, choices)


async def forget_list(deps: Deps, actor: Actor, feature_set_id: FeatureSetId, draft: FileDraft) -> None:
    """Forgets a list that is kept. Raises Forbidden, NotFound for the feature set."""
    await find_set(deps, actor, feature_set_id, Action.NUMBERS_MANAGE)
    await drafts.give_up(deps, draft)


async def apply(
    deps: Deps, actor: Actor, feature_set_id: FeatureSetId, listed: Sequence[PhoneNumber], mode: Mode
) -> Done:
    """Adds the numbers to the feature set, makes its content equal to them, or takes them out; jobs do the work.

    The first two publish it. Raises Forbidden, NotFound, InvalidInput for an empty list or a missing label.
    """
    placed = await find_set(deps, actor, feature_set_id, Action.NUMBERS_MANAGE)
    of = (deps, actor.account_id, feature_set_id, listed, actor.email)
    also = _noting(deps, actor, placed.feature_set.name)
    if mode is Mode.APPEND:
        return Done(placed, _coming(await numbers.append(*of, also=also)), 0)
    if mode is Mode.REWRITE:
        answer, going = await numbers.rewrite(*of, also=also)
        return Done(placed, _coming(answer), going)
    going = 0
    for at in range(0, len(listed), MOST_NUMBERS):
        part = listed[at : at + MOST_NUMBERS]
        going += len((await _delist(deps, actor, feature_set_id, part, also)).existing)
    return Done(placed, 0, going)


async def delist_all(deps: Deps, actor: Actor, feature_set_id: FeatureSetId) -> Done:
    """Takes every number out of the feature set. Raises Forbidden, NotFound."""
    placed = await find_set(deps, actor, feature_set_id, Action.NUMBERS_MANAGE)
    also = _noting(deps, actor, placed.feature_set.name)
    count = 0
    while rest := await numbers.find_rest(deps, actor.account_id, feature_set_id, [], most=MOST_NUMBERS):
        count += len((await _delist(deps, actor, feature_set_id, rest, also)).existing)
    return Done(placed, 0, count)


async def delist(deps: Deps, actor: Actor, chosen: Sequence[PhoneNumber]) -> int:
    """Delists those numbers that `find_all` finds; how many. Raises Forbidden."""
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


def _search(actor: Actor, tree: list[Node], wanted: Wanted) -> Search:
    """What is wanted, inside the actor's place."""
    sought = search_for(wanted.text)
    return Search(
        sought.number_prefix,
        sought.name_prefix,
        FeatureSetId(wanted.feature_set) if wanted.feature_set else None,
        wanted.state,
        _sets_within(actor, tree, wanted.place),
    )


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


def _coming(answer: Published) -> int:
    """How many numbers the request's job lists."""
    return len(answer.new) + len(answer.updated) + len(answer.migrated)


def _is_to_go(number: Number, feature_set_id: FeatureSetId) -> bool:
    return number.feature_set_id == feature_set_id and number.state is not NumberState.DELISTING


async def _from_elsewhere(deps: Deps, actor: Actor, feature_set_id: FeatureSetId, failed: Sequence[str]) -> int:
    """How many of the account's failed numbers are in another feature set."""
    found = await number_search.find_numbers(deps, actor.account_id, [PhoneNumber(number) for number in failed])
    return sum(one.feature_set_id != feature_set_id for one in found)


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
        await change.note("numbers.listed", name, numbers=_coming(answer), job_id=str(answer.job_id or ""))

    return also
