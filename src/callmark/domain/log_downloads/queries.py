"""The SQL of log downloads: events of a range, read in steps by key, written as lines by PostgreSQL itself."""

from datetime import datetime
from typing import LiteralString

from msgspec import Struct

from callmark.domain.events.model import EventType
from callmark.domain.log_downloads.model import COLUMNS, FileFormat, LogFile
from callmark.instants import EPOCH
from callmark.kit.postgres.database import Tx, own_names

_ALL = "e.account_id = $1 AND e.event_type = $2 AND $5::uuid IS NULL AND e.created_at >= $3 AND e.created_at < $4"
_OF_CAMPAIGN = (
    "e.account_id = $1 AND e.event_type = $2 AND e.campaign_id = $5::uuid AND e.created_at >= $3 AND e.created_at < $4"
)

# JSON holds no raw control character, so with these two nothing is ever quoted: the line is the JSON, byte for byte.
_NEVER_QUOTED = {"delimiter": "\x01", "quote": "\x02"}


class EventPosition(Struct, frozen=True):
    """A place in the order of a file."""

    created_at: datetime
    number: int


START = EventPosition(EPOCH, 0)
"""Before the first event."""


async def count_erasures(tx: Tx) -> int:
    """How many persons' numbers have been erased. There are few."""
    return await tx.fetchval("SELECT count(ended_at) FROM erasure")


async def select_open(tx: Tx, since: datetime) -> set[str]:
    """The transactions that are open, but this one.

    Of those that have not written only what began after `since`: a backup reads for hours. One that hides its beginning
    (`kit.postgres.open_transactions`) may have begun after it.
    """
    rows = await tx.fetch(
        "SELECT l.virtualtransaction AS name FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid"
        " WHERE l.locktype = 'virtualxid' AND l.mode = 'ExclusiveLock' AND l.pid <> pg_backend_pid()"
        " AND a.datname = current_database() AND a.usesysid IS NOT NULL"
        " AND coalesce(a.backend_type, 'client backend') = 'client backend'"
        " AND (a.backend_xid IS NOT NULL OR a.xact_start > $1 OR a.xact_start IS NULL)",
        since,
    )
    return {row["name"] for row in rows}


async def is_any(tx: Tx, file: LogFile) -> bool:
    """Whether the file has an event. Index event_account_type, or event_campaign_created of one campaign."""
    return await tx.fetchval(f"SELECT EXISTS (SELECT FROM event e WHERE {_range(file)})", *_args(file))


async def select_step(tx: Tx, file: LogFile, after: EventPosition, size: int) -> EventPosition | None:
    """The key of the `size`-th event after `after`; None when fewer are left. Indexes as `is_any`."""
    row = await tx.fetchrow(
        f"SELECT e.created_at, e.number FROM event e WHERE {_range(file)}"
        " AND e.created_at >= $6 AND (e.created_at, e.number) > ($6, $7)"
        " ORDER BY e.created_at, e.number OFFSET $8 LIMIT 1",
        *_args(file),
        after.created_at,
        after.number,
        size - 1,
    )
    return EventPosition(row["created_at"], row["number"]) if row else None


async def copy_lines(tx: Tx, file: LogFile, after: EventPosition, up_to: EventPosition | None) -> bytes:
    """The lines of the events after `after`, up to and with `up_to` (None: to the end), in their order."""
    last = up_to or EventPosition(file.before, 0)
    parts: list[bytes] = []

    async def take(part: bytes) -> None:
        parts.append(part)

    await tx.copy_from_query(
        f"{_LINE[file.event_type, file.file_format]} WHERE {_range(file)}"
        " AND e.created_at >= $6 AND (e.created_at, e.number) > ($6, $7)"
        " AND e.created_at <= $8 AND (e.created_at, e.number) <= ($8, $9) ORDER BY e.created_at, e.number",
        *_args(file),
        after.created_at,
        after.number,
        last.created_at,
        last.number,
        output=take,
        format="csv",
        **({} if file.file_format is FileFormat.CSV else _NEVER_QUOTED),
    )
    return b"".join(parts)


def _range(file: LogFile) -> LiteralString:
    return _OF_CAMPAIGN if file.campaign_id else _ALL


def _args(file: LogFile) -> tuple[object, ...]:
    return file.account_id, file.event_type.value, file.since, file.before, file.campaign_id


def _line(kind: EventType, file_format: FileFormat) -> LiteralString:
    """What gives a line of each event. Of a number group the payload has `number_group` (contract 9.5)."""
    if file_format is FileFormat.NDJSON:
        return own_names(f"SELECT e.body -> '{kind.payload_key}' FROM event e")
    names = COLUMNS[kind]
    shown = ", ".join("coalesce(feature_set, number_group)" if name == "feature_set" else f"p.{name}" for name in names)
    typed = ", ".join(f"{name} text" for name in (*names, "number_group"))
    return own_names(f"SELECT {shown} FROM event e, json_to_record(e.body -> '{kind.payload_key}') AS p ({typed})")


_LINE: dict[tuple[EventType, FileFormat], LiteralString] = {
    (kind, file_format): _line(kind, file_format) for kind in COLUMNS for file_format in FileFormat
}
