"""Use cases of feature sets (contract, sections 7.4 and 12.3).

Changes lock the account first, then the feature set, so that its name stays free and its process there; numbers
come after both. Who acts for a place of the structure changes what is inside it.
"""

from datetime import datetime

from msgspec import UNSET
from msgspec.structs import replace

from callmark.domain.accounts import service as accounts
from callmark.domain.audit import service as audit
from callmark.domain.audit.model import AuditAction
from callmark.domain.call_reasons import service as call_reasons
from callmark.domain.deps import Deps, in_own_transaction
from callmark.domain.feature_sets import queries, visible_sets
from callmark.domain.feature_sets.model import (
    FeatureSet,
    FeatureSetChange,
    FeatureSetDependents,
    FeatureSetState,
    FeatureSetUses,
    NewFeatureSet,
    NodeFilter,
    PlacedFeatureSet,
    description_text,
    refuse_unpublishable,
)
from callmark.domain.ids import AccountId, FeatureSetId, ProcessId
from callmark.domain.labels import service as labels
from callmark.domain.policy.model import WHOLE_ACCOUNT, Actor, Scope
from callmark.domain.policy.plan import Feature, check_wanted
from callmark.domain.stale_confirmations import refuse_changed
from callmark.domain.structure import service as structure
from callmark.domain.structure.model import node_name, refuse_taken
from callmark.kit.changes import carried_out
from callmark.kit.errors import Conflict, InvalidInput, found
from callmark.kit.ids import new_id
from callmark.kit.postgres.database import Tx
from callmark.kit.text import kept_or

_UNKNOWN = "no feature set with this id in this account"
_LAST_OFFSET = 2**63 - 1
"""The furthest PostgreSQL counts; a page beyond it is as empty as any past the end."""


async def find_feature_set(tx: Tx, account_id: AccountId, feature_set_id: FeatureSetId) -> FeatureSet | None:
    """The account's feature set or number group, inside the caller's transaction; None for an unknown one."""
    return await queries.select_feature_set(tx, account_id, feature_set_id)


async def lock_feature_set(tx: Tx, account_id: AccountId, feature_set_id: FeatureSetId) -> FeatureSet | None:
    """The account's feature set or number group, locked until the transaction ends; None for an unknown one."""
    return await queries.lock_feature_set(tx, account_id, feature_set_id)


async def publish(tx: Tx, feature_set: FeatureSet, now: datetime) -> bool:
    """Turns a locked feature set `published` (contract D18); whether that changed its state.

    Raises InvalidInput when it has no label.
    """
    if feature_set.label_id is None:
        raise InvalidInput("a feature set without a label cannot be published", field="label_id")
    if feature_set.state is FeatureSetState.PUBLISHED:
        return False
    await queries.set_state(tx, feature_set.id, FeatureSetState.PUBLISHED, now)
    return True


async def change_number_count(tx: Tx, feature_set_id: FeatureSetId, by: int) -> None:
    """Adds `by` (negative: takes away) to the count of the feature set's numbers, in the change's own transaction."""
    if by:
        await queries.add_to_number_count(tx, feature_set_id, by)


async def create_feature_set_in(
    tx: Tx, deps: Deps, account_id: AccountId, process_id: ProcessId, new: NewFeatureSet, *, by: Actor
) -> FeatureSet:
    """The new feature set, a draft, on a process or sub-process.

    Raises InvalidInput (also for a label that is no static one of this account, and for an unknown call reason),
    Conflict for a name that is taken there, NotFound.
    """
    now = deps.clock.now()
    made = FeatureSet(
        id=FeatureSetId(new_id()),
        account_id=account_id,
        process_id=process_id,
        is_number_group=False,
        name=node_name(new.name, "feature set"),
        description=description_text(new.description),
        state=FeatureSetState.DRAFT,
        phone_type=new.phone_type,
        label_id=new.label_id,
        call_reason_id=new.call_reason_id,
        call_me_back=new.call_me_back,
        survey=new.survey,
        number_count=0,
        created_by_email=by.email,
        created_at=now,
        updated_at=now,
    )
    check_wanted((await accounts.lock_account(tx, account_id)).features, _offered(made), (), "offers")
    process = await structure.get_process_in(tx, account_id, process_id, by.scope)
    await _check_name(tx, made)
    await _check_references(tx, made)
    await queries.insert_feature_set(tx, made)
    await _note(deps, tx, by, AuditAction.FEATURE_SET_CREATED, made, inside=process.where)
    return made


create_feature_set = in_own_transaction(create_feature_set_in)


def _offered(feature_set: FeatureSet) -> frozenset[Feature]:
    """The features that it offers after a call."""
    switches = {Feature.CALL_ME_BACK: feature_set.call_me_back, Feature.USER_FEEDBACK: feature_set.survey}
    return frozenset(feature for feature, is_on in switches.items() if is_on)


async def get_feature_set(deps: Deps, account_id: AccountId, feature_set_id: FeatureSetId) -> FeatureSet:
    """The account's feature set or number group. Raises NotFound."""
    async with deps.db.connection() as tx:
        return found(await queries.select_feature_set(tx, account_id, feature_set_id), _UNKNOWN)


async def get_placed(
    deps: Deps, account_id: AccountId, feature_set_id: FeatureSetId, scope: Scope = WHOLE_ACCOUNT
) -> PlacedFeatureSet:
    """A feature set inside the scope with its place. Raises NotFound, also for a number group, which has none."""
    async with deps.db.connection() as tx:
        placed = found(await queries.select_placed(tx, account_id, feature_set_id), _UNKNOWN)
    scope.check(placed.place.path)
    return placed


async def get_dependents(deps: Deps, feature_set_id: FeatureSetId) -> FeatureSetDependents:
    """What goes with the feature set when it is deleted."""
    async with deps.db.connection() as tx:
        return await queries.select_dependents(tx, feature_set_id)


async def count_offering(deps: Deps, account_id: AccountId) -> int:
    """How many of the account's feature sets and number groups offer a call back."""
    async with deps.db.connection() as tx:
        return await queries.count_offering(tx, account_id)


async def list_uses(deps: Deps, account_id: AccountId, scope: Scope) -> FeatureSetUses:
    """Which feature sets inside the scope show which label and call reason, by name."""
    async with deps.db.connection() as tx:
        return await queries.select_uses(tx, account_id, await visible_sets.visible_ids(tx, account_id, scope))


async def list_placed(
    deps: Deps, account_id: AccountId, within: NodeFilter, *, page: int, limit: int
) -> tuple[list[PlacedFeatureSet], int]:
    """Page `page` (from 1) of the feature sets within a node, `limit` a page, newest first, and how many there are.

    Number groups are left out. A node that the account does not have holds nothing.
    """
    skip = min((page - 1) * limit, _LAST_OFFSET)
    async with deps.db.connection() as tx:
        total = await queries.count_placed(tx, account_id, within)
        return await queries.select_placed_page(tx, account_id, within, skip, limit), total


async def update_feature_set(
    deps: Deps, account_id: AccountId, feature_set_id: FeatureSetId, change: FeatureSetChange, *, by: Actor
) -> FeatureSet:
    """The feature set (or number group) after the change, which its listed numbers show from the next ring on.

    Raises as `create_feature_set` does; also InvalidInput for taking the label from a published one, and Conflict for
    another phone type while numbers are in it.
    """
    async with deps.db.transaction() as tx:
        return await change_feature_set(deps, tx, account_id, feature_set_id, change, by=by)


async def change_feature_set(
    deps: Deps,
    tx: Tx,
    account_id: AccountId,
    feature_set_id: FeatureSetId,
    change: FeatureSetChange,
    *,
    by: Actor,
    **facts: object,
) -> FeatureSet:
    """As `update_feature_set`, in a transaction that is open; the audit log keeps the `facts`."""
    plan = (await accounts.lock_account(tx, account_id)).features
    old = await visible_sets.lock_visible(tx, account_id, feature_set_id, by.scope)
    new = replace(_changed(old, change), updated_at=deps.clock.now())
    refuse_unpublishable(new)
    check_wanted(plan, _offered(new), _offered(old), "offers")
    if new.phone_type is not old.phone_type and old.number_count:
        why = f"the phone type can change only while the feature set has no numbers; {_holds(old)}"
        raise Conflict(why, field="phone_type")
    if new.name != old.name:
        await _check_name(tx, new)
    await _check_references(tx, new)
    return await carried_out(
        old,
        new,
        lambda: queries.update_feature_set(tx, new),
        lambda: _note(deps, tx, by, AuditAction.FEATURE_SET_CHANGED, new, **facts),
    )


async def move_feature_set(
    deps: Deps, account_id: AccountId, feature_set_id: FeatureSetId, process_id: ProcessId, *, by: Actor
) -> FeatureSet:
    """The feature set on another process or sub-process of the account, with its numbers.

    Raises Conflict when its name is taken there and for a number group, NotFound.
    """
    async with deps.db.transaction() as tx:
        old = await _lock(tx, account_id, feature_set_id, by.scope)
        if old.is_number_group:
            raise Conflict("a number group cannot be moved; it is not part of the structure")
        to = await structure.get_process_in(tx, account_id, process_id, by.scope)
        new = replace(old, process_id=process_id, updated_at=deps.clock.now())
        return await carried_out(
            old,
            new,
            lambda: _check_name(tx, new),
            lambda: queries.update_feature_set(tx, new),
            lambda: _note(deps, tx, by, AuditAction.FEATURE_SET_MOVED, new, to=to.where),
        )


async def publish_feature_set(
    deps: Deps, account_id: AccountId, feature_set_id: FeatureSetId, *, by: Actor
) -> FeatureSet:
    """The feature set, published: its listed numbers show its identity from the next ring on.

    Raises InvalidInput when it has no label, NotFound.
    """
    async with deps.db.transaction() as tx:
        is_new = await publish(tx, await _lock(tx, account_id, feature_set_id, by.scope), deps.clock.now())
        new = found(await queries.select_feature_set(tx, account_id, feature_set_id), _UNKNOWN)
        if is_new:
            await _note(deps, tx, by, AuditAction.FEATURE_SET_PUBLISHED, new, numbers=new.number_count)
    return new


async def unpublish_feature_set(
    deps: Deps, account_id: AccountId, feature_set_id: FeatureSetId, *, by: Actor
) -> FeatureSet:
    """The feature set, unpublished: its numbers stay listed and show nothing from the next ring on.

    Raises Conflict when it is not published, NotFound.
    """
    async with deps.db.transaction() as tx:
        old = await _lock(tx, account_id, feature_set_id, by.scope)
        if old.state is not FeatureSetState.PUBLISHED:
            raise Conflict(f"this feature set is {old.state.value}; only a published feature set can be unpublished")
        new = replace(old, state=FeatureSetState.UNPUBLISHED, updated_at=deps.clock.now())
        await queries.set_state(tx, feature_set_id, new.state, new.updated_at)
        await _note(deps, tx, by, AuditAction.FEATURE_SET_UNPUBLISHED, new, numbers=new.number_count)
    return new


async def delete_feature_set(
    deps: Deps, account_id: AccountId, feature_set_id: FeatureSetId, *, by: Actor, shown: str = ""
) -> FeatureSet:
    """Removes a feature set (or number group) without numbers, its Call Me Back configuration and its campaigns.

    `shown` is the digest of what is lost by it, as it was shown. Raises NotFound, ChangedMeanwhile, or Conflict that
    says how many numbers are in it.
    """
    async with deps.db.transaction() as tx:
        old = await _lock(tx, account_id, feature_set_id, by.scope)
        if old.number_count:
            raise Conflict(f"{_holds(old)}; delist them first")
        gone = await queries.select_dependents(tx, feature_set_id)
        refuse_changed(shown, gone.lost)
        await queries.delete_feature_set(tx, feature_set_id)
        facts = {"campaigns": len(gone.campaigns), "answers": gone.answer_count}
        await _note(deps, tx, by, AuditAction.FEATURE_SET_DELETED, old, **facts)
    return old


async def _lock(tx: Tx, account_id: AccountId, feature_set_id: FeatureSetId, scope: Scope) -> FeatureSet:
    await accounts.lock_account(tx, account_id)
    return await visible_sets.lock_visible(tx, account_id, feature_set_id, scope)


async def _note(deps: Deps, tx: Tx, by: Actor, action: AuditAction, one: FeatureSet, **facts: object) -> None:
    facts = {"feature_set_id": str(one.id), **facts}
    await audit.note(tx, by, action, one.name, account_id=one.account_id, at=deps.clock.now(), **facts)


def _name(text: str) -> str:
    return node_name(text, "feature set")


def _changed(old: FeatureSet, change: FeatureSetChange) -> FeatureSet:
    return replace(
        old,
        name=old.name if change.name is UNSET else kept_or(old.name, change.name, _name),
        description=(
            old.description
            if change.description is UNSET
            else kept_or(old.description, change.description, description_text)
        ),
        label_id=old.label_id if change.label_id is UNSET else change.label_id,
        call_reason_id=old.call_reason_id if change.call_reason_id is UNSET else change.call_reason_id,
        call_me_back=old.call_me_back if change.call_me_back is UNSET else change.call_me_back,
        survey=old.survey if change.survey is UNSET else change.survey,
        phone_type=old.phone_type if change.phone_type is UNSET else change.phone_type,
    )


async def _check_name(tx: Tx, feature_set: FeatureSet) -> None:
    others = await queries.select_other_names(tx, feature_set)
    refuse_taken(feature_set.name, others, "feature set", "account" if feature_set.is_number_group else "process")


async def _check_references(tx: Tx, feature_set: FeatureSet) -> None:
    """Checks that label and call reason exist; both stay while this transaction lasts."""
    account_id, label_id, reason_id = feature_set.account_id, feature_set.label_id, feature_set.call_reason_id
    if label_id is not None and not await labels.static_label_exists(tx, account_id, label_id):
        raise InvalidInput("label_id does not belong to a static label of this client", field="label_id")
    if reason_id is not None and not await call_reasons.call_reason_exists(tx, account_id, reason_id):
        raise InvalidInput("call_reason_id does not belong to a call reason of this client", field="call_reason_id")


def _holds(feature_set: FeatureSet) -> str:
    count = feature_set.number_count
    return f"{count} number{' is' if count == 1 else 's are'} in this feature set"
