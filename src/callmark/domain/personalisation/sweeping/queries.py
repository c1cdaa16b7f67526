"""The SQL that finds what its window has left pending: batch by batch, and record by record.

No statement here joins records to other rows: a row that is being settled is waited for, and costs no other its turn.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import NamedTuple
from uuid import UUID

import asyncpg

from callmark.kit.postgres.database import Tx, affected, own_names


class OpenBatch(NamedTuple):
    """A batch, when the first of its windows ends, and how many records it has."""

    id: UUID
    ends_from: datetime
    records: int


class RecordPartition(NamedTuple):
    """A partition of `call_record`: its name, its day's first instant (None: days without one) and size in blocks."""

    name: str
    day: datetime | None
    blocks: int


async def open_batches(tx: Tx, now: datetime) -> list[OpenBatch]:
    """Batches whose first window is over and that nobody has counted as done.

    Those that are due, those that the figures wait for, those that the figures have not reached. Indexes
    `batch_due_account_id`, primary keys.
    """
    rows = await tx.fetch(
        """
        SELECT id, ends_from, record_count FROM batch WHERE due_at IS NOT NULL AND ends_from < $1
        UNION SELECT b.id, b.ends_from, b.record_count FROM uncounted_batch u JOIN batch b ON b.id = u.batch_id
          WHERE b.ends_from < $1
        UNION SELECT id, ends_from, record_count FROM batch
          WHERE id > (SELECT up_to_id FROM count_mark WHERE what = 'batches') AND ends_from < $1
        """,
        now,
    )
    return [OpenBatch(*row) for row in rows]


async def fail_ended_of(tx: Tx, batches: Sequence[OpenBatch], now: datetime) -> int:
    """Fails what is pending past its window in these batches; how many. Index `call_record_batch`, pruned by ends."""
    tag = await tx.execute(
        "UPDATE call_record SET outcome = 'failed_to_push', settled_at = greatest($3, accepted_at)"
        " WHERE batch_id = ANY ($1::uuid[]) AND ends_at >= $2 AND ends_at < $3 AND outcome = 'pending'",
        [batch.id for batch in batches],
        min(batch.ends_from for batch in batches),
        now,
    )
    return affected(tag)


async def parts(tx: Tx) -> list[RecordPartition]:
    """Every partition of `call_record`, oldest first."""
    rows = await tx.fetch(
        "SELECT c.relname, substring(c.relname FROM '_([0-9]{8})$') AS day,"
        " pg_relation_size(c.oid) / current_setting('block_size')::bigint AS blocks"
        " FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid"
        " WHERE i.inhparent = 'call_record'::regclass ORDER BY c.relname"
    )
    return [RecordPartition(row["relname"], _first_of(row["day"]), row["blocks"] or 0) for row in rows]


def _first_of(day: str | None) -> datetime | None:
    return datetime.strptime(day, "%Y%m%d").replace(tzinfo=UTC) if day else None


async def fail_ended_in(tx: Tx, part: RecordPartition, blocks: range, now: datetime) -> int | None:
    """Fails what is pending past its window in these blocks of a partition, whatever its batch says; how many.

    None when the partition is gone. Reads the blocks from end to end: an index of what is pending would have to be
    written with each record, and again with each outcome.
    """
    try:
        tag = await tx.execute(
            f"UPDATE {own_names(part.name)} SET outcome = 'failed_to_push', settled_at = greatest($1, accepted_at)"
            " WHERE ctid >= $2::tid AND ctid < $3::tid AND outcome = 'pending' AND ends_at < $1",
            now,
            (blocks.start, 0),
            (blocks.stop, 0),
        )
    except asyncpg.UndefinedTableError:
        return None
    return affected(tag)


async def swept_to(tx: Tx) -> datetime | None:
    """Up to which instant every record was checked; None: never."""
    return await tx.fetchval("SELECT nullif(up_to_at, '-infinity') FROM count_mark WHERE what = 'swept'")


async def set_swept_to(tx: Tx, at: datetime) -> None:
    """Notes that every record was checked up to that instant."""
    await tx.execute("UPDATE count_mark SET up_to_at = $1 WHERE what = 'swept'", at)
