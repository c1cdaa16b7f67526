"""Feature sets, for people: what they are made of, what they show, who may change them (contract, section 12.3)."""

from dataclasses import dataclass
from uuid import UUID

from callmark.domain.access import structure as places
from callmark.domain.access.changes import changing
from callmark.domain.access.model import Actor, check, check_at, may
from callmark.domain.access.structure import Node, tree_of
from callmark.domain.call_reasons import service as call_reasons
from callmark.domain.call_reasons.model import CallReason
from callmark.domain.callbacks import service as callbacks
from callmark.domain.deps import Deps
from callmark.domain.feedback import service as feedback
from callmark.domain.ids import FeatureSetId, ProcessId
from callmark.domain.labels import service as labels
from callmark.domain.labels.model import Label, LabelType
from callmark.domain.policy.model import Action, Path
from callmark.domain.structure import service as structure
from callmark.domain.structure.model import FeatureSet, FeatureSetChange, FeatureSetState, NewFeatureSet, Place, Placed
from callmark.kit.errors import InvalidInput

_SHORT_ID = 8
"""How much of an id lists show: its last characters."""


@dataclass(frozen=True)
class Wanted:
    """What a list of feature sets is narrowed to; an empty part narrows nothing. `text` is part of the name."""

    text: str = ""
    state: FeatureSetState | None = None
    place: UUID | None = None


@dataclass(frozen=True)
class Hung:
    """A feature set with the process or sub-process it hangs on."""

    feature_set: FeatureSet
    node: Node


@dataclass(frozen=True)
class Choices:
    """What a feature set can show: the account's static labels and its call reasons, both by name."""

    labels: list[Label]
    reasons: list[CallReason]


@dataclass(frozen=True)
class Identity:
    """What a listed number of a feature set shows; empty where it has none."""

    name: str
    logo_url: str
    reason: str


@dataclass(frozen=True)
class Hangers:
    """What goes with a feature set when it is deleted."""

    callback_config: str
    campaigns: list[str]
    answer_count: int


def path_of(place: Place) -> Path:
    """The ids from the department down to where a feature set hangs."""
    whole = (place.department_id, place.operation_id, place.process_id)
    return (*whole, place.sub_process_id) if place.sub_process_id else whole


def hung_in(tree: list[Node]) -> list[Hung]:
    """Every feature set of a tree, by name."""
    found = [Hung(one, node) for node in places.flat(tree).values() for one in node.sets]
    return sorted(found, key=lambda one: (one.feature_set.name.casefold(), str(one.feature_set.id)))


async def list_sets(deps: Deps, actor: Actor, wanted: Wanted) -> tuple[list[Hung], list[Node]]:
    """The feature sets of the actor's place that are wanted, by name, and the tree they hang in. Raises Forbidden."""
    check(actor, Action.FEATURE_SETS_VIEW)
    tree = await tree_of(deps, actor)
    text = wanted.text.strip().casefold()
    return [
        one
        for one in hung_in(tree)
        if (
            text in one.feature_set.name.casefold()
            or (len(text) >= _SHORT_ID and str(one.feature_set.id).endswith(text))
        )
        and wanted.state in {None, one.feature_set.state}
        and (wanted.place is None or wanted.place in one.node.path)
    ], tree


async def find_set(
    deps: Deps, actor: Actor, feature_set_id: FeatureSetId, action: Action = Action.FEATURE_SETS_VIEW
) -> Placed:
    """A feature set inside the actor's place. Raises Forbidden, NotFound."""
    check(actor, action)
    placed = await structure.get_placed(deps, actor.account_id, feature_set_id)
    check_at(actor, action, path_of(placed.place))
    return placed


async def homes(deps: Deps, actor: Actor) -> list[Node]:
    """The processes and sub-processes that the actor may hang feature sets on. Raises Forbidden."""
    check(actor, Action.FEATURE_SETS_MANAGE)
    return [node for node in places.flat(await tree_of(deps, actor)).values() if node.has_sets]


async def choices(deps: Deps, actor: Actor) -> Choices:
    """What a feature set of this account can show."""
    every = await labels.list_labels(deps, actor.account_id)
    reasons = await call_reasons.list_call_reasons(deps, actor.account_id)
    return Choices(
        sorted((one for one in every if one.label_type is LabelType.STATIC), key=lambda one: one.name.casefold()),
        sorted(reasons, key=lambda one: one.text.casefold()),
    )


async def identity_of(deps: Deps, actor: Actor, feature_set: FeatureSet) -> Identity:
    """What a listed number of it shows once it is published."""
    label = await labels.get_label(deps, actor.account_id, feature_set.label_id) if feature_set.label_id else None
    reason_id = feature_set.call_reason_id
    reason = await call_reasons.get_call_reason(deps, actor.account_id, reason_id) if reason_id else None
    return Identity(
        label.name if label else "",
        labels.logo_url(deps.public_url, label) if label else "",
        reason.text if reason else "",
    )


async def create_set(deps: Deps, actor: Actor, process_id: UUID | None, new: NewFeatureSet) -> FeatureSet:
    """The new draft. Raises Forbidden, InvalidInput (about `process` for none or one elsewhere), Conflict."""
    check(actor, Action.FEATURE_SETS_MANAGE)
    node = await _home(deps, actor, process_id)
    async with changing(deps, actor) as change:
        made = await structure.create_feature_set(
            change.deps, actor.account_id, ProcessId(node.id), new, created_by_email=actor.email
        )
        await change.note("feature_set.created", made.name, feature_set_id=str(made.id), inside=node.where)
    return made


async def change_set(deps: Deps, actor: Actor, feature_set_id: FeatureSetId, wanted: FeatureSetChange) -> FeatureSet:
    """The feature set after the change. Raises Forbidden, NotFound, InvalidInput, Conflict."""
    await find_set(deps, actor, feature_set_id, Action.FEATURE_SETS_MANAGE)
    async with changing(deps, actor) as change:
        new = await structure.update_feature_set(change.deps, actor.account_id, feature_set_id, wanted)
        await change.note("feature_set.changed", new.name, feature_set_id=str(new.id))
    return new


async def publish_set(deps: Deps, actor: Actor, feature_set_id: FeatureSetId) -> FeatureSet:
    """The feature set, published. Raises Forbidden, NotFound, InvalidInput without a label."""
    await find_set(deps, actor, feature_set_id, Action.FEATURE_SETS_MANAGE)
    async with changing(deps, actor) as change:
        new = await structure.publish_feature_set(change.deps, actor.account_id, feature_set_id)
        await change.note("feature_set.published", new.name, feature_set_id=str(new.id), numbers=new.number_count)
    return new


async def unpublish_set(deps: Deps, actor: Actor, feature_set_id: FeatureSetId) -> FeatureSet:
    """The feature set, unpublished. Raises Forbidden, NotFound, Conflict when it is not published."""
    await find_set(deps, actor, feature_set_id, Action.FEATURE_SETS_MANAGE)
    async with changing(deps, actor) as change:
        new = await structure.unpublish_feature_set(change.deps, actor.account_id, feature_set_id)
        await change.note("feature_set.unpublished", new.name, feature_set_id=str(new.id), numbers=new.number_count)
    return new


async def move_set(deps: Deps, actor: Actor, feature_set_id: FeatureSetId, process_id: UUID | None) -> Node:
    """Where the feature set hangs now, with its numbers. Raises as `create_set` does, and NotFound."""
    await find_set(deps, actor, feature_set_id, Action.FEATURE_SETS_MANAGE)
    node = await _home(deps, actor, process_id)
    async with changing(deps, actor) as change:
        moved = await structure.move_feature_set(change.deps, actor.account_id, feature_set_id, ProcessId(node.id))
        await change.note("feature_set.moved", moved.name, feature_set_id=str(moved.id), to=node.where)
    return node


async def hangers_of(deps: Deps, actor: Actor, feature_set_id: FeatureSetId) -> Hangers:
    """What goes with the feature set when it is deleted."""
    configs = await callbacks.list_configs(deps, actor.account_id)
    every = await feedback.list_campaigns(deps, actor.account_id)
    campaigns = [one for one in every if one.feature_set_id == feature_set_id]
    results = [await feedback.results(deps, actor.account_id, one.id) for one in campaigns]
    return Hangers(
        next((one.name for one in configs if one.feature_set_id == feature_set_id), ""),
        [one.name for one in campaigns],
        sum(one.answered for one in results),
    )


async def delete_set(deps: Deps, actor: Actor, feature_set_id: FeatureSetId) -> FeatureSet:
    """Removes a feature set without numbers; what it was. Raises Forbidden, NotFound, Conflict."""
    placed = await find_set(deps, actor, feature_set_id, Action.FEATURE_SETS_MANAGE)
    gone = await hangers_of(deps, actor, feature_set_id)
    async with changing(deps, actor) as change:
        await structure.delete_feature_set(change.deps, actor.account_id, feature_set_id)
        await change.note(
            "feature_set.deleted",
            placed.feature_set.name,
            feature_set_id=str(feature_set_id),
            campaigns=len(gone.campaigns),
            answers=gone.answer_count,
        )
    return placed.feature_set


async def _home(deps: Deps, actor: Actor, process_id: UUID | None) -> Node:
    found = next((node for node in await homes(deps, actor) if node.id == process_id), None)
    if found is None or not may(actor, Action.FEATURE_SETS_MANAGE, found.path):
        raise InvalidInput("choose a process", field="process")
    return found
