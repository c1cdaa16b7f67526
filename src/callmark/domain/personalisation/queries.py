"""The SQL of batches and call records.

Every statement that reaches a record carries bounds on `ends_at`, so that the planner visits one or two partitions
however many there are.
"""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import LiteralString, NamedTuple
from uuid import UUID

from callmark.domain.ids import AccountId, BatchId, LabelId, RecordId
from callmark.domain.personalisation.batch_rows import COLUMNS
from callmark.domain.personalisation.model import (
    MOST_RECORDS,
    Batch,
    OpenRecord,
    Outcome,
    RecordKey,
    Settlement,
    StoredRecord,
)
from callmark.kit.errors import Unavailable
from callmark.kit.phone import PhoneNumber
from callmark.kit.postgres.copy_format import HEADER, TRAILER
from callmark.kit.postgres.database import Row, Tx, fetch_one

_SETTLE_TRIES = 10

OPEN = (
    "r.receiver_number, r.ends_at, r.id, r.account_id, r.caller_number, r.label_name, l.logo_sha256, r.call_reason,"
    " r.starts_at, r.accepted_at, r.position"
)
"""The columns of a record `r` with its label `l`, as a handset gets it."""
OPEN_COLUMNS = OPEN.count(",") + 1
STORED = (
    "receiver_number, ends_at, id, batch_id, account_id, position, caller_number, label_id, label_name, call_reason,"
    " starts_at, accepted_at, outcome, fault_field, fault, submitted, sent_at, settled_at, first_outcome,"
    " delivered_late_at, withdrawn_at"
)
"""The columns of a record as status answers and timelines read it."""
BATCH = "id, account_id, accepted_at, record_count, ends_from, ends_to"
"""The columns of a batch, as `batch_of` reads them."""


class AcceptedSingle(NamedTuple):
    """What acceptance writes of a real-time record; a worker takes over at `due_at` what its request left unsettled."""

    receiver_number: PhoneNumber
    ends_at: datetime
    id: RecordId
    batch_id: BatchId
    account_id: AccountId
    caller_number: PhoneNumber
    label_id: LabelId
    label_name: str
    call_reason: str | None
    starts_at: datetime
    accepted_at: datetime
    due_at: datetime


class NewBatch(NamedTuple):
    """A batch to write; not due when no record of it is to be pushed."""

    batch: Batch
    due_at: datetime | None
    traceparent: str | None
    rows: bytes
    """Of its records, as `BatchRows` has them."""


def key_of_row(row: Row) -> RecordKey:
    """The key of a row with its columns."""
    return RecordKey(PhoneNumber(row["receiver_number"]), row["ends_at"], RecordId(row["id"]))


def open_of_row(row: Row) -> OpenRecord:
    """The record of a row that begins with the columns `OPEN`, which have the order of the record's fields."""
    return OpenRecord(RecordKey(row[0], row[1], row[2]), *row[3:OPEN_COLUMNS])


def stored_of(row: Row) -> StoredRecord:
    """The record of a row with the columns `STORED`."""
    return StoredRecord(
        key_of_row(row),
        BatchId(row["batch_id"]),
        AccountId(row["account_id"]),
        row["position"],
        row["caller_number"],
        LabelId(row["label_id"]) if row["label_id"] else None,
        row["label_name"],
        row["call_reason"],
        row["starts_at"],
        row["accepted_at"],
        Outcome(row["outcome"]),
        row["fault_field"],
        row["fault"],
        row["submitted"],
        row["sent_at"],
        row["settled_at"],
        Outcome(row["first_outcome"]) if row["first_outcome"] else None,
        row["delivered_late_at"],
        row["withdrawn_at"],
    )


async def insert_batches(tx: Tx, batches: Sequence[NewBatch]) -> None:
    """Writes batches and, by COPY, their records; in the caller's transaction."""
    await tx.execute(
        "INSERT INTO batch (id, account_id, accepted_at, record_count, ends_from, ends_to, due_at, traceparent)"
        " SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::timestamptz[], $4::int[], $5::timestamptz[],"
        " $6::timestamptz[], $7::timestamptz[], $8::text[])",
        [new.batch.id for new in batches],
        [new.batch.account_id for new in batches],
        [new.batch.accepted_at for new in batches],
        [new.batch.record_count for new in batches],
        [new.batch.ends_from for new in batches],
        [new.batch.ends_to for new in batches],
        [new.due_at for new in batches],
        [new.traceparent for new in batches],
    )
    copied = memoryview(b"".join((HEADER, *(new.rows for new in batches), TRAILER)))
    await tx.copy_to_table("call_record", source=copied, columns=COLUMNS, format="binary")


async def insert_singles(tx: Tx, records: Sequence[AcceptedSingle]) -> None:
    """Writes batches of one good record each, of unrelated requests, in one statement."""
    await tx.execute(
        """
        WITH new AS (
          SELECT * FROM unnest($1::text[], $2::timestamptz[], $3::uuid[], $4::uuid[], $5::uuid[], $6::text[],
            $7::uuid[], $8::text[], $9::text[], $10::timestamptz[], $11::timestamptz[], $12::timestamptz[])
          AS n (receiver, ends_at, id, batch_id, account_id, caller, label_id, label_name, call_reason, starts_at,
            accepted_at, due_at)
        ), batches AS (
          INSERT INTO batch (id, account_id, accepted_at, record_count, ends_from, ends_to, due_at)
          SELECT batch_id, account_id, accepted_at, 1, ends_at, ends_at, due_at FROM new
        )
        INSERT INTO call_record (receiver_number, ends_at, id, batch_id, account_id, position, caller_number, label_id,
          label_name, call_reason, starts_at, accepted_at, outcome)
        SELECT receiver, ends_at, id, batch_id, account_id, 0, caller, label_id, label_name, call_reason, starts_at,
          accepted_at, 'pending' FROM new
        """,
        *map(list, zip(*records, strict=True)),
    )


WITHDRAWN_AT: LiteralString = "greatest($4, accepted_at, settled_at, delivered_late_at)"
"""When a record is withdrawn that was at `$4`: not before what happened to it by other clocks (kit/clock_watch.py)."""

_WRITE_OUTCOMES = """
WITH moved AS (
  UPDATE call_record r SET
    outcome = s.outcome,
    first_outcome = CASE WHEN r.outcome <> 'pending' THEN r.outcome END,
    delivered_late_at = CASE WHEN r.outcome <> 'pending' THEN greatest(s.at, r.settled_at) END,
    sent_at = coalesce(r.sent_at, CASE WHEN s.sent_at IS NOT NULL THEN greatest(s.sent_at, r.accepted_at) END),
    settled_at = coalesce(r.settled_at, greatest(s.at, s.sent_at, r.accepted_at))
  FROM (SELECT * FROM unnest($1::text[], $2::timestamptz[], $3::uuid[], $4::text[], $5::timestamptz[],
    $6::timestamptz[], $7::uuid[]) LIMIT $10) AS s (receiver, ends_at, id, outcome, sent_at, at, ends_batch)
  WHERE r.id = s.id AND r.ends_at BETWEEN $8 AND $9
    AND r.receiver_number || '' = s.receiver AND r.ends_at - s.ends_at = interval '0'
    AND r.outcome IS DISTINCT FROM 'success' AND r.outcome <> 'invalid'
    AND (r.outcome = 'pending' OR s.outcome = 'success')
  RETURNING s.ends_batch
), done AS (
  UPDATE batch SET due_at = NULL
  WHERE id = ANY (ARRAY (SELECT ends_batch FROM moved WHERE ends_batch IS NOT NULL)) AND lease_id IS NULL
)
SELECT (SELECT count(*) FROM moved) AS written, ARRAY (
  SELECT p.phone_number FROM unnest($11::text[], $12::text[]) AS s (receiver, stream)
  JOIN presence p ON p.phone_number = s.receiver WHERE p.stream <> s.stream
) AS elsewhere
"""


async def settle(tx: Tx, settlements: Sequence[Settlement]) -> list[bool]:
    """Writes outcomes, and ends the batches that are done with them; returns once a snapshot shows every one of them.

    For each: whether its handset has a newer stream than the one that it was pushed to alone.

    `success` is final and overrides any failure (the timeline keeps the first outcome and the late delivery); a
    failure is written over `pending` only. An invalid record never changes. No step of the timeline is earlier than
    the one before, although processes read their clocks before they write, and in another order. Rows are taken in key
    order, so that two statements at once cannot deadlock. Raises Unavailable when outcomes cannot be written, however
    often tried.
    """
    left = sorted(_one_each(settlements), key=lambda s: (s.key.receiver_number, s.key.ends_at, s.key.id))
    moved = set[str]()
    for _ in range(_SETTLE_TRIES):
        if left:
            written, elsewhere = await _write_outcomes(tx, left)
            moved.update(elsewhere)
            # As a rule none: the others had this outcome, or success, before.
            left = await _unwritten(tx, left) if written < len(left) else []
        if not left:
            return [bool(s.stream) and s.key.receiver_number in moved for s in settlements]
    raise Unavailable(f"postgresql: the outcomes of {len(left)} call records were not written")


def _one_each(settlements: Sequence[Settlement]) -> Collection[Settlement]:
    """One for each record, a success where there is one; as a rule there is one for each already."""
    if len({one.key.id for one in settlements}) == len(settlements):
        return settlements
    best: dict[RecordKey, Settlement] = {}
    for one in settlements:
        if one.outcome is Outcome.SUCCESS or one.key not in best:
            best[one.key] = one
    return best.values()


async def _write_outcomes(tx: Tx, ordered: Sequence[Settlement]) -> tuple[int, list[str]]:
    """Writes these outcomes where they may be, and ends the batches of those written; how many, in one statement.

    And the receivers whose newest stream is not the one that a settlement names.

    Receiver and end are compared in a form that no index and no pruning takes up, so that a record is found by its id
    alone, in the partitions of `ends_at`: with partitions left out both when a kept plan starts and for each row,
    PostgreSQL 18 finds no other row once one had to wait (docs/decisions/0013-effects-shares-returns.md). `LIMIT $10`
    takes nothing away: it makes the planner expect one row. Expecting ten, it reads a day without statistics whole.
    """
    ends = [s.key.ends_at for s in ordered]
    alone = [s for s in ordered if s.stream]
    row = await fetch_one(
        tx,
        _WRITE_OUTCOMES,
        [s.key.receiver_number for s in ordered],
        ends,
        [s.key.id for s in ordered],
        [s.outcome for s in ordered],
        [s.sent_at for s in ordered],
        [s.at for s in ordered],
        [s.ends_batch for s in ordered],
        *(min(ends), max(ends), len(ends)),
        [s.key.receiver_number for s in alone],
        [s.stream for s in alone],
    )
    return row["written"], row["elsewhere"]


async def _unwritten(tx: Tx, ordered: Sequence[Settlement]) -> list[Settlement]:
    """Those whose outcome is to be written still, by a snapshot of its own. Primary key."""
    ends = [s.key.ends_at for s in ordered]
    rows = await tx.fetch(
        """
        SELECT s.id
        FROM unnest($1::text[], $2::timestamptz[], $3::uuid[], $4::text[]) AS s (receiver, ends_at, id, outcome)
        JOIN call_record r ON r.receiver_number = s.receiver AND r.ends_at = s.ends_at AND r.id = s.id
        WHERE r.ends_at BETWEEN $5 AND $6
          AND (r.outcome = 'pending' OR (s.outcome = 'success' AND r.outcome NOT IN ('success', 'invalid')))
        """,
        [s.key.receiver_number for s in ordered],
        ends,
        [s.key.id for s in ordered],
        [s.outcome for s in ordered],
        min(ends),
        max(ends),
    )
    found = {row[0] for row in rows}
    return [s for s in ordered if s.key.id in found]


async def make_days_due(tx: Tx, now: datetime) -> None:
    """The periodic job that keeps the days is due at `now`, if it was later."""
    await tx.execute("UPDATE periodic_job SET due_at = $1 WHERE name = 'partitions' AND due_at > $1", now)


async def find_batch(tx: Tx, batch_id: UUID) -> Batch | None:
    """A batch by its id, whose ever it is."""
    row = await tx.fetchrow(f"SELECT {BATCH} FROM batch WHERE id = $1", batch_id)
    return batch_of(row) if row else None


def batch_of(row: Row) -> Batch:
    """The batch of a row with the columns of `BATCH`."""
    return Batch(
        BatchId(row["id"]),
        AccountId(row["account_id"]),
        row["accepted_at"],
        row["record_count"],
        row["ends_from"],
        row["ends_to"],
    )


async def records_of(
    tx: Tx, batch: Batch, after: int = -1, limit: int = MOST_RECORDS, outcome: Outcome | None = None
) -> list[StoredRecord]:
    """A batch's records in the order of submission, up to `limit` behind position `after`; of one outcome or of any.

    Index `call_record_batch`, partitions pruned by its range.
    """
    rows = await tx.fetch(
        f"SELECT {STORED} FROM call_record WHERE batch_id = $1 AND ends_at BETWEEN $2 AND $3 AND position > $4"
        " AND ($6::text IS NULL OR outcome = $6) ORDER BY position LIMIT $5",
        batch.id,
        batch.ends_from,
        batch.ends_to,
        after,
        limit,
        outcome,
    )
    return [stored_of(row) for row in rows]


async def find_record(tx: Tx, account_id: AccountId, record_id: UUID) -> StoredRecord | None:
    """A record by its id alone. Index `call_record_id` over all partitions."""
    row = await tx.fetchrow(
        f"SELECT {STORED} FROM call_record WHERE id = $1 AND account_id = $2",
        record_id,
        account_id,
    )
    return stored_of(row) if row else None


async def withdraw(tx: Tx, key: RecordKey, now: datetime) -> StoredRecord | None:
    """Marks a record as withdrawn; one still pending fails. None when it was withdrawn before."""
    row = await tx.fetchrow(
        f"UPDATE call_record SET withdrawn_at = {WITHDRAWN_AT},"
        f" settled_at = CASE WHEN outcome = 'pending' THEN {WITHDRAWN_AT} ELSE settled_at END,"
        " outcome = CASE WHEN outcome = 'pending' THEN 'failed_to_push' ELSE outcome END"
        f" WHERE receiver_number = $1 AND ends_at = $2 AND id = $3 AND withdrawn_at IS NULL RETURNING {STORED}",
        key.receiver_number,
        key.ends_at,
        key.id,
        now,
    )
    return stored_of(row) if row else None


async def note_withdrawal(tx: Tx, batch_id: BatchId, now: datetime) -> None:
    """Notes on the batch that records of it are withdrawn, for a worker that is pushing it at this moment.

    One that waits (for its account, which is suspended) is due: nothing may be left of it to wait for.
    """
    await tx.execute(
        "UPDATE batch SET withdrawn_at = $2, due_at = CASE WHEN due_at > $2 THEN $2 ELSE due_at END WHERE id = $1",
        batch_id,
        now,
    )


async def delete_batches_before(tx: Tx, oldest: datetime, after: UUID, limit: int) -> UUID | None:
    """Of the `limit` batches after that id, forgets those that are done and whose last window ended before `oldest`.

    The last id; None at the end, and where batches were accepted since, which end later still. Primary key:
    with an index on `ends_to` every push would write one more. A batch that ends late stays among the first to be read.
    """
    row = await tx.fetchrow(
        """
        WITH piece AS (
          SELECT id, accepted_at, ends_to < $1 AND due_at IS NULL AS is_old FROM batch
          WHERE id > $2 ORDER BY id LIMIT $3
        ), gone AS (
          DELETE FROM batch WHERE id = ANY (ARRAY (SELECT id FROM piece WHERE is_old)) AND due_at IS NULL
        )
        SELECT id, accepted_at < $1 AND (SELECT count(*) FROM piece) = $3 AS may_be_more FROM piece
        ORDER BY id DESC LIMIT 1
        """,
        oldest,
        after,
        limit,
    )
    return row["id"] if row and row["may_be_more"] else None


async def select_instant(tx: Tx) -> datetime:
    """What time it is by the clock of the database's machine."""
    return await tx.fetchval("SELECT clock_timestamp()")
