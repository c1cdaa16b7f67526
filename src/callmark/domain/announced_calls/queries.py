"""The SQL of announced calls."""

from collections.abc import Sequence
from datetime import datetime

from callmark.domain.announced_calls.model import AnnouncedCall, AnnouncedState
from callmark.domain.ids import AccountId
from callmark.kit.phone import PhoneNumber
from callmark.kit.postgres.database import Row, Tx

_CALL = "account_id, call_id, caller_number, receiver_number, state, announced_at, changed_at, shown_until"


async def insert_call(tx: Tx, call: AnnouncedCall) -> bool:
    """Writes a call; False when the account has one of that name, which other transactions then have written."""
    tag = await tx.execute(
        f"INSERT INTO announced_call ({_CALL}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING",
        call.account_id,
        call.call_id,
        call.caller,
        call.receiver,
        call.state,
        call.announced_at,
        call.changed_at,
        call.shown_until,
    )
    return tag == "INSERT 0 1"


async def lock_call(tx: Tx, account_id: AccountId, call_id: str) -> AnnouncedCall | None:
    """The account's call of that name, locked until the transaction ends. Primary key."""
    row = await tx.fetchrow(
        f"SELECT {_CALL} FROM announced_call WHERE account_id = $1 AND call_id = $2 FOR UPDATE", account_id, call_id
    )
    return _call(row) if row else None


async def update_call(tx: Tx, call: AnnouncedCall) -> None:
    """Writes how far a locked call is."""
    await tx.execute(
        "UPDATE announced_call SET state = $3, changed_at = $4, shown_until = $5"
        " WHERE account_id = $1 AND call_id = $2",
        call.account_id,
        call.call_id,
        call.state,
        call.changed_at,
        call.shown_until,
    )


async def are_announced(tx: Tx, asked: Sequence[tuple[AccountId, PhoneNumber, PhoneNumber, datetime]]) -> list[bool]:
    """For each (account, caller, receiver, instant): whether the account has announced such a call for then.

    Index announced_call_pair.
    """
    accounts, callers, receivers, instants = zip(*asked, strict=True)
    rows = await tx.fetch(
        """
        SELECT EXISTS (
          SELECT FROM announced_call c WHERE c.receiver_number = asked.receiver AND c.caller_number = asked.caller
            AND c.shown_until > asked.at AND c.account_id = asked.account_id
        )
        FROM unnest($1::uuid[], $2::text[], $3::text[], $4::timestamptz[])
          WITH ORDINALITY AS asked (account_id, caller, receiver, at, position)
        ORDER BY asked.position
        """,
        accounts,
        callers,
        receivers,
        instants,
    )
    return [row[0] for row in rows]


def _call(row: Row) -> AnnouncedCall:
    return AnnouncedCall(
        AccountId(row["account_id"]),
        row["call_id"],
        PhoneNumber(row["caller_number"]),
        PhoneNumber(row["receiver_number"]),
        AnnouncedState(row["state"]),
        row["announced_at"],
        row["changed_at"],
        row["shown_until"],
    )
