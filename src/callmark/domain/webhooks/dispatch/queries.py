"""The SQL of dispatch: whose turn it is, what is due, and the outcomes.

A worker leases webhooks, not deliveries: it alone makes the attempts of those it holds, so it bounds in its own memory
how many are in flight, and an attempt costs one write. Instants named `now` are of the product clock, `real_now` of the
real one.
"""

from collections.abc import Collection, Sequence
from datetime import datetime
from itertools import repeat
from typing import LiteralString, NamedTuple
from uuid import UUID

from callmark.domain.ids import DeliveryId, EventId, WebhookId
from callmark.domain.webhooks.model import MOST_IN_FLIGHT, Attempt, Configuration, DeliveryState, DueDelivery, Verdict
from callmark.domain.webhooks.queries import configuration_of
from callmark.kit.installation import NOT_HELD
from callmark.kit.postgres.database import DatabaseConnection, Row, Tx, fetch_one, transaction_on

_MOST_ENDED = 500
"""Deliveries of a deleted webhook that end in one step."""
_NOTHING = UUID(int=0)

_RECORD = """
WITH r AS (
  SELECT * FROM unnest($1::uuid[], $2::timestamptz[], $3::integer[], $4::text[], $5::timestamptz[],
    $6::timestamptz[], $7::uuid[], $8::timestamptz[], $9::integer[], $10::text[], $11::text[], $12::integer[],
    $13::text[], $14::bytea[], $15::text[], $18::text[])
  AS r (delivery_id, created_at, number, state, due_at, ended_at, attempt_id, began_at, duration_ms, url,
    request_headers, status, answer_headers, answer_body, error, note)
  LIMIT $19
), logged AS (
  INSERT INTO attempt (delivery_id, id, number, began_at, duration_ms, url, request_headers, status,
    answer_headers, answer_body, error, note)
  SELECT delivery_id, attempt_id, number, began_at, duration_ms, url, request_headers, status, answer_headers,
    answer_body, error, note FROM r WHERE attempt_id IS NOT NULL
  ON CONFLICT DO NOTHING
), over AS (
  DELETE FROM waiting_delivery w USING r
  WHERE w.delivery_id = r.delivery_id AND r.due_at IS NULL
    AND (w.attempt_count = r.number - 1 OR r.state = 'success')
  RETURNING w.delivery_id
), again AS (
  UPDATE waiting_delivery w SET due_at = r.due_at, attempt_count = r.number, failures = w.failures + 1
  FROM r
  WHERE w.delivery_id = r.delivery_id AND r.due_at IS NOT NULL AND w.attempt_count = r.number - 1
  RETURNING w.delivery_id
), moved AS (
  UPDATE delivery d SET state = r.state, ended_at = r.ended_at,
    attempt_count = CASE WHEN r.attempt_id IS NULL THEN d.attempt_count
      ELSE greatest(d.attempt_count, r.number) END
  FROM r
  WHERE d.id = r.delivery_id AND d.created_at - r.created_at = interval '0' AND d.created_at BETWEEN $16 AND $17
    AND (r.state = 'success' OR d.id IN (SELECT delivery_id FROM over UNION ALL SELECT delivery_id FROM again))
  RETURNING d.id
)
SELECT delivery_id FROM r WHERE (
  r.state = 'success' OR delivery_id IN (SELECT delivery_id FROM over UNION ALL SELECT delivery_id FROM again)
) AND delivery_id NOT IN (SELECT id FROM moved)
"""
"""Gives the deliveries that should have moved and did not. `created_at` is compared in a form that no pruning takes up.

With partitions left out both when a kept plan starts and for each row, PostgreSQL 18 finds no other row once one had to
wait for another transaction (docs/decisions/0013-effects-shares-returns.md). `LIMIT $19` takes nothing away: it makes
the planner expect one row. Expecting ten, it reads a day without statistics whole.
"""

_MOVE_ONE = """
UPDATE delivery SET state = $3, ended_at = $4, attempt_count = CASE WHEN $5 THEN greatest(attempt_count, $6)
  ELSE attempt_count END
WHERE id = $1 AND created_at = $2
"""


FREE: LiteralString = (
    "NOT is_paused AND EXISTS (SELECT FROM webhook w JOIN client_account a ON a.id = w.account_id"
    " WHERE w.id = webhook_id AND a.state = 'active')"
)
"""Which webhooks may be leased: none of a suspended account, whose deliveries wait (contract D51).

Index webhook_queue_due.
"""


class HeldWebhook(NamedTuple):
    """A webhook that a worker holds, under this lease."""

    webhook_id: WebhookId
    lease_id: UUID


class DueSearch(NamedTuple):
    """What is asked about a webhook that has room: which deliveries are due, without those under way.

    `ahead` is how many of them are wanted beyond the room.
    """

    held: HeldWebhook
    under_way: Collection[DeliveryId]
    now: datetime
    real_now: datetime
    ahead: int = 0

    @property
    def most(self) -> int:
        """How many are wanted, at least one."""
        return MOST_IN_FLIGHT - len(self.under_way) + self.ahead


class EndedAttempt(NamedTuple):
    """The outcome of an attempt, or (None) that none was made; `at` is when it ended."""

    due: DueDelivery
    attempt: Attempt | None
    verdict: Verdict
    at: datetime


async def give_back(
    connection: DatabaseConnection, given: Sequence[tuple[HeldWebhook, datetime]]
) -> list[datetime | None]:
    """Ends leases, each webhook due again when its next delivery is, not before the instant beside it; when that is.

    In a transaction of two statements: an event that is being appended holds the row's lock, so the second, with a
    snapshot of its own, sees its delivery. Locks in order of id, as `events.append` does.
    """
    async with transaction_on(connection):
        still_held = await connection.fetch(
            "SELECT q.webhook_id, g.due_at FROM webhook_queue q"
            " JOIN unnest($1::uuid[], $2::uuid[], $3::timestamptz[]) AS g (webhook_id, lease_id, due_at)"
            " USING (webhook_id, lease_id) ORDER BY q.webhook_id FOR NO KEY UPDATE OF q",
            [held.webhook_id for held, _ in given],
            [held.lease_id for held, _ in given],
            [at for _, at in given],
        )
        due = await connection.fetch(
            """
            UPDATE webhook_queue q SET lease_id = NULL, leased_until = NULL, due_at = (
              SELECT greatest(d.due_at, g.due_at) FROM waiting_delivery d WHERE d.webhook_id = q.webhook_id
              ORDER BY d.due_at LIMIT 1
            ) FROM unnest($1::uuid[], $2::timestamptz[]) AS g (webhook_id, due_at) WHERE q.webhook_id = g.webhook_id
            RETURNING q.webhook_id, q.due_at
            """,
            [row["webhook_id"] for row in still_held],
            [row["due_at"] for row in still_held],
        )
    due_at = {row["webhook_id"]: row["due_at"] for row in due}
    return [due_at.get(held.webhook_id) for held, _ in given]


async def take_due(tx: Tx, searches: Sequence[DueSearch]) -> list[list[DueDelivery]]:
    """The first due deliveries of each webhook, by due instant and number; none when it is paused or no longer held.

    None either while the installation sends nothing. As many as are wanted, without those under way; of a deleted
    webhook more, to end them. Index waiting_delivery_due.
    """
    rows = await tx.fetch(
        f"""
        SELECT w.id AS webhook_id, w.account_id, w.name, w.url, w.sealed_secret, w.sealed_old_secrets,
          w.old_secrets_until, w.event_types, w.honours_retry_after, w.stops_on_gone, w.deleted_at,
          d.delivery_id, d.created_at, d.event_id, d.attempt_count, d.failures, d.body, d.traceparent, o.failing_since
        FROM unnest($1::uuid[], $2::uuid[], $3::timestamptz[], $4::timestamptz[]) WITH ORDINALITY
          AS h (webhook_id, lease_id, now, real_now, at)
        JOIN webhook_queue q USING (webhook_id, lease_id) JOIN webhook w ON w.id = q.webhook_id
        LEFT JOIN webhook_outage o ON o.webhook_id = q.webhook_id
        JOIN client_account a ON a.id = w.account_id AND a.state = 'active', LATERAL (
          SELECT * FROM waiting_delivery d WHERE d.webhook_id = q.webhook_id AND d.due_at <= h.now
            AND d.delivery_id <> ALL (($5::uuid[])[h.at::integer:h.at::integer])
          ORDER BY d.due_at, d.event_number
          LIMIT CASE WHEN w.deleted_at IS NULL THEN ($6::integer[])[h.at::integer] ELSE $7::integer END
        ) d
        WHERE q.leased_until > h.real_now AND NOT q.is_paused AND {NOT_HELD}
        """,
        [one.held.webhook_id for one in searches],
        [one.held.lease_id for one in searches],
        [one.now for one in searches],
        [one.real_now for one in searches],
        _as_wide([one.under_way for one in searches]),
        [one.most for one in searches],
        _MOST_ENDED,
    )
    found: dict[UUID, list[DueDelivery]] = {}
    for row in rows:
        of_webhook = found.setdefault(row["webhook_id"], [])
        of_webhook.append(_due_of(row, of_webhook[0].to if of_webhook else configuration_of(row)))
    return [found.get(one.held.webhook_id, []) for one in searches]


def _as_wide(rows: Sequence[Collection[UUID]]) -> list[list[UUID]]:
    """Rows of the same length, as an array of PostgreSQL's has them; ids that nothing has fill the rest."""
    width = max(1, *map(len, rows))
    return [[*row, *repeat(_NOTHING, width - len(row))] for row in rows]


def _due_of(row: Row, to: Configuration) -> DueDelivery:
    return DueDelivery(
        DeliveryId(row["delivery_id"]),
        row["created_at"],
        EventId(row["event_id"]),
        row["attempt_count"],
        row["failures"],
        row["body"].encode(),
        to,
        row["failing_since"],
        row["traceparent"],
    )


async def record_within(tx: Tx, ended: Sequence[EndedAttempt]) -> None:
    """Writes attempts and moves their deliveries on, in the transaction that is open.

    An attempt that another worker's overtook (its number is taken) is logged and moves nothing, except that success is
    final.
    """
    ordered = sorted(ended, key=lambda one: one.due.delivery_id)
    missing = {row[0] for row in await tx.fetch(_RECORD, *_recorded(ordered))}
    for one in ordered:
        if one.due.delivery_id in missing:  # or its day is gone: then this moves nothing either
            await _move_one(tx, one)


def _recorded(ordered: Sequence[EndedAttempt]) -> list[object]:
    """The parameters of `_RECORD`: a list for each column, then the bounds of the partitions looked into."""
    attempts = [one.attempt for one in ordered]
    days = [one.due.created_at for one in ordered]
    return [
        [one.due.delivery_id for one in ordered],
        days,
        [one.due.attempt_count + 1 for one in ordered],
        [one.verdict.state.value for one in ordered],
        [one.verdict.due_at for one in ordered],
        [_ended_at(one) for one in ordered],
        [a and a.id for a in attempts],
        [a and a.began_at for a in attempts],
        [a and a.duration_ms for a in attempts],
        [a and a.url for a in attempts],
        [a and a.request_headers for a in attempts],
        [a and a.status for a in attempts],
        [a and a.answer_headers for a in attempts],
        [a and a.answer_body for a in attempts],
        [a and a.error for a in attempts],
        min(days),
        max(days),
        [a and a.note for a in attempts],
        len(ordered),
    ]


def _ended_at(one: EndedAttempt) -> datetime | None:
    return one.at if one.verdict.due_at is None else None


async def _move_one(tx: Tx, one: EndedAttempt) -> None:
    await tx.execute(
        _MOVE_ONE,
        one.due.delivery_id,
        one.due.created_at,
        one.verdict.state.value,
        _ended_at(one),
        one.attempt is not None,
        one.due.attempt_count + 1,
    )


async def lock_held(tx: Tx, held: HeldWebhook, real_now: datetime) -> bool:
    """Whether we hold the webhook still; its row of the queue is locked then, so that nobody else takes it."""
    row = await tx.fetchrow(
        "SELECT FROM webhook_queue WHERE webhook_id = $1 AND lease_id = $2 AND leased_until > $3 FOR NO KEY UPDATE",
        held.webhook_id,
        held.lease_id,
        real_now,
    )
    return row is not None


async def mark_mailed(tx: Tx, due: DueDelivery, now: datetime) -> bool:
    """Notes that a failed delivery is reported by mail; false when it was before, or is not failed."""
    tag = await tx.execute(
        "UPDATE delivery SET mailed_at = $3 WHERE id = $1 AND created_at = $2 AND mailed_at IS NULL AND state = $4",
        due.delivery_id,
        due.created_at,
        now,
        DeliveryState.FAILED.value,
    )
    return tag == "UPDATE 1"


async def count_backlog(tx: Tx, now: datetime, real_now: datetime, most: int) -> Row:
    """Deliveries that wait, of up to `most` rows, and the first due instant of those that a worker may take.

    Index waiting_delivery_due.
    """
    return await fetch_one(
        tx,
        f"""
        WITH queue AS MATERIALIZED (SELECT webhook_id, {FREE} AS is_free FROM webhook_queue)
        SELECT count(*) AS total, count(*) FILTER (WHERE NOT d.is_free) AS paused,
          count(*) FILTER (WHERE d.is_free AND d.due_at <= $1) AS waiting,
          count(*) FILTER (WHERE d.is_free AND d.due_at > $1) AS retrying,
          (SELECT count(*) FROM webhook_queue WHERE leased_until >= $2) AS webhooks,
          (SELECT min(f.due_at) FROM queue q, LATERAL (
             SELECT w.due_at FROM waiting_delivery w WHERE w.webhook_id = q.webhook_id ORDER BY w.due_at LIMIT 1) f
           WHERE q.is_free AND f.due_at <= $1) AS oldest_due_at
        FROM (SELECT w.due_at, q.is_free FROM waiting_delivery w JOIN queue q USING (webhook_id) LIMIT $3) d
        """,
        now,
        real_now,
        most,
    )
