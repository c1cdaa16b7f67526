"""What connections ask of PostgreSQL is so on the server, also through a pooler that knows few parameters."""

import asyncio
import re
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Any

import pytest
from tests.support.engines import Engines
from tests.support.opened_deps import PATIENT_S
from tests.support.pooler import pooled

from callmark.kit.errors import EngineRefuses
from callmark.kit.postgres.database import Database, Tx, connect, own_names
from callmark.kit.postgres.kept_connections import KeptConnections
from callmark.kit.postgres.session import POOLED, begin

_STATEMENT = "SELECT name FROM pg_prepared_statements ORDER BY prepare_time DESC LIMIT 1"
LOOKS = "client_connection_check_interval"
ISOLATION = "transaction_isolation"


@pytest.fixture
async def serializable(engines: Engines) -> AsyncGenerator[Engines]:
    """A database whose owner has asked for another isolation than ours, for other programs."""
    name = "default_transaction_isolation"
    async with connect(engines.dsn) as tx:
        database = own_names(f'ALTER DATABASE "{await tx.fetchval("SELECT current_database()")}"')
        await tx.execute(f"{database} SET {name} = 'serializable'")
        yield engines
        await tx.execute(f"{database} RESET {name}")


async def shown(tx: Tx, *names: str) -> list[str]:
    return [await tx.fetchval("SELECT current_setting($1)", name) for name in names]


async def test_a_pool_s_connection_compiles_nothing_at_its_first_use_and_the_next(serializable: Engines) -> None:
    async with pooled(serializable.dsn) as dsn:
        db = await Database.open(dsn, size=1, name="through a pooler", connected_within_s=PATIENT_S)
        for _ in range(2):
            async with db.transaction() as tx:
                there = await shown(tx, "application_name", "timezone", "jit", LOOKS, ISOLATION)
                assert there == ["through a pooler", "UTC", "off", "500ms", "read committed"]
        await db.close()


async def test_a_pool_s_connection_plans_each_run_for_its_values(engines: Engines) -> None:
    """A plan for all values, which PostgreSQL would keep after five runs, has no use of an index that few need."""
    db = await Database.open(engines.dsn, size=1, name="plans", connected_within_s=PATIENT_S)
    async with db.connection() as tx:
        for number in range(9):
            await tx.fetchval("SELECT $1::int", number)
        plans = "SELECT generic_plans, custom_plans FROM pg_prepared_statements WHERE statement = 'SELECT $1::int'"
        assert tuple(*await tx.fetch(plans)) == (0, 9)
    await db.close()


async def test_a_kept_connection_keeps_plans_and_reads_no_table_from_end_to_end(serializable: Engines) -> None:
    async with pooled(serializable.dsn) as dsn:
        kept = KeptConnections(dsn, size=1, name="kept", connected_within_s=PATIENT_S)
        async with kept.connection() as tx:
            there = await shown(tx, "timezone", "jit", "plan_cache_mode", "enable_seqscan", LOOKS, ISOLATION)
            assert there == ["UTC", "off", "force_generic_plan", "off", "500ms", "read committed"]
        await kept.close()


async def test_a_connection_outside_the_pool_leads_through_a_pooler(serializable: Engines) -> None:
    async with pooled(serializable.dsn) as dsn, connect(dsn) as tx:
        assert await shown(tx, ISOLATION) == ["read committed"]


async def _forget(tx: Tx) -> None:
    await tx.execute("DEALLOCATE ALL")


async def _take_the_next_names(tx: Tx) -> None:
    """More than one: asyncpg counts for the whole process, and other connections of it prepare statements too."""
    last = re.fullmatch("(.*_)([0-9a-f]+)(__)", await tx.fetchval(_STATEMENT))
    assert last
    for number in range(int(last[2], 16) + 1, int(last[2], 16) + 100):
        await tx.execute(own_names(f'PREPARE "{last[1]}{number:x}{last[3]}" AS SELECT 1'))


@pytest.mark.parametrize("other", [_forget, _take_the_next_names])
async def test_a_session_that_another_has_used_meanwhile_is_named(
    engines: Engines, other: Callable[[Tx], Awaitable[None]]
) -> None:
    """As a pooler in transaction mode lends it, at least an older one."""

    async def use() -> None:
        async with connect(engines.dsn) as tx:
            for _ in range(2):
                assert await tx.fetchval("SELECT 1") == 1
                await other(tx)
                assert await tx.fetchval("SELECT 2") == 2

    with pytest.raises(EngineRefuses) as caught:
        await use()
    assert caught.value.reason == "postgresql: a pooler before it is not in session mode"


async def test_a_connection_that_the_server_never_begins_is_cut_when_its_caller_gives_up() -> None:
    """To close it as usual says goodbye first, and waits for a server that is silent."""

    class Silent:
        is_asked, is_cut = asyncio.Event(), False

        async def execute(self, *_: object, **_options: object) -> str:
            self.is_asked.set()
            await asyncio.Event().wait()
            return ""

        def terminate(self) -> None:
            self.is_cut = True

    made: Any = Silent()
    begun = asyncio.create_task(begin(made, POOLED))
    await made.is_asked.wait()
    begun.cancel()
    with pytest.raises(asyncio.CancelledError):
        await begun
    assert made.is_cut
