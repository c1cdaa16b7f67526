"""Business identity, for people: the labels of an account and their logos (contract, section 12.2)."""

from dataclasses import dataclass

from callmark.domain.access.changes import changing
from callmark.domain.access.model import Actor, check
from callmark.domain.deps import Deps
from callmark.domain.ids import LabelId
from callmark.domain.labels import service as labels
from callmark.domain.labels.model import Label, LabelType
from callmark.domain.policy.model import Action
from callmark.domain.structure import library
from callmark.kit.errors import InvalidInput


@dataclass(frozen=True)
class UsedLabel:
    """A label, and the names of the feature sets that show it."""

    label: Label
    used_by: list[str]


async def list_labels(deps: Deps, actor: Actor) -> list[UsedLabel]:
    """All labels of the account, newest first. Raises Forbidden."""
    check(actor, Action.LABELS_VIEW)
    users = await library.users(deps, actor.account_id)
    found = await labels.list_labels(deps, actor.account_id)
    return [UsedLabel(label, users.of_labels.get(label.id, [])) for label in found]


async def list_dynamic(deps: Deps, actor: Actor) -> list[Label]:
    """The labels that call records may name, the one that stands in for none first. Raises Forbidden."""
    check(actor, Action.LABELS_VIEW)
    found = await labels.list_labels(deps, actor.account_id)
    dynamic = [label for label in found if label.label_type is LabelType.DYNAMIC]
    return sorted(dynamic, key=lambda label: (not label.is_default, label.created_at, label.id))


async def get_label(deps: Deps, actor: Actor, label_id: LabelId) -> UsedLabel:
    """One label. Raises Forbidden, NotFound."""
    check(actor, Action.LABELS_VIEW)
    label = await labels.get_label(deps, actor.account_id, label_id)
    users = await library.users(deps, actor.account_id)
    return UsedLabel(label, users.of_labels.get(label.id, []))


async def keep_logo(deps: Deps, actor: Actor, file: bytes) -> str:
    """The name (its content's hash) under which a logo is kept and served, for a form that is to be sent again.

    Raises Forbidden, InvalidInput about `logo`.
    """
    check(actor, Action.LABELS_MANAGE)
    return (await labels.keep_logo(deps, file)).hex()


async def create_label(
    deps: Deps, actor: Actor, *, label_type: LabelType, name: str, logo: str, category: int, sub_category: int
) -> Label:
    """The new label with a logo that is kept. Raises Forbidden, InvalidInput about `name`, `logo` or `sub_category`."""
    check(actor, Action.LABELS_MANAGE)
    logo_png = await _kept(deps, logo)
    async with changing(deps, actor) as change:
        label = await labels.create_label(
            change.deps,
            actor.account_id,
            label_type=label_type,
            name=name,
            logo_png=logo_png,
            category=category,
            sub_category=sub_category,
            created_by_email=actor.email,
        )
        await change.note("label.created", label.name, label_id=str(label.id), type=label.label_type)
    return label


async def update_label(
    deps: Deps,
    actor: Actor,
    label_id: LabelId,
    *,
    name: str,
    category: int,
    sub_category: int,
    logo: str,
) -> Label:
    """The label after the change; with an empty `logo` it keeps its own. Raises Forbidden, NotFound, InvalidInput."""
    check(actor, Action.LABELS_MANAGE)
    logo_png = await _kept(deps, logo) if logo else None
    async with changing(deps, actor) as change:
        label = await labels.update_label(
            change.deps,
            actor.account_id,
            label_id,
            name=name,
            category=category,
            sub_category=sub_category,
            logo_png=logo_png,
        )
        await change.note("label.changed", label.name, label_id=str(label.id), new_logo=logo_png is not None)
    return label


async def make_default(deps: Deps, actor: Actor, label_id: LabelId) -> Label:
    """The label, which now stands in where a record names none (contract D11). Raises Forbidden, NotFound."""
    check(actor, Action.LABELS_MANAGE)
    async with changing(deps, actor) as change:
        label = await labels.update_label(change.deps, actor.account_id, label_id, make_default=True)
        await change.note("label.made_default", label.name, label_id=str(label.id))
    return label


async def delete_label(deps: Deps, actor: Actor, label_id: LabelId) -> Label:
    """Ends the label; what it was. Raises Forbidden, NotFound, Conflict while a feature set shows it."""
    check(actor, Action.LABELS_MANAGE)
    async with changing(deps, actor) as change:
        label = await labels.get_label(change.deps, actor.account_id, label_id)
        await labels.delete_label(change.deps, actor.account_id, label_id)
        await change.note("label.deleted", label.name, label_id=str(label.id))
    return label


async def _kept(deps: Deps, logo: str) -> bytes:
    """The logo that is kept under that name. Raises InvalidInput about `logo`."""
    try:
        found = await labels.logo_png(deps, bytes.fromhex(logo)) if logo else None
    except ValueError:
        found = None
    if found is None:
        raise InvalidInput("choose a logo", field="logo")
    return found
