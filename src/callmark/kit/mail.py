"""Mails: written in the transaction of what they tell of, sent afterwards by a worker (`kit.smtp`).

A row is one mail to one recipient. In emulator mode mails are caught: kept and shown, never sent.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from callmark.kit.db import Row, Tx
from callmark.kit.ids import new_id

KEPT = timedelta(days=30)
"""How long a mail is kept after it was made, whatever its state."""

LONGEST_SUBJECT = 200


class MailState(StrEnum):
    """Whether a mail still waits, and if not, how it ended."""

    WAITING = "waiting"  # an attempt is to come
    SENT = "sent"  # a mail server took it
    FAILED = "failed"  # refused permanently, or given up
    CAUGHT = "caught"  # emulator mode: kept instead of sent


@dataclass(frozen=True, slots=True)
class Mail:
    """A mail to one recipient; `last_error` is the last attempt's, in words."""

    id: UUID
    to: str
    subject: str
    text: str
    html: str
    created_at: datetime
    state: MailState
    attempt_count: int
    ended_at: datetime | None
    last_error: str | None


async def enqueue(tx: Tx, *, to: str, subject: str, text: str, html: str, now: datetime) -> None:
    """The mail will be sent once the transaction is committed, within about a second. `now` is of the product clock.

    A subject is one line; what cannot stand in one is dropped from it.
    """
    await tx.execute(
        "INSERT INTO mail (id, recipient, subject, plain, html, created_at, due_at)"
        " VALUES ($1, $2, $3, $4, $5, $6, $6)",
        new_id(),
        to,
        " ".join("".join(c if c.isprintable() else " " for c in subject).split())[:LONGEST_SUBJECT],
        text.replace("\0", ""),
        html.replace("\0", ""),
        now,
    )


async def select_mails(tx: Tx, limit: int) -> list[Mail]:
    """The newest `limit` mails, oldest of them first. Index mail_created."""
    rows = await tx.fetch("SELECT * FROM mail ORDER BY created_at DESC, id DESC LIMIT $1", limit)
    return [mail_of(row) for row in reversed(rows)]


async def select_unsent(tx: Tx, limit: int) -> list[Mail]:
    """The newest `limit` mails that could not be sent so far, newest first: given up, or to be tried again."""
    rows = await tx.fetch(
        "SELECT * FROM mail WHERE state = 'failed' OR (state = 'waiting' AND attempt_count > 0)"
        " ORDER BY created_at DESC, id DESC LIMIT $1",
        limit,
    )
    return [mail_of(row) for row in rows]


async def send_again(tx: Tx, mail_id: UUID | None, now: datetime) -> list[str]:
    """Makes that mail (None: each) that was given up, or waits for its next try, as new, due now; the recipients.

    A new mail in its place, because one is given up by its age, and no server ever took the old one.
    """
    rows = await tx.fetch(
        "WITH old AS (DELETE FROM mail WHERE ($1::uuid IS NULL OR id = $1) AND (state = 'failed'"
        "   OR (state = 'waiting' AND attempt_count > 0 AND lease_id IS NULL)) RETURNING *)"
        " INSERT INTO mail (id, recipient, subject, plain, html, created_at, due_at)"
        " SELECT gen_random_uuid(), recipient, subject, plain, html, $2, $2 FROM old RETURNING recipient",
        mail_id,
        now,
    )
    return [row["recipient"] for row in rows]


async def count_waiting(tx: Tx) -> int:
    """How many mails wait to be sent. Index mail_due_recipient."""
    return await tx.fetchval("SELECT count(*) FROM mail WHERE due_at IS NOT NULL")


async def delete_older(tx: Tx, now: datetime) -> None:
    """Forgets mails made `KEPT` ago and before, also those that still wait. Index mail_created."""
    await tx.execute("DELETE FROM mail WHERE created_at < $1", now - KEPT)


async def delete_all(tx: Tx) -> None:
    """Forgets every mail (emulator)."""
    await tx.execute("DELETE FROM mail")


def mail_of(row: Row) -> Mail:
    """The mail of a row that has its columns."""
    return Mail(
        row["id"],
        row["recipient"],
        row["subject"],
        row["plain"],
        row["html"],
        row["created_at"],
        MailState(row["state"]),
        row["attempt_count"],
        row["ended_at"],
        row["last_error"],
    )
