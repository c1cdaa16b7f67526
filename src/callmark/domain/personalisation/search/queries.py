"""The SQL of looking for batches and records, for people: by key, a page at a time, no counting of all."""

from collections.abc import Collection
from datetime import datetime
from typing import LiteralString
from uuid import UUID

from callmark.domain.ids import AccountId
from callmark.domain.personalisation.model import Batch, Outcome, StoredRecord
from callmark.domain.personalisation.queries import BATCH, STORED, batch_of, stored_of
from callmark.kit.phone import PhoneNumber
from callmark.kit.postgres.database import Row, Tx

_BATCH_AND_DONE = f"{BATCH}, due_at IS NULL AS is_done"
_LISTED = (
    "account_id = $1 AND accepted_at >= coalesce($2::timestamptz, '-infinity')"
    " AND accepted_at < coalesce($3::timestamptz, 'infinity') AND (accepted_at, id)"
    " < (coalesce($4::timestamptz, 'infinity'), coalesce($5::uuid, 'ffffffff-ffff-ffff-ffff-ffffffffffff'))"
)
"""An account's batches accepted between, after a key. In a form that the index takes up whatever is left out."""


async def find_batch(tx: Tx, account_id: AccountId, batch_id: UUID) -> tuple[Batch, bool] | None:
    """An account's batch and whether it is done. Primary key."""
    row = await tx.fetchrow(
        f"SELECT {_BATCH_AND_DONE} FROM batch WHERE id = $1 AND account_id = $2", batch_id, account_id
    )
    return (batch_of(row), row["is_done"]) if row else None


async def select_batches(
    tx: Tx,
    account_id: AccountId,
    *,
    between: tuple[datetime | None, datetime | None],
    after: tuple[datetime, UUID] | None,
    limit: int,
    is_working: bool = False,
) -> list[tuple[Batch, bool]]:
    """An account's batches accepted between, newest first, after the key; each with whether it is done.

    Index batch_account_newest; where they must be worked at, batch_due_account_id when these are few.
    """
    working: LiteralString = " AND due_at IS NOT NULL" if is_working else ""
    rows = await tx.fetch(
        f"SELECT {_BATCH_AND_DONE} FROM batch WHERE {_LISTED}{working} ORDER BY accepted_at DESC, id DESC LIMIT $6",
        account_id,
        *between,
        *(after or (None, None)),
        limit,
    )
    return [(batch_of(row), row["is_done"]) for row in rows]


async def filter_batches(
    tx: Tx,
    account_id: AccountId,
    *,
    between: tuple[datetime | None, datetime | None],
    after: tuple[datetime, UUID] | None,
    limit: int,
    most: int,
    is_done: bool | None,
    id_part: str,
) -> tuple[list[tuple[Batch, bool]], tuple[datetime, UUID] | None]:
    """Those of an account's next `most` batches that are done (or not), and whose id begins or ends so, up to `limit`.

    And the key of the last that was read, None where there are no more. Index batch_account_newest.
    """
    looked_at = (account_id, *between, *(after or (None, None)))
    rows = await tx.fetch(
        f"""
        SELECT * FROM (
          SELECT {_BATCH_AND_DONE} FROM batch WHERE {_LISTED} ORDER BY accepted_at DESC, id DESC LIMIT $6
        ) b WHERE ($7::boolean IS NULL OR is_done = $7)
          AND ($8 = '' OR right(id::text, length($8)) = $8 OR starts_with(id::text, $8))
        ORDER BY accepted_at DESC, id DESC LIMIT $9
        """,
        *looked_at,
        *(most, is_done, id_part, limit),
    )
    last = await tx.fetchrow(
        f"SELECT accepted_at, id FROM batch WHERE {_LISTED} ORDER BY accepted_at DESC, id DESC OFFSET $6 LIMIT 1",
        *looked_at,
        most - 1,
    )
    return [(batch_of(row), row["is_done"]) for row in rows], (last["accepted_at"], last["id"]) if last else None


async def batches_from(
    tx: Tx, account_id: AccountId, at: datetime, batch_id: UUID, limit: int, *, since: datetime | None
) -> list[Batch]:
    """An account's batches accepted since, newest first, beginning with that one. Index batch_account_newest."""
    rows = await tx.fetch(
        f"SELECT {_BATCH_AND_DONE} FROM batch WHERE account_id = $1 AND (accepted_at, id) <= ($2, $3)"
        " AND accepted_at >= coalesce($5::timestamptz, '-infinity') ORDER BY accepted_at DESC, id DESC LIMIT $4",
        account_id,
        at,
        batch_id,
        limit,
        since,
    )
    return [batch_of(row) for row in rows]


async def records_of(
    tx: Tx,
    batches: Collection[Batch],
    caller: PhoneNumber | None,
    outcome: Outcome | None,
    *,
    starts: tuple[str, str],
    id_part: str,
) -> list[StoredRecord]:
    """Those batches' records of this caller and outcome (None: any), in no order.

    `starts`: how receiver and caller begin; `id_part`: how the record's or batch's id begins or ends; empty: any.

    Index `call_record_batch`, partitions pruned by the range of all.
    """
    rows = await tx.fetch(
        f"SELECT {STORED} FROM call_record WHERE batch_id = ANY ($1::uuid[]) AND ends_at BETWEEN $2 AND $3"
        " AND ($4::text IS NULL OR caller_number = $4) AND ($5::text IS NULL OR outcome = $5)"
        " AND ($6 = '' OR starts_with(receiver_number, $6)) AND ($7 = '' OR starts_with(caller_number, $7))"
        f" AND {_id_fits('$8')}",
        [batch.id for batch in batches],
        min(batch.ends_from for batch in batches),
        max(batch.ends_to for batch in batches),
        caller,
        outcome,
        *starts,
        id_part,
    )
    return [stored_of(row) for row in rows]


async def records_to(
    tx: Tx,
    account_id: AccountId,
    numbers: tuple[PhoneNumber, PhoneNumber | None, str],
    *,
    outcome: Outcome | None,
    id_part: str,
    since: datetime | None,
    after: tuple[datetime, UUID] | None,
    limit: int,
) -> list[StoredRecord]:
    """An account's records for a receiver, accepted since, the latest window first, after the key (ends_at, id).

    `numbers`: the receiver and the caller (None: any), and how the caller begins (empty: any).

    Primary key: an index probe for each day that is kept.
    """
    rows = await tx.fetch(
        f"SELECT {STORED} FROM call_record WHERE receiver_number = $1 AND account_id = $2"
        " AND ($3::text IS NULL OR caller_number = $3) AND ($4::text IS NULL OR outcome = $4)"
        " AND ($10 = '' OR starts_with(caller_number, $10))"
        f" AND {_id_fits('$8')} AND accepted_at >= coalesce($9::timestamptz, '-infinity')"
        " AND ($5::timestamptz IS NULL OR (ends_at, id) < ($5, $6::uuid)) ORDER BY ends_at DESC, id DESC LIMIT $7",
        numbers[0],
        account_id,
        numbers[1],
        outcome,
        *(after or (None, None)),
        limit,
        id_part,
        since,
        numbers[2],
    )
    return [stored_of(row) for row in rows]


def _id_fits(part: LiteralString) -> LiteralString:
    """Whether the record's or its batch's id begins or ends like the parameter `part`; an empty one fits all."""
    return (
        f"({part} = '' OR right(id::text, length({part})) = {part} OR starts_with(id::text, {part})"
        f" OR right(batch_id::text, length({part})) = {part} OR starts_with(batch_id::text, {part}))"
    )


async def outcomes_by_batch(tx: Tx, batches: Collection[Batch]) -> list[Row]:
    """A row for each batch and outcome: how many records. As `records_of` otherwise."""
    if not batches:
        return []
    return await tx.fetch(
        "SELECT batch_id, outcome, count(*) AS n FROM call_record"
        " WHERE batch_id = ANY ($1::uuid[]) AND ends_at BETWEEN $2 AND $3 GROUP BY batch_id, outcome",
        [batch.id for batch in batches],
        min(batch.ends_from for batch in batches),
        max(batch.ends_to for batch in batches),
    )
