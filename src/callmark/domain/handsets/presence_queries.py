"""The SQL of presence: whose stream is open, whose was a moment ago. Instants are real ones."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from callmark.kit.ids import new_id
from callmark.kit.phone import PhoneNumber
from callmark.kit.postgres.database import Tx


class StreamOpened(NamedTuple):
    """A stream is open."""

    number: PhoneNumber
    stream: str
    gateway_id: UUID


class StreamEnded(NamedTuple):
    """A stream has ended: at `lost_at`, None when the handset said goodbye."""

    number: PhoneNumber
    stream: str
    lost_at: datetime | None


async def note(tx: Tx, facts: Sequence[StreamOpened | StreamEnded]) -> None:
    """Writes what has become of streams; of one that is not its handset's newest nothing is written.

    Newer is the later name, as for takeovers: names are UUIDv7.
    """
    came: dict[PhoneNumber, StreamOpened] = {}
    went: dict[PhoneNumber, list[StreamEnded]] = {}
    for fact in facts:
        if isinstance(fact, StreamOpened):
            came[fact.number] = max(fact, came.get(fact.number, fact), key=lambda one: one.stream)
        else:
            went.setdefault(fact.number, []).append(fact)
    if came:
        await _put(tx, [came[number] for number in sorted(came)])
    if ended := [fact for number in sorted(went) for fact in went[number]]:
        await _end(tx, ended)


async def _put(tx: Tx, came: Sequence[StreamOpened]) -> None:
    """A stream whose name is yet to come was named by a clock that is ahead, or was put back: it makes way."""
    await tx.execute(
        "INSERT INTO presence AS p (phone_number, stream, gateway_id)"
        " SELECT * FROM unnest($1::text[], $2::text[], $3::uuid[]) ON CONFLICT (phone_number) DO UPDATE SET"
        " stream = excluded.stream, gateway_id = excluded.gateway_id, lost_at = NULL"
        ' WHERE p.stream COLLATE "C" < excluded.stream OR p.stream COLLATE "C" > $4',
        *map(list, zip(*came, strict=True)),
        new_id().hex,
    )


async def _end(tx: Tx, went: Sequence[StreamEnded]) -> None:
    await tx.execute(
        "UPDATE presence p SET lost_at = coalesce(w.lost_at, '-infinity')"
        " FROM unnest($1::text[], $2::text[], $3::timestamptz[]) AS w (number, stream, lost_at)"
        " WHERE p.phone_number = w.number AND p.stream = w.stream",
        *map(list, zip(*went, strict=True)),
    )


async def lost_within(tx: Tx, asked: Sequence[tuple[PhoneNumber, datetime, datetime]]) -> list[bool]:
    """For each (number, from, to): whether its stream was open last between these, as far as we know. Primary keys."""
    numbers = {number for number, _, _ in asked}
    rows = await tx.fetch(
        "SELECT p.phone_number, coalesce(p.lost_at, g.lost_at, g.beat_at) AS last FROM presence p"
        " LEFT JOIN gateway g ON g.id = p.gateway_id WHERE p.phone_number = ANY ($1::text[])"
        " AND p.lost_at IS DISTINCT FROM '-infinity'",
        list(numbers),
    )
    last = {row["phone_number"]: row["last"] for row in rows if row["last"]}
    return [number in last and since < last[number] <= to for number, since, to in asked]


async def beat(tx: Tx, gateway_id: UUID, now: datetime) -> None:
    """Notes that a gateway lives."""
    await tx.execute(
        "INSERT INTO gateway (id, beat_at) VALUES ($1, $2) ON CONFLICT (id) DO UPDATE SET beat_at = $2, lost_at = NULL",
        gateway_id,
        now,
    )


async def mark_lost(tx: Tx, gateway_id: UUID, now: datetime) -> None:
    """Notes that a gateway has ended, also one whose first beat has not been written."""
    await tx.execute(
        "INSERT INTO gateway (id, beat_at, lost_at) VALUES ($1, $2, $2) ON CONFLICT (id) DO UPDATE SET lost_at = $2",
        gateway_id,
        now,
    )


async def find_lost(tx: Tx, silent_since: datetime, forgotten: datetime, now: datetime) -> None:
    """Notes gateways as lost now that have been silent since then, and forgets those lost before `forgotten`."""
    await tx.execute("UPDATE gateway SET lost_at = $2 WHERE lost_at IS NULL AND beat_at < $1", silent_since, now)
    await tx.execute("DELETE FROM gateway WHERE lost_at < $1", forgotten)
