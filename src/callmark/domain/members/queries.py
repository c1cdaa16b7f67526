"""The SQL of members."""

from collections.abc import Generator
from contextlib import contextmanager
from datetime import datetime
from uuid import UUID

import asyncpg

from callmark.domain.ids import AccountId, MemberId
from callmark.domain.members.model import Member
from callmark.domain.policy.model import Role
from callmark.domain.sessions.model import EMAIL_TAKEN, MemberState
from callmark.kit.domain_names import spellings
from callmark.kit.errors import Conflict, NotFound
from callmark.kit.postgres.database import Row, Tx

UNKNOWN_PLACE = "this place in the structure does not exist"
_MEMBER = (
    "id, account_id, email, name, role, state, created_at, coalesce(department_id, operation_id, process_id) AS node_id"
)


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


async def select_by_email(tx: Tx, account_id: AccountId, email: str) -> Member | None:
    """The account's member with this address as it is stored, or None."""
    row = await tx.fetchrow(f"SELECT {_MEMBER} FROM member WHERE account_id = $1 AND email = $2", account_id, email)
    return _member(row) if row else None


async def select_members(
    tx: Tx, account_id: AccountId, after: tuple[datetime, UUID] | None = None, limit: int | None = None
) -> list[Member]:
    """Up to `limit` (None: all) of the account's members, oldest first, after the one at `after`.

    Index member_account.
    """
    rows = await tx.fetch(
        f"SELECT {_MEMBER} FROM member WHERE account_id = $1"
        " AND ($2::timestamptz IS NULL OR (created_at, id) > ($2, $3::uuid)) ORDER BY created_at, id LIMIT $4",
        account_id,
        *(after or (None, None)),
        limit,
    )
    return [_member(row) for row in rows]


async def count_members(tx: Tx, account_id: AccountId) -> int:
    """How many members the account has. Index member_account."""
    return await tx.fetchval("SELECT count(*) FROM member WHERE account_id = $1", account_id)


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

    NotFound for a place that does not exist, Conflict when someone else uses its address by now.
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


async def select_spelling(tx: Tx, account_id: AccountId, email: str) -> str | None:
    """The address of the account's member who has it, in whatever case, as it is written there; None without one."""
    return await tx.fetchval(
        "SELECT email FROM member WHERE account_id = $1"
        " AND lower(email) = ANY (ARRAY (SELECT lower(one) FROM unnest($2::text[]) AS one)) LIMIT 1",
        account_id,
        spellings(email),
    )


async def select_emails(tx: Tx, account_id: AccountId, role: Role) -> list[str]:
    """The addresses of the account's active members of that role, oldest member first. Index member_account."""
    rows = await tx.fetch(
        "SELECT email FROM member WHERE account_id = $1 AND role = $2 AND state = 'active' ORDER BY created_at, id",
        account_id,
        role.value,
    )
    return [row["email"] for row in rows]


async def hold_state(tx: Tx, account_id: AccountId, email: str) -> tuple[MemberState | None] | None:
    """The state of the account's member with this address, which stays so until the transaction ends.

    None without such a member; (None,) for one that was deleted while this waited.
    """
    row = await tx.fetchrow(
        "SELECT (SELECT held.state FROM member held WHERE held.id = m.id FOR SHARE) AS state"
        " FROM member m WHERE m.account_id = $1 AND m.email = $2",
        account_id,
        email,
    )
    return row and (MemberState(row["state"]) if row["state"] else None,)


async def count_taken_requests(tx: Tx, account_id: AccountId, email: str) -> int:
    """How many of the account's callback requests are taken by this address. Index callback_request_to_do."""
    return await tx.fetchval(
        "SELECT count(*) FROM callback_request"
        " WHERE account_id = $1 AND state <> 'done' AND state = 'taken' AND handled_by_email = $2",
        account_id,
        email,
    )


async def release_requests(tx: Tx, account_id: AccountId, email: str, outside: UUID | None) -> list[tuple[UUID, str]]:
    """Makes those requests new, or only those outside a place; their ids and feature sets' names, oldest first.

    What no longer has a feature set, or is of a number group, is in no place. Index callback_request_to_do.
    """
    rows = await tx.fetch(
        """
        WITH released AS (
          UPDATE callback_request r SET state = 'new', handled_by_email = NULL, handled_at = NULL
          WHERE account_id = $1 AND state <> 'done' AND state = 'taken' AND handled_by_email = $2 AND NOT EXISTS (
            SELECT FROM feature_set f JOIN calling_process p ON p.id = f.process_id
            JOIN calling_operation o ON o.id = p.operation_id
            WHERE f.id = r.feature_set_id AND $3::uuid IN (p.id, p.parent_id, o.id, o.department_id)
          ) RETURNING id, feature_set_name, requested_at
        ) SELECT id, feature_set_name FROM released ORDER BY requested_at, id
        """,
        account_id,
        email,
        outside,
    )
    return [(row["id"], row["feature_set_name"]) for row in rows]


@contextmanager
def _known_place() -> Generator[None]:
    """Turns a member's place that does not exist into NotFound."""
    try:
        yield
    except asyncpg.ForeignKeyViolationError as exc:
        raise NotFound(UNKNOWN_PLACE) from exc


@contextmanager
def _free_address() -> Generator[None]:
    """Turns an address that someone else uses into Conflict."""
    try:
        yield
    except asyncpg.UniqueViolationError as exc:
        raise Conflict(EMAIL_TAKEN) from exc


def _place(member: Member) -> tuple[UUID | None, UUID | None, UUID | None]:
    """Department, operation and process as they are stored: what the member owns stands in its role's column."""
    owners = (Role.DEPARTMENT_OWNER, Role.OPERATION_OWNER, Role.PROCESS_OWNER)
    department, operation, process = (member.node_id if member.role is role else None for role in owners)
    return department, operation, process


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
