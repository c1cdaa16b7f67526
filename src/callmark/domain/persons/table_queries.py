"""The SQL that lists every table which can hold a number."""

from collections.abc import Mapping, Sequence
from typing import LiteralString

from msgspec import Struct

from callmark.domain.persons.model import AS_SENT, KEPT, LONG_LISTS, READABLE_BYTES
from callmark.kit.postgres.database import Row, Tx, own_names

_CAN_HOLD_ONE: LiteralString = """a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
  AND a.atttypid IN ('text'::regtype, 'json'::regtype, 'jsonb'::regtype, 'bytea'::regtype, 'text[]'::regtype)
  AND (a.atttypid <> 'bytea'::regtype OR a.attname = ANY ($1::text[]))"""
_NAMES: LiteralString = f"""
SELECT n.nspname AS namespace, c.relname AS name, coalesce(p.relname, c.relname) AS of_table,
  EXISTS (SELECT FROM pg_partitioned_table d WHERE d.partdefid = c.oid) AS is_rest
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_inherits i ON i.inhrelid = c.oid LEFT JOIN pg_class p ON p.oid = i.inhparent
WHERE c.relkind = 'r' AND c.relpersistence <> 't' AND n.nspname IN (current_schema(), 'emulator')
  AND EXISTS (SELECT FROM pg_attribute a WHERE {_CAN_HOLD_ONE})
"""
_TABLES: LiteralString = f"""
SELECT asked.name, (pg_relation_size(c.oid) / current_setting('block_size')::bigint)::bigint AS blocks,
  (pg_table_size(c.oid) / current_setting('block_size')::bigint)::bigint AS size,
  ARRAY(SELECT DISTINCT k.attname::text FROM pg_index i JOIN pg_attribute k ON k.attrelid = c.oid
    AND k.attnum = ANY (i.indkey) WHERE i.indrelid = c.oid AND i.indisunique) AS keys,
  ARRAY(SELECT o.attname::text FROM pg_attribute o WHERE o.attrelid = c.oid AND o.attnum > 0 AND NOT o.attisdropped
    ORDER BY o.attnum) AS every_column,
  array_agg(a.attname::text ORDER BY a.attnum) AS columns,
  array_agg(format_type(a.atttypid, NULL) ORDER BY a.attnum) AS types
FROM unnest($2::text[]) AS asked (name) JOIN pg_class c ON c.oid = to_regclass(asked.name)
JOIN pg_attribute a ON {_CAN_HOLD_ONE} GROUP BY asked.name, c.oid
"""


class TableName(Struct, frozen=True):
    """A table or a partition with columns that can hold a number.

    `key` is its place in the order of all. A partition that `is_rest`, from which rows move to a day when that is made,
    comes before the days of its table. A reader in this order finds a row that moves meanwhile in its day, if the day
    is among the names.
    """

    key: str
    of_table: str
    is_rest: bool
    name: LiteralString


class SearchedTable(Struct, frozen=True):
    """Such a table with those columns, and how many blocks it has.

    `keys`: the columns by which rows are unique, of which no two may be masked alike.
    `size`: with those in which PostgreSQL keeps long values apart, which may be many times as much.
    """

    key: str
    of_table: str
    name: LiteralString
    columns: Mapping[str, str]
    every_column: tuple[str, ...]
    blocks: int
    size: int
    keys: frozenset[str]

    @property
    def as_sent(self) -> str | None:
        """The column in which numbers are as people wrote them, if there is one."""
        return AS_SENT.get(self.of_table)

    @property
    def first_member(self) -> str:
        """What each object in that column begins with, where it is a long list of them."""
        return LONG_LISTS.get(self.of_table, "")


async def select_names(tx: Tx) -> list[TableName]:
    """Every table with columns that can hold a number and must not, in the order of their keys."""
    names = [
        TableName(
            f"{row['namespace']}.{row['of_table'] + '_' if row['is_rest'] else row['name']}",
            row["of_table"],
            row["is_rest"],
            own_names(f'"{row["namespace"]}"."{row["name"]}"'),
        )
        for row in await tx.fetch(_NAMES, list(READABLE_BYTES))
        if row["of_table"] not in KEPT
    ]
    return sorted(names, key=lambda one: one.key)


async def select_tables(tx: Tx, names: Sequence[TableName]) -> list[SearchedTable]:
    """The tables that have these names now, without those that were dropped. Their sizes are on disk: ask for a few."""
    rows = await tx.fetch(_TABLES, list(READABLE_BYTES), [one.name for one in names])
    found = {row["name"]: row for row in rows}
    return [_table(one, found[one.name]) for one in names if one.name in found]


def _table(named: TableName, row: Row) -> SearchedTable:
    return SearchedTable(
        named.key,
        named.of_table,
        named.name,
        dict(zip(row["columns"], row["types"], strict=True)),
        tuple(row["every_column"]),
        row["blocks"] or 0,  # None: dropped since
        row["size"] or 0,
        frozenset(row["keys"]),
    )
