"""The SQL of daily figures (docs/decisions/0011-home-figures.md). Nothing here runs in a statement that pushes."""

from collections.abc import Collection, Iterable, Sequence
from datetime import date, datetime, timedelta
from typing import LiteralString, NamedTuple
from uuid import UUID

from callmark.domain.ids import AccountId, BatchId
from callmark.domain.personalisation.model import Batch
from callmark.domain.personalisation.queries import BATCH, batch_of
from callmark.instants import EPOCH, from_ms, to_ms
from callmark.kit.postgres.database import Database, Row, Tx, fetch_one
from callmark.kit.postgres.piecewise import delete_where

COUNTS = (
    "accepted",
    "invalid",
    "success",
    "not_registered",
    "os_not_supported",
    "app_version_not_supported",
    "failed_to_push",
    "late",
    "shown",
    "answered",
)
"""The columns of `record_day` that are counts."""

Added = tuple[AccountId, date, str, int]
"""How much to add to one count of an account's day."""


class DayBesideWeek(NamedTuple):
    """Counts of an account's day, and of the seven before it together. `settled` are good records with an outcome.

    `pushed` are those that reached their handset at once: today's late deliveries are still to come.
    """

    account_id: UUID
    day: date
    accepted: int
    invalid: int
    pushed: int
    settled: int
    pushed_before: int
    settled_before: int


_ENDED_BEFORE, _ENDS_AFTER = timedelta(days=8), timedelta(days=2)
"""How far from a call's first report the window of its record may end; a phone may have been offline for days."""


async def lock_mark(tx: Tx, what: str) -> tuple[datetime | None, UUID]:
    """How far that job has counted, locked until the transaction ends."""
    row = await fetch_one(tx, "SELECT up_to_at, up_to_id FROM count_mark WHERE what = $1 FOR UPDATE", what)
    return row["up_to_at"], row["up_to_id"]


async def read_mark(tx: Tx, what: str) -> tuple[datetime | None, UUID]:
    """As `lock_mark`, without the lock."""
    row = await fetch_one(tx, "SELECT up_to_at, up_to_id FROM count_mark WHERE what = $1", what)
    return row["up_to_at"], row["up_to_id"]


async def set_mark(tx: Tx, what: str, at: datetime | None, to: UUID) -> None:
    """Moves a locked mark."""
    await tx.execute("UPDATE count_mark SET up_to_at = $2, up_to_id = $3 WHERE what = $1", what, at, to)


async def is_ahead(tx: Tx, what: str, at: datetime) -> bool:
    """Whether that job has counted beyond an instant. Its mark is locked until the transaction ends."""
    return await tx.fetchval("SELECT up_to_at > $2 FROM count_mark WHERE what = $1 FOR UPDATE", what, at)


async def oldest_writer(tx: Tx) -> datetime | None:
    """An instant before which no other open transaction has written; None if none of them has."""
    row = await fetch_one(
        tx,
        "SELECT min(xact_start) AS began, count(*) > count(xact_start) AS is_hidden, max(age(backend_xid)) AS age"
        " FROM pg_stat_activity"
        " WHERE backend_xid IS NOT NULL AND pid <> pg_backend_pid() AND datname = current_database()",
    )
    return await _first_by_number(tx, row["age"]) if row["is_hidden"] else row["began"]


async def _first_by_number(tx: Tx, age: int) -> datetime:
    """As `oldest_writer`, where it is hidden when some of them began. `age` is how long ago the first got its number.

    An instant is noted in a row whose `xmin` is the number of the transaction that noted it: one with a later number
    wrote after that instant. While one with an earlier number is open, what the row remembers is still true: the
    answer that was given when it was noted. Without a note, or with one of a clock that was ahead or of numbers that
    have been used up since, it is the first instant of all.
    """
    note = await tx.fetchrow(
        "SELECT age(xmin) AS age, up_to_at AS at, up_to_id AS remembered FROM count_mark"
        " WHERE what = 'writers' AND up_to_at > '-infinity' AND up_to_at <= now() AND age(xmin) >= 0"
    )
    if note and age >= note["age"]:
        return from_ms(note["remembered"].int >> 80)
    first: datetime = note["at"] if note else EPOCH
    await tx.execute(
        "INSERT INTO count_mark VALUES ('writers', now(), $1)"
        " ON CONFLICT (what) DO UPDATE SET up_to_at = now(), up_to_id = excluded.up_to_id",
        UUID(int=to_ms(first) << 80),
    )
    return first


async def batches_between(tx: Tx, after: UUID, before: UUID, limit: int) -> list[tuple[Batch, bool]]:
    """Batches whose ids are between, in their order, and whether each is done. Primary key."""
    return await _batches(tx, "id > $1 AND id < $2 ORDER BY id LIMIT $3", after, before, limit)


async def batches_back(tx: Tx, after: UUID, to: UUID, limit: int) -> list[tuple[Batch, bool]]:
    """Batches whose ids are after one and not after the other, the newest first. Primary key."""
    return await _batches(tx, "id > $1 AND id <= $2 ORDER BY id DESC LIMIT $3", after, to, limit)


async def newest_batches(tx: Tx, account_id: AccountId, limit: int) -> list[tuple[Batch, bool]]:
    """An account's newest batches and whether each is done. Index batch_account_newest."""
    return await _batches(tx, "account_id = $1 ORDER BY accepted_at DESC, id DESC LIMIT $2", account_id, limit)


async def _batches(tx: Tx, which: LiteralString, *values: object) -> list[tuple[Batch, bool]]:
    rows = await tx.fetch(f"SELECT {BATCH}, due_at IS NULL AS is_done FROM batch WHERE {which}", *values)
    return [(batch_of(row), row["is_done"]) for row in rows]


async def postpone(tx: Tx, batches: Sequence[Batch]) -> None:
    """Remembers batches that are to be counted once they are done."""
    await tx.execute(
        "INSERT INTO uncounted_batch (batch_id, account_id, accepted_at, record_count)"
        " SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::timestamptz[], $4::integer[]) ON CONFLICT DO NOTHING",
        [batch.id for batch in batches],
        [batch.account_id for batch in batches],
        [batch.accepted_at for batch in batches],
        [batch.record_count for batch in batches],
    )


async def forget_postponed(tx: Tx, batches: Sequence[Batch]) -> set[BatchId]:
    """Forgets those of the batches that are to be counted later; which these were."""
    rows = await tx.fetch(
        "DELETE FROM uncounted_batch WHERE batch_id = ANY ($1::uuid[]) RETURNING batch_id",
        [batch.id for batch in batches],
    )
    return {BatchId(row["batch_id"]) for row in rows}


async def take_done(tx: Tx, after: UUID, limit: int) -> tuple[list[Batch], UUID | None]:
    """Takes remembered batches that are done by now, among the next 5,000; those that are gone are forgotten.

    And the last id, None at the end: any number of batches may wait for long, whose accounts are suspended.
    Ids are looked up as lists: a join might read either table from its beginning.
    """
    last = await tx.fetchval(
        "SELECT batch_id FROM uncounted_batch WHERE batch_id > $1 ORDER BY batch_id OFFSET 4999 LIMIT 1", after
    )
    rows = await tx.fetch(
        f"""
        WITH looked_at AS (
          SELECT batch_id FROM uncounted_batch WHERE batch_id > $2 ORDER BY batch_id LIMIT 5000
        ), gone AS (
          DELETE FROM uncounted_batch u WHERE u.batch_id = ANY (ARRAY (SELECT batch_id FROM looked_at))
            AND NOT EXISTS (SELECT FROM batch b WHERE b.id = u.batch_id)
        ), done AS (
          SELECT id FROM batch WHERE id = ANY (ARRAY (SELECT batch_id FROM looked_at)) AND due_at IS NULL
          ORDER BY id LIMIT $1
        ), taken AS (
          DELETE FROM uncounted_batch u USING done d WHERE u.batch_id = d.id RETURNING u.batch_id
        )
        SELECT {BATCH} FROM batch
        WHERE id = ANY (ARRAY (SELECT batch_id FROM taken)) ORDER BY id
        """,
        limit,
        after,
    )
    taken = [batch_of(row) for row in rows]
    return taken, taken[-1].id if len(taken) == limit else last


async def make_due_again(tx: Tx, batches: Sequence[Batch], now: datetime) -> None:
    """Makes due again those of the batches that no worker has left to do."""
    await tx.execute(
        "UPDATE batch SET due_at = $2 WHERE id = ANY ($1::uuid[]) AND due_at IS NULL",
        [batch.id for batch in batches],
        now,
    )


async def outcomes_of(tx: Tx, batches: Collection[Batch]) -> dict[BatchId, dict[str, int]]:
    """How many records of each of these batches had which outcome first (late deliveries: `late_between`).

    Index `call_record_batch`, partitions pruned by the range of all.
    """
    if not batches:
        return {}
    rows = await tx.fetch(
        "SELECT batch_id, coalesce(first_outcome, outcome) AS outcome, count(*) AS n FROM call_record"
        " WHERE batch_id = ANY ($1::uuid[]) AND ends_at BETWEEN $2 AND $3 GROUP BY 1, 2",
        [batch.id for batch in batches],
        min(batch.ends_from for batch in batches),
        max(batch.ends_to for batch in batches),
    )
    found: dict[BatchId, dict[str, int]] = {}
    for row in rows:
        found.setdefault(BatchId(row["batch_id"]), {})[row["outcome"]] = row["n"]
    return found


async def late_between(tx: Tx, after: tuple[datetime | None, UUID], until: datetime, limit: int) -> list[Row]:
    """Late deliveries after the key (instant, id) and before `until`, in that order. Index call_record_late."""
    return await tx.fetch(
        "SELECT account_id, accepted_at, first_outcome, delivered_late_at, id FROM call_record"
        " WHERE delivered_late_at >= $1 AND (delivered_late_at, id) > ($1, $2) AND delivered_late_at < $3"
        " ORDER BY delivered_late_at, id LIMIT $4",
        *after,
        until,
        limit,
    )


async def late_back(tx: Tx, after: datetime, to: tuple[datetime | None, UUID], limit: int) -> list[Row]:
    """Late deliveries after an instant and not after the key (instant, id), newest first. Index call_record_late."""
    return await tx.fetch(
        "SELECT account_id, accepted_at, first_outcome, delivered_late_at, id FROM call_record"
        " WHERE delivered_late_at > $1 AND (delivered_late_at, id) <= ($2, $3)"
        " ORDER BY delivered_late_at DESC, id DESC LIMIT $4",
        after,
        *to,
        limit,
    )


async def owners_of(tx: Tx, keys: Sequence[tuple[UUID, str]], around: tuple[datetime, datetime]) -> dict[UUID, UUID]:
    """The accounts of records given by id and receiver, whose windows end near these instants. Primary key."""
    rows = await tx.fetch(
        "SELECT r.id, r.account_id FROM unnest($1::uuid[], $2::text[]) AS k (id, receiver)"
        " JOIN call_record r ON r.receiver_number = k.receiver AND r.id = k.id WHERE r.ends_at BETWEEN $3 AND $4",
        [record_id for record_id, _ in keys],
        [receiver for _, receiver in keys],
        around[0] - _ENDED_BEFORE,
        around[1] + _ENDS_AFTER,
    )
    return {row["id"]: row["account_id"] for row in rows}


def taken_back(added: Iterable[Added]) -> Iterable[Added]:
    """The opposite of what was added."""
    return ((account_id, day, count, -by) for account_id, day, count, by in added)


async def add(tx: Tx, added: Iterable[Added]) -> None:
    """Adds to the counts of days, which are made as they are needed."""
    sums: dict[tuple[AccountId, date], dict[str, int]] = {}
    for account_id, day, count, by in added:
        counts = sums.setdefault((account_id, day), dict.fromkeys(COUNTS, 0))
        counts[count] += by
    for (account_id, day), counts in sorted(sums.items()):
        await tx.execute(
            "INSERT INTO record_day AS d (account_id, day, accepted, invalid, success, not_registered,"
            " os_not_supported, app_version_not_supported, failed_to_push, late, shown, answered)"
            " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) ON CONFLICT (account_id, day) DO UPDATE SET"
            " accepted = d.accepted + excluded.accepted, invalid = d.invalid + excluded.invalid,"
            " success = d.success + excluded.success, not_registered = d.not_registered + excluded.not_registered,"
            " os_not_supported = d.os_not_supported + excluded.os_not_supported,"
            " app_version_not_supported = d.app_version_not_supported + excluded.app_version_not_supported,"
            " failed_to_push = d.failed_to_push + excluded.failed_to_push, late = d.late + excluded.late,"
            " shown = d.shown + excluded.shown, answered = d.answered + excluded.answered",
            account_id,
            day,
            *counts.values(),
        )


async def select_days(tx: Tx, account_id: AccountId, since: date) -> list[Row]:
    """An account's days from `since` on, in order. Primary key."""
    return await tx.fetch(
        "SELECT * FROM record_day WHERE account_id = $1 AND day >= $2 ORDER BY day", account_id, since
    )


async def select_beside_week(tx: Tx, day: date, fewest: int) -> list[DayBesideWeek]:
    """That day of each active account that has that many records of it, beside the seven days before."""
    rows = await tx.fetch(
        """
        SELECT d.account_id, d.day, d.accepted, d.invalid, d.success - d.late AS pushed, d.success + d.not_registered
          + d.os_not_supported + d.app_version_not_supported + d.failed_to_push AS settled,
          coalesce(b.pushed, 0) AS pushed_before, coalesce(b.settled, 0) AS settled_before
        FROM record_day d JOIN client_account a ON a.id = d.account_id AND a.state = 'active', LATERAL (
          SELECT sum(w.success - w.late)::bigint AS pushed, sum(w.success + w.not_registered + w.os_not_supported
            + w.app_version_not_supported + w.failed_to_push)::bigint AS settled
          FROM record_day w WHERE w.account_id = d.account_id AND w.day >= $1::date - 7 AND w.day < $1
        ) b WHERE d.day = $1 AND d.accepted >= $2 ORDER BY d.account_id
        """,
        day,
        fewest,
    )
    return [DayBesideWeek(**row) for row in rows]


async def waiting_of(tx: Tx, account_id: AccountId, most: int) -> list[Row]:
    """Of `most` of an account's remembered batches, by day (UTC): how many `batches` and `records` of them.

    Index uncounted_batch_account.
    """
    return await tx.fetch(
        "SELECT (accepted_at AT TIME ZONE 'UTC')::date AS day, count(*) AS batches, sum(record_count) AS records"
        " FROM (SELECT accepted_at, record_count FROM uncounted_batch WHERE account_id = $1 LIMIT $2) b GROUP BY 1",
        account_id,
        most,
    )


async def drop_days_before(db: Database, day: date) -> None:
    """Forgets the figures of days before `day`, piece by piece."""
    await delete_where(db, "record_day", "day < $1", day)
