"""The SQL of erasures: their rows, and the search in every table that there is (`table_queries` says which).

Tables are read in ranges of places, each in a transaction of its own, so that nobody waits long for a row. A block has
`PLACES` of them.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, LiteralString
from uuid import UUID

import asyncpg
import msgspec
from msgspec import Struct

from callmark.domain.ids import ErasureId
from callmark.domain.persons.model import SECRET, Erasure, KnownErasure
from callmark.domain.persons.spellings import coarse_pattern
from callmark.domain.persons.table_queries import SearchedTable
from callmark.kit.phone import PhoneNumber
from callmark.kit.postgres.database import Row, Tx, affected, own_names

PLACES = 2048
"""More than there can be rows in a block."""
_COLUMNS = (
    "id, digest, sealed_key, phone_number, is_listed, requested_by, requested_at, pass_number, pass_changes,"
    " table_count, tables_done, last_table, counts, redacted, ended_at"
)


class FoundRow(Struct, frozen=True):
    """A row that may have the number: where it is, and its columns that can hold one.

    `region`: the country of numbers without a country code in its column that is `as_sent`; empty: nobody chose one.
    """

    place: str
    values: Mapping[str, Any]
    region: str


async def lock_rows(tx: Tx, table: SearchedTable, number: PhoneNumber, places: range) -> list[FoundRow]:
    """Rows of these places with the digits somewhere, locked."""
    statement = _search(table, "", "FOR UPDATE OF t")
    return [_found(table, row) for row in await _rows(tx, statement, *_ends(places), *_wanted(table, number))]


async def select_rows(tx: Tx, table: SearchedTable, number: PhoneNumber, places: range) -> list[tuple[FoundRow, str]]:
    """As `lock_rows`, not locked, and each row as JSON without what is secret; not as jsonb, which has no NUL.

    Without the column that is as it was sent too, which may be long.
    """
    left_out = SECRET | _bytes_of(table) | {table.as_sent}
    shown = ", ".join(f't."{name}"' for name in table.every_column if name not in left_out)
    statement = _search(table, f", (SELECT row_to_json(s)::text FROM (SELECT {shown}) s) AS _whole", "")
    rows = await _rows(tx, statement, *_ends(places), *_wanted(table, number))
    return [(_found(table, row), row["_whole"]) for row in rows]


async def select_lengths(
    tx: Tx, table: SearchedTable, number: PhoneNumber | None, places: range
) -> list[tuple[int, int]]:
    """Where in these places there is something as it was sent that may have the number, and how many bytes it is.

    Without a number everything. On disk it may be a hundredth.
    """
    statement = own_names(
        f'SELECT t.ctid::text AS place, octet_length(t."{table.as_sent}"::text) AS length FROM {table.name} t'
        f' WHERE t.ctid >= $1::text::tid AND t.ctid < $2::text::tid AND t."{table.as_sent}" IS NOT NULL'
        f' AND ($3::text IS NULL OR t."{table.as_sent}"::text ~ $3::text) ORDER BY t.ctid'
    )
    rows = await _rows(tx, statement, *_ends(places), coarse_pattern(number) if number else None)
    return [(_place_of(row["place"]), row["length"]) for row in rows]


def _place_of(ctid: str) -> int:
    block, _, at = ctid.strip("()").partition(",")
    return int(block) * PLACES + int(at)


async def _rows(tx: Tx, statement: LiteralString, *args: object) -> list[Row]:
    """Of one table; none when it is a day that was dropped since. Then nothing else can be done in the transaction."""
    try:
        return await tx.fetch(statement, *args)
    except asyncpg.UndefinedTableError:
        return []


def _bytes_of(table: SearchedTable) -> set[str]:
    return {name for name, kind in table.columns.items() if kind == "bytea"}


def _search(table: SearchedTable, more: str, end: str) -> LiteralString:
    columns = ", ".join(f't."{name}"' for name in table.columns)
    has = " OR ".join(_has(table, name, kind) for name, kind in table.columns.items())
    return own_names(
        f"SELECT t.ctid::text AS _place, {columns}, {_region(table)} AS _region{more} FROM {table.name} t"
        f" WHERE t.ctid >= $1::text::tid AND t.ctid < $2::text::tid AND ({has}) {end}"
    )


def _has(table: SearchedTable, name: str, kind: str) -> str:
    if name == table.as_sent:
        return f't."{name}"::text ~ ${4 if _has_others(table) else 3}::text'
    if kind == "bytea":
        return f"position(convert_to($3::text, 'UTF8') IN t.\"{name}\") > 0"
    if (table.of_table, name) == ("audit_entry", "subject"):  # and what `masking.shortened` says
        return "(strpos(t.subject, $3::text) > 0 OR t.subject = left($3::text, 4) || '…' || right($3::text, 4))"
    text = f"array_to_string(t.\"{name}\", ' ')" if kind == "text[]" else f't."{name}"::text'
    return f"strpos({text}, $3::text) > 0"


def _has_others(table: SearchedTable) -> bool:
    """Whether it has columns beside the one that is as it was sent."""
    return any(name != table.as_sent for name in table.columns)


def _wanted(table: SearchedTable, number: PhoneNumber) -> list[str]:
    """What `_has` looks for in the table's columns."""
    pattern = [coarse_pattern(number)] if table.as_sent else []
    return [number, *pattern] if _has_others(table) else pattern


def _region(table: SearchedTable) -> str:
    """The country that was chosen for an uploaded file. Primary key of `upload`."""
    is_upload = table.of_table == "upload_part"
    return "coalesce((SELECT u.region FROM upload u WHERE u.id = t.upload_id), '')" if is_upload else "''"


def _ends(places: range) -> tuple[str, str]:
    start, stop = (f"({at // PLACES},{at % PLACES})" for at in (places.start, places.stop))
    return start, stop


def _found(table: SearchedTable, row: Row) -> FoundRow:
    return FoundRow(row["_place"], {name: row[name] for name in table.columns}, row["_region"])


async def select_digit_runs(tx: Tx, table: SearchedTable, places: range) -> set[str]:
    """Everything in these places that could be a phone number in its canonical form, but for what is as it was sent.

    Of that `numbers_in` finds it, among others.
    """
    if not _has_others(table):
        return set()
    texts = ", ".join(
        f"encode(t.\"{name}\", 'escape')" if kind == "bytea" else f't."{name}"::text'
        for name, kind in table.columns.items()
        if name != table.as_sent
    )
    statement = own_names(
        f"SELECT DISTINCT m[1] AS digits FROM {table.name} t, regexp_matches(concat_ws(' ', {texts}),"
        " '(?<![0-9])(?:00)?([1-9][0-9]{6,14})(?![0-9])', 'g') m"
        " WHERE t.ctid >= $1::text::tid AND t.ctid < $2::text::tid"
    )
    return {row["digits"] for row in await _rows(tx, statement, *_ends(places))}


async def select_as_sent(tx: Tx, table: SearchedTable, places: range) -> list[tuple[str, str]]:
    """What people wrote in these places, each with its region, of a table that has such a column."""
    statement = own_names(
        f'SELECT t."{table.as_sent}"::text AS sent, {_region(table)} AS region FROM {table.name} t'
        f' WHERE t.ctid >= $1::text::tid AND t.ctid < $2::text::tid AND t."{table.as_sent}" IS NOT NULL'
    )
    return [(row["sent"], row["region"]) for row in await _rows(tx, statement, *_ends(places))]


async def delete_row(tx: Tx, table: SearchedTable, row: FoundRow) -> None:
    """Deletes a locked row."""
    await tx.execute(own_names(f"DELETE FROM {table.name} WHERE ctid = $1::text::tid"), row.place)


async def update_row(tx: Tx, table: SearchedTable, row: FoundRow, values: Mapping[str, object]) -> None:
    """Writes other values into a locked row."""
    places = ", ".join(f'"{name}" = ${at}' for at, name in enumerate(values, 2))
    await tx.execute(
        own_names(f"UPDATE {table.name} SET {places} WHERE ctid = $1::text::tid"), row.place, *values.values()
    )


async def delete_previewed_files(tx: Tx) -> int:
    """Deletes every file that is previewed; how many."""
    return affected(await tx.execute("DELETE FROM file_draft"))


async def find_entry_id(tx: Tx, row: FoundRow) -> UUID:
    """The id of a locked row of the audit log."""
    return await tx.fetchval("SELECT id FROM audit_entry WHERE ctid = $1::text::tid", row.place)


async def is_listed(tx: Tx, number: str) -> bool:
    """Whether a business has the number. Primary key."""
    return await tx.fetchval("SELECT EXISTS (SELECT FROM number WHERE phone_number = $1)", number)


async def is_virtual(tx: Tx, number: str) -> bool:
    """Whether the emulator plays a handset with the number."""
    return await tx.fetchval("SELECT EXISTS (SELECT FROM virtual_handset WHERE phone_number = $1)", number)


async def insert_erasure(
    tx: Tx,
    erasure_id: ErasureId,
    digest: bytes,
    sealed_key: bytes,
    number: PhoneNumber,
    requested_by: str,
    now: datetime,
    due_at: datetime,
) -> None:
    """A new erasure, due at that instant."""
    await tx.execute(
        "INSERT INTO erasure (id, digest, sealed_key, phone_number, requested_by, requested_at, due_at)"
        " VALUES ($1, $2, $3, $4, $5, $6, $7)",
        erasure_id,
        digest,
        sealed_key,
        number,
        requested_by,
        now,
        due_at,
    )


async def select_erasure(tx: Tx, erasure_id: ErasureId) -> Erasure | None:
    """The erasure."""
    row = await tx.fetchrow(f"SELECT {_COLUMNS} FROM erasure WHERE id = $1", erasure_id)
    return _erasure(row) if row else None


async def select_running(tx: Tx, number: PhoneNumber) -> Erasure | None:
    """The erasure of that number that has not ended. There are few such rows."""
    row = await tx.fetchrow(f"SELECT {_COLUMNS} FROM erasure WHERE phone_number = $1 ORDER BY id LIMIT 1", number)
    return _erasure(row) if row else None


async def select_erasures(tx: Tx, after: tuple[datetime, UUID] | None, limit: int | None) -> list[Erasure]:
    """Erasures, newest first, those after the key. Index erasure_newest."""
    rows = await tx.fetch(
        f"SELECT {_COLUMNS} FROM erasure WHERE $1::timestamptz IS NULL OR (requested_at, id) < ($1, $2::uuid)"
        " ORDER BY requested_at DESC, id DESC LIMIT $3",
        *(after or (None, None)),
        limit,
    )
    return [_erasure(row) for row in rows]


async def has_erasures(tx: Tx) -> bool:
    """Whether the schema has their table."""
    return await tx.fetchval("SELECT to_regclass('erasure') IS NOT NULL")


def sql_again(known: Sequence[KnownErasure], now: datetime) -> LiteralString:
    """What a restore runs at its end, without parameters: inserts those that are not there yet, due now.

    Every value in it is a UUID, an instant or hexadecimal digits.
    """
    return own_names(
        "".join(
            "INSERT INTO erasure (id, digest, sealed_key, requested_by, requested_at, due_at) VALUES"
            f" ('{one.id}', '\\x{one.digest.hex()}', '\\x{one.sealed_key.hex()}', 'restore',"
            f" '{one.requested_at.isoformat()}', '{now.isoformat()}') ON CONFLICT (id) DO NOTHING;\n"
            for one in known
        )
    )


async def select_nameless(tx: Tx) -> list[Erasure]:
    """Erasures that have not ended and whose number is to be found by its digest."""
    rows = await tx.fetch(f"SELECT {_COLUMNS} FROM erasure WHERE phone_number IS NULL AND ended_at IS NULL")
    return [_erasure(row) for row in rows]


async def select_newest_key(tx: Tx) -> bytes | None:
    """The encrypted key of the newest erasure, for the next one."""
    return await tx.fetchval(
        "SELECT sealed_key FROM erasure WHERE sealed_key IS NOT NULL ORDER BY requested_at DESC, id DESC LIMIT 1"
    )


async def update_number(tx: Tx, erasure_id: ErasureId, number: str) -> None:
    """Writes which number it is, found by its digest."""
    await tx.execute("UPDATE erasure SET phone_number = $2 WHERE id = $1 AND ended_at IS NULL", erasure_id, number)


async def begin_pass(tx: Tx, one: Erasure, *, listed: bool, number: int, table_count: int) -> None:
    """A look at every table begins, unless another runner has begun it."""
    await tx.execute(
        "UPDATE erasure SET pass_number = $2, pass_changes = 0, tables_done = 0, table_count = $4, last_table = '',"
        " is_listed = $3"
        " WHERE id = $1 AND pass_number = $5 AND last_table IS NOT DISTINCT FROM $6 AND ended_at IS NULL",
        one.id,
        number,
        listed,
        table_count,
        one.pass_number,
        one.last_table,
    )


async def add_changes(tx: Tx, erasure_id: ErasureId, table: str, count: int, redacted: Iterable[UUID]) -> bool:
    """Counts rows that were changed, in the transaction that changes them; False when another runner has ended it."""
    status = await tx.execute(
        "UPDATE erasure SET pass_changes = pass_changes + $3, redacted = redacted || $4::uuid[],"
        " counts = (counts::jsonb || jsonb_build_object($2::text, coalesce((counts ->> $2)::bigint, 0) + $3))::json"
        " WHERE id = $1 AND ended_at IS NULL",
        erasure_id,
        table,
        count,
        list(redacted),
    )
    return affected(status) > 0


async def update_progress(tx: Tx, one: Erasure, done: int, total: int, last: str, due_at: datetime) -> None:
    """Says which table of the look is through, unless another runner is further.

    A worker that finds the erasure due at that instant continues after it.
    """
    await tx.execute(
        "UPDATE erasure SET tables_done = $2, table_count = $3, last_table = $4, due_at = $5"
        ' WHERE id = $1 AND pass_number = $6 AND last_table < $4 COLLATE "C" AND ended_at IS NULL',
        one.id,
        done,
        total,
        last,
        due_at,
        one.pass_number,
    )


async def lock_erasure(tx: Tx, erasure_id: ErasureId) -> Erasure | None:
    """The erasure as it is, which nobody changes before the end of the transaction."""
    row = await tx.fetchrow(f"SELECT {_COLUMNS} FROM erasure WHERE id = $1 FOR UPDATE", erasure_id)
    return _erasure(row) if row else None


async def end_erasure(tx: Tx, erasure_id: ErasureId, now: datetime) -> None:
    """It is done: the number goes."""
    await tx.execute(
        "UPDATE erasure SET ended_at = $2, phone_number = NULL, due_at = NULL WHERE id = $1", erasure_id, now
    )


async def select_sealed(tx: Tx) -> list[tuple[ErasureId, bytes]]:
    """Every encrypted key, locked."""
    rows = await tx.fetch("SELECT id, sealed_key FROM erasure WHERE sealed_key IS NOT NULL ORDER BY id FOR UPDATE")
    return [(ErasureId(row["id"]), row["sealed_key"]) for row in rows]


async def update_sealed(tx: Tx, erasure_id: ErasureId, sealed_key: bytes) -> None:
    """Writes the key as it is encrypted now."""
    await tx.execute("UPDATE erasure SET sealed_key = $2 WHERE id = $1", erasure_id, sealed_key)


async def forget_keys(tx: Tx) -> None:
    """No key can be decrypted any longer."""
    await tx.execute("UPDATE erasure SET sealed_key = NULL")


def _erasure(row: Row) -> Erasure:
    return Erasure(
        id=ErasureId(row["id"]),
        digest=row["digest"],
        sealed_key=row["sealed_key"],
        phone_number=PhoneNumber(row["phone_number"]) if row["phone_number"] else None,
        is_listed=row["is_listed"],
        requested_by=row["requested_by"],
        requested_at=row["requested_at"],
        pass_number=row["pass_number"],
        pass_changes=row["pass_changes"],
        table_count=row["table_count"],
        tables_done=row["tables_done"],
        last_table=row["last_table"],
        counts=msgspec.json.decode(row["counts"], type=dict[str, int]),
        redacted=tuple(row["redacted"]),
        ended_at=row["ended_at"],
    )
