"""The SQL of call reasons."""

from callmark.domain.call_reasons.model import CallReason
from callmark.domain.ids import AccountId, CallReasonId
from callmark.kit.postgres.database import Row, Tx

_SELECT = "SELECT id, account_id, text, created_by_email, created_at FROM call_reason"
_ONE = f"{_SELECT} WHERE id = $2 AND account_id = $1"


async def insert_call_reason(tx: Tx, reason: CallReason) -> None:
    """Writes a new call reason, whose text is free in its account."""
    await tx.execute(
        "INSERT INTO call_reason (id, account_id, text, created_by_email, created_at) VALUES ($1, $2, $3, $4, $5)",
        reason.id,
        reason.account_id,
        reason.text,
        reason.created_by_email,
        reason.created_at,
    )


async def select_call_reasons(tx: Tx, account_id: AccountId) -> list[CallReason]:
    """The account's call reasons, newest first."""
    rows = await tx.fetch(
        f"{_SELECT} WHERE account_id = $1 ORDER BY created_at DESC, id DESC",
        account_id,
    )
    return [_call_reason(row) for row in rows]


async def select_call_reason(tx: Tx, account_id: AccountId, reason_id: CallReasonId) -> CallReason | None:
    """The account's call reason, or None."""
    row = await tx.fetchrow(_ONE, account_id, reason_id)
    return _call_reason(row) if row else None


async def lock_call_reason(tx: Tx, account_id: AccountId, reason_id: CallReasonId) -> CallReason | None:
    """As `select_call_reason`; it cannot be deleted until the transaction ends."""
    row = await tx.fetchrow(f"{_ONE} FOR KEY SHARE", account_id, reason_id)
    return _call_reason(row) if row else None


async def update_call_reason(tx: Tx, reason: CallReason) -> None:
    """Sets its text, which is free in its account."""
    await tx.execute("UPDATE call_reason SET text = $2 WHERE id = $1", reason.id, reason.text)


async def delete_call_reason(tx: Tx, reason_id: CallReasonId) -> None:
    """Removes a call reason that no feature set uses."""
    await tx.execute("DELETE FROM call_reason WHERE id = $1", reason_id)


async def select_feature_set_names(tx: Tx, reason_id: CallReasonId) -> list[str]:
    """Names of the feature sets that show it, in order. Index feature_set_call_reason."""
    rows = await tx.fetch("SELECT name FROM feature_set WHERE call_reason_id = $1", reason_id)
    return sorted((row["name"] for row in rows), key=str.casefold)


def _call_reason(row: Row) -> CallReason:
    return CallReason(
        id=CallReasonId(row["id"]),
        account_id=AccountId(row["account_id"]),
        text=row["text"],
        created_by_email=row["created_by_email"],
        created_at=row["created_at"],
    )
