"""The SQL of accounts."""

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

import msgspec

from callmark.domain.accounts.model import Account, AccountState
from callmark.domain.ids import AccountId
from callmark.domain.limits.model import DEFAULT_LIMITS, AccountLimits
from callmark.domain.policy.plan import Feature
from callmark.kit.postgres.any_case import in_any_case
from callmark.kit.postgres.database import Row, Tx, fetch_one

_ACCOUNT = "id, name, state, features, created_at, requires_code, limits, announced_calls_only"
_limits = msgspec.json.Decoder(dict[str, int])


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
        f"SELECT {_ACCOUNT} FROM client_account WHERE ($1 = '' OR name ~ $6"
        " OR starts_with(id::text, lower($1)) OR length($1) >= 8 AND right(id::text, length($1)) = lower($1))"
        " AND ($2::text IS NULL OR state = $2)"
        " AND ($3::timestamptz IS NULL OR (created_at, id) < ($3, $4::uuid))"
        " ORDER BY created_at DESC, id DESC LIMIT $5",
        text,
        state,
        at,
        account_id,
        limit,
        in_any_case(text),
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
    *,
    name: str | None,
    features: Collection[Feature] | None,
    state: AccountState | None,
    requires_code: bool | None,
    announced_calls_only: bool | None,
) -> Account:
    """Sets what is not None of a locked account; the account as it is then."""
    row = await fetch_one(
        tx,
        "UPDATE client_account SET name = coalesce($2, name), features = coalesce($3, features),"
        " state = coalesce($4, state), requires_code = coalesce($5, requires_code),"
        " announced_calls_only = coalesce($6, announced_calls_only)"
        f" WHERE id = $1 RETURNING {_ACCOUNT}",
        account_id,
        name,
        None if features is None else _sorted(features),
        state,
        requires_code,
        announced_calls_only,
    )
    return _account(row)


async def update_limits(tx: Tx, account_id: AccountId, limits: AccountLimits) -> None:
    """Sets the account's own limits."""
    await tx.execute(
        "UPDATE client_account SET limits = nullif($2::jsonb, '{}') WHERE id = $1",
        account_id,
        msgspec.json.encode(limits.own).decode(),
    )


async def note_switch(tx: Tx, account_id: AccountId, state: AccountState, now: datetime) -> None:
    """Where this changes the account's state, makes the work of telling handsets due, and ends the lease on it."""
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
    """Whether the account is suspended; False for an unknown one. By primary key."""
    found = await tx.fetchval("SELECT state <> 'active' FROM client_account WHERE id = $1", account_id)
    return bool(found)


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
        limits=AccountLimits(_limits.decode(row["limits"])) if row["limits"] else DEFAULT_LIMITS,
        announced_calls_only=row["announced_calls_only"],
    )
