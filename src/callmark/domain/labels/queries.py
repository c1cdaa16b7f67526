"""The SQL of labels and logos."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import asyncpg

from callmark.domain.ids import AccountId, LabelId
from callmark.domain.labels.model import Label, LabelType
from callmark.kit.errors import Conflict
from callmark.kit.postgres.any_case import in_any_case
from callmark.kit.postgres.database import Row, Tx

_SELECT = (
    "SELECT id, account_id, label_type, name, category, sub_category, logo_sha256, is_default, created_by_email,"
    " created_at FROM label"
)
_DYNAMIC = f"{_SELECT} WHERE deleted_at IS NULL AND label_type = 'dynamic' AND"


async def insert_label(tx: Tx, label: Label) -> None:
    """Writes a new label; its logo must be stored already."""
    await tx.execute(
        "INSERT INTO label (id, account_id, label_type, name, category, sub_category, logo_sha256, is_default,"
        " created_by_email, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
        label.id,
        label.account_id,
        label.label_type,
        label.name,
        label.category,
        label.sub_category,
        label.logo_sha256,
        label.is_default,
        label.created_by_email,
        label.created_at,
    )


async def select_label(tx: Tx, account_id: AccountId, label_id: LabelId) -> Label | None:
    """The account's active label of any type, or None."""
    row = await tx.fetchrow(
        f"{_SELECT} WHERE id = $2 AND account_id = $1 AND deleted_at IS NULL",
        account_id,
        label_id,
    )
    return _label(row) if row else None


async def lock_label(tx: Tx, account_id: AccountId, label_id: LabelId) -> Label | None:
    """As `select_label`, the row locked until the transaction ends."""
    row = await tx.fetchrow(
        f"{_SELECT} WHERE id = $2 AND account_id = $1 AND deleted_at IS NULL FOR NO KEY UPDATE",
        account_id,
        label_id,
    )
    return _label(row) if row else None


async def select_labels(tx: Tx, account_id: AccountId) -> list[Label]:
    """The account's active labels of both types, newest first. Index label_account_newest."""
    rows = await tx.fetch(
        f"{_SELECT} WHERE account_id = $1 AND deleted_at IS NULL ORDER BY created_at DESC, id DESC",
        account_id,
    )
    return [_label(row) for row in rows]


async def search_labels(
    tx: Tx, account_id: AccountId, text: str, kind: LabelType | None, after: tuple[datetime, UUID] | None, limit: int
) -> list[Label]:
    """Up to `limit` active labels behind the key `after`, newest first; `text` is part of their name, or nothing.

    Index label_account_newest.
    """
    at, label_id = after or (None, None)
    rows = await tx.fetch(
        f"{_SELECT} WHERE account_id = $1 AND deleted_at IS NULL AND ($2 = '' OR name ~ $2)"
        " AND ($3::text IS NULL OR label_type = $3)"
        " AND ($4::timestamptz IS NULL OR (created_at, id) < ($4, $5::uuid))"
        " ORDER BY created_at DESC, id DESC LIMIT $6",
        account_id,
        in_any_case(text),
        kind,
        at,
        label_id,
        limit,
    )
    return [_label(row) for row in rows]


async def count_labels(tx: Tx, account_id: AccountId) -> dict[LabelType, int]:
    """How many active labels the account has, by type; without the types that it has none of."""
    rows = await tx.fetch(
        "SELECT label_type, count(*) AS count FROM label WHERE account_id = $1 AND deleted_at IS NULL"
        " GROUP BY label_type",
        account_id,
    )
    return {LabelType(row["label_type"]): row["count"] for row in rows}


async def select_dynamic_page(tx: Tx, account_id: AccountId, skip: int, limit: int) -> list[Label]:
    """Up to `limit` active dynamic labels after the newest `skip`, newest first. Index label_account_newest."""
    rows = await tx.fetch(
        f"{_DYNAMIC} account_id = $1 ORDER BY created_at DESC, id DESC LIMIT $2 OFFSET $3",
        account_id,
        limit,
        skip,
    )
    return [_label(row) for row in rows]


async def select_for_records(tx: Tx, account_id: AccountId) -> list[Label]:
    """The account's active dynamic labels, the default first, then the oldest. Index label_account_newest."""
    rows = await tx.fetch(f"{_DYNAMIC} account_id = $1 ORDER BY is_default DESC, created_at, id", account_id)
    return [_label(row) for row in rows]


async def select_dynamic_each(tx: Tx, wanted: Sequence[tuple[AccountId, UUID]]) -> list[Label | None]:
    """For each (account, label id): the account's active dynamic label, or None; by primary key."""
    rows = await tx.fetch(f"{_DYNAMIC} id = ANY ($1::uuid[])", [label_id for _, label_id in wanted])
    found = {(label.account_id, label.id): label for label in map(_label, rows)}
    return [found.get((account_id, LabelId(label_id))) for account_id, label_id in wanted]


async def select_default_dynamic(tx: Tx, account_id: AccountId) -> Label | None:
    """The active dynamic label marked default, else the oldest, else None."""
    row = await tx.fetchrow(f"{_DYNAMIC} account_id = $1 ORDER BY is_default DESC, created_at, id LIMIT 1", account_id)
    return _label(row) if row else None


async def update_label(tx: Tx, label: Label) -> None:
    """Sets what may change of a label: name, category, logo, default."""
    await tx.execute(
        "UPDATE label SET name = $2, category = $3, sub_category = $4, logo_sha256 = $5, is_default = $6 WHERE id = $1",
        label.id,
        label.name,
        label.category,
        label.sub_category,
        label.logo_sha256,
        label.is_default,
    )


async def clear_default(tx: Tx, account_id: AccountId) -> None:
    """Takes the mark from the account's default label, if one has it. The account is to be locked before."""
    await tx.execute(
        "UPDATE label SET is_default = false WHERE account_id = $1 AND is_default AND deleted_at IS NULL", account_id
    )


async def hold_static(tx: Tx, account_id: AccountId, label_id: LabelId) -> bool:
    """Whether the account has this active static label; then it cannot be deleted until the transaction ends."""
    found = await tx.fetchval(
        "SELECT id FROM label WHERE id = $2 AND account_id = $1 AND deleted_at IS NULL AND label_type = 'static'"
        " FOR KEY SHARE",
        account_id,
        label_id,
    )
    return found is not None


async def mark_deleted(tx: Tx, account_id: AccountId, label_id: LabelId, now: datetime) -> Label | None:
    """Ends an active label; what it was, None when there was none. The row stays, because records name it.

    Conflict when a feature set has it, whose reference is to an active label (0004_pre_add_structure_and_numbers.sql).
    """
    try:
        row = await tx.fetchrow(
            "UPDATE label SET deleted_at = $3 WHERE id = $2 AND account_id = $1 AND deleted_at IS NULL RETURNING *",
            account_id,
            label_id,
            now,
        )
    except asyncpg.ForeignKeyViolationError as exc:
        raise Conflict("this label is used by a feature set; choose another label there first") from exc
    return _label(row) if row else None


async def insert_logo(tx: Tx, sha256: bytes, png: bytes) -> None:
    """Stores a logo under its content's name; one that is there already stays."""
    await tx.execute("INSERT INTO logo (sha256, png) VALUES ($1, $2) ON CONFLICT (sha256) DO NOTHING", sha256, png)


async def select_logo(tx: Tx, sha256: bytes) -> bytes | None:
    """The logo's PNG, or None."""
    return await tx.fetchval("SELECT png FROM logo WHERE sha256 = $1", sha256)


def _label(row: Row) -> Label:
    return Label(
        id=LabelId(row["id"]),
        account_id=AccountId(row["account_id"]),
        label_type=LabelType(row["label_type"]),
        name=row["name"],
        category=row["category"],
        sub_category=row["sub_category"],
        logo_sha256=row["logo_sha256"],
        is_default=row["is_default"],
        created_by_email=row["created_by_email"],
        created_at=row["created_at"],
    )
