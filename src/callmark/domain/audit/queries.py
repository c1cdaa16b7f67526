"""The SQL of the audit log."""

from datetime import datetime
from uuid import UUID

import msgspec

from callmark.domain.audit.model import AuditEntry, AuditFilter
from callmark.domain.ids import AccountId, AuditId
from callmark.kit.postgres.any_case import in_any_case
from callmark.kit.postgres.database import Row, Tx


async def insert_entry(tx: Tx, entry: AuditEntry) -> None:
    """Appends to the log."""
    await tx.execute(
        "INSERT INTO audit_entry (id, account_id, actor_email, by_operator, action, subject, details, address, at)"
        " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        entry.id,
        entry.account_id,
        entry.actor_email,
        entry.by_operator,
        entry.action,
        entry.subject,
        msgspec.json.encode(entry.details).decode(),
        entry.address,
        entry.at,
    )


async def select_entries(
    tx: Tx, account_id: AccountId | None, wanted: AuditFilter, after: tuple[datetime, UUID] | None, limit: int
) -> list[AuditEntry]:
    """An account's entries (None: of the whole installation), newest first, those after the key `after`.

    Indexes audit_entry_account_newest, audit_entry_newest.
    """
    at, entry_id = after or (None, None)
    rows = await tx.fetch(
        "SELECT id, account_id, actor_email, by_operator, action, subject, details, address, at FROM audit_entry"
        " WHERE ($1::uuid IS NULL OR account_id = $1) AND ($2 = '' OR action = $2)"
        " AND ($3 = '' OR actor_email ~ $3 OR subject ~ $3)"
        " AND ($4::timestamptz IS NULL OR (at, id) < ($4, $5::uuid)) ORDER BY at DESC, id DESC LIMIT $6",
        account_id,
        wanted.action,
        in_any_case(wanted.text),
        at,
        entry_id,
        limit,
    )
    return [_entry(row) for row in rows]


def _entry(row: Row) -> AuditEntry:
    return AuditEntry(
        id=AuditId(row["id"]),
        account_id=AccountId(row["account_id"]) if row["account_id"] else None,
        actor_email=row["actor_email"],
        by_operator=row["by_operator"],
        action=row["action"],
        subject=row["subject"],
        details=msgspec.json.decode(row["details"]),
        address=row["address"],
        at=row["at"],
    )
