"""The SQL of codes by which numbers are proven (table `number_code`)."""

from datetime import datetime

from callmark.domain.ids import AccountId, NumberCodeId
from callmark.domain.numbers.proofs.model import CODE_TRIES, CodeChannel, NumberCode
from callmark.kit.phone import PhoneNumber
from callmark.kit.postgres.database import Row, Tx

_CODE = "SELECT id, channel, requested_at, expires_at, try_count, sent_at, error FROM number_code"
_NEWEST = " WHERE phone_number = $2 AND account_id = $1 ORDER BY requested_at > $3, requested_at DESC, id DESC LIMIT 1"


async def insert_code(
    tx: Tx,
    code_id: NumberCodeId,
    account_id: AccountId,
    number: PhoneNumber,
    code: NumberCode,
    by_email: str,
    key_mark: bytes,
) -> None:
    """Writes a code that is to be sent, and the mark of the secret key that it is derived with."""
    await tx.execute(
        "INSERT INTO number_code (id, account_id, phone_number, channel, requested_by_email, requested_at, expires_at,"
        " due_at, key_mark) VALUES ($1, $2, $3, $4, $5, $6, $7, $6, $8)",
        code_id,
        account_id,
        number,
        code.channel,
        by_email,
        code.requested_at,
        code.expires_at,
        key_mark,
    )


async def select_key_mark(tx: Tx, code_id: NumberCodeId) -> bytes | None:
    """The mark of the secret key that the code is derived with."""
    return await tx.fetchval("SELECT key_mark FROM number_code WHERE id = $1", code_id)


async def select_newest(
    tx: Tx, account_id: AccountId, number: PhoneNumber, until: datetime
) -> tuple[NumberCodeId, NumberCode] | None:
    """The newest code of the number that the account asked for; one from after `until` only if there is no other.

    Index number_code_number.
    """
    row = await tx.fetchrow(_CODE + _NEWEST, account_id, number, until)
    return _code(row) if row else None


async def is_wanted(tx: Tx, code_id: NumberCodeId) -> bool:
    """Whether the code's number is in the account that asked for it, and not proven yet. Primary keys."""
    return await tx.fetchval(
        """
        SELECT EXISTS (
          SELECT FROM number_code c JOIN number n ON n.phone_number = c.phone_number AND n.account_id = c.account_id
          WHERE c.id = $1 AND NOT EXISTS (
            SELECT FROM number_proof p
            WHERE p.phone_number = n.phone_number AND p.account_id = n.account_id AND p.state = 'proven'))
        """,
        code_id,
    )


async def lock_newest(
    tx: Tx, account_id: AccountId, number: PhoneNumber, until: datetime
) -> tuple[NumberCodeId, NumberCode] | None:
    """As `select_newest`, locked until the transaction ends: one try after the other."""
    row = await tx.fetchrow(_CODE + _NEWEST + " FOR UPDATE", account_id, number, until)
    return _code(row) if row else None


async def count_try(tx: Tx, code_id: NumberCodeId) -> None:
    """Counts a wrong try of a locked code."""
    await tx.execute("UPDATE number_code SET try_count = try_count + 1 WHERE id = $1", code_id)


async def end_code(tx: Tx, code_id: NumberCodeId, now: datetime) -> None:
    """A locked code no longer counts, and is not sent."""
    await tx.execute("UPDATE number_code SET expires_at = $2, due_at = NULL WHERE id = $1", code_id, now)


async def end_attempt(
    tx: Tx, code_id: NumberCodeId, attempts: int, sent_at: datetime | None, error: str | None
) -> None:
    """Writes how an attempt to send went."""
    await tx.execute(
        "UPDATE number_code SET attempt_count = $2, sent_at = $3, error = $4 WHERE id = $1",
        code_id,
        attempts,
        sent_at,
        error,
    )


async def select_asked(
    tx: Tx, account_id: AccountId | None, number: PhoneNumber | None, period: tuple[datetime, datetime]
) -> list[datetime]:
    """When codes were asked for in a period, in order. Indexes number_code_number, number_code_account."""
    rows = await tx.fetch(
        "SELECT requested_at FROM number_code WHERE requested_at > $1 AND requested_at <= $2"
        + (" AND account_id = $3" if account_id else " AND $3::uuid IS NULL")
        + (" AND phone_number = $4" if number else " AND $4::text IS NULL")
        + " ORDER BY requested_at",
        *period,
        account_id,
        number,
    )
    return [row["requested_at"] for row in rows]


def _code(row: Row) -> tuple[NumberCodeId, NumberCode]:
    code = NumberCode(
        CodeChannel(row["channel"]),
        row["requested_at"],
        row["expires_at"],
        CODE_TRIES - row["try_count"],
        row["sent_at"],
        row["error"],
    )
    return NumberCodeId(row["id"]), code
