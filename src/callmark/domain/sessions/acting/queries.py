"""The SQL of acting: a column of the session."""

from datetime import datetime

from callmark.domain.ids import AccountId, SessionId
from callmark.domain.sessions.acting.model import Acting
from callmark.kit.postgres.database import Row, Tx, fetch_one


async def lock_acting(tx: Tx, session_id: SessionId) -> Acting | None:
    """The account that a session acts for, locked until the transaction ends; None when the session has ended."""
    row = await tx.fetchrow(
        "SELECT operator_id, acting_account_id FROM console_session WHERE id = $1 FOR UPDATE", session_id
    )
    return _acting(row) if row else None


async def set_acting(tx: Tx, session_id: SessionId, account_id: AccountId | None) -> None:
    """Makes an operator's session act for an account, or for none."""
    await tx.execute("UPDATE console_session SET acting_account_id = $2 WHERE id = $1", session_id, account_id)


async def delete_dead(tx: Tx, created_by: datetime, seen_by: datetime) -> list[Acting]:
    """Forgets ended sessions that act for an account, of which there are few; for which.

    Not those that others hold: who ends several of a person would wait for this, and this for them.
    """
    rows = await tx.fetch(
        "DELETE FROM console_session WHERE id = ANY (ARRAY (SELECT id FROM console_session"
        " WHERE acting_account_id IS NOT NULL AND (created_at <= $1 OR seen_at <= $2) FOR UPDATE SKIP LOCKED))"
        " RETURNING operator_id, acting_account_id",
        created_by,
        seen_by,
    )
    return [_acting(row) for row in rows]


async def select_names(tx: Tx, acting: Acting) -> tuple[str, str]:
    """The account's name and the operator's address. Both exist."""
    row = await fetch_one(
        tx,
        "SELECT a.name, o.email FROM client_account a, operator_user o WHERE a.id = $1 AND o.id = $2",
        acting.account_id,
        acting.operator_id,
    )
    return row["name"], row["email"]


def _acting(row: Row) -> Acting:
    return Acting(row["operator_id"], row["acting_account_id"])
