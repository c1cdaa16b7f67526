"""The SQL of spoof alarms."""

from datetime import datetime
from uuid import UUID

from callmark.domain.ids import AccountId
from callmark.domain.spoof_alarms.model import PossibleSpoof, SpoofCause
from callmark.kit.phone import PhoneNumber
from callmark.kit.postgres.database import Row, Tx, fetch_one

_LOCK = 0x73706F6F66  # "spoof"


async def lock_alarms(tx: Tx, account_id: AccountId) -> None:
    """Waits until no other transaction raises an alarm of the account, up to the end of this one."""
    await tx.execute("SELECT pg_advisory_xact_lock(hashtextextended($1, $2))", str(account_id), _LOCK)


async def count_recent(
    tx: Tx, spoof: PossibleSpoof, same_call_since: datetime, period: tuple[datetime, datetime]
) -> tuple[int, int]:
    """How many alarms there were about the same call, and of the cause in the period.

    Index `possible_spoof_account_newest`.
    """
    row = await fetch_one(
        tx,
        "SELECT count(*) FILTER (WHERE caller_number = $2 AND receiver_number = $3 AND raised_at >= $4) AS same,"
        " count(*) FILTER (WHERE cause = $6) AS of_cause FROM possible_spoof WHERE account_id = $1 AND raised_at >= $5"
        " AND raised_at <= $7",
        spoof.account_id,
        spoof.caller_number,
        spoof.receiver_number,
        same_call_since,
        period[0],
        spoof.cause,
        period[1],
    )
    return row["same"], row["of_cause"]


async def insert_spoof(tx: Tx, spoof: PossibleSpoof) -> None:
    """Keeps an alarm."""
    await tx.execute(
        "INSERT INTO possible_spoof (id, account_id, caller_number, receiver_number, cause, raised_at)"
        " VALUES ($1, $2, $3, $4, $5, $6)",
        spoof.id,
        spoof.account_id,
        spoof.caller_number,
        spoof.receiver_number,
        spoof.cause.value,
        spoof.raised_at,
    )


async def select_newest(
    tx: Tx, account_id: AccountId, after: tuple[datetime, UUID] | None, limit: int
) -> list[PossibleSpoof]:
    """The account's alarms, newest first, those after the key. Index `possible_spoof_account_newest`."""
    rows = await tx.fetch(
        "SELECT * FROM possible_spoof WHERE account_id = $1"
        " AND ($2::timestamptz IS NULL OR (raised_at, id) < ($2, $3::uuid)) ORDER BY raised_at DESC, id DESC LIMIT $4",
        account_id,
        *(after or (None, None)),
        limit,
    )
    return [_spoof(row) for row in rows]


def _spoof(row: Row) -> PossibleSpoof:
    return PossibleSpoof(
        row["id"],
        AccountId(row["account_id"]),
        PhoneNumber(row["caller_number"]),
        PhoneNumber(row["receiver_number"]),
        SpoofCause(row["cause"]),
        row["raised_at"],
    )
