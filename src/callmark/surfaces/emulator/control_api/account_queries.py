"""The SQL of accounts that could not be made whole."""

from callmark.domain.ids import AccountId
from callmark.kit.postgres.database import Transaction


async def delete_new_account(tx: Transaction, account_id: AccountId) -> None:
    """Takes back an account that nobody knows of yet, with all that was made for it."""
    for statement in (
        "DELETE FROM audit_entry WHERE account_id = $1",
        "DELETE FROM api_key WHERE account_id = $1",
        "DELETE FROM member WHERE account_id = $1",
        "DELETE FROM label WHERE account_id = $1",
        "DELETE FROM client_account WHERE id = $1",
    ):
        await tx.execute(statement, account_id)
