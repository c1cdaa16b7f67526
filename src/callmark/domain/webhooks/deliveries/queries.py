"""The SQL of the delivery log: reading it, and sending again what is in it."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from msgspec import Struct

from callmark.domain.events.model import EventType
from callmark.domain.ids import AccountId, DeliveryId, EventId, WebhookId
from callmark.domain.webhooks.model import RECOVERABLE, Attempt, Delivery, DeliveryState
from callmark.kit.postgres.database import Row, Tx, fetch_one

_DELIVERY = (
    "d.id, d.account_id, d.webhook_id, w.name AS webhook_name, d.event_id, d.event_type, d.event_number, d.created_at,"
    " d.state, d.attempt_count, q.due_at AS next_attempt_at, d.ended_at"
)
_FROM = "delivery d JOIN webhook w ON w.id = d.webhook_id LEFT JOIN waiting_delivery q ON q.delivery_id = d.id"
NO_ID = UUID(int=0)
"""Below every id."""


class DeliveryFilter(NamedTuple):
    """Which deliveries of an account; None leaves a filter out. `after` is the last one of the page before.

    The `oldest` parameter of reading queries is apart: only what was created after it is shown (contract D53).
    """

    webhook_id: WebhookId | None = None
    state: DeliveryState | None = None
    event_type: EventType | None = None
    since: datetime | None = None
    after: tuple[datetime, UUID] | None = None
    event_id: EventId | None = None
    id_part: str = ""
    """How the event's id begins or ends; empty leaves the filter out."""


async def insert_test(tx: Tx, delivery: Delivery, body: str, attempt: Attempt) -> None:
    """Writes a test and its one attempt."""
    await tx.execute(
        """
        WITH made AS (
          INSERT INTO delivery (id, account_id, webhook_id, event_id, event_type, created_at, state, attempt_count,
            ended_at, sample)
          VALUES ($1, $2, $3, $4, $5, $6, $7, 1, $8, $9)
        )
        INSERT INTO attempt (delivery_id, id, number, began_at, duration_ms, url, request_headers, status,
          answer_headers, answer_body, error, note)
        VALUES ($1, $10, 1, $6, $11, $12, $13, $14, $15, $16, $17, $18)
        """,
        delivery.id,
        delivery.account_id,
        delivery.webhook_id,
        delivery.event_id,
        delivery.event_type.value,
        delivery.created_at,
        delivery.state.value,
        delivery.ended_at,
        body,
        attempt.id,
        attempt.duration_ms,
        attempt.url,
        attempt.request_headers,
        attempt.status,
        attempt.answer_headers,
        attempt.answer_body,
        attempt.error,
        attempt.note,
    )


async def select_page(
    tx: Tx, account_id: AccountId, filters: DeliveryFilter, oldest: datetime, limit: int
) -> list[Delivery]:
    """Up to `limit` deliveries of the account, newest first. Index delivery_account_newest, or that of a webhook."""
    after_at, after_id = filters.after or (None, None)
    rows = await tx.fetch(
        f"SELECT {_DELIVERY} FROM {_FROM} WHERE d.account_id = $1 AND ($2::uuid IS NULL OR d.webhook_id = $2)"
        " AND ($3::text IS NULL OR d.state = $3) AND ($4::text IS NULL OR d.event_type = $4)"
        " AND ($5::timestamptz IS NULL OR d.created_at >= $5)"
        " AND ($6::timestamptz IS NULL OR (d.created_at, d.id) < ($6, $7::uuid))"
        " AND ($9::uuid IS NULL OR d.event_id = $9)"
        " AND ($10 = '' OR right(d.event_id::text, length($10)) = $10 OR starts_with(d.event_id::text, $10))"
        " AND d.created_at > $11"
        " ORDER BY d.created_at DESC, d.id DESC LIMIT $8",
        account_id,
        filters.webhook_id,
        filters.state,
        filters.event_type,
        filters.since,
        after_at,
        after_id,
        limit,
        filters.event_id,
        filters.id_part,
        oldest,
    )
    return [_delivery(row) for row in rows]


async def select_delivery(
    tx: Tx, account_id: AccountId, delivery_id: DeliveryId, oldest: datetime
) -> tuple[Delivery, str] | None:
    """The account's delivery and the body it sends, or None. By primary key in each partition."""
    row = await tx.fetchrow(
        f"SELECT {_DELIVERY}, coalesce(d.sample, e.body) AS body FROM {_FROM}"
        " LEFT JOIN event e ON e.account_id = d.account_id AND e.number = d.event_number"
        " AND e.created_at = d.created_at WHERE d.id = $2 AND d.account_id = $1 AND d.created_at > $3",
        account_id,
        delivery_id,
        oldest,
    )
    return (_delivery(row), row["body"] or "") if row else None


async def select_attempts(tx: Tx, delivery: Delivery) -> list[Attempt]:
    """The delivery's attempts, oldest first."""
    rows = await tx.fetch(
        "SELECT id, number, began_at, duration_ms, url, request_headers, status, answer_headers, answer_body, error,"
        " note FROM attempt WHERE delivery_id = $1 AND began_at >= $2 ORDER BY began_at, id",
        delivery.id,
        delivery.created_at,
    )
    return [Attempt(**row) for row in rows]


async def send_now(tx: Tx, delivery: Delivery, body: str, now: datetime) -> None:
    """Makes the next attempt due now. A delivery that waits keeps its place in the schedule, else it begins again.

    Two at once make one attempt. The waiting row is taken before the delivery's, as `record` does.
    """
    tag = await tx.execute("UPDATE waiting_delivery SET due_at = $2 WHERE delivery_id = $1", delivery.id, now)
    if tag == "UPDATE 0":
        await tx.execute(
            """
            WITH reopened AS (
              UPDATE delivery SET state = 'pending', ended_at = NULL WHERE id = $1 AND created_at = $2 RETURNING *
            )
            INSERT INTO waiting_delivery (delivery_id, webhook_id, due_at, created_at, event_id, event_number,
              attempt_count, body)
            SELECT id, webhook_id, $3, created_at, event_id, event_number, attempt_count, $4 FROM reopened
            ON CONFLICT (delivery_id) DO UPDATE SET due_at = $3
            """,
            delivery.id,
            delivery.created_at,
            now,
            body,
        )
    await make_due(tx, delivery.webhook_id, now)


async def make_due(tx: Tx, webhook_id: WebhookId, now: datetime) -> None:
    """The webhook has work due now, at the latest."""
    await tx.execute("UPDATE webhook_queue SET due_at = least(due_at, $2) WHERE webhook_id = $1", webhook_id, now)


class Recoverable(Struct, frozen=True):
    """How many deliveries can be recovered, and when the events of the oldest and the newest were created."""

    count: int
    oldest_at: datetime | None
    newest_at: datetime | None


async def look_for_recoverable(
    tx: Tx, webhook_id: WebhookId, since: datetime, types: Collection[EventType]
) -> Recoverable:
    """The deliveries of events of these types since then that ended without success. Index delivery_webhook_newest."""
    row = await fetch_one(
        tx,
        "SELECT count(*), min(created_at) AS oldest_at, max(created_at) AS newest_at FROM delivery"
        " WHERE webhook_id = $1 AND created_at >= $2"
        " AND state = ANY ($3::text[]) AND event_number IS NOT NULL AND event_type = ANY ($4::text[])",
        webhook_id,
        since,
        list(RECOVERABLE),
        list(types),
    )
    return Recoverable(**row)


async def count_waiting(tx: Tx, webhook_id: WebhookId, most: int) -> int:
    """How many deliveries have an attempt to come, `most` at the highest. Index waiting_delivery_due."""
    return await tx.fetchval(
        "SELECT count(*) FROM (SELECT FROM waiting_delivery WHERE webhook_id = $1 LIMIT $2) AS waiting",
        webhook_id,
        most,
    )


async def lock_recoverable(
    tx: Tx,
    webhook_id: WebhookId,
    after: tuple[datetime, UUID],
    until: datetime,
    types: Collection[EventType],
    most: int,
) -> list[tuple[datetime, UUID]]:
    """Up to `most` of `look_for_recoverable`, by (created_at, id), oldest first; they stay locked.

    Those above `after` whose event was created by `until`. Index delivery_webhook_newest.
    """
    rows = await tx.fetch(
        "SELECT created_at, id FROM delivery WHERE webhook_id = $1 AND created_at BETWEEN $2 AND $7"
        " AND (created_at, id) > ($2, $6::uuid) AND state = ANY ($3::text[]) AND event_number IS NOT NULL"
        " AND event_type = ANY ($5::text[]) ORDER BY created_at, id LIMIT $4 FOR UPDATE",
        webhook_id,
        after[0],
        list(RECOVERABLE),
        most,
        list(types),
        after[1],
        until,
    )
    return [(row["created_at"], row["id"]) for row in rows]


async def reopen(tx: Tx, found: Sequence[tuple[datetime, UUID]], now: datetime) -> int:
    """Starts the schedule of these deliveries again, which are given oldest first; how many.

    In the transaction that locked them: a statement of its own has a snapshot that shows them as locked.
    """
    return await tx.fetchval(
        """
        WITH reopened AS (
          UPDATE delivery SET state = 'pending', ended_at = NULL
          WHERE id = ANY ($1::uuid[]) AND created_at BETWEEN $2 AND $3 RETURNING *
        ), waiting AS (
          INSERT INTO waiting_delivery (delivery_id, webhook_id, due_at, created_at, event_id, event_number,
            attempt_count, body)
          SELECT r.id, r.webhook_id, $4, r.created_at, r.event_id, r.event_number, r.attempt_count, e.body
          FROM reopened r JOIN event e
            ON e.account_id = r.account_id AND e.number = r.event_number AND e.created_at = r.created_at
          ON CONFLICT (delivery_id) DO NOTHING
        )
        SELECT count(*) FROM reopened
        """,
        [one_id for _, one_id in found],
        found[0][0],
        found[-1][0],
        now,
    )


def _delivery(row: Row) -> Delivery:
    return Delivery(
        id=DeliveryId(row["id"]),
        account_id=AccountId(row["account_id"]),
        webhook_id=WebhookId(row["webhook_id"]),
        webhook_name=row["webhook_name"],
        event_id=EventId(row["event_id"]),
        event_type=EventType(row["event_type"]),
        event_number=row["event_number"],
        created_at=row["created_at"],
        state=DeliveryState(row["state"]),
        attempt_count=row["attempt_count"],
        next_attempt_at=row["next_attempt_at"],
        ended_at=row["ended_at"],
    )


class AttemptOutcome(NamedTuple):
    """When an attempt ended, and what went wrong; None for a success."""

    at: datetime
    error: str | None


class WaitingDeliveries(NamedTuple):
    """Of what waits: when the first is due, and how many have failed before, up to a bound."""

    first_due_at: datetime | None
    retries: int


async def select_outcomes(tx: Tx, webhook_id: WebhookId, oldest: datetime, now: datetime) -> list[AttemptOutcome]:
    """Of the attempts of a webhook's newest deliveries, and of those that wait for a retry, the newest first.

    Up to 200; tests do not count. Indexes delivery_webhook_newest, waiting_delivery_failed.
    """
    rows = await tx.fetch(
        """
        WITH looked_at AS (
          (SELECT id FROM delivery WHERE webhook_id = $1 AND created_at > $2 AND event_number IS NOT NULL
           ORDER BY created_at DESC, id DESC LIMIT 20)
          UNION
          (SELECT delivery_id FROM waiting_delivery WHERE webhook_id = $1 AND failures > 0 ORDER BY due_at LIMIT 20)
        )
        SELECT least(a.began_at + a.duration_ms * interval '1 millisecond', $3) AS at, a.error
        FROM looked_at JOIN attempt a ON a.delivery_id = looked_at.id AND a.began_at > $2 ORDER BY 1 DESC LIMIT 200
        """,
        webhook_id,
        oldest,
        now,
    )
    return [AttemptOutcome(row["at"], row["error"]) for row in rows]


async def select_waiting(tx: Tx, webhook_id: WebhookId) -> WaitingDeliveries:
    """What waits for a webhook; retries are counted up to 1,001.

    Indexes waiting_delivery_due, waiting_delivery_failed.
    """
    row = await fetch_one(
        tx,
        "SELECT (SELECT due_at FROM waiting_delivery WHERE webhook_id = $1 ORDER BY due_at LIMIT 1) AS first_due_at,"
        " (SELECT count(*) FROM (SELECT FROM waiting_delivery WHERE webhook_id = $1 AND failures > 0 LIMIT 1001) AS r)"
        " AS retries",
        webhook_id,
    )
    return WaitingDeliveries(row["first_due_at"], row["retries"])


async def select_newest(tx: Tx, webhook_id: WebhookId, oldest: datetime) -> datetime | None:
    """When the webhook's newest event was created. Index delivery_webhook_newest."""
    return await tx.fetchval(
        "SELECT created_at FROM delivery WHERE webhook_id = $1 AND created_at > $2 AND event_number IS NOT NULL"
        " ORDER BY created_at DESC LIMIT 1",
        webhook_id,
        oldest,
    )
