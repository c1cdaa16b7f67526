"""The SQL of a worker that pushes batches: what there is to push, and how it went. Of several batches at once.

Most batches of a busy installation are small: then a statement for each would cost more than its records. Each batch's
range of ends leaves out partitions when its records are looked for.
"""

from collections.abc import Sequence
from typing import NamedTuple

from callmark.domain.handsets.service import Make
from callmark.domain.personalisation.model import MOST_RECORDS, Batch, OpenRecord
from callmark.domain.personalisation.queries import OPEN, OPEN_COLUMNS, open_of_row
from callmark.kit.postgres.database import Tx, own_names

_BATCHES = (
    "unnest($1::uuid[], $2::uuid[], $3::timestamptz[], $4::timestamptz[]) WITH ORDINALITY"
    " AS w (id, account_id, ends_from, ends_to, number)"
)
_MOST = own_names(str(MOST_RECORDS))
_IS_SUSPENDED = "coalesce((SELECT a.state <> 'active' FROM client_account a WHERE a.id = w.account_id), false)"
_PENDING = (
    "r.batch_id = w.id AND r.batch_id BETWEEN w.id AND w.id"
    " AND r.ends_at BETWEEN w.ends_from AND w.ends_to AND r.outcome = 'pending'"
)
"""The range of ids takes nothing away: it makes the planner expect few records whatever its statistics say of batches.

Where these know one batch alone, it expects a whole day in each and reads the day's primary key from end to end.
"""


class Pending(NamedTuple):
    """A record without an outcome, and the handset of its receiver, if there is one."""

    record: OpenRecord
    make: Make | None


class ToPush(NamedTuple):
    """What is left to push of a batch; nothing while its account is suspended."""

    is_suspended: bool
    pending: list[Pending]
    """In the order of submission."""


class Pushed(NamedTuple):
    """A batch that was pushed: whether records of it were ever withdrawn, its account is suspended, all is settled."""

    has_withdrawals: bool
    is_suspended: bool
    is_done: bool


async def to_push(tx: Tx, batches: Sequence[Batch]) -> list[ToPush]:
    """What is left to push of each batch.

    `LIMIT` takes nothing away: without it the planner expects as many records as it has seen in the largest batch of a
    day, for which it would read all registrations.
    """
    rows = await tx.fetch(
        f"""
        SELECT f.*, w.number, w.is_suspended
        FROM (SELECT w.*, {_IS_SUSPENDED} AS is_suspended FROM {_BATCHES}) w
        LEFT JOIN LATERAL (
          SELECT {OPEN}, CASE WHEN o.id IS NOT NULL THEN g.os END AS os, g.app_version
          FROM (
            SELECT * FROM call_record r WHERE {_PENDING} AND r.withdrawn_at IS NULL ORDER BY r.position
            LIMIT {_MOST}
          ) r
          JOIN label l ON l.id = r.label_id
          LEFT JOIN registration g ON g.phone_number = r.receiver_number AND g.token_sha256 IS NOT NULL
          LEFT JOIN handset_app o ON o.id = g.app_id AND o.revoked_at IS NULL
          ORDER BY r.position
        ) f ON NOT w.is_suspended
        """,
        *_columns(batches),
    )
    found = [ToPush(is_suspended=False, pending=[]) for _ in batches]
    number: int
    for row in rows:
        os, version, number, is_suspended = row[OPEN_COLUMNS:]
        if is_suspended:
            found[number - 1] = ToPush(is_suspended=True, pending=[])
        elif row[0]:
            found[number - 1].pending.append(Pending(open_of_row(row), (os, version) if os else None))
    return found


async def look_again(tx: Tx, batches: Sequence[Batch]) -> list[Pushed]:
    """How each batch is after it was pushed. One that was forgotten, with its records, is done."""
    rows = await tx.fetch(
        f"""
        SELECT coalesce((SELECT b.withdrawn_at IS NOT NULL FROM batch b WHERE b.id = w.id), false), {_IS_SUSPENDED},
          NOT EXISTS (SELECT FROM call_record r WHERE {_PENDING} AND r.withdrawn_at IS NULL)
        FROM {_BATCHES} ORDER BY w.number
        """,
        *_columns(batches),
    )
    return [Pushed(*row) for row in rows]


def _columns(batches: Sequence[Batch]) -> tuple[list[object], ...]:
    return (
        [one.id for one in batches],
        [one.account_id for one in batches],
        [one.ends_from for one in batches],
        [one.ends_to for one in batches],
    )
