"""What connections ask of PostgreSQL is so on the server, also through a pooler that knows few parameters."""

import asyncio
from typing import LiteralString

import pytest
from tests.support.engines import Engines
from tests.support.opened_deps import PATIENT_S
from tests.support.pooler import pooled

from callmark.kit.fastpath.kept_connections import KeptConnections
from callmark.kit.postgres.database import Database, Tx, connect
from callmark.kit.postgres.session import begin_pooled

LOOKS = "client_connection_check_interval"


async def shown(tx: Tx, *names: str) -> list[str]:
    return [await tx.fetchval("SELECT current_setting($1)", name) for name in names]


async def test_a_pool_s_connection_compiles_nothing_at_its_first_use_and_the_next(engines: Engines) -> None:
    async with pooled(engines.dsn) as dsn:
        db = await Database.open(dsn, size=1, name="through a pooler", connected_within_s=PATIENT_S)
        for _ in range(2):
            async with db.transaction() as tx:
                there = await shown(tx, "application_name", "timezone", "jit", LOOKS)
                assert there == ["through a pooler", "UTC", "off", "500ms"]
        await db.close()


async def test_a_kept_connection_keeps_plans_and_reads_no_table_from_end_to_end(engines: Engines) -> None:
    async with pooled(engines.dsn) as dsn:
        kept = KeptConnections(dsn, size=1, name="kept", connected_within_s=PATIENT_S)
        async with kept.connection() as tx:
            there = await shown(tx, "timezone", "jit", "plan_cache_mode", "enable_seqscan", LOOKS)
            assert there == ["UTC", "off", "force_generic_plan", "off", "500ms"]
        await kept.close()


async def test_a_connection_outside_the_pool_leads_through_a_pooler(engines: Engines) -> None:
    async with pooled(engines.dsn) as dsn, connect(dsn) as tx:
        assert await tx.fetchval("SELECT 1") == 1


async def test_a_connection_that_the_server_never_begins_is_cut_when_its_caller_gives_up() -> None:
    """To close it as usual says goodbye first, and waits for a server that is silent."""

    class Silent:
        is_asked, is_cut = asyncio.Event(), False

        async def execute(self, _: LiteralString, /) -> str:
            self.is_asked.set()
            await asyncio.Event().wait()
            return ""

        def terminate(self) -> None:
            self.is_cut = True

    made = Silent()
    begun = asyncio.create_task(begin_pooled(made))
    await made.is_asked.wait()
    begun.cancel()
    with pytest.raises(asyncio.CancelledError):
        await begun
    assert made.is_cut
