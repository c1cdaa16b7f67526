"""Tables that are locked, and who waits for them."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import asyncpg
from tests.support.engines import Engines

from callmark.domain.deps import Deps

_WAITS_FOR_IT = """
SELECT EXISTS (SELECT FROM pg_locks l JOIN pg_class c ON c.oid = l.relation
  JOIN pg_database d ON d.oid = l.database AND d.datname = current_database()
  WHERE c.relname = $1 AND NOT l.granted)
"""


@asynccontextmanager
async def locked(engines: Engines, table: str) -> AsyncGenerator[None]:
    """Within the block nobody else can lock a row of the table."""
    holder: asyncpg.Connection[asyncpg.Record] = await asyncpg.connect(engines.dsn)
    try:
        async with holder.transaction():
            await holder.execute(f"LOCK TABLE {table} IN EXCLUSIVE MODE")
            yield
    finally:
        await holder.close()


async def waits_for(deps: Deps, table: str) -> bool:
    async with deps.db.connection() as tx:
        return await tx.fetchval(_WAITS_FOR_IT, table)
