"""The email addresses of an account's members: whom it writes to, and whom things name as their maker."""

from callmark.domain.deps import Deps
from callmark.domain.ids import AccountId
from callmark.domain.members import queries
from callmark.domain.policy.model import Role
from callmark.kit.postgres.database import Tx

NOBODY_EMAIL = "operator@localhost"
"""Who made a thing when an API key did and the account has no admin."""


async def admin_emails(tx: Tx, account_id: AccountId) -> list[str]:
    """Addresses of the account's active admins, oldest member first."""
    return await emails_of(tx, account_id, Role.ADMIN)


async def emails_of(tx: Tx, account_id: AccountId, role: Role) -> list[str]:
    """Addresses of the account's active members of that role, oldest member first."""
    return await queries.select_emails(tx, account_id, role)


async def as_member_writes(deps: Deps, account_id: AccountId, email: str) -> str:
    """The address as the account's member with it writes it; as it is given when it is no member's."""
    async with deps.db.connection() as tx:
        return await queries.select_spelling(tx, account_id, email) or email


async def creator_email(deps: Deps, account_id: AccountId) -> str:
    """Whom a thing names as its maker when an API key makes it: the account's oldest admin, else `NOBODY_EMAIL`."""
    async with deps.db.connection() as tx:
        return await queries.select_oldest_admin_email(tx, account_id) or NOBODY_EMAIL
