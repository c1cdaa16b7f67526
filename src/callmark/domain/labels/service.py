"""Use cases of labels and their logos. Source: contract, sections 6 and 12.2."""

import asyncio
from collections.abc import Sequence
from datetime import datetime
from typing import TypedDict, Unpack
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace

from callmark.domain.accounts import service as accounts
from callmark.domain.audit import service as audit
from callmark.domain.audit.model import AuditAction
from callmark.domain.deps import Deps
from callmark.domain.ids import AccountId, LabelId
from callmark.domain.labels import categories, logo, model, queries
from callmark.domain.labels.model import Label, LabelChange, LabelType
from callmark.domain.policy.model import Actor
from callmark.domain.stale_confirmations import refuse_changed
from callmark.kit.errors import InvalidInput, found
from callmark.kit.ids import new_id
from callmark.kit.postgres.database import Tx
from callmark.kit.text import kept_or

_UNKNOWN = "no label with this id in this account"
_LAST_OFFSET = 2**63 - 1
"""The furthest PostgreSQL counts; a page beyond it is as empty as any past the end."""


class NewLabel(TypedDict):
    """What a label is made of; `logo_png` is an uploaded file, which is checked and encoded again."""

    label_type: LabelType
    name: str
    logo_png: bytes
    category: int
    sub_category: int


class PreparedLabel(Struct, frozen=True):
    """A new label that is checked and not stored yet, with its logo as it is kept."""

    label: Label
    logo_png: bytes


async def create_label(deps: Deps, account_id: AccountId, *, by: Actor, **new: Unpack[NewLabel]) -> Label:
    """The new label. Raises as `prepare_label`, and NotFound for an unknown account."""
    prepared = await prepare_label(deps, account_id, by=by, **new)
    async with deps.db.transaction() as tx:
        return await create_label_in(tx, deps, prepared, by=by)


async def prepare_label(deps: Deps, account_id: AccountId, *, by: Actor, **new: Unpack[NewLabel]) -> PreparedLabel:
    """A label for `create_label_in`. To decode its logo takes a while, so it is done before the transaction.

    Raises InvalidInput for a name, a logo or a category that cannot be used.
    """
    name = model.label_name(new["name"])
    categories.check(new["category"], new["sub_category"])
    png = await asyncio.to_thread(logo.clean_logo, new["logo_png"])
    label = Label(
        id=LabelId(new_id()),
        account_id=account_id,
        label_type=new["label_type"],
        name=name,
        category=new["category"],
        sub_category=new["sub_category"],
        logo_sha256=logo.sha256(png),
        is_default=False,
        created_by_email=by.email,
        created_at=deps.clock.now(),
    )
    return PreparedLabel(label, png)


async def create_label_in(tx: Tx, deps: Deps, prepared: PreparedLabel, *, by: Actor) -> Label:
    """The label, now stored. Raises NotFound for an unknown account."""
    label = prepared.label
    await accounts.lock_account(tx, label.account_id)
    await queries.insert_logo(tx, label.logo_sha256, prepared.logo_png)
    await queries.insert_label(tx, label)
    await _note(deps, tx, by, AuditAction.LABEL_CREATED, label, type=label.label_type)
    return label


async def get_label(deps: Deps, account_id: AccountId, label_id: LabelId) -> Label:
    """The account's active label of either type; NotFound when it has none of this id."""
    async with deps.db.connection() as tx:
        return found(await queries.select_label(tx, account_id, label_id), _UNKNOWN)


async def list_labels(deps: Deps, account_id: AccountId) -> list[Label]:
    """The account's active labels of both types, newest first. NotFound for an unknown account."""
    await accounts.get_account(deps, account_id)
    async with deps.db.connection() as tx:
        return await queries.select_labels(tx, account_id)


async def search_labels(
    deps: Deps,
    account_id: AccountId,
    *,
    text: str = "",
    kind: LabelType | None = None,
    after: tuple[datetime, UUID] | None,
    limit: int,
) -> list[Label]:
    """Up to `limit` of the account's active labels behind the key `after`, newest first.

    `text` is part of their name, in any spelling of case. NotFound for an unknown account.
    """
    await accounts.get_account(deps, account_id)
    async with deps.db.connection() as tx:
        return await queries.search_labels(tx, account_id, text, kind, after, limit)


async def count_labels(deps: Deps, account_id: AccountId) -> dict[LabelType, int]:
    """How many active labels of each type the account has."""
    async with deps.db.connection() as tx:
        return dict.fromkeys(LabelType, 0) | await queries.count_labels(tx, account_id)


async def list_for_records(deps: Deps, account_id: AccountId) -> list[Label]:
    """The labels that call records may name, the default first, then the oldest."""
    async with deps.db.connection() as tx:
        return await queries.select_for_records(tx, account_id)


async def list_dynamic(deps: Deps, account_id: AccountId, *, page: int, limit: int) -> list[Label]:
    """Page `page` (from 1) of the account's active dynamic labels, `limit` a page, newest first; empty past the end."""
    skip = min((page - 1) * limit, _LAST_OFFSET)
    async with deps.db.connection() as tx:
        return await queries.select_dynamic_page(tx, account_id, skip, limit)


async def update_label(
    deps: Deps, account_id: AccountId, label_id: LabelId, change: LabelChange, *, by: Actor
) -> Label:
    """The label after the change; records pushed before keep their name, and on handsets that hold them their logo.

    Made default, it takes the mark from the one that had it. Raises NotFound, or InvalidInput (also for a static
    label made default, and for a category that does not fit the sub-category that stays).
    """
    png = None if change.logo_png is None else await asyncio.to_thread(logo.clean_logo, change.logo_png)
    async with deps.db.transaction() as tx:
        await accounts.lock_account(tx, account_id)
        old = found(await queries.lock_label(tx, account_id, label_id), _UNKNOWN)
        new = replace(
            old,
            name=kept_or(old.name, change.name, model.label_name),
            category=old.category if change.category is None else change.category,
            sub_category=old.sub_category if change.sub_category is None else change.sub_category,
            logo_sha256=old.logo_sha256 if png is None else logo.sha256(png),
            is_default=old.is_default or change.make_default,
        )
        categories.check(new.category, new.sub_category)
        if png is not None:
            await queries.insert_logo(tx, new.logo_sha256, png)
        if change.make_default:
            await _clear_default_for(tx, new)
        await queries.update_label(tx, new)
        if replace(new, is_default=old.is_default) != old:
            await _note(deps, tx, by, AuditAction.LABEL_CHANGED, new, new_logo=new.logo_sha256 != old.logo_sha256)
        if new.is_default and not old.is_default:
            await _note(deps, tx, by, AuditAction.LABEL_MADE_DEFAULT, new)
    return new


async def delete_label(deps: Deps, account_id: AccountId, label_id: LabelId, *, by: Actor, shown: str = "") -> Label:
    """Ends the label and returns it: new records can no longer name it; those pushed before still show it.

    `shown` is the digest of what is `lost` with it, as it was shown. Raises NotFound, ChangedMeanwhile, or Conflict
    while a feature set has it.
    """
    async with deps.db.transaction() as tx:
        label = found(await queries.mark_deleted(tx, account_id, label_id, deps.clock.now()), _UNKNOWN)
        refuse_changed(shown, label.lost)
        await _note(deps, tx, by, AuditAction.LABEL_DELETED, label)
    return label


async def static_label_exists(tx: Tx, account_id: AccountId, label_id: LabelId) -> bool:
    """Whether the account has this active static label; then it cannot be deleted until the transaction ends."""
    return await queries.hold_static(tx, account_id, label_id)


async def dynamic_each(tx: Tx, wanted: Sequence[tuple[AccountId, UUID]]) -> list[Label | None]:
    """For each (account, label id): the account's active dynamic label of this id, or None. One statement."""
    return await queries.select_dynamic_each(tx, wanted)


async def default_dynamic_label(tx: Tx, account_id: AccountId) -> Label | None:
    """The label that is used where a record names none: the one marked default, else the oldest (contract D11)."""
    return await queries.select_default_dynamic(tx, account_id)


def logo_url(public_url: str, label: Label) -> str:
    """Where the label's logo is served; `public_url` as in `Deps.public_url`."""
    return model.logo_address(public_url, label.logo_sha256)


async def keep_logo(deps: Deps, file: bytes) -> str:
    """The name (its content's hash) under which an uploaded logo is kept, for a form that is to be sent again.

    Raises InvalidInput about `logo`.
    """
    png = await asyncio.to_thread(logo.clean_logo, file)
    async with deps.db.connection() as tx:
        await queries.insert_logo(tx, logo.sha256(png), png)
    return logo.sha256(png).hex()


async def kept_logo(deps: Deps, name: str) -> bytes:
    """The logo that `keep_logo` kept under that name. Raises InvalidInput about `logo`."""
    try:
        png = await logo_png(deps, bytes.fromhex(name)) if name else None
    except ValueError:
        png = None
    if png is None:
        raise InvalidInput("choose a logo", field="logo")
    return png


async def logo_png(deps: Deps, logo_sha256: bytes) -> bytes | None:
    """The logo of that content, or None."""
    async with deps.db.connection() as tx:
        return await queries.select_logo(tx, logo_sha256)


async def _clear_default_for(tx: Tx, label: Label) -> None:
    if label.label_type is not LabelType.DYNAMIC:
        raise InvalidInput("only a dynamic label can be the default", field="is_default")
    await queries.clear_default(tx, label.account_id)


async def _note(deps: Deps, tx: Tx, by: Actor, action: AuditAction, label: Label, **facts: object) -> None:
    facts["label_id"] = str(label.id)
    await audit.note(tx, by, action, label.name, account_id=label.account_id, at=deps.clock.now(), **facts)
