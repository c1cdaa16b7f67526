"""The SQL of accounts and members."""

from collections.abc import Collection

from callmark.domain.accounts.model import Account, AccountState, Feature, Member, MemberState, Role
from callmark.domain.ids import AccountId, MemberId
from callmark.kit.db import Row, Tx
from callmark.kit.errors import Conflict


async def insert_account(tx: Tx, account: Account) -> None:
    """Writes a new account."""
    await tx.execute(
        "INSERT INTO client_account (id, name, state, features, created_at) VALUES ($1, $2, $3, $4, $5)",
        account.id,
        account.name,
        account.state,
        _sorted(account.features),
        account.created_at,
    )


async def select_account(tx: Tx, account_id: AccountId) -> Account | None:
    """The account, or None."""
    row = await tx.fetchrow(
        "SELECT id, name, state, features, created_at FROM client_account WHERE id = $1", account_id
    )
    return _account(row) if row else None


async def lock_account(tx: Tx, account_id: AccountId) -> Account | None:
    """The account, its row locked until the transaction ends; other rows may still refer to it meanwhile."""
    row = await tx.fetchrow(
        "SELECT id, name, state, features, created_at FROM client_account WHERE id = $1 FOR NO KEY UPDATE", account_id
    )
    return _account(row) if row else None


async def select_accounts(tx: Tx) -> list[Account]:
    """All accounts, oldest first."""
    rows = await tx.fetch("SELECT id, name, state, features, created_at FROM client_account ORDER BY created_at, id")
    return [_account(row) for row in rows]


async def update_account(
    tx: Tx,
    account_id: AccountId,
    name: str | None,
    features: Collection[Feature] | None,
    state: AccountState | None,
) -> Account | None:
    """Sets what is not None; the account as it is then, or None when there is no such account."""
    row = await tx.fetchrow(
        "UPDATE client_account SET name = coalesce($2, name), features = coalesce($3, features),"
        " state = coalesce($4, state) WHERE id = $1 RETURNING id, name, state, features, created_at",
        account_id,
        name,
        None if features is None else _sorted(features),
        state,
    )
    return _account(row) if row else None


async def insert_member(tx: Tx, member: Member) -> None:
    """Writes a new member. Conflict when the address is taken (in any spelling of case, in any account)."""
    tag = await tx.execute(
        "INSERT INTO member (id, account_id, email, name, role, state, created_at)"
        " VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (lower(email)) DO NOTHING",
        member.id,
        member.account_id,
        member.email,
        member.name,
        member.role,
        member.state,
        member.created_at,
    )
    if tag != "INSERT 0 1":
        raise Conflict("a member with this email already exists")


async def select_member(tx: Tx, account_id: AccountId, member_id: MemberId) -> Member | None:
    """The member of that account, or None."""
    row = await tx.fetchrow(
        "SELECT id, account_id, email, name, role, state, created_at FROM member WHERE account_id = $1 AND id = $2",
        account_id,
        member_id,
    )
    return _member(row) if row else None


async def select_members(tx: Tx, account_id: AccountId) -> list[Member]:
    """The account's members, oldest first. Index member_account."""
    rows = await tx.fetch(
        "SELECT id, account_id, email, name, role, state, created_at FROM member WHERE account_id = $1"
        " ORDER BY created_at, id",
        account_id,
    )
    return [_member(row) for row in rows]


async def update_member(
    tx: Tx, account_id: AccountId, member_id: MemberId, name: str | None, role: Role | None, state: MemberState | None
) -> Member | None:
    """Sets what is not None; the member as it is then, or None when the account has no such member."""
    row = await tx.fetchrow(
        "UPDATE member SET name = coalesce($3, name), role = coalesce($4, role), state = coalesce($5, state)"
        " WHERE account_id = $1 AND id = $2 RETURNING id, account_id, email, name, role, state, created_at",
        account_id,
        member_id,
        name,
        role,
        state,
    )
    return _member(row) if row else None


async def delete_member(tx: Tx, account_id: AccountId, member_id: MemberId) -> bool:
    """Removes the row; whether there was one."""
    tag = await tx.execute("DELETE FROM member WHERE account_id = $1 AND id = $2", account_id, member_id)
    return tag == "DELETE 1"


async def select_oldest_admin_email(tx: Tx, account_id: AccountId) -> str | None:
    """The address of the account's oldest admin whose access is not revoked, or None."""
    return await tx.fetchval(
        "SELECT email FROM member WHERE account_id = $1 AND role = 'admin' AND state <> 'revoked'"
        " ORDER BY created_at, id LIMIT 1",
        account_id,
    )


async def select_admin_emails(tx: Tx, account_id: AccountId) -> list[str]:
    """The addresses of the account's active admins, oldest member first. Index member_account."""
    rows = await tx.fetch(
        "SELECT email FROM member WHERE account_id = $1 AND role = 'admin' AND state = 'active'"
        " ORDER BY created_at, id",
        account_id,
    )
    return [row["email"] for row in rows]


def _sorted(features: Collection[Feature]) -> list[str]:
    """The features as stored: once each, in the order of their declaration."""
    return [feature.value for feature in Feature if feature in features]


def _account(row: Row) -> Account:
    return Account(
        id=AccountId(row["id"]),
        name=row["name"],
        state=AccountState(row["state"]),
        features=frozenset(Feature(feature) for feature in row["features"]),
        created_at=row["created_at"],
    )


def _member(row: Row) -> Member:
    return Member(
        id=MemberId(row["id"]),
        account_id=AccountId(row["account_id"]),
        email=row["email"],
        name=row["name"],
        role=Role(row["role"]),
        state=MemberState(row["state"]),
        created_at=row["created_at"],
    )
