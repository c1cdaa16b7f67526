"""The SQL of acting: a column of the session."""

from datetime import datetime

from callmark.domain.ids import AccountId, SessionId
from callmark.domain.sessions.acting.model import StoppedActing
from callmark.domain.sessions.model import Person
from callmark.kit.db import Tx


async def set_acting(tx: Tx, session_id: SessionId, account_id: AccountId) -> None:
    """Makes an operator's session act for an account."""
    await tx.execute("UPDATE console_session SET acting_account_id = $2 WHERE id = $1", session_id, account_id)


async def stop_acting(
    tx: Tx,
    person: Person,
    *,
    only: SessionId | None = None,
    but: SessionId | None = None,
    created_by: datetime | None = None,
    seen_by: datetime | None = None,
) -> list[StoppedActing]:
    """Ends the acting of an operator's sessions (that one, or all but one), and of those made or used last by then.

    Which did act, locked until the transaction ends.
    """
    rows = await tx.fetch(
        "WITH acting AS (SELECT id, operator_id, acting_account_id FROM console_session"
        " WHERE acting_account_id IS NOT NULL"
        " AND (operator_id = $1 AND ($2::uuid IS NULL OR id = $2) AND id IS DISTINCT FROM $3"
        " OR created_at <= $4::timestamptz OR seen_at <= $5::timestamptz) ORDER BY id FOR UPDATE)"
        " UPDATE console_session AS s SET acting_account_id = NULL FROM acting"
        " JOIN client_account AS a ON a.id = acting.acting_account_id"
        " JOIN operator_user AS o ON o.id = acting.operator_id WHERE s.id = acting.id"
        " RETURNING a.id AS account_id, a.name AS account_name, o.email",
        person.operator_id,
        only,
        but,
        created_by,
        seen_by,
    )
    return [StoppedActing(AccountId(row["account_id"]), row["account_name"], row["email"]) for row in rows]
