"""Connections that are kept between statements: no more than allowed, and none whose statement was given up."""

import asyncio
import contextlib
import shutil
from collections.abc import AsyncGenerator
from pathlib import Path

import asyncpg
import pytest
from tests.support.engines import Engines, reachable_directory
from tests.support.first_starts import FirstStarts
from tests.support.last_words import LastWords, end, relayed
from tests.support.opened_deps import PATIENT_S
from tests.support.waiting import until

from callmark.domain.deps import Deps
from callmark.kit.engines.postgres import EmbeddedPostgres
from callmark.kit.errors import Unavailable
from callmark.kit.postgres.database import transaction_on
from callmark.kit.postgres.kept_connections import KeptConnections
from callmark.kit.postgres.primary import LOST


@pytest.fixture
async def kept(engines: Engines) -> AsyncGenerator[KeptConnections]:
    made = KeptConnections(engines.dsn, size=2, name="kept", connected_within_s=PATIENT_S)
    yield made
    await made.close()


async def backend(kept: KeptConnections) -> int:
    async with kept.connection() as tx:
        return await tx.fetchval("SELECT pg_backend_pid()")


async def test_one_after_the_other_share_a_connection_that_keeps_plans(kept: KeptConnections) -> None:
    assert await backend(kept) == await backend(kept)
    async with kept.connection() as tx:
        assert await tx.fetchval("SHOW plan_cache_mode") == "force_generic_plan"


async def test_who_comes_when_all_are_busy_waits(kept: KeptConnections) -> None:
    async with kept.connection() as one, kept.connection() as two:
        third = asyncio.create_task(backend(kept))
        busy = {await tx.fetchval("SELECT pg_backend_pid()") for tx in (one, two)}
        assert not third.done()
    assert await third in busy


async def test_a_statement_that_fails_leaves_its_connection_usable(kept: KeptConnections) -> None:
    before = await backend(kept)
    with pytest.raises(asyncpg.DivisionByZeroError):
        async with kept.connection() as tx:
            await tx.execute("SELECT 1 / 0")
    assert await backend(kept) == before


async def test_a_statement_that_was_given_up_takes_its_connection_along(kept: KeptConnections) -> None:
    used: list[int] = []

    async def sleep() -> None:
        async with kept.connection() as tx:
            used.append(await tx.fetchval("SELECT pg_backend_pid()"))
            await tx.execute("SELECT pg_sleep(60)")

    async def is_asleep() -> bool:
        async with kept.connection() as tx:
            return await tx.fetchval("SELECT wait_event = 'PgSleep' FROM pg_stat_activity WHERE pid = ANY ($1)", used)

    given_up = asyncio.create_task(sleep())
    await until(is_asleep)
    given_up.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await given_up
    async with kept.connection() as one, kept.connection() as two:
        assert used[0] not in {await tx.fetchval("SELECT pg_backend_pid()") for tx in (one, two)}


async def test_what_is_under_way_when_the_time_for_closing_is_over_is_cut(
    kept: KeptConnections, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def close_in_the_middle() -> None:
        async with kept.connection() as tx:
            await kept.close()
            await tx.execute("SELECT 1")

    monkeypatch.setattr("callmark.kit.postgres.kept_connections.CLOSED_WITHIN_S", 0)
    with pytest.raises(Unavailable):
        await close_in_the_middle()


async def test_one_who_gives_up_waiting_takes_no_place_along(kept: KeptConnections) -> None:
    async with kept.connection(), kept.connection():
        third = asyncio.create_task(backend(kept))
        await asyncio.sleep(0)
        third.cancel()
        await asyncio.wait({third})
    async with kept.connection(), kept.connection():
        assert third.cancelled()


async def test_one_who_waits_when_all_are_closed_is_refused(kept: KeptConnections) -> None:
    async with kept.connection(), kept.connection():
        third = asyncio.create_task(backend(kept))
        await asyncio.sleep(0)
        closing = asyncio.create_task(kept.close())
        await asyncio.sleep(0)
    with pytest.raises(Unavailable, match="unavailable"):
        await third
    await closing


async def test_they_outlive_their_engine(first_starts: FirstStarts) -> None:
    directory: Path = reachable_directory()
    await first_starts.put(directory / "data")
    engine = EmbeddedPostgres(directory / "data", durable=False)
    kept = KeptConnections(await engine.start(), size=1, name="kept", connected_within_s=PATIENT_S)
    before = await backend(kept)
    await engine.stop()
    with pytest.raises(Unavailable) as refused:
        await backend(kept)
    assert isinstance(refused.value.__cause__, (*LOST, asyncpg.InterfaceError))
    await engine.start()
    assert await backend(kept) != before
    await kept.close()
    await engine.stop()
    shutil.rmtree(directory)


async def test_closing_waits_for_what_is_under_way_and_refuses_the_rest(
    kept: KeptConnections, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("callmark.kit.postgres.kept_connections.CLOSED_WITHIN_S", 60)
    async with kept.connection() as tx:
        closing = asyncio.create_task(kept.close())
        assert await tx.fetchval("SELECT 1") == 1
        with pytest.raises(Unavailable):
            await backend(kept)
    await closing


async def test_a_connection_that_was_ended_and_not_closed_yet_is_not_used_again(deps: Deps) -> None:
    asyncio.get_running_loop().set_exception_handler(lambda _, __: None)  # asyncpg drops a future that has failed
    async with relayed(deps.settings.reached_postgres) as (dsn, words), asyncio.timeout(20):
        kept = KeptConnections(dsn, size=2, name="kept", connected_within_s=PATIENT_S)
        with pytest.raises(Unavailable):
            await _copy_after_last_words(kept, deps, words)
        assert await backend(kept)
        await kept.close()


async def _copy_after_last_words(kept: KeptConnections, deps: Deps, words: LastWords) -> None:
    async with kept.connection() as tx, transaction_on(tx):
        await end(deps.db, words, await tx.fetchval("SELECT pg_backend_pid()"))
        await tx.copy_to_table("batch", source=memoryview(b""), columns=["id"], format="binary")
