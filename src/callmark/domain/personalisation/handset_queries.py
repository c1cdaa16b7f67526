"""The SQL of records as handsets hold and show them. Bounded on `ends_at` as in `queries`."""

from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import datetime
from typing import NamedTuple, TypeVar
from uuid import UUID

from callmark.domain.ids import AccountId
from callmark.domain.personalisation.model import LONGEST_WINDOW, NearestRecord, OpenRecord, RecordKey, RingingPair
from callmark.domain.personalisation.queries import OPEN, STORED, key_of_row, open_of_row, stored_of
from callmark.kit.phone import PhoneNumber
from callmark.kit.postgres.database import Row, Tx

T = TypeVar("T")
_PAGES = (
    "unnest($1::text[], $2::timestamptz[], $3::timestamptz[], $4::uuid[], $5::int[])"
    " WITH ORDINALITY AS asked (receiver, now, ends_at, id, at_most, position)"
)
_OF_PAGE = (
    "r.receiver_number = asked.receiver AND r.ends_at > $6"
    " AND r.ends_at > asked.now AND (r.ends_at, r.id) > (asked.ends_at, asked.id) AND r.outcome <> 'invalid'"
)
_IS_ACTIVE = "EXISTS (SELECT FROM client_account a WHERE a.id = r.account_id AND a.state = 'active')"
"""Records of a suspended account are as good as withdrawn (contract D51)."""


class WantedPage(NamedTuple):
    """A page of a handset's records: those after (ends_at, id) that are open, or to come, at an instant."""

    receiver: PhoneNumber
    now: datetime
    after: tuple[datetime, UUID]
    limit: int


async def page_each(tx: Tx, asked: Sequence[WantedPage]) -> list[list[OpenRecord]]:
    """For each page: the receiver's valid, not withdrawn records by (ends_at, id).

    Primary key index; partitions that ended before now are pruned. Fits `deps.gather`.
    """
    rows = await tx.fetch(
        f"SELECT page.*, asked.position AS asked_position FROM {_PAGES} CROSS JOIN LATERAL ("
        f" SELECT {OPEN} FROM call_record r JOIN label l ON l.id = r.label_id"
        f" WHERE {_OF_PAGE} AND r.withdrawn_at IS NULL AND {_IS_ACTIVE}"
        " ORDER BY r.ends_at, r.id LIMIT asked.at_most) page"
        " ORDER BY asked.position, page.ends_at, page.id",
        *_columns(asked),
    )
    return _of_each(asked, rows, open_of_row)


async def withdrawn_page_each(tx: Tx, asked: Sequence[WantedPage]) -> list[list[RecordKey]]:
    """For each page: those of the receiver's valid records that are withdrawn, as `page_each` gives the others."""
    rows = await tx.fetch(
        f"SELECT page.*, asked.position AS asked_position FROM {_PAGES} CROSS JOIN LATERAL ("
        " SELECT r.receiver_number, r.ends_at, r.id FROM call_record r"
        f" WHERE {_OF_PAGE} AND (r.withdrawn_at IS NOT NULL OR NOT {_IS_ACTIVE})"
        " ORDER BY r.ends_at, r.id LIMIT asked.at_most) page"
        " ORDER BY asked.position, page.ends_at, page.id",
        *_columns(asked),
    )
    return _of_each(asked, rows, key_of_row)


def _columns(asked: Sequence[WantedPage]) -> tuple[object, ...]:
    receivers, instants, after, limits = zip(*asked, strict=True)
    ends_at, ids = zip(*after, strict=True)
    return receivers, instants, ends_at, ids, limits, min(instants)


class HeldRecords(NamedTuple):
    """What a handset holds at an instant, by the records' ids."""

    receiver: PhoneNumber
    now: datetime
    ids: Collection[UUID]


async def withdrawn_each(tx: Tx, asked: Sequence[HeldRecords]) -> list[list[RecordKey]]:
    """For each handset: those of its records that are withdrawn, windows that ended left out.

    While its account is suspended a record is withdrawn, too (contract D51). Primary key index; the records of each
    receiver are read once, however many ids it holds (OFFSET keeps the planner from looking for each id). Fits
    `deps.gather`.
    """
    rows = await tx.fetch(
        "SELECT r.receiver_number, r.ends_at, r.id, asked.position AS asked_position"
        " FROM unnest($1::text[], $2::timestamptz[]) WITH ORDINALITY AS asked (receiver, now, position)"
        " CROSS JOIN LATERAL (SELECT * FROM call_record c"
        " WHERE receiver_number = asked.receiver AND c.ends_at > $3 AND c.ends_at > asked.now"
        " AND (withdrawn_at IS NOT NULL"
        " OR NOT EXISTS (SELECT FROM client_account a WHERE a.id = c.account_id AND a.state = 'active')) OFFSET 0) r"
        " JOIN unnest($4::bigint[], $5::uuid[]) AS held (position, id)"
        " ON held.position = asked.position AND held.id = r.id"
        " ORDER BY asked.position, r.ends_at, r.id",
        [held.receiver for held in asked],
        [held.now for held in asked],
        min(held.now for held in asked),
        [position for position, held in enumerate(asked, 1) for _ in held.ids],
        [record_id for held in asked for record_id in held.ids],
    )
    return _of_each(asked, rows, key_of_row)


def _of_each(asked: Sequence[object], rows: Iterable[Row], made: Callable[[Row], T]) -> list[list[T]]:
    """What is made of the rows, for each that was asked for; their `asked_position` counts from 1."""
    found: list[list[T]] = [[] for _ in asked]
    for row in rows:
        position: int = row["asked_position"]
        found[position - 1].append(made(row))
    return found


async def newest_open_each(tx: Tx, asked: Sequence[RingingPair]) -> list[OpenRecord | None]:
    """For each call: the latest accepted of the pair's records whose window is open then, or None.

    None of a suspended account (contract D51).

    Primary key index on the two or three partitions in which windows that are open may end (within 24 hours). Fits
    `deps.gather`. Source: contract D27.
    """
    receivers, callers, instants, accounts = zip(*asked, strict=True)
    rows = await tx.fetch(
        f"SELECT {OPEN}, asked.position AS asked_position"
        " FROM unnest($1::text[], $2::text[], $3::timestamptz[], $6::uuid[])"
        " WITH ORDINALITY AS asked (receiver, caller, at, account_id, position) CROSS JOIN LATERAL ("
        " SELECT * FROM call_record c WHERE receiver_number = asked.receiver AND caller_number = asked.caller"
        " AND ends_at > $4 AND ends_at <= $5 AND ends_at > asked.at AND starts_at <= asked.at"
        " AND withdrawn_at IS NULL AND outcome <> 'invalid' AND c.account_id = coalesce(asked.account_id, c.account_id)"
        " AND EXISTS (SELECT FROM client_account a WHERE a.id = c.account_id AND a.state = 'active')"
        " ORDER BY accepted_at DESC, position DESC, id DESC LIMIT 1) r JOIN label l ON l.id = r.label_id",
        receivers,
        callers,
        instants,
        min(instants),
        max(instants) + LONGEST_WINDOW,
        accounts,
    )
    found = {row["asked_position"]: open_of_row(row) for row in rows}
    return [found.get(at) for at in range(1, len(asked) + 1)]


async def latest_of_pair(
    tx: Tx, receiver: PhoneNumber, caller: PhoneNumber, now: datetime, account_id: AccountId | None
) -> NearestRecord | None:
    """The record nearest to showing for a pair, for saying why nothing shows: ended within a day, or still to come.

    With an account, of its records only.
    """
    row = await tx.fetchrow(
        f"SELECT {STORED}, NOT {_IS_ACTIVE} AS is_suspended FROM call_record r"
        " WHERE receiver_number = $1 AND caller_number = $2 AND ends_at > $3"
        " AND account_id = coalesce($4, account_id) ORDER BY accepted_at DESC, position DESC, id DESC LIMIT 1",
        receiver,
        caller,
        now - LONGEST_WINDOW,
        account_id,
    )
    return NearestRecord(stored_of(row), row["is_suspended"]) if row else None
