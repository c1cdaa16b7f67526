"""The SQL of uploaded files."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from callmark.domain.ids import AccountId, BatchId, UploadId
from callmark.domain.personalisation.uploads.model import Upload, UploadPart
from callmark.kit.postgres.database import Database, Row, Tx
from callmark.kit.postgres.piecewise import LARGE_ROWS, delete_where

_UPLOAD = "id, account_id, file_name, region, row_count, submitted_count, created_by_email, created_at, left_out_count"


async def insert_upload(tx: Tx, upload: Upload, parts: Sequence[str], now: datetime) -> None:
    """Writes an upload, due now, with its parts as JSON."""
    await tx.execute(
        f"INSERT INTO upload ({_UPLOAD}, due_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
        upload.id,
        upload.account_id,
        upload.file_name,
        upload.region,
        upload.row_count,
        upload.submitted_count,
        upload.created_by_email,
        upload.created_at,
        upload.left_out_count,
        now,
    )
    await tx.copy_records_to_table(
        "upload_part",
        records=[(upload.id, i, rows) for i, rows in enumerate(parts)],
        columns=("upload_id", "number", "rows"),
    )


async def select_upload(tx: Tx, account_id: AccountId, upload_id: UUID) -> Upload | None:
    """The account's upload, or None."""
    row = await tx.fetchrow(
        f"SELECT {_UPLOAD} FROM upload WHERE id = $2 AND account_id = $1",
        account_id,
        upload_id,
    )
    return upload_of(row) if row else None


async def select_uploads(
    tx: Tx, account_id: AccountId, after: tuple[datetime, UUID] | None, limit: int
) -> list[Upload]:
    """An account's uploads, newest first, after the key. Index upload_account_newest."""
    rows = await tx.fetch(
        f"SELECT {_UPLOAD} FROM upload WHERE account_id = $1"
        " AND ($2::timestamptz IS NULL OR (created_at, id) < ($2, $3::uuid))"
        " ORDER BY created_at DESC, id DESC LIMIT $4",
        account_id,
        *(after or (None, None)),
        limit,
    )
    return [upload_of(row) for row in rows]


async def next_part(tx: Tx, upload_id: UploadId) -> UploadPart | None:
    """The first part that is not submitted; None when all are."""
    row = await tx.fetchrow(
        "SELECT number, batch_id FROM upload_part WHERE upload_id = $1 AND batch_id IS NULL ORDER BY number LIMIT 1",
        upload_id,
    )
    return _part(row) if row else None


async def mark_submitted(tx: Tx, upload_id: UploadId, part: UploadPart, batch_id: BatchId, record_count: int) -> bool:
    """Ties a part to its batch, whose records are counted; False when it has one."""
    tag = await tx.execute(
        "UPDATE upload_part SET batch_id = $3 WHERE upload_id = $1 AND number = $2 AND batch_id IS NULL",
        upload_id,
        part.number,
        batch_id,
    )
    if tag != "UPDATE 1":
        return False
    await tx.execute("UPDATE upload SET submitted_count = submitted_count + $2 WHERE id = $1", upload_id, record_count)
    return True


async def part_after(tx: Tx, upload_id: UploadId, after: int) -> UploadPart | None:
    """The part that follows that number; None at the end."""
    row = await tx.fetchrow(
        "SELECT number, batch_id FROM upload_part WHERE upload_id = $1 AND number > $2 ORDER BY number LIMIT 1",
        upload_id,
        after,
    )
    return _part(row) if row else None


async def select_text(tx: Tx, upload_id: UploadId, number: int, start: int, length: int) -> tuple[str, str] | None:
    """Some characters of a part's rows, from 1, and a text that is another one once the part was changed.

    None where the part is gone.
    """
    row = await tx.fetchrow(
        "SELECT xmin::text AS version, substring(rows::text FROM $3::integer FOR $4::integer) AS text FROM upload_part"
        " WHERE upload_id = $1 AND number = $2",
        upload_id,
        number,
        start,
        length,
    )
    return (row["version"], row["text"]) if row else None


async def count_outcomes(tx: Tx, upload_id: UploadId) -> dict[str, int]:
    """How many of an upload's records have which outcome. Index `call_record_batch`, pruned by its batches' range."""
    bounds = await tx.fetchrow(
        "SELECT array_agg(b.id) AS ids, min(b.ends_from) AS lo, max(b.ends_to) AS hi FROM upload_part p"
        " JOIN batch b ON b.id = p.batch_id WHERE p.upload_id = $1",
        upload_id,
    )
    if bounds is None or bounds["ids"] is None:
        return {}
    rows = await tx.fetch(
        "SELECT outcome, count(*) AS n FROM call_record WHERE batch_id = ANY ($1::uuid[]) AND ends_at BETWEEN $2 AND $3"
        " GROUP BY outcome",
        bounds["ids"],
        bounds["lo"],
        bounds["hi"],
    )
    return {row["outcome"]: row["n"] for row in rows}


async def batch_ids(tx: Tx, upload_id: UploadId) -> list[BatchId]:
    """The batches of an upload, in the order of the file."""
    rows = await tx.fetch(
        "SELECT batch_id FROM upload_part WHERE upload_id = $1 AND batch_id IS NOT NULL ORDER BY number", upload_id
    )
    return [BatchId(row["batch_id"]) for row in rows]


async def delete_before(db: Database, instant: datetime) -> None:
    """Forgets uploads that were made before `instant`, are done, and have no batch that ends later, piece by piece.

    Primary keys of `upload_part` and `batch`.
    """
    condition = (
        "created_at < $1 AND due_at IS NULL AND NOT EXISTS (SELECT FROM upload_part p JOIN batch b ON b.id = p.batch_id"
        " WHERE p.upload_id = upload.id AND b.ends_to >= $1)"
    )
    await delete_where(db, "upload", condition, instant, most=LARGE_ROWS)


def upload_of(row: Row) -> Upload:
    """The upload of a row with its columns."""
    return Upload(
        UploadId(row["id"]),
        AccountId(row["account_id"]),
        row["file_name"],
        row["region"],
        row["row_count"],
        row["submitted_count"],
        row["created_by_email"],
        row["created_at"],
        row["left_out_count"],
    )


def _part(row: Row) -> UploadPart:
    batch_id = BatchId(row["batch_id"]) if row["batch_id"] else None
    return UploadPart(row["number"], batch_id)
