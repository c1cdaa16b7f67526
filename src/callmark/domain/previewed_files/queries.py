"""The SQL of files that are previewed (table `file_draft`)."""

from collections.abc import Mapping
from uuid import UUID

import msgspec

from callmark.domain.ids import AccountId, PreviewedFileId
from callmark.domain.previewed_files.model import FilePurpose, PreviewedFile
from callmark.kit.postgres.database import Row, Tx

_COLUMNS = "id, account_id, purpose, subject_id, file_name, content, choices, created_by_email, created_at"
_choices = msgspec.json.Decoder(dict[str, str])


async def insert_file(tx: Tx, file: PreviewedFile) -> None:
    """Writes a file."""
    await tx.execute(
        f"INSERT INTO file_draft ({_COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        file.id,
        file.account_id,
        file.purpose,
        file.subject_id,
        file.file_name,
        file.content,
        msgspec.json.encode(dict(file.choices)).decode(),
        file.created_by_email,
        file.created_at,
    )


async def delete_oldest(tx: Tx, account_id: AccountId, purpose: FilePurpose, kept: int) -> None:
    """Forgets an account's files of that purpose but its newest `kept`. Index file_draft_account."""
    await tx.execute(
        "DELETE FROM file_draft WHERE id IN (SELECT id FROM file_draft WHERE account_id = $1 AND purpose = $2"
        " ORDER BY created_at DESC, id DESC OFFSET $3)",
        account_id,
        purpose,
        kept,
    )


async def select_file(
    tx: Tx, account_id: AccountId, file_id: UUID, purpose: FilePurpose, subject_id: UUID | None
) -> PreviewedFile | None:
    """The account's file of that purpose and subject, or None."""
    row = await tx.fetchrow(
        f"SELECT {_COLUMNS} FROM file_draft WHERE id = $2 AND account_id = $1 AND purpose = $3"
        " AND subject_id IS NOT DISTINCT FROM $4::uuid",
        account_id,
        file_id,
        purpose,
        subject_id,
    )
    return _file(row) if row else None


async def update_choices(tx: Tx, file_id: PreviewedFileId, choices: Mapping[str, str]) -> bool:
    """Keeps what was chosen; False when the file is gone."""
    tag = await tx.execute(
        "UPDATE file_draft SET choices = $2 WHERE id = $1", file_id, msgspec.json.encode(dict(choices)).decode()
    )
    return tag == "UPDATE 1"


async def delete_file(tx: Tx, file_id: PreviewedFileId) -> bool:
    """Forgets a file; False when it is gone already."""
    return await tx.execute("DELETE FROM file_draft WHERE id = $1", file_id) == "DELETE 1"


def _file(row: Row) -> PreviewedFile:
    return PreviewedFile(
        PreviewedFileId(row["id"]),
        AccountId(row["account_id"]),
        FilePurpose(row["purpose"]),
        row["subject_id"],
        row["file_name"],
        row["content"],
        _choices.decode(row["choices"]),
        row["created_by_email"],
        row["created_at"],
    )
