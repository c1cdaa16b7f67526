"""The SQL of accounts and members."""

from collections.abc import Collection, Generator
from contextlib import contextmanager
from datetime import datetime
from uuid import UUID

import asyncpg

from callmark.domain.accounts.model import Account, AccountState, Member, MemberState
from callmark.domain.ids import AccountId, MemberId
from callmark.domain.policy.model import Role
from callmark.domain.policy.plan import Feature
from callmark.kit.db import Row, Tx
from callmark.kit.errors import Conflict, NotFound

EMAIL_TAKEN = "a member with this email already exists"
_ACCOUNT = "id, name, state, features, created_at, requires_code"
_MEMBER = (
    "id, account_id, email, name, role, state, created_at, coalesce(department_id, operation_id, process_id) AS node_id"
)


async def insert_account(tx: Tx, account: Account) -> None:
    """Writes a new account."""
    await tx.execute(
        "INSERT INTO client_account (id, name, state, features, created_at, requires_code)"
        " VALUES ($1, $2, $3, $4, $5, $6)",
        account.id,
        account.name,
        account.state,
        _sorted(account.features),
        account.created_at,
        account.requires_code,
    )


async def select_account(tx: Tx, account_id: AccountId) -> Account | None:
    """The account, or None."""
    row = await tx.fetchrow(
        f"SELECT {_ACCOUNT} FROM client_account WHERE id = $1",
        account_id,
    )
    return _account(row) if row else None


async def lock_account(tx: Tx, account_id: AccountId) -> Account | None:
    """The account, its row locked until the transaction ends; other rows may still refer to it meanwhile."""
    row = await tx.fetchrow(
        f"SELECT {_ACCOUNT} FROM client_account WHERE id = $1 FOR NO KEY UPDATE",
        account_id,
    )
    return _account(row) if row else None


async def select_accounts(tx: Tx) -> list[Account]:
    """All accounts, oldest first."""
    rows = await tx.fetch(f"SELECT {_ACCOUNT} FROM client_account ORDER BY created_at, id")
    return [_account(row) for row in rows]


async def search_accounts(
    tx: Tx, text: str, state: AccountState | None, after: tuple[datetime, UUID] | None, limit: int
) -> list[Account]:
    """Accounts, newest first, those after the key `after`; `text` is part of a name, or how an id begins or ends."""
    at, account_id = after or (None, None)
    rows = await tx.fetch(
        f"SELECT {_ACCOUNT} FROM client_account WHERE ($1 = '' OR strpos(lower(name), lower($1)) > 0"
        " OR starts_with(id::text, lower($1)) OR length($1) >= 8 AND right(id::text, length($1)) = lower($1))"
        " AND ($2::text IS NULL OR state = $2)"
        " AND ($3::timestamptz IS NULL OR (created_at, id) < ($3, $4::uuid))"
        " ORDER BY created_at DESC, id DESC LIMIT $5",
        text,
        state,
        at,
        account_id,
        limit,
    )
    return [_account(row) for row in rows]


async def are_first_steps_hidden(tx: Tx, account_id: AccountId) -> bool:
    """Whether home no longer shows the first steps; True as well when there is no such account."""
    sql = "SELECT first_steps_hidden_at IS NULL FROM client_account WHERE id = $1"
    return not await tx.fetchval(sql, account_id)


async def hide_first_steps(tx: Tx, account_id: AccountId, hidden_at: datetime | None) -> None:
    """Hides the first steps from home; None shows them again."""
    await tx.execute("UPDATE client_account SET first_steps_hidden_at = $2 WHERE id = $1", account_id, hidden_at)


async def update_account(
    tx: Tx,
    account_id: AccountId,
    name: str | None,
    features: Collection[Feature] | None,
    state: AccountState | None,
    requires_code: bool | None,  # noqa: FBT001 - a column like the others
) -> Account | None:
    """Sets what is not None; the account as it is then, or None when there is no such account."""
    row = await tx.fetchrow(
        "UPDATE client_account SET name = coalesce($2, name), features = coalesce($3, features),"
        " state = coalesce($4, state), requires_code = coalesce($5, requires_code)"
        f" WHERE id = $1 RETURNING {_ACCOUNT}",
        account_id,
        name,
        None if features is None else _sorted(features),
        state,
        requires_code,
    )
    return _account(row) if row else None


async def note_switch(tx: Tx, account_id: AccountId, state: AccountState, now: datetime) -> None:
    """Where this changes the account's state, makes the work of telling handsets due, from whoever does it now."""
    await tx.execute(
        """
        INSERT INTO account_switch (account_id, switched_at, due_at)
        SELECT id, $3, $3 FROM client_account WHERE id = $1 AND state <> $2
        ON CONFLICT (account_id) DO UPDATE SET switched_at = $3, due_at = $3, lease_id = NULL, leased_until = NULL
        """,
        account_id,
        state,
        now,
    )


async def is_suspended(tx: Tx, account_id: AccountId) -> bool:
    """Primary key."""
    found = await tx.fetchval("SELECT state <> 'active' FROM client_account WHERE id = $1", account_id)
    return bool(found)


async def insert_member(tx: Tx, member: Member) -> None:
    """Writes a new member.

    Conflict when the account has a member with this address (in any spelling of case), or when the new one is active
    and another account's member uses the address. NotFound for a place that does not exist.
    """
    with _known_place():
        tag = await _insert_member(tx, member)
    if tag != "INSERT 0 1":
        raise Conflict(EMAIL_TAKEN)


async def _insert_member(tx: Tx, member: Member) -> str:
    return await tx.execute(
        "INSERT INTO member (id, account_id, email, name, role, state, created_at,"
        " department_id, operation_id, process_id)"
        " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT DO NOTHING",
        member.id,
        member.account_id,
        member.email,
        member.name,
        member.role,
        member.state,
        member.created_at,
        *_place(member),
    )


async def select_member(tx: Tx, account_id: AccountId, member_id: MemberId) -> Member | None:
    """The member of that account, or None."""
    row = await tx.fetchrow(
        f"SELECT {_MEMBER} FROM member WHERE account_id = $1 AND id = $2",
        account_id,
        member_id,
    )
    return _member(row) if row else None


async def select_members(tx: Tx, account_id: AccountId) -> list[Member]:
    """The account's members, oldest first. Index member_account."""
    rows = await tx.fetch(
        f"SELECT {_MEMBER} FROM member WHERE account_id = $1 ORDER BY created_at, id",
        account_id,
    )
    return [_member(row) for row in rows]


async def lock_member(tx: Tx, account_id: AccountId, member_id: MemberId) -> Member | None:
    """The member of that account, its row locked until the transaction ends, or None."""
    row = await tx.fetchrow(
        f"SELECT {_MEMBER} FROM member WHERE account_id = $1 AND id = $2 FOR NO KEY UPDATE",
        account_id,
        member_id,
    )
    return _member(row) if row else None


async def update_member(tx: Tx, member: Member) -> None:
    """Writes what may change of a locked member.

    NotFound for a place that does not exist, Conflict when somebody else uses its address by now.
    """
    with _known_place(), _free_address():
        await tx.execute(
            "UPDATE member SET name = $2, role = $3, state = $4, department_id = $5, operation_id = $6, process_id = $7"
            " WHERE id = $1",
            member.id,
            member.name,
            member.role,
            member.state,
            *_place(member),
        )


async def activate_member(tx: Tx, member_id: MemberId, name: str) -> None:
    """An invited member has chosen a name and is active. Conflict when somebody else uses its address by now."""
    with _free_address():
        await tx.execute(
            "UPDATE member SET name = $2, state = 'active' WHERE id = $1 AND state = 'invited'", member_id, name
        )


async def member_exists(tx: Tx, email: str) -> bool:
    """Whether a member of any account has this address, in any spelling of case. Index member_email."""
    return bool(await tx.fetchval("SELECT true FROM member WHERE lower(email) = lower($1) LIMIT 1", email))


async def is_in_use(tx: Tx, email: str, but: MemberId) -> bool:
    """Whether an operator, or a member other than that one who has ever signed in, has this address."""
    return await tx.fetchval(
        "SELECT EXISTS (SELECT FROM member WHERE lower(email) = lower($1) AND id <> $2"
        " AND (state = 'active' OR password_hash IS NOT NULL))"
        " OR EXISTS (SELECT FROM operator_user WHERE lower(email) = lower($1))",
        email,
        but,
    )


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


@contextmanager
def _known_place() -> Generator[None]:
    """Turns a member's place that does not exist into NotFound."""
    try:
        yield
    except asyncpg.ForeignKeyViolationError as exc:
        raise NotFound("this place in the structure does not exist") from exc


@contextmanager
def _free_address() -> Generator[None]:
    """Turns an address that somebody else uses into Conflict."""
    try:
        yield
    except asyncpg.UniqueViolationError as exc:
        raise Conflict(EMAIL_TAKEN) from exc


def _place(member: Member) -> tuple[UUID | None, UUID | None, UUID | None]:
    """Department, operation and process as they are stored: what the member owns stands in its role's column."""
    owners = (Role.DEPARTMENT_OWNER, Role.OPERATION_OWNER, Role.PROCESS_OWNER)
    department, operation, process = (member.node_id if member.role is role else None for role in owners)
    return department, operation, process


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
        requires_code=row["requires_code"],
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
        node_id=row["node_id"],
    )
