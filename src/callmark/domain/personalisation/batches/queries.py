"""The SQL of a batch as a whole: how far it is, and taking it back. Single records: `queries`.

Every statement is bounded by the batch's range of ends, so that the planner visits its partitions only.
"""

from datetime import datetime

from callmark.domain.ids import RecordId
from callmark.domain.personalisation.model import Batch, RecordKey
from callmark.domain.personalisation.queries import WITHDRAWN_AT
from callmark.kit.phone import PhoneNumber
from callmark.kit.postgres.database import Row, Tx, affected


async def withdraw_batch(tx: Tx, batch: Batch, now: datetime) -> int:
    """Marks those of a batch's records as withdrawn whose window has not ended; how many. As `withdraw` for each.

    Must run in a transaction. Rows are locked first, in key order, as `settle` takes them, so that the two cannot
    deadlock; the change is a statement of its own, whose snapshot shows them as they were locked.
    """
    bounds = (batch.id, batch.ends_from, batch.ends_to, now)
    await tx.execute(
        """
        SELECT FROM call_record WHERE batch_id = $1 AND ends_at BETWEEN $2 AND $3 AND ends_at > $4
          AND withdrawn_at IS NULL AND outcome <> 'invalid'
        ORDER BY receiver_number, ends_at, id FOR UPDATE
        """,
        *bounds,
    )
    status = await tx.execute(
        f"""
        UPDATE call_record SET
          withdrawn_at = {WITHDRAWN_AT},
          settled_at = CASE WHEN outcome = 'pending' THEN {WITHDRAWN_AT} ELSE settled_at END,
          outcome = CASE WHEN outcome = 'pending' THEN 'failed_to_push' ELSE outcome END
        WHERE batch_id = $1 AND ends_at BETWEEN $2 AND $3 AND ends_at > $4 AND withdrawn_at IS NULL
          AND outcome <> 'invalid'
        """,
        *bounds,
    )
    return affected(status)


async def withdrawn_of(tx: Tx, batch: Batch, now: datetime) -> list[RecordKey]:
    """A batch's withdrawn records whose window has not ended. Index `call_record_batch`, pruned by its range."""
    rows = await tx.fetch(
        "SELECT receiver_number, ends_at, id FROM call_record"
        " WHERE batch_id = $1 AND ends_at BETWEEN $2 AND $3 AND ends_at > $4 AND withdrawn_at IS NOT NULL",
        batch.id,
        batch.ends_from,
        batch.ends_to,
        now,
    )
    return [RecordKey(PhoneNumber(row["receiver_number"]), row["ends_at"], RecordId(row["id"])) for row in rows]


async def is_done(tx: Tx, batch: Batch) -> bool:
    """Whether every record of the batch has an outcome. As `records_of` otherwise."""
    return not await tx.fetchval(
        "SELECT EXISTS (SELECT FROM call_record WHERE batch_id = $1 AND ends_at BETWEEN $2 AND $3"
        " AND outcome = 'pending')",
        batch.id,
        batch.ends_from,
        batch.ends_to,
    )


async def counts_of(tx: Tx, batch: Batch, now: datetime) -> list[Row]:
    """A row per outcome of a batch's records: how many, which, and how many went out, came late, are withdrawn or past.

    Index `call_record_batch`, partitions pruned by the batch's range.
    """
    return await tx.fetch(
        """
        SELECT outcome, count(*) AS records, count(sent_at) AS sent, count(delivered_late_at) AS late,
          count(withdrawn_at) AS withdrawn, count(*) FILTER (WHERE withdrawn_at IS NULL AND ends_at <= $4) AS ended,
          array_agg(id) AS ids, array_agg(receiver_number) AS receivers
        FROM call_record WHERE batch_id = $1 AND ends_at BETWEEN $2 AND $3 GROUP BY outcome
        """,
        batch.id,
        batch.ends_from,
        batch.ends_to,
        now,
    )
