"""The SQL of alerts: recipients, posts that wait, and what was announced once."""

from datetime import datetime

import asyncpg

from callmark.domain.alerts.model import AlertKind, Recipient, RecipientKind
from callmark.domain.ids import AccountId, RecipientId
from callmark.domain.policy.model import Role
from callmark.kit.errors import Conflict
from callmark.kit.ids import new_id
from callmark.kit.postgres.database import Row, Tx

_RECIPIENT = (
    "id, account_id, kind, role, email, name, url, alert_kinds, confirmed_at, created_by_email, created_at,"
    " last_sent_at, last_failed_at, last_error"
)
_KNOWN = frozenset(kind.value for kind in AlertKind)


async def select_recipients(tx: Tx, account_id: AccountId) -> list[Recipient]:
    """The account's recipients that have a row, oldest first. Index alert_recipient_account."""
    rows = await tx.fetch(
        f"SELECT {_RECIPIENT} FROM alert_recipient WHERE account_id = $1 ORDER BY created_at, id", account_id
    )
    return [_recipient(row) for row in rows]


async def select_recipient(tx: Tx, recipient_id: RecipientId) -> Recipient | None:
    """The recipient of whatever account, or None."""
    row = await tx.fetchrow(f"SELECT {_RECIPIENT} FROM alert_recipient WHERE id = $1", recipient_id)
    return _recipient(row) if row else None


async def insert_recipient(tx: Tx, one: Recipient) -> None:
    """Writes a new recipient; nothing where it has a row, as the admins may.

    Conflict when the account has one with this role or address.
    """
    try:
        await tx.execute(
            "INSERT INTO alert_recipient (id, account_id, kind, role, email, name, url, alert_kinds, confirmed_at,"
            " created_by_email, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)"
            " ON CONFLICT (id) DO NOTHING",
            one.id,
            one.account_id,
            one.kind.value,
            one.role and one.role.value,
            one.email,
            one.name,
            one.url,
            sorted(one.alert_kinds),
            one.confirmed_at,
            one.created_by_email,
            one.created_at,
        )
    except asyncpg.UniqueViolationError as exc:
        field = "role" if exc.constraint_name == "alert_recipient_role" else "email"
        raise Conflict("this recipient gets alerts already", field=field) from exc


async def update_choices(
    tx: Tx, recipient_id: RecipientId, alert_kinds: frozenset[AlertKind], name: str | None
) -> Recipient | None:
    """Writes what a recipient gets, and its name; the recipient, or None when its row is gone."""
    row = await tx.fetchrow(
        f"UPDATE alert_recipient SET alert_kinds = $2, name = $3 WHERE id = $1 RETURNING {_RECIPIENT}",
        recipient_id,
        sorted(alert_kinds),
        name,
    )
    return _recipient(row) if row else None


async def confirm_recipient(tx: Tx, recipient_id: RecipientId, now: datetime) -> Recipient | None:
    """Notes that an address is confirmed; the recipient, or None when its row is gone or was confirmed before."""
    row = await tx.fetchrow(
        f"UPDATE alert_recipient SET confirmed_at = $2 WHERE id = $1 AND confirmed_at IS NULL RETURNING {_RECIPIENT}",
        recipient_id,
        now,
    )
    return _recipient(row) if row else None


async def delete_recipient(tx: Tx, recipient_id: RecipientId) -> bool:
    """Forgets a recipient and what waits for it; whether it had a row."""
    return await tx.execute("DELETE FROM alert_recipient WHERE id = $1", recipient_id) == "DELETE 1"


async def delete_channels(tx: Tx) -> None:
    """Forgets every channel of every account."""
    await tx.execute("DELETE FROM alert_recipient WHERE kind = 'channel'")


async def update_result(tx: Tx, recipient_id: RecipientId, at: datetime, error: str | None) -> None:
    """Notes the result of the last post."""
    await tx.execute(
        "UPDATE alert_recipient SET last_sent_at = CASE WHEN $3::text IS NULL THEN $2 ELSE last_sent_at END,"
        " last_failed_at = CASE WHEN $3 IS NULL THEN NULL ELSE $2 END, last_error = $3 WHERE id = $1",
        recipient_id,
        at,
        error,
    )


async def insert_post(tx: Tx, recipient_id: RecipientId, body: str, now: datetime) -> None:
    """Writes a post that is due now; nothing for a recipient that is being removed."""
    await tx.execute(
        "INSERT INTO alert_post (id, recipient_id, body, created_at, due_at)"
        " SELECT $1, id, $3, $4, $4 FROM alert_recipient WHERE id = $2 FOR KEY SHARE",
        new_id(),
        recipient_id,
        body,
        now,
    )


async def update_attempts(tx: Tx, post_id: object, attempts: int) -> None:
    """Notes how often a post was tried."""
    await tx.execute("UPDATE alert_post SET attempt_count = $2 WHERE id = $1", post_id, attempts)


async def delete_post(tx: Tx, post_id: object) -> None:
    """Deletes a post that was sent or given up."""
    await tx.execute("DELETE FROM alert_post WHERE id = $1", post_id)


async def insert_once(tx: Tx, account_id: AccountId, kind: AlertKind, what: str, now: datetime) -> bool:
    """Notes that something is announced; false when it was before."""
    tag = await tx.execute(
        "INSERT INTO alert_once (account_id, alert_kind, what, at) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING",
        account_id,
        kind.value,
        what,
        now,
    )
    return tag == "INSERT 0 1"


def _recipient(row: Row) -> Recipient:
    return Recipient(
        RecipientId(row["id"]),
        AccountId(row["account_id"]),
        RecipientKind(row["kind"]),
        frozenset(AlertKind(name) for name in row["alert_kinds"] if name in _KNOWN),
        row["created_by_email"],
        row["created_at"],
        Role(row["role"]) if row["role"] else None,
        row["email"],
        row["name"],
        row["url"],
        row["confirmed_at"],
        row["last_sent_at"],
        row["last_failed_at"],
        row["last_error"],
    )
