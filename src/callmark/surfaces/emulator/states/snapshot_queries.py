"""Snapshots of an installation: the rows of its tables, as text, in a schema of the emulator's own.

The schema `emulator` is made with the first snapshot, so that no other installation ever has it. A row is kept as
PostgreSQL writes it and reads it again, exact for every type. What belongs to running processes is left out.
"""

from collections.abc import Collection, Iterable, Sequence
from graphlib import TopologicalSorter
from typing import LiteralString

from msgspec import Struct

from callmark.kit.postgres.database import Transaction, Tx, own_names
from callmark.kit.postgres.migrate import schema_number
from callmark.surfaces.emulator.states.model import Snapshot

OF_PROCESSES = frozenset({"gateway", "installation", "periodic_job", "presence", "process", "schema_migration"})
"""Tables that no snapshot has: what runs, which streams are open, what the schema is."""

BIG_BYTES = 1 << 20
"""A larger table is truncated, which takes as long as deleting some thousands of rows."""

_LONG_S = 600.0
"""How long rows may be copied or deleted: of an installation with millions, longer than other statements may take."""

_MAKE = """
CREATE SCHEMA IF NOT EXISTS emulator;
CREATE TABLE IF NOT EXISTS emulator.snapshot (
  name text PRIMARY KEY, schema_number integer NOT NULL, made_at timestamptz NOT NULL, clock_at timestamptz NOT NULL,
  last_id uuid NOT NULL
);
CREATE TABLE IF NOT EXISTS emulator.snapshot_row (
  name text NOT NULL REFERENCES emulator.snapshot ON DELETE CASCADE, table_name text NOT NULL, content text NOT NULL
);
CREATE INDEX IF NOT EXISTS snapshot_row_table ON emulator.snapshot_row (name, table_name);
"""
_LOCK = 0x656D756C61746F72  # "emulator"

_TABLES = """
SELECT c.relname AS name, array_agg(a.attname ORDER BY a.attnum) AS columns
FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
  AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
GROUP BY c.relname
"""
_REFERENCES = """
SELECT c.relname AS child, p.relname AS parent
FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid JOIN pg_class p ON p.oid = k.confrelid
WHERE k.contype = 'f' AND c.relnamespace = current_schema()::regnamespace AND NOT c.relispartition AND c.oid <> p.oid
"""
_SIZES = """
SELECT t.name, greatest(
  pg_relation_size(t.name::regclass),
  (SELECT sum(pg_relation_size(relid)) FROM pg_partition_tree(t.name::regclass))
)::bigint AS bytes
FROM unnest($1::text[]) t (name)
"""


class StoredTable(Struct, frozen=True):
    """A table whose rows snapshots have; `is_named` says whether others refer to its rows."""

    name: LiteralString
    columns: tuple[LiteralString, ...]
    is_named: bool


async def stored_tables(tx: Tx, *, besides: Collection[str] = ()) -> list[StoredTable]:
    """The tables that snapshots have, `besides` some, each after those that it refers to."""
    left_out = OF_PROCESSES.union(besides)
    columns = {row["name"]: row["columns"] for row in await tx.fetch(_TABLES) if row["name"] not in left_out}
    order = TopologicalSorter[str](dict.fromkeys(columns, ()))
    named = set[str]()
    for row in await tx.fetch(_REFERENCES):
        named.add(row["parent"])
        if {row["child"], row["parent"]} <= columns.keys():
            order.add(row["child"], row["parent"])
    return [
        StoredTable(own_names(name), tuple(own_names(f'"{one}"') for one in columns[name]), name in named)
        for name in order.static_order()
    ]


async def put_snapshot(tx: Tx, tables: Iterable[StoredTable], snapshot: Snapshot) -> None:
    """Keeps what the tables have, in place of what was kept under the name; of one moment in `REPEATABLE READ`."""
    await delete_snapshot(tx, snapshot.name)
    await tx.execute(
        "INSERT INTO emulator.snapshot (name, schema_number, made_at, clock_at, last_id) VALUES ($1, $2, $3, $4, $5)",
        snapshot.name,
        snapshot.schema_number,
        snapshot.made_at,
        snapshot.clock_at,
        snapshot.last_id,
    )
    kept = [f"SELECT '{one.name}', t::text FROM {one.name} t" for one in tables]
    await tx.execute(
        "INSERT INTO emulator.snapshot_row (name, table_name, content) SELECT $1, r.* FROM ("
        + own_names(" UNION ALL ".join(kept))
        + ") r",
        snapshot.name,
        timeout=_LONG_S,
    )


async def prepare(tx: Transaction) -> None:
    """Makes the schema of the snapshots, if it is not there; safe to run by many at once."""
    await tx.execute("SELECT pg_advisory_xact_lock($1)", _LOCK)
    await tx.execute(_MAKE)


async def is_prepared(tx: Tx) -> bool:
    """Whether this installation has ever had a snapshot."""
    return await tx.fetchval("SELECT to_regclass('emulator.snapshot_row') IS NOT NULL")


async def select_snapshot(tx: Tx, name: str) -> Snapshot | None:
    """The snapshot of that name."""
    found = [one for one in await select_snapshots(tx) if one.name == name]
    return found[0] if found else None


async def select_snapshots(tx: Tx) -> list[Snapshot]:
    """Every snapshot by name."""
    if not await is_prepared(tx):
        return []
    rows = await tx.fetch("SELECT name, schema_number, made_at, clock_at, last_id FROM emulator.snapshot ORDER BY name")
    return [Snapshot(*row) for row in rows]


async def delete_snapshot(tx: Tx, name: str) -> None:
    """Forgets a snapshot that is there."""
    await tx.execute("DELETE FROM emulator.snapshot WHERE name = $1", name, timeout=_LONG_S)


async def fits(tx: Tx, snapshot: Snapshot) -> bool:
    """Whether it was made with the schema of today."""
    return snapshot.schema_number == await schema_number(tx)


async def lock_all(tx: Tx, tables: Sequence[StoredTable]) -> None:
    """Waits until nobody writes, and lets nobody until the end of the transaction; readers continue."""
    await tx.execute(f"LOCK TABLE {_listed(tables)} IN SHARE ROW EXCLUSIVE MODE")


async def empty(tx: Tx, tables: Sequence[StoredTable], *, big_bytes: int = BIG_BYTES) -> None:
    """Takes every row out of the tables: large ones nobody refers to are truncated, the others deleted from."""
    sizes = {row["name"]: row["bytes"] for row in await tx.fetch(_SIZES, [one.name for one in tables])}
    big = {one.name for one in tables if not one.is_named and sizes[one.name] > big_bytes}
    # Only of tables that have ever had a row: to plan a look at every day of each takes longer than all else here.
    looks = [f"SELECT '{one.name}' AS name WHERE EXISTS (SELECT FROM {one.name})" for one in tables if sizes[one.name]]
    filled = {row["name"] for row in await tx.fetch(own_names(" UNION ALL ".join(looks)))} if looks else set[str]()
    truncated = [one for one in tables if one.name in big]
    deletes = [f"DELETE FROM {one.name}" for one in reversed(tables) if one.name in filled - big]
    if truncated:
        await tx.execute(f"TRUNCATE {_listed(truncated)}")
    await _execute_all(tx, deletes)


async def fill(tx: Tx, tables: Sequence[StoredTable], name: str) -> None:
    """Puts the rows of a snapshot into the tables. Nobody has a lease on any."""
    rows = await tx.fetch("SELECT DISTINCT table_name FROM emulator.snapshot_row WHERE name = $1", name)
    filled = {row["table_name"] for row in rows}
    # A name is one of ours: letters, digits, dots, hyphens, underscores (`snapshots.parse_name`).
    inserts = [_insert(one, name) for one in tables if one.name in filled]
    await _execute_all(tx, inserts)


async def _execute_all(tx: Tx, statements: Sequence[str]) -> None:
    """Runs the statements in one round trip."""
    if statements:
        await tx.execute(own_names("; ".join(statements)), timeout=_LONG_S)


def _insert(table: StoredTable, name: str) -> str:
    is_claim = table.name == "idempotency_key"  # a claim under way is its lease
    free = {'"lease_id"', '"leased_until"'} if not is_claim else frozenset[str]()
    values = ", ".join("NULL" if one in free else f"(r).{one}" for one in table.columns)
    return (
        f"INSERT INTO {table.name} ({', '.join(table.columns)}) OVERRIDING SYSTEM VALUE SELECT {values} FROM ("
        f"SELECT content::{table.name} AS r FROM emulator.snapshot_row"
        f" WHERE name = '{name}' AND table_name = '{table.name}' OFFSET 0) s"
        + (' WHERE (r)."lease_id" IS NULL' if is_claim else "")
    )


def _listed(tables: Iterable[StoredTable]) -> LiteralString:
    return own_names(", ".join(one.name for one in tables))
