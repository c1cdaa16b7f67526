"""The SQL of accounts that are suspended, or active again: which records of theirs handsets may hold."""

from collections.abc import Sequence
from datetime import datetime
from functools import partial
from typing import LiteralString
from uuid import UUID

from callmark.domain.ids import AccountId
from callmark.domain.personalisation.model import Batch, OpenRecord, Outcome
from callmark.domain.personalisation.queries import BATCH, OPEN, batch_of, open_of_row
from callmark.kit.postgres.database import Database, Tx, affected
from callmark.kit.postgres.piecewise import in_pieces

_HELD_UP: tuple[LiteralString, ...] = ("batch", "upload")


async def open_batches(
    tx: Tx, account_id: AccountId, now: datetime, before: tuple[datetime, UUID], limit: int
) -> list[Batch]:
    """An account's batches with an end to come, newest first, from (accepted_at, id) `before` on.

    Index `batch_account_newest`.
    """
    rows = await tx.fetch(
        f"SELECT {BATCH} FROM batch"
        " WHERE account_id = $1 AND ends_to > $2 AND (accepted_at, id) < ($3, $4)"
        " ORDER BY accepted_at DESC, id DESC LIMIT $5",
        account_id,
        now,
        *before,
        limit,
    )
    return [batch_of(row) for row in rows]


async def open_of(tx: Tx, batches: Sequence[Batch], now: datetime, outcomes: Sequence[Outcome]) -> list[OpenRecord]:
    """Those of the batches' records that have one of these outcomes and are neither withdrawn nor ended.

    Index `call_record_batch`, partitions pruned by the batches' ends.
    """
    rows = await tx.fetch(
        f"SELECT {OPEN} FROM call_record r JOIN label l ON l.id = r.label_id"
        " WHERE r.batch_id = ANY ($1::uuid[]) AND r.ends_at > $2 AND r.ends_at <= $3"
        " AND r.withdrawn_at IS NULL AND r.outcome = ANY ($4::text[])",
        [batch.id for batch in batches],
        now,
        max(batch.ends_to for batch in batches),
        list(outcomes),
    )
    return [open_of_row(row) for row in rows]


async def make_due(db: Database, account_id: AccountId, now: datetime) -> None:
    """What an account's suspension held up is due now: its batches, and its uploads. Index `<table>_due_account_id`.

    Leases end first: a worker that saw the account suspended may be about to write that a row waits for long. One that
    is at work continues beside the next, as after a lease that ran out.
    """
    for table in _HELD_UP:
        async with db.connection() as tx:
            await tx.execute(
                f"UPDATE {table} SET lease_id = NULL, leased_until = NULL"
                " WHERE account_id = $1 AND due_at <= $2 AND lease_id IS NOT NULL",
                account_id,
                now,
            )
        await in_pieces(db, partial(_make_some_due, table, account_id, now))


async def _make_some_due(table: LiteralString, account_id: AccountId, now: datetime, tx: Tx, most: int) -> int:
    waiting: LiteralString = f"SELECT id FROM {table} WHERE account_id = $1 AND due_at > $2 LIMIT $3"
    return affected(
        await tx.execute(
            f"UPDATE {table} SET due_at = $2 WHERE id = ANY (ARRAY ({waiting})) AND due_at > $2", account_id, now, most
        )
    )
