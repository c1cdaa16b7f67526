"""Tables as a distributed PostgreSQL would have them: split by the hash of a key, with a count of which parts are used.

The parts are hash partitions of a real PostgreSQL. Its statistics of the open transaction say which of them a statement
read or wrote, also inside a function, and however it was planned.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal, LiteralString

from callmark.kit.postgres.database import Row, Tx, own_names

SHARDS = 4
_INDEXES = """
SELECT pg_get_indexdef(i.indexrelid) AS statement, c.conname, pg_get_constraintdef(c.oid) AS constraint,
  EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey) AND a.attname = $2)
    AS has_key
FROM pg_index i LEFT JOIN pg_constraint c ON c.conindid = i.indexrelid AND c.conrelid = i.indrelid
WHERE i.indrelid = $1::text::regclass
"""
_USED = """
SELECT relname, seq_scan + coalesce(idx_scan, 0) + n_tup_ins + n_tup_upd + n_tup_del AS uses
FROM pg_stat_xact_user_tables WHERE relname ~ '_shard_[0-9]$'
"""
# Few rows are read whole, and joined by reading all of both sides; a shard has many. Values decide, as they do there.
_AS_IF_BIG = (
    "SET LOCAL enable_seqscan = off; SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off;"
    " SET LOCAL plan_cache_mode = force_custom_plan"
)


async def split(tx: Tx, keys: Mapping[LiteralString, LiteralString]) -> None:
    """Puts a hash partitioned table in the place of each of these, which must be empty; keys are columns.

    Its indexes stay. What is unique stays so where the key is part of it; a shard cannot know more.
    """
    for table, key in keys.items():
        indexes = await tx.fetch(_INDEXES, table, key)
        await tx.execute(f"ALTER TABLE {table} RENAME TO {table}_whole")
        await tx.execute(
            f"CREATE TABLE {table} (LIKE {table}_whole INCLUDING DEFAULTS INCLUDING GENERATED)"
            f" PARTITION BY HASH ({key})"
        )
        await tx.execute(f"DROP TABLE {table}_whole CASCADE")
        for number in range(SHARDS):
            await tx.execute(
                own_names(
                    f"CREATE TABLE {table}_shard_{number} PARTITION OF {table}"
                    f" FOR VALUES WITH (MODULUS {SHARDS}, REMAINDER {number})"
                )
            )
        for index in indexes:
            await tx.execute(own_names(_made_again(table, index)))


async def as_if_big(tx: Tx) -> None:
    """Has the planner choose, in this transaction, as it would where a shard has many rows."""
    await tx.execute(_AS_IF_BIG)


def _made_again(table: str, index: Row) -> str:
    if index["constraint"] and index["has_key"]:
        return f"ALTER TABLE {table} ADD CONSTRAINT {index['conname']} {index['constraint']}"
    statement: str = index["statement"].replace(f"{table}_whole", table).replace(" ON ONLY ", " ON ")
    return statement if index["has_key"] else statement.replace("CREATE UNIQUE INDEX", "CREATE INDEX")


class Metered:
    """A transaction's connection that notes which shards each statement used; `Tx` for queries."""

    def __init__(self, tx: Tx) -> None:
        self._tx = tx
        self.used: list[dict[str, int]] = []
        """For each statement: how many shards of which table, without those tables of which it used none."""

    async def execute(
        self,
        query: LiteralString,
        *args: object,
        timeout: float | None = None,
    ) -> str:
        before = await self._uses()
        return await self._noted(before, await self._tx.execute(query, *args, timeout=timeout))

    async def fetch(
        self,
        query: LiteralString,
        *args: object,
        timeout: float | None = None,
    ) -> list[Row]:
        before = await self._uses()
        return await self._noted(before, await self._tx.fetch(query, *args, timeout=timeout))

    async def fetchrow(self, query: LiteralString, *args: object) -> Row | None:
        before = await self._uses()
        return await self._noted(before, await self._tx.fetchrow(query, *args))

    async def fetchval(self, query: LiteralString, *args: object) -> Any:
        before = await self._uses()
        return await self._noted(before, await self._tx.fetchval(query, *args))

    async def copy_records_to_table(
        self, table_name: str, *, records: Iterable[Sequence[object]], columns: Sequence[str]
    ) -> str:
        before = await self._uses()
        copied = await self._tx.copy_records_to_table(table_name, records=records, columns=columns)
        return await self._noted(before, copied)

    async def copy_to_table(
        self,
        table_name: str,
        *,
        source: Any,
        columns: Sequence[str],
        format: Literal["binary"],
    ) -> str:
        before = await self._uses()
        copied = await self._tx.copy_to_table(table_name, source=source, columns=columns, format=format)
        return await self._noted(before, copied)

    async def copy_from_query(self, query: LiteralString, *args: object, **output: Any) -> str:
        before = await self._uses()
        return await self._noted(before, await self._tx.copy_from_query(query, *args, **output))

    async def _uses(self) -> dict[str, int]:
        return {row["relname"]: row["uses"] for row in await self._tx.fetch(_USED)}

    async def _noted(self, before: dict[str, int], result: Any) -> Any:
        used: defaultdict[str, int] = defaultdict(int)
        for shard, uses in (await self._uses()).items():
            used[shard.rpartition("_shard_")[0]] += uses > before.get(shard, 0)
        self.used.append({table: count for table, count in used.items() if count})
        return result
