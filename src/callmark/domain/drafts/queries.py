"""The SQL of files that are previewed."""

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

import msgspec

from callmark.domain.drafts.model import FileDraft, Purpose
from callmark.domain.ids import AccountId, FileDraftId
from callmark.kit.db import Row, Tx

_COLUMNS = "id, account_id, purpose, subject_id, file_name, content, choices, created_by_email, created_at"
_choices = msgspec.json.Decoder(dict[str, str])


async def insert_draft(tx: Tx, draft: FileDraft) -> None:
    """Writes a draft."""
    await tx.execute(
        f"INSERT INTO file_draft ({_COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        draft.id,
        draft.account_id,
        draft.purpose,
        draft.subject_id,
        draft.file_name,
        draft.content,
        msgspec.json.encode(dict(draft.choices)).decode(),
        draft.created_by_email,
        draft.created_at,
    )


async def delete_oldest(tx: Tx, account_id: AccountId, kept: int) -> None:
    """Forgets an account's drafts but its newest `kept`. Index file_draft_account."""
    await tx.execute(
        "DELETE FROM file_draft WHERE id IN (SELECT id FROM file_draft WHERE account_id = $1"
        " ORDER BY created_at DESC, id DESC OFFSET $2)",
        account_id,
        kept,
    )


async def select_draft(
    tx: Tx, account_id: AccountId, draft_id: UUID, purpose: Purpose, subject_id: UUID | None
) -> FileDraft | None:
    """The account's draft of that purpose and subject, or None."""
    row = await tx.fetchrow(
        f"SELECT {_COLUMNS} FROM file_draft WHERE id = $2 AND account_id = $1 AND purpose = $3"
        " AND subject_id IS NOT DISTINCT FROM $4::uuid",
        account_id,
        draft_id,
        purpose,
        subject_id,
    )
    return _draft(row) if row else None


async def update_choices(tx: Tx, draft_id: FileDraftId, choices: Mapping[str, str]) -> bool:
    """Keeps what was chosen; False when the draft is gone."""
    tag = await tx.execute(
        "UPDATE file_draft SET choices = $2 WHERE id = $1", draft_id, msgspec.json.encode(dict(choices)).decode()
    )
    return tag == "UPDATE 1"


async def delete_draft(tx: Tx, draft_id: FileDraftId) -> bool:
    """Forgets a draft; False when it is gone already."""
    return await tx.execute("DELETE FROM file_draft WHERE id = $1", draft_id) == "DELETE 1"


async def delete_before(tx: Tx, instant: datetime) -> None:
    """Forgets drafts that were made before `instant`. Index file_draft_created."""
    await tx.execute("DELETE FROM file_draft WHERE created_at < $1", instant)


def _draft(row: Row) -> FileDraft:
    return FileDraft(
        FileDraftId(row["id"]),
        AccountId(row["account_id"]),
        Purpose(row["purpose"]),
        row["subject_id"],
        row["file_name"],
        row["content"],
        _choices.decode(row["choices"]),
        row["created_by_email"],
        row["created_at"],
    )
