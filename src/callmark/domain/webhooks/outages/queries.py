"""The SQL of outages."""

from collections.abc import Collection, Sequence

from callmark.domain.ids import WebhookId
from callmark.domain.webhooks.outages.model import Outage
from callmark.kit.postgres.database import Row, Tx

_OUTAGE = (
    "o.webhook_id, o.failing_since, o.last_failed_at, o.failures, o.notices, o.is_open, o.announced_at, o.working_since"
)


async def lock_outages(tx: Tx, webhook_ids: Collection[WebhookId]) -> dict[WebhookId, Outage]:
    """Those of the webhooks that have one, by id, locked in order of id until the transaction ends."""
    rows = await tx.fetch(
        f"SELECT {_OUTAGE} FROM webhook_outage o WHERE webhook_id = ANY ($1::uuid[]) ORDER BY webhook_id FOR UPDATE",
        list(webhook_ids),
    )
    return {(one := _outage(row)).webhook_id: one for row in rows}


async def save_outages(tx: Tx, outages: Sequence[Outage]) -> None:
    """Writes them, in order of id, each in place of what the webhook had; none of a webhook that is gone."""
    ordered = sorted(outages, key=lambda one: one.webhook_id)
    await tx.execute(
        """
        INSERT INTO webhook_outage AS o (webhook_id, failing_since, last_failed_at, failures, notices, is_open,
          announced_at, working_since)
        SELECT n.* FROM unnest($1::uuid[], $2::timestamptz[], $3::timestamptz[], $4::integer[], $5::integer[],
          $6::boolean[], $7::timestamptz[], $8::timestamptz[]) AS n (webhook_id)
        WHERE EXISTS (SELECT FROM webhook w WHERE w.id = n.webhook_id) ORDER BY n.webhook_id
        ON CONFLICT (webhook_id) DO UPDATE SET failing_since = excluded.failing_since,
          last_failed_at = excluded.last_failed_at, failures = excluded.failures, notices = excluded.notices,
          is_open = excluded.is_open, announced_at = excluded.announced_at, working_since = excluded.working_since
        """,
        [one.webhook_id for one in ordered],
        [one.failing_since for one in ordered],
        [one.last_failed_at for one in ordered],
        [one.failures for one in ordered],
        [one.notices for one in ordered],
        [one.is_open for one in ordered],
        [one.announced_at for one in ordered],
        [one.working_since for one in ordered],
    )


async def select_watched(tx: Tx) -> list[WebhookId]:
    """Webhooks with an outage that may have to be announced: none that rests, and none of a suspension."""
    rows = await tx.fetch(
        "SELECT o.webhook_id FROM webhook_outage o JOIN webhook w ON w.id = o.webhook_id"
        " JOIN client_account a ON a.id = w.account_id"
        " WHERE w.deleted_at IS NULL AND w.paused_at IS NULL AND a.state = 'active' ORDER BY o.webhook_id"
    )
    return [WebhookId(row["webhook_id"]) for row in rows]


async def delete_outages(tx: Tx, webhook_ids: Collection[WebhookId]) -> None:
    """Deletes the outages of these webhooks."""
    await tx.execute("DELETE FROM webhook_outage WHERE webhook_id = ANY ($1::uuid[])", list(webhook_ids))


async def delete_of_deleted(tx: Tx) -> None:
    """Deletes the outages of deleted webhooks."""
    await tx.execute(
        "DELETE FROM webhook_outage o USING webhook w WHERE w.id = o.webhook_id AND w.deleted_at IS NOT NULL"
    )


def _outage(row: Row) -> Outage:
    return Outage(
        WebhookId(row["webhook_id"]),
        row["failing_since"],
        row["last_failed_at"],
        row["failures"],
        row["notices"],
        row["is_open"],
        row["announced_at"],
        row["working_since"],
    )
