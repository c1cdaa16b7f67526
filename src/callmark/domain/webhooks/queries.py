"""The SQL of webhooks: what an account has configured."""

from datetime import datetime

from callmark.domain.events.model import EventType
from callmark.domain.ids import AccountId, WebhookId
from callmark.domain.webhooks.model import Configuration, OldSecret, Secrets, Webhook
from callmark.kit.postgres.database import Row, Tx, fetch_one

_WEBHOOK = (
    "id, account_id, name, url, event_types, honours_retry_after, stops_on_gone, created_by_email, created_at,"
    " updated_at, paused_at, paused_for_failing, old_secrets_until"
)


_SECRETS = "sealed_secret, sealed_old_secrets, old_secrets_until"


async def insert_webhook(tx: Tx, webhook: Webhook, sealed_secret: bytes) -> None:
    """Writes a new webhook and its row of the queue, where nothing is due yet."""
    await tx.execute(
        """
        WITH made AS (
          INSERT INTO webhook (id, account_id, name, url, event_types, sealed_secret, honours_retry_after,
            stops_on_gone, created_by_email, created_at, updated_at)
          VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $10) RETURNING id
        )
        INSERT INTO webhook_queue (webhook_id) SELECT id FROM made
        """,
        webhook.id,
        webhook.account_id,
        webhook.name,
        webhook.url,
        sorted(webhook.event_types),
        sealed_secret,
        webhook.honours_retry_after,
        webhook.stops_on_gone,
        webhook.created_by_email,
        webhook.created_at,
    )


async def select_deleted(tx: Tx, account_id: AccountId, since: datetime) -> list[Webhook]:
    """The account's webhooks that were deleted after `since`, the last of them first."""
    rows = await tx.fetch(
        f"SELECT {_WEBHOOK} FROM webhook WHERE account_id = $1 AND deleted_at > $2 ORDER BY deleted_at DESC, id",
        account_id,
        since,
    )
    return [_webhook(row) for row in rows]


async def select_webhooks(tx: Tx, account_id: AccountId) -> list[Webhook]:
    """The account's existing webhooks, oldest first."""
    rows = await tx.fetch(
        f"SELECT {_WEBHOOK} FROM webhook WHERE account_id = $1 AND deleted_at IS NULL ORDER BY created_at, id",
        account_id,
    )
    return [_webhook(row) for row in rows]


async def select_unpaused(tx: Tx, webhook_id: WebhookId) -> Webhook | None:
    """The webhook, if it exists and is not paused."""
    row = await tx.fetchrow(
        f"SELECT {_WEBHOOK} FROM webhook WHERE id = $1 AND deleted_at IS NULL AND paused_at IS NULL", webhook_id
    )
    return _webhook(row) if row else None


async def update_webhook(tx: Tx, webhook: Webhook) -> None:
    """Sets what may change of a webhook, except its secrets; the queue learns whether it is paused."""
    await tx.execute(
        """
        WITH changed AS (
          UPDATE webhook SET name = $2, url = $3, event_types = $4, honours_retry_after = $5, stops_on_gone = $6,
            updated_at = $7, paused_at = $8, paused_for_failing = $9 WHERE id = $1 RETURNING id
        )
        UPDATE webhook_queue q SET is_paused = $8::timestamptz IS NOT NULL FROM changed WHERE q.webhook_id = changed.id
        """,
        webhook.id,
        webhook.name,
        webhook.url,
        sorted(webhook.event_types),
        webhook.honours_retry_after,
        webhook.stops_on_gone,
        webhook.updated_at,
        webhook.paused_at,
        webhook.paused_for_failing,
    )


async def mark_deleted(tx: Tx, webhook_id: WebhookId, now: datetime) -> None:
    """Ends a webhook and deletes its secrets. The row stays for its log, and what waits for it ends when it is due."""
    await tx.execute(
        """
        WITH ended AS (
          UPDATE webhook SET deleted_at = $2, updated_at = $2, sealed_secret = '', sealed_old_secrets = '{}',
            old_secrets_until = '{}' WHERE id = $1 RETURNING id
        )
        UPDATE webhook_queue q SET is_paused = false FROM ended WHERE q.webhook_id = ended.id
        """,
        webhook_id,
        now,
    )


async def select_secrets(tx: Tx, webhook_id: WebhookId) -> Secrets:
    """The webhook's secrets, still encrypted; the row stays locked until the transaction ends."""
    row = await fetch_one(tx, f"SELECT {_SECRETS} FROM webhook WHERE id = $1 FOR NO KEY UPDATE", webhook_id)
    return secrets_of(row)


async def select_living_secrets(tx: Tx, after: WebhookId | None, limit: int) -> list[tuple[WebhookId, Secrets]]:
    """Secrets of up to `limit` existing webhooks of all accounts, by id, after `after`; their rows stay locked."""
    rows = await tx.fetch(
        f"SELECT id, {_SECRETS} FROM webhook WHERE deleted_at IS NULL AND ($1::uuid IS NULL OR id > $1)"
        " ORDER BY id LIMIT $2 FOR NO KEY UPDATE",
        after,
        limit,
    )
    return [(WebhookId(row["id"]), secrets_of(row)) for row in rows]


async def update_secrets(tx: Tx, webhook_id: WebhookId, secrets: Secrets, now: datetime | None = None) -> None:
    """Sets the secrets; the webhook counts as changed at `now` (None: it does not)."""
    await tx.execute(
        "UPDATE webhook SET sealed_secret = $2, sealed_old_secrets = $3, old_secrets_until = $4,"
        " updated_at = coalesce($5, updated_at) WHERE id = $1",
        webhook_id,
        secrets.sealed,
        [one.sealed for one in secrets.old],
        [one.until for one in secrets.old],
        now,
    )


async def select_with_overlap_end(tx: Tx, after: datetime, until: datetime, changed_before: datetime) -> list[Webhook]:
    """Webhooks of active accounts with a replaced secret that ends in that time, changed last before that instant."""
    rows = await tx.fetch(
        f"SELECT {_WEBHOOK} FROM webhook WHERE deleted_at IS NULL"
        " AND EXISTS (SELECT FROM unnest(old_secrets_until) AS old (until) WHERE until > $1 AND until <= $2)"
        " AND updated_at <= $3 AND account_id IN (SELECT id FROM client_account WHERE state = 'active')"
        " ORDER BY account_id, id",
        after,
        until,
        changed_before,
    )
    return [_webhook(row) for row in rows]


async def select_living(tx: Tx) -> list[Webhook]:
    """Every existing webhook of the installation, by account and age; their rows stay locked."""
    rows = await tx.fetch(
        f"SELECT {_WEBHOOK} FROM webhook WHERE deleted_at IS NULL ORDER BY account_id, created_at, id FOR NO KEY UPDATE"
    )
    return [_webhook(row) for row in rows]


def secrets_of(row: Row) -> Secrets:
    """The secrets of a row that has a webhook's columns."""
    old = zip(row["sealed_old_secrets"], row["old_secrets_until"], strict=True)
    return Secrets(row["sealed_secret"], tuple(OldSecret(sealed, until) for sealed, until in old))


async def select_configuration(tx: Tx, account_id: AccountId, webhook_id: WebhookId) -> Configuration | None:
    """The account's existing webhook as an attempt finds it, or None."""
    row = await tx.fetchrow(
        "SELECT *, id AS webhook_id FROM webhook WHERE id = $2 AND account_id = $1 AND deleted_at IS NULL",
        account_id,
        webhook_id,
    )
    return configuration_of(row) if row else None


def configuration_of(row: Row) -> Configuration:
    """The configuration of a row that has a webhook's columns."""
    return Configuration(
        WebhookId(row["webhook_id"]),
        AccountId(row["account_id"]),
        row["name"],
        row["url"],
        secrets_of(row),
        row["honours_retry_after"],
        row["stops_on_gone"],
        row["deleted_at"] is not None,
        frozenset(map(EventType, row["event_types"])),
    )


def _webhook(row: Row) -> Webhook:
    return Webhook(
        id=WebhookId(row["id"]),
        account_id=AccountId(row["account_id"]),
        name=row["name"],
        url=row["url"],
        event_types=frozenset(map(EventType, row["event_types"])),
        honours_retry_after=row["honours_retry_after"],
        stops_on_gone=row["stops_on_gone"],
        created_by_email=row["created_by_email"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
        paused_at=row["paused_at"],
        old_secrets_until=tuple(row["old_secrets_until"]),
        paused_for_failing=row["paused_for_failing"],
    )
