"""The audit log: every change made in the console, in the transaction that makes it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import msgspec

from callmark.domain.accounts.session_queries import Known
from callmark.domain.deps import Deps
from callmark.domain.ids import AccountId, AuditId
from callmark.kit.db import Row, Tx
from callmark.kit.ids import new_id

PAGE = 50
LONGEST_SUBJECT = 200


@dataclass(frozen=True)
class AuditEntry:
    """One change: who did what to which thing, when and from where. `account_id` None: to the installation."""

    id: AuditId
    account_id: AccountId | None
    actor_email: str
    by_operator: bool
    action: str
    subject: str
    details: Mapping[str, object]
    address: str
    at: datetime


@dataclass(frozen=True)
class AuditFilter:
    """What to show of the log; empty parts do not filter. `text` is looked for in actor and subject."""

    action: str = ""
    text: str = ""


async def write_entry(tx: Tx, entry: AuditEntry) -> None:
    """Appends to the log."""
    await tx.execute(
        "INSERT INTO audit_entry (id, account_id, actor_email, by_operator, action, subject, details, address, at)"
        " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        entry.id,
        entry.account_id,
        entry.actor_email,
        entry.by_operator,
        entry.action,
        entry.subject[:LONGEST_SUBJECT],
        msgspec.json.encode(entry.details).decode(),
        entry.address,
        entry.at,
    )


def new_entry(
    *,
    account_id: AccountId | None,
    actor_email: str,
    by_operator: bool,
    action: str,
    subject: str,
    details: Mapping[str, object],
    address: str,
    at: datetime,
) -> AuditEntry:
    """An entry with an id of its own."""
    return AuditEntry(AuditId(new_id()), account_id, actor_email, by_operator, action, subject, details, address, at)


async def note_own(tx: Tx, known: Known, action: str, address: str, at: datetime) -> None:
    """Notes what somebody did about its own way in: a password chosen, an invitation accepted."""
    entry = new_entry(
        account_id=known.account_id,
        actor_email=known.email,
        by_operator=known.person.operator_id is not None,
        action=action,
        subject=known.email,
        details={},
        address=address,
        at=at,
    )
    await write_entry(tx, entry)


async def list_entries(
    deps: Deps,
    account_id: AccountId | None,
    wanted: AuditFilter,
    after: tuple[datetime, UUID] | None = None,
    limit: int = PAGE,
) -> list[AuditEntry]:
    """An account's entries (None: of the whole installation), newest first, those after the key `after`.

    Indexes audit_entry_account_newest, audit_entry_newest.
    """
    pattern = "%" + wanted.text.replace("\\", r"\\").replace("%", r"\%").replace("_", r"\_") + "%"
    at, entry_id = after or (None, None)
    async with deps.db.connection() as tx:
        rows = await tx.fetch(
            "SELECT id, account_id, actor_email, by_operator, action, subject, details, address, at FROM audit_entry"
            " WHERE ($1::uuid IS NULL OR account_id = $1) AND ($2 = '' OR action = $2)"
            " AND ($3 = '%%' OR actor_email ILIKE $3 OR subject ILIKE $3)"
            " AND ($4::timestamptz IS NULL OR (at, id) < ($4, $5::uuid)) ORDER BY at DESC, id DESC LIMIT $6",
            account_id,
            wanted.action,
            pattern,
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
