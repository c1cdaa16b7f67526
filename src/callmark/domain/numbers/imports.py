"""Use cases of lists of numbers, of any length: what one would do to a feature set, and doing it (contract, 12.3, D24).

A list is carried out as requests of at most 10,000 numbers, each in a transaction of its own.
"""

from collections import defaultdict
from collections.abc import Sequence
from enum import StrEnum

from msgspec import Struct

from callmark.domain.deps import Deps
from callmark.domain.feature_sets import service as feature_sets, visible_sets
from callmark.domain.feature_sets.model import FeatureSet
from callmark.domain.feature_sets.number_groups import keep_number_group
from callmark.domain.ids import AccountId, FeatureSetId, LabelId
from callmark.domain.numbers import queries, search, service
from callmark.domain.numbers.model import MOST_NUMBERS, Number, NumberState, Published, RequestStatus
from callmark.domain.numbers.sort_request import ListingRequest, read_request, sort_published
from callmark.domain.policy.model import Actor, Scope
from callmark.domain.stale_confirmations import digest_of, refuse_changed
from callmark.kit.errors import Forbidden, InvalidInput
from callmark.kit.phone import PhoneNumber
from callmark.kit.postgres.database import Transaction

MOST_IN_LIST = 100_000
"""Numbers of one list in the console; longer ones go through `callmark number`."""


class ListMode(StrEnum):
    """What a list does to a feature set (contract, section 12.3)."""

    APPEND = "append"
    REWRITE = "rewrite"
    DELIST = "delist"


class ListPreview(Struct, frozen=True):
    """What a list would do to a feature set at this moment: `answer` when it lists, `going` are to be delisted.

    `elsewhere` are numbers that a delisting leaves alone, because they are not in this feature set.
    """

    feature_set: FeatureSet
    answer: Published | None
    going: list[PhoneNumber]
    elsewhere: list[PhoneNumber]
    after_count: int

    @property
    def going_digest(self) -> str:
        """Names the numbers that are to be delisted, for `apply_list`."""
        return digest_of(self.going)


class ListOutcome(Struct, frozen=True):
    """What a list did: how many numbers a job now lists, how many one delists."""

    coming_count: int
    going_count: int


async def preview(
    deps: Deps, account_id: AccountId, feature_set_id: FeatureSetId, numbers: Sequence[PhoneNumber], scope: Scope
) -> Published:
    """What `append` would answer at this moment; nothing is written. Raises Forbidden, NotFound."""
    async with deps.db.transaction() as tx:
        into = await service.lock_set(tx, account_id, feature_set_id, scope)
        held = await queries.select_held(tx, numbers)
        visible = await visible_sets.visible_ids(tx, account_id, scope)
    answer, _ = sort_published(ListingRequest(list(numbers)), held, into, "", visible)
    if not answer.coming_count:
        answer.status = RequestStatus.FAILED
    return answer


async def preview_list(
    deps: Deps, feature_set: FeatureSet, listed: Sequence[PhoneNumber], mode: ListMode, scope: Scope
) -> ListPreview:
    """What `apply_list` would do; nothing is written. Raises Forbidden, NotFound."""
    account_id, set_id, before = feature_set.account_id, feature_set.id, feature_set.number_count
    going = await _going(deps, account_id, set_id, listed, mode, scope)
    if mode is ListMode.DELIST:
        gone = set(going)
        elsewhere = [number for number in listed if number not in gone]
        return ListPreview(feature_set, None, going, elsewhere, before - len(going))
    answer = await preview(deps, account_id, set_id, listed, scope)
    failed = await search.find_numbers(deps, account_id, [PhoneNumber(number) for number in answer.updated])
    from_elsewhere = sum(one.feature_set_id != set_id for one in failed)
    after = before + len(answer.new) + len(answer.migrated) + from_elsewhere
    return ListPreview(feature_set, answer, going, [], after - len(going))


async def list_rest(
    deps: Deps,
    account_id: AccountId,
    feature_set_id: FeatureSetId,
    keep: Sequence[PhoneNumber],
    scope: Scope,
) -> list[PhoneNumber]:
    """The numbers of the feature set that a rewrite with `keep` would delist. Raises Forbidden, NotFound."""
    async with deps.db.transaction() as tx:
        await service.lock_set(tx, account_id, feature_set_id, scope)
        return await queries.select_rest(tx, feature_set_id, keep)


async def apply_list(
    deps: Deps,
    account_id: AccountId,
    feature_set_id: FeatureSetId,
    listed: Sequence[PhoneNumber],
    mode: ListMode,
    *,
    by: Actor,
    shown: str = "",
) -> ListOutcome:
    """Adds the numbers to the feature set, makes its content equal to them, or takes them out; jobs do the work.

    The first two publish it. `shown` is the digest of the numbers that were shown as going, the only ones that leave.
    Raises ChangedMeanwhile, Forbidden, NotFound, InvalidInput for a missing label or an empty list to be listed.
    """
    of = (deps, account_id, feature_set_id)
    match mode:
        case ListMode.APPEND:
            return ListOutcome((await append(*of, listed, by=by)).coming_count, 0)
        case ListMode.REWRITE:
            published, going_count = await rewrite(*of, listed, by=by, shown=shown)
            return ListOutcome(published.coming_count, going_count)
        case ListMode.DELIST:
            going = await _going(*of, listed, mode, by.scope)
            refuse_changed(shown, going)
            return ListOutcome(0, await _delist(*of, going, by))


async def append(
    deps: Deps, account_id: AccountId, feature_set_id: FeatureSetId, numbers: Sequence[PhoneNumber], *, by: Actor
) -> Published:
    """Publishes any count of numbers; the answers as one. Raises as `service.publish`."""
    return _joined([await service.publish(deps, account_id, feature_set_id, part, by=by) for part in _parts(numbers)])


async def rewrite(
    deps: Deps,
    account_id: AccountId,
    feature_set_id: FeatureSetId,
    numbers: Sequence[PhoneNumber],
    *,
    by: Actor,
    shown: str = "",
) -> tuple[Published, int]:
    """Makes the feature set's content equal to `numbers` (contract D24): publishes them, then delists the rest.

    The answer to the first, and how many are delisted; what comes in meanwhile stays. `shown` as in `apply_list`. Safe
    to repeat after a crash in between. Raises ChangedMeanwhile, otherwise as `service.publish`.
    """
    rest = await list_rest(deps, account_id, feature_set_id, numbers, by.scope)
    refuse_changed(shown, rest)
    published = await append(deps, account_id, feature_set_id, numbers, by=by)
    return published, await _delist(deps, account_id, feature_set_id, rest, by)


async def delist_all(
    deps: Deps, account_id: AccountId, feature_set_id: FeatureSetId, *, by: Actor, shown: str = ""
) -> ListOutcome:
    """Takes every number out of the feature set. `shown` as in `apply_list`.

    Raises ChangedMeanwhile, Forbidden, NotFound.
    """
    rest = await list_rest(deps, account_id, feature_set_id, [], by.scope)
    refuse_changed(shown, rest)
    return ListOutcome(0, await _delist(deps, account_id, feature_set_id, rest, by))


async def delist_chosen(deps: Deps, account_id: AccountId, chosen: Sequence[PhoneNumber], *, by: Actor) -> int:
    """Delists those of the numbers that feature sets of the actor's place hold; how many."""
    count = 0
    for feature_set_id, some in _by_set(await search.find_in_sets(deps, account_id, by.scope, chosen)).items():
        count += len((await service.delist(deps, account_id, feature_set_id, some, by=by)).existing)
    return count


async def publish_again(deps: Deps, account_id: AccountId, chosen: Sequence[PhoneNumber], *, by: Actor) -> int:
    """Sends failed ones of those numbers to be listed again, all or none; how many.

    Raises InvalidInput for a missing label of one of their feature sets, and names it.
    """
    held = await search.find_in_sets(deps, account_id, by.scope, chosen)
    of_sets = sorted(_by_set([one for one in held if one.state is NumberState.FAILED]).items())

    async def use(tx: Transaction) -> int:
        count = 0
        for set_id, some in of_sets:
            into = await service.lock_set(tx, account_id, set_id, by.scope)
            try:
                answer = await service.list_into(tx, deps, into, read_request(some), by=by)
            except InvalidInput as refused:
                raise InvalidInput(f"{refused.message}: {into.name}", field=refused.field) from refused
            count += len(answer.updated)
        return count

    return await service.in_transaction(deps, use)


async def import_group(
    deps: Deps, account_id: AccountId, name: str, label_id: LabelId, numbers: Sequence[PhoneNumber], *, by: Actor
) -> tuple[FeatureSet, Published]:
    """Brings a number group of an older console over: makes it, or finds the one of that name, and lists its numbers.

    Published in a feature set later, a number of it is migrated. Raises InvalidInput.
    """
    if not numbers:
        raise InvalidInput("the list has no phone numbers", field="list")
    async with deps.db.transaction() as tx:
        now = deps.clock.now()
        group = await keep_number_group(tx, account_id, name=name, label_id=label_id, by=by, now=now)

    async def use(tx: Transaction, part: Sequence[PhoneNumber]) -> Published:
        into = await feature_sets.lock_feature_set(tx, account_id, group.id)
        if into is None:
            raise Forbidden
        return await service.list_into(tx, deps, into, ListingRequest(list(part)), by=by)

    return group, _joined(
        [await service.in_transaction(deps, lambda tx, part=part: use(tx, part)) for part in _parts(numbers)]
    )


async def _going(
    deps: Deps,
    account_id: AccountId,
    feature_set_id: FeatureSetId,
    listed: Sequence[PhoneNumber],
    mode: ListMode,
    scope: Scope,
) -> list[PhoneNumber]:
    """What a list would delist now. Raises Forbidden, NotFound."""
    match mode:
        case ListMode.APPEND:
            return []
        case ListMode.REWRITE:
            return await list_rest(deps, account_id, feature_set_id, listed, scope)
        case ListMode.DELIST:
            async with deps.db.transaction() as tx:
                await service.lock_set(tx, account_id, feature_set_id, scope)
            held = await search.find_numbers(deps, account_id, listed)
            return [one.phone_number for one in held if _is_to_go(one, feature_set_id)]


async def _delist(
    deps: Deps, account_id: AccountId, feature_set_id: FeatureSetId, going: Sequence[PhoneNumber], by: Actor
) -> int:
    """Delists these numbers as far as the feature set still has them; how many."""
    parts = _parts(going) if going else []
    return sum([len((await service.delist(deps, account_id, feature_set_id, one, by=by)).existing) for one in parts])


def _is_to_go(number: Number, feature_set_id: FeatureSetId) -> bool:
    return number.feature_set_id == feature_set_id and number.state is not NumberState.DELISTING


def _by_set(held: Sequence[Number]) -> dict[FeatureSetId, list[PhoneNumber]]:
    grouped: dict[FeatureSetId, list[PhoneNumber]] = defaultdict(list)
    for number in held:
        grouped[number.feature_set_id].append(number.phone_number)
    return grouped


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
