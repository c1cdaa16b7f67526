"""The SQL of the event log."""

from datetime import datetime

from callmark.domain.events.model import Event, EventType
from callmark.domain.ids import AccountId, CampaignId, EventId
from callmark.kit.postgres.database import Row, Tx

_EVENT = "account_id, number, id, event_type, campaign_id, created_at, body"


def event_of(row: Row) -> Event:
    """The event of a row that has its columns."""
    return Event(
        AccountId(row["account_id"]),
        row["number"],
        EventId(row["id"]),
        EventType(row["event_type"]),
        CampaignId(row["campaign_id"]) if row["campaign_id"] else None,
        row["created_at"],
        row["body"],
    )


async def insert_event(
    tx: Tx,
    account_id: AccountId,
    event_id: EventId,
    kind: EventType,
    campaign_id: CampaignId | None,
    now: datetime,
    body: str,
) -> int:
    """Appends an event under the account's next number, which it gives; the account's counter stays locked."""
    return await tx.fetchval(
        """
        WITH next AS (
          INSERT INTO event_counter AS c (account_id, last_number) VALUES ($1, 1)
          ON CONFLICT (account_id) DO UPDATE SET last_number = c.last_number + 1 RETURNING last_number
        )
        INSERT INTO event (account_id, number, id, event_type, campaign_id, created_at, body)
        SELECT $1, last_number, $2, $3, $4, $5, $6 FROM next RETURNING number
        """,
        account_id,
        event_id,
        kind.value,
        campaign_id,
        now,
        body,
    )


async def insert_deliveries(tx: Tx, event: Event, traceparent: str | None) -> None:
    """Makes the deliveries of an event, in the transaction that appended it, and their webhooks due.

    The queue rows are locked, in order of id, so that a worker that finds nothing left to do for a webhook and gives it
    back either sees the new delivery or is seen by us: what counts is `due_at` as the lock finds it, not as the
    statement began. The attempts continue the trace `traceparent`.
    """
    await tx.execute(
        """
        WITH subscribed AS MATERIALIZED (
          SELECT q.webhook_id, q.due_at FROM webhook w JOIN webhook_queue q ON q.webhook_id = w.id
          WHERE w.account_id = $1 AND w.deleted_at IS NULL AND $3 = ANY (w.event_types)
          ORDER BY q.webhook_id FOR NO KEY UPDATE OF q
        ), made AS (
          INSERT INTO delivery (id, account_id, webhook_id, event_id, event_type, event_number, created_at, state)
          SELECT gen_random_uuid(), $1, webhook_id, $2, $3, $4, $5, 'pending' FROM subscribed RETURNING id, webhook_id
        ), waiting AS (
          INSERT INTO waiting_delivery (delivery_id, webhook_id, due_at, created_at, event_id, event_number,
            attempt_count, body, traceparent)
          SELECT id, webhook_id, $5, $5, $2, $4, 0, $6, $7 FROM made
        )
        UPDATE webhook_queue q SET due_at = $5 FROM subscribed s
        WHERE q.webhook_id = s.webhook_id AND (s.due_at IS NULL OR s.due_at > $5)
        """,
        event.account_id,
        event.id,
        event.event_type.value,
        event.number,
        event.created_at,
        event.body,
        traceparent,
    )


async def select_after(tx: Tx, account_id: AccountId, after: int, oldest: datetime, limit: int) -> list[Event]:
    """Up to `limit` events of the account with greater numbers, created after `oldest`, in the order of their numbers.

    Primary key of each partition.
    """
    rows = await tx.fetch(
        f"SELECT {_EVENT} FROM event WHERE account_id = $1 AND number > $2 AND created_at > $4"
        " ORDER BY number LIMIT $3",
        account_id,
        after,
        limit,
        oldest,
    )
    return [event_of(row) for row in rows]


async def select_last_number(tx: Tx, account_id: AccountId) -> int:
    """The number of the account's newest event, 0 before the first."""
    return await tx.fetchval("SELECT last_number FROM event_counter WHERE account_id = $1", account_id) or 0
