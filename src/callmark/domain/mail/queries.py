"""The SQL of mails."""

from datetime import datetime
from uuid import UUID

from callmark.domain.mail.model import Mail, MailState
from callmark.kit.ids import new_id
from callmark.kit.postgres.database import Row, Tx, affected
from callmark.kit.work import Claimed


async def insert_mail(
    tx: Tx,
    to: str,
    subject: str,
    text: str,
    html: str,
    now: datetime,
    *,
    sealed: bytes | None,
    expires_at: datetime | None,
) -> None:
    """Writes a mail that is due now."""
    await tx.execute(
        "INSERT INTO mail (id, recipient, subject, plain, html, created_at, due_at, sealed, expires_at)"
        " VALUES ($1, $2, $3, $4, $5, $6, $6, $7, $8)",
        new_id(),
        to,
        subject,
        text,
        html,
        now,
        sealed,
        expires_at,
    )


async def select_mails(tx: Tx, limit: int) -> list[Mail]:
    """The newest `limit` mails, oldest of them first. Index mail_created."""
    rows = await tx.fetch("SELECT * FROM mail ORDER BY created_at DESC, id DESC LIMIT $1", limit)
    return [mail_of(row) for row in reversed(rows)]


async def select_unsent(tx: Tx, limit: int) -> list[Mail]:
    """The newest `limit` mails that could not be sent so far, newest first: given up, or to be tried again.

    Index mail_unsent.
    """
    rows = await tx.fetch(
        "SELECT * FROM mail WHERE state = 'failed' OR (state = 'waiting' AND attempt_count > 0)"
        " ORDER BY created_at DESC, id DESC LIMIT $1",
        limit,
    )
    return [mail_of(row) for row in rows]


async def replace_unsent(tx: Tx, mail_id: UUID | None, now: datetime) -> list[str]:
    """Makes that mail (None: each) that was given up, or waits for its next try, as new, due now; the recipients.

    A new mail in its place, because one is given up by its age, and no server ever took the old one. One that would
    come too late stays as it is. Index mail_unsent.
    """
    rows = await tx.fetch(
        "WITH old AS (DELETE FROM mail WHERE ($1::uuid IS NULL OR id = $1) AND (state = 'failed'"
        "   OR (state = 'waiting' AND attempt_count > 0 AND lease_id IS NULL))"
        "   AND (expires_at IS NULL OR expires_at > $2) RETURNING *)"
        " INSERT INTO mail (id, recipient, subject, plain, html, created_at, due_at, sealed, expires_at)"
        " SELECT gen_random_uuid(), recipient, subject, plain, html, $2, $2, sealed, expires_at FROM old"
        " RETURNING recipient",
        mail_id,
        now,
    )
    return [row["recipient"] for row in rows]


async def count_waiting(tx: Tx) -> int:
    """How many mails wait to be sent. Index mail_due_recipient."""
    return await tx.fetchval("SELECT count(*) FROM mail WHERE due_at IS NOT NULL")


async def delete_waiting(tx: Tx) -> int:
    """Forgets every mail that waits; how many. Index mail_due_recipient."""
    return affected(await tx.execute("DELETE FROM mail WHERE due_at IS NOT NULL"))


async def delete_all(tx: Tx) -> None:
    """Forgets every mail."""
    await tx.execute("DELETE FROM mail")


async def update_outcome(
    tx: Tx,
    claimed: Claimed,
    state: MailState,
    now: datetime,
    *,
    attempts: int = 0,
    due_at: datetime | None = None,
    error: str | None = None,
) -> None:
    """Writes the outcome of an attempt and ends its lease, where the lease is still ours.

    The text of a mail that was sent goes: nobody needs it here, and its links may let someone in.
    """
    await tx.execute(
        "UPDATE mail SET state = $3, attempt_count = $4, ended_at = $5, due_at = $6, last_error = $7,"
        " plain = CASE WHEN $8 THEN '' ELSE plain END, html = CASE WHEN $8 THEN '' ELSE html END,"
        " sealed = CASE WHEN $8 THEN NULL ELSE sealed END,"
        " lease_id = NULL, leased_until = NULL WHERE id = $1 AND lease_id = $2",
        claimed.row["id"],
        claimed.lease_id,
        state.value,
        attempts,
        None if state is MailState.WAITING else now,
        due_at,
        error,
        state is MailState.SENT,
    )


async def select_sealed(tx: Tx) -> list[tuple[UUID, str, bytes]]:
    """Id, recipient and sealed text of each mail that has one."""
    rows = await tx.fetch("SELECT id, recipient, sealed FROM mail WHERE sealed IS NOT NULL ORDER BY id FOR UPDATE")
    return [(row["id"], row["recipient"], row["sealed"]) for row in rows]


async def update_sealed(tx: Tx, mail_id: UUID, sealed: bytes) -> None:
    """Another spelling of the same text."""
    await tx.execute("UPDATE mail SET sealed = $2 WHERE id = $1", mail_id, sealed)


async def end_sealed(tx: Tx, error: str, now: datetime) -> int:
    """Takes the text of every sealed mail and gives up those that wait; how many have no text now."""
    done = await tx.execute(
        "UPDATE mail SET sealed = NULL, state = 'failed', ended_at = coalesce(ended_at, $2), due_at = NULL,"
        " last_error = $1, expires_at = $2, lease_id = NULL, leased_until = NULL WHERE sealed IS NOT NULL",
        error,
        now,
    )
    return affected(done)


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
        row["sealed"],
        row["expires_at"],
    )
