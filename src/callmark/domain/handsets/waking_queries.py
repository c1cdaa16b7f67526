"""The SQL of wake-ups."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from callmark.kit.phone import PhoneNumber
from callmark.kit.postgres.database import DatabaseConnection, Row, Tx

PAUSE = timedelta(seconds=2)
"""How long after a wake-up no other one is sent to the same handset."""


MOST_KEPT = 20
"""Wake-ups of one handset whose instants are kept, for the timelines of its records."""


class WantedWakeUp(NamedTuple):
    """A handset that is to be woken before `until`, when the last record for it has ended.

    Owners take turns: see `waking.batches_of` and `waking.real_time_of`.
    """

    owner: str
    number: PhoneNumber
    until: datetime
    now: datetime


async def put_wake_ups(connection: DatabaseConnection, wanted: Sequence[WantedWakeUp]) -> list[bool]:
    """Makes a wake-up due for each whose app can be woken; whether it can.

    One that was sent less than `PAUSE` ago stands if the push service keeps it as long as this one: the handset fetches
    everything when it wakes. Otherwise there is another one after that pause. One that is due keeps its place in time
    and goes to who wants it last: it is not to wait behind a batch of another. Primary keys of registration and
    wake_up; in the order of numbers, so that two of these never wait for each other.
    """
    rows = await connection.fetch(
        """
        WITH able AS (
          SELECT a.number, max(a.until) AS until, max(a.now) AS now, max(a.owner) AS owner
          FROM unnest($1::text[], $2::timestamptz[], $3::timestamptz[], $5::text[]) AS a (number, until, now, owner)
          JOIN registration r ON r.phone_number = a.number JOIN handset_app p ON p.id = r.app_id
          WHERE r.token_sha256 IS NOT NULL AND r.push_token IS NOT NULL AND p.revoked_at IS NULL
          GROUP BY a.number
        ), made AS (
          INSERT INTO wake_up AS w (phone_number, wanted_until, due_at, owner)
          SELECT number, until, now, owner FROM able ORDER BY number
          ON CONFLICT (phone_number) DO UPDATE SET
            wanted_until = greatest(w.wanted_until, excluded.wanted_until),
            attempt_count = CASE WHEN w.due_at IS NULL THEN 0 ELSE w.attempt_count END,
            due_at = CASE WHEN w.due_at IS NOT NULL OR w.sent_at IS NULL OR w.sent_at <= excluded.due_at - $4::interval
              THEN coalesce(w.due_at, excluded.due_at)
              WHEN w.wanted_until < excluded.wanted_until THEN w.sent_at + $4::interval END,
            owner = excluded.owner
        )
        SELECT number FROM able
        """,
        [one.number for one in wanted],
        [one.until for one in wanted],
        [one.now for one in wanted],
        PAUSE,
        [one.owner for one in wanted],
    )
    able = {row["number"] for row in rows}
    return [one.number in able for one in wanted]


async def find_push_token(tx: Tx, phone: PhoneNumber) -> str | None:
    """The token by which the number's app is woken. Primary key of registration."""
    return await tx.fetchval(
        "SELECT r.push_token FROM registration r JOIN handset_app a ON a.id = r.app_id"
        " WHERE r.phone_number = $1 AND r.token_sha256 IS NOT NULL AND a.revoked_at IS NULL",
        phone,
    )


class AttemptedWakeUp(NamedTuple):
    """The result of an attempt: it was for records until `until`, and is repeated at `retry_at`, if at all."""

    number: int
    until: datetime
    now: datetime
    sent_at: datetime | None = None
    retry_at: datetime | None = None


async def end_attempt(tx: Tx, phone: PhoneNumber, lease_id: UUID, attempt: AttemptedWakeUp) -> datetime | None:
    """Writes the result of an attempt, under its lease; when the next is due.

    It is due after `PAUSE` if a record that ends later came while it ran: the message is not kept that long.
    """
    return await tx.fetchval(
        "UPDATE wake_up SET attempt_count = $3, sent_at = coalesce($4, sent_at), lease_id = NULL, leased_until = NULL,"
        " due_at = CASE WHEN $5::timestamptz < wanted_until THEN $5 WHEN wanted_until > $7 THEN $8::timestamptz END,"
        " sent_ats = CASE WHEN $4::timestamptz IS NULL THEN sent_ats"
        " ELSE (sent_ats || $4::timestamptz)[greatest(cardinality(sent_ats) + 2 - $6::integer, 1):] END"
        " WHERE phone_number = $1 AND lease_id = $2 RETURNING due_at",
        phone,
        lease_id,
        attempt.number,
        attempt.sent_at,
        attempt.retry_at,
        MOST_KEPT,
        attempt.until,
        attempt.now + PAUSE,
    )


async def find_sent(tx: Tx, phone: PhoneNumber) -> list[datetime]:
    """When wake-ups of the number were sent, oldest first; the newest `MOST_KEPT`. Primary key."""
    return await tx.fetchval("SELECT sent_ats FROM wake_up WHERE phone_number = $1", phone) or []


async def drop_push_token(tx: Tx, phone: PhoneNumber, push_token: str) -> None:
    """The registration that still has this push token cannot be woken any longer. Primary key."""
    await tx.execute(
        "UPDATE registration SET push_service = NULL, push_token = NULL WHERE phone_number = $1 AND push_token = $2",
        phone,
        push_token,
    )


async def forget_uninstalled(tx: Tx, phone: PhoneNumber, push_token: str, now: datetime) -> Row | None:
    """Ends the registration that still has this push token: its app is gone. The row, None when none has it."""
    return await tx.fetchrow(
        "UPDATE registration SET token_sha256 = NULL, push_service = NULL, push_token = NULL, forgotten_at = $3"
        " WHERE phone_number = $1 AND push_token = $2 AND token_sha256 IS NOT NULL RETURNING phone_number, generation",
        phone,
        push_token,
        now,
    )
