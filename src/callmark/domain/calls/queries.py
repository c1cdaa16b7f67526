"""The SQL of calls."""

from collections.abc import Sequence
from datetime import datetime
from typing import LiteralString, NamedTuple
from uuid import UUID

from callmark.domain.calls.model import (
    LATE_AFTER,
    Call,
    CallDetails,
    CallEvent,
    CallSource,
    Disconnect,
    Verification,
)
from callmark.domain.ids import AccountId, CallId
from callmark.domain.personalisation.model import RecordKey
from callmark.kit.phone import PhoneNumber
from callmark.kit.postgres.database import Row, Tx, fetch_one

_KNOWN_AT: Sequence[LiteralString] = ("reported_at", "shown_known_at", "answered_known_at")
"""Columns with the instants at which something became known of a call."""
_BETWEEN: LiteralString = "{at} >= $1 AND ({at}, id) > ($1, $2) AND {at} < $3"
"""Which of a column's facts came after the key (`known_at`, id) and before an instant."""


def _call(row: Row) -> Call:
    return Call(
        PhoneNumber(row["receiver_number"]),
        CallId(row["id"]),
        PhoneNumber(row["caller_number"]),
        CallSource(row["source"]),
        row["record_id"],
        row["shown_at"],
        CallEvent(row["outcome"]) if row["outcome"] else None,
        row["ended_at"],
        row["reported_at"],
        CallDetails(
            Verification(row["verification"]) if row["verification"] else None,
            row["duration_s"],
            Disconnect(row["disconnect"]) if row["disconnect"] else None,
        ),
        AccountId(row["account_id"]) if row["account_id"] else None,
    )


_MERGE = """
INSERT INTO call AS c (receiver_number, id, caller_number, source, record_id, shown_at, outcome, ended_at,
  reported_at, verification, duration_s, disconnect, account_id)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $14)
ON CONFLICT (receiver_number, id) DO UPDATE SET
  source = CASE WHEN c.source = 'none' THEN excluded.source ELSE c.source END,
  record_id = CASE WHEN c.source = 'none' THEN excluded.record_id ELSE c.record_id END,
  shown_at = coalesce(c.shown_at, excluded.shown_at),
  outcome = coalesce(c.outcome, excluded.outcome),
  ended_at = coalesce(c.ended_at, excluded.ended_at),
  verification = coalesce(c.verification, excluded.verification),
  duration_s = coalesce(c.duration_s, excluded.duration_s),
  disconnect = coalesce(c.disconnect, excluded.disconnect),
  shown_known_at = CASE WHEN excluded.reported_at > c.reported_at + $13::interval
    AND (c.record_id IS NULL OR c.shown_at IS NULL) AND coalesce(c.record_id, excluded.record_id) IS NOT NULL
    AND coalesce(c.shown_at, excluded.shown_at) IS NOT NULL
    THEN excluded.reported_at ELSE c.shown_known_at END,
  answered_known_at = CASE WHEN excluded.reported_at > c.reported_at + $13::interval
    AND (c.record_id IS NULL OR c.outcome IS NULL) AND coalesce(c.record_id, excluded.record_id) IS NOT NULL
    AND coalesce(c.outcome, excluded.outcome) = 'answered'
    THEN excluded.reported_at ELSE c.answered_known_at END
"""
"""$13: `LATE_AFTER`. Whose call it was, the first report says, also that it was nobody's."""


async def merge(tx: Tx, call: Call) -> None:
    """Adds the facts of `call` to its row, making it if absent; a fact that is there already stands.

    Source and record are one fact: a report that nothing was shown gives way to one that something was. That a record
    was shown or answered may become known late (`LATE_AFTER`): then the row says when, for those who count.
    """
    await tx.execute(
        _MERGE,
        call.receiver_number,
        call.id,
        call.caller_number,
        call.source.value,
        call.record_id,
        call.shown_at,
        call.outcome.value if call.outcome else None,
        call.ended_at,
        call.reported_at,
        call.details.verification,
        call.details.duration_s,
        call.details.disconnect,
        LATE_AFTER,
        call.account_id,
    )


async def find(tx: Tx, receiver: PhoneNumber, call_id: CallId) -> Call | None:
    """One call of a receiver."""
    row = await tx.fetchrow("SELECT * FROM call WHERE receiver_number = $1 AND id = $2", receiver, call_id)
    return _call(row) if row else None


class Reported(NamedTuple):
    """A call that is reported, and the record that it showed, which is found by its caller too.

    Calls of the receiver are counted that were reported in a period, `most` at the highest.
    """

    receiver: PhoneNumber
    call_id: CallId
    caller: PhoneNumber
    record: RecordKey | None
    since: datetime
    until: datetime
    most: int


class Before(NamedTuple):
    """What is known when a call is reported: how many calls of the receiver, this one, and whose record it shows."""

    call_count: int
    is_known: bool
    record_owner: AccountId | None


async def before_each(tx: Tx, reported: Sequence[Reported]) -> list[Before]:
    """What is known before each of these reports.

    Primary key, over the receiver's calls; that of records, for a call that showed one.
    """
    rows = await tx.fetch(
        _BEFORE,
        [one.receiver for one in reported],
        [one.call_id for one in reported],
        [one.caller for one in reported],
        [one.record and one.record.ends_at for one in reported],
        [one.record and one.record.id for one in reported],
        [one.since for one in reported],
        [one.until for one in reported],
        [one.most for one in reported],
    )
    return [Before(*row) for row in rows]


_BEFORE = """
SELECT
  (SELECT count(*) FROM (
    SELECT FROM call WHERE receiver_number = a.receiver AND reported_at > a.since AND reported_at <= a.until
    LIMIT a.most
  ) AS calls) AS call_count,
  EXISTS (SELECT FROM call WHERE receiver_number = a.receiver AND id = a.call_id) AS is_known,
  (SELECT account_id FROM call_record r WHERE r.receiver_number = a.receiver AND r.ends_at = a.ends_at
    AND r.id = a.record_id AND r.caller_number = a.caller) AS record_owner
FROM unnest($1::text[], $2::uuid[], $3::text[], $4::timestamptz[], $5::uuid[], $6::timestamptz[], $7::timestamptz[],
  $8::int[]) WITH ORDINALITY
  AS a (receiver, call_id, caller, ends_at, record_id, since, until, most, place)
ORDER BY a.place
"""


async def any_missed(
    tx: Tx, receiver: PhoneNumber, caller: PhoneNumber, account_id: AccountId, held_since: datetime
) -> bool:
    """Whether a call of the pair was missed or rejected that was the account's (`Call.is_of`).

    Primary key, over the receiver's calls.
    """
    return await tx.fetchval(
        "SELECT EXISTS (SELECT FROM call WHERE receiver_number = $1 AND caller_number = $2"
        " AND outcome IN ('missed', 'rejected')"
        " AND coalesce(account_id = $3, least(reported_at, shown_at, ended_at) >= $4))",
        receiver,
        caller,
        account_id,
        held_since,
    )


async def newest_ended(
    tx: Tx, receiver: PhoneNumber, caller: PhoneNumber, outcomes: Sequence[CallEvent], until: datetime
) -> Call | None:
    """The pair's call that ended last in one of these ways; one after `until` only if there is no other.

    Primary key, over the receiver's calls.
    """
    row = await tx.fetchrow(
        "SELECT * FROM call WHERE receiver_number = $1 AND caller_number = $2 AND outcome = ANY ($3::text[])"
        " ORDER BY ended_at > $4, ended_at DESC, id DESC LIMIT 1",
        receiver,
        caller,
        [outcome.value for outcome in outcomes],
        until,
    )
    return _call(row) if row else None


async def of_record(tx: Tx, record_id: UUID, receiver: PhoneNumber, limit: int) -> list[Call]:
    """The first calls that the receiver says the record was shown in, in order of report. Index `call_record_shown`."""
    rows = await tx.fetch(
        "SELECT * FROM call WHERE record_id = $1 AND receiver_number = $2 ORDER BY reported_at, id LIMIT $3",
        record_id,
        receiver,
        limit,
    )
    return [_call(row) for row in rows]


async def of_pairs(
    tx: Tx, account_id: AccountId, pairs: Sequence[tuple[PhoneNumber, PhoneNumber]], since: datetime
) -> list[Call]:
    """Calls of these (receiver, caller) reported since, not those known to be another account's.

    Primary key, over the receivers' calls.
    """
    rows = await tx.fetch(
        """
        SELECT c.* FROM unnest($1::text[], $2::text[]) AS asked (receiver, caller)
        JOIN call c ON c.receiver_number = asked.receiver AND c.caller_number = asked.caller AND c.reported_at >= $3
          AND coalesce(c.account_id = $4, true)
        ORDER BY c.reported_at, c.id
        """,
        [receiver for receiver, _ in pairs],
        [caller for _, caller in pairs],
        since,
        account_id,
    )
    return [_call(row) for row in rows]


async def counts_among(tx: Tx, ids: Sequence[UUID], receivers: Sequence[PhoneNumber]) -> Row:
    """Of these records, each with its receiver: how many were `shown`, `answered`, `missed`, `rejected`; and `calls`.

    A record counts once under each. A report from another handset than the receiver's does not count. Index
    `call_record_shown`.
    """
    return await fetch_one(
        tx,
        """
        SELECT count(DISTINCT c.record_id) FILTER (WHERE c.shown_at IS NOT NULL) AS shown,
          count(DISTINCT c.record_id) FILTER (WHERE c.outcome = 'answered') AS answered,
          count(DISTINCT c.record_id) FILTER (WHERE c.outcome = 'missed') AS missed,
          count(DISTINCT c.record_id) FILTER (WHERE c.outcome = 'rejected') AS rejected,
          count(*) AS calls
        FROM unnest($1::uuid[], $2::text[]) AS r (id, receiver)
        JOIN call c ON c.record_id = r.id AND c.receiver_number = r.receiver
        """,
        ids,
        receivers,
    )


async def known_at_after(tx: Tx, after: tuple[datetime | None, UUID], until: datetime, count: int) -> datetime | None:
    """When the `count`th fact of calls became known after the key and before `until`; None when there are fewer.

    Indexes as of `_firsts`; reads `count` entries of each at most.
    """
    parts: list[LiteralString] = [
        f"(SELECT {at} AS known_at FROM call WHERE {_BETWEEN.format(at=at)} ORDER BY {at} LIMIT $4)" for at in _KNOWN_AT
    ]
    return await tx.fetchval(
        f"SELECT known_at FROM ({' UNION ALL '.join(parts)}) k ORDER BY known_at OFFSET $4::bigint - 1 LIMIT 1",
        *after,
        until,
        count,
    )


async def firsts_between(
    tx: Tx, after: tuple[datetime | None, UUID], until: datetime, limit: int, *, only_records: bool = False
) -> list[Row]:
    """What became known of calls after the key (`known_at`, id) and before `until`, in that order: see `_firsts`.

    Those that showed no record can be left out; a mark moves along all. They are read, without a limit.
    """
    which: LiteralString = f"{_BETWEEN} AND record_id IS NOT NULL" if only_records else _BETWEEN
    return await _firsts(tx, which, "", *after, until, limit)


async def firsts_back(tx: Tx, after: datetime, to: tuple[datetime | None, UUID], limit: int) -> list[Row]:
    """What became known after an instant and not after the key (`known_at`, id), the newest first: see `_firsts`."""
    return await _firsts(tx, "{at} > $1 AND ({at}, id) <= ($2, $3)", "DESC", after, *to, limit)


async def _firsts(tx: Tx, which: LiteralString, direction: LiteralString, *values: object) -> list[Row]:
    """Of calls of records, whether something that became known at `known_at` is the first of its record.

    A call stands here for its first report, and again for each fact that came late. Indexes `call_reported`,
    `call_shown_late`, `call_answered_late`; `call_record_shown` for other calls of the record.
    """
    parts: list[LiteralString] = [
        f"(SELECT {at} AS known_at, id, receiver_number FROM call WHERE {which.format(at=at)}"
        f" ORDER BY {at} {direction}, id {direction} LIMIT $4)"
        for at in _KNOWN_AT
    ]
    return await tx.fetch(
        f"""
        SELECT k.known_at, c.id, c.record_id, c.receiver_number, c.reported_at,
          c.record_id IS NOT NULL AND c.shown_at IS NOT NULL
          AND coalesce(c.shown_known_at, c.reported_at) = k.known_at AND NOT EXISTS (
            SELECT FROM call e WHERE e.record_id = c.record_id AND e.receiver_number = c.receiver_number
              AND e.shown_at IS NOT NULL AND (coalesce(e.shown_known_at, e.reported_at), e.id) < (k.known_at, c.id)
          ) AS is_first_shown,
          c.record_id IS NOT NULL AND c.outcome = 'answered'
          AND coalesce(c.answered_known_at, c.reported_at) = k.known_at AND NOT EXISTS (
            SELECT FROM call e WHERE e.record_id = c.record_id AND e.receiver_number = c.receiver_number
              AND e.outcome = 'answered' AND (coalesce(e.answered_known_at, e.reported_at), e.id) < (k.known_at, c.id)
          ) AS is_first_answered
        FROM ({" UNION ".join(parts)} ORDER BY known_at {direction}, id {direction} LIMIT $4) k
        JOIN call c ON c.receiver_number = k.receiver_number AND c.id = k.id
        ORDER BY k.known_at {direction}, k.id {direction}
        """,
        *values,
    )
