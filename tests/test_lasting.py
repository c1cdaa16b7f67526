"""What outlives a test: connections that rest, and the loop."""

import asyncio
import os
import select
import signal
import socket
import time
from collections import defaultdict
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from tests.support import between_tests
from tests.support.between_tests import LastingLoop, RestedPrimary, RestingConnection, resting_on
from tests.support.engines import Engines
from tests.support.fake_clock import FakeClock
from tests.support.opened_deps import PATIENT_S, opened_deps

from callmark.kit.postgres.database import Database, connect

_HELD = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()"
_PREPARED = "SELECT statement FROM pg_prepared_statements WHERE statement NOT LIKE '%FROM installation'"
_PID = "SELECT pg_backend_pid()"


async def test_one_that_rested_has_nothing_of_the_test_before(engines: Engines, clock: FakeClock, data: Path) -> None:
    async with opened_deps(engines, clock, data) as deps, deps.db.connection() as tx:
        pid = await tx.fetchval(_PID)
        await tx.execute("SELECT pg_advisory_lock(1)")
        await tx.execute("SET work_mem = '77kB'")
    assert pid in resting_on(engines.dsn)
    async with opened_deps(engines, clock, data) as deps, deps.db.connection() as tx:
        assert [row["statement"] for row in await tx.fetch(_PREPARED)] == [_PREPARED]
        assert await tx.fetchval(_PID) == pid
        assert await tx.fetchval(_HELD) == 0
        assert await tx.fetchval("SELECT current_setting('work_mem')") == "16MB"


async def test_one_that_was_ended_while_it_rested_is_not_taken(engines: Engines, clock: FakeClock, data: Path) -> None:
    async with opened_deps(engines, clock, data) as deps, deps.db.connection() as tx:
        pid = await tx.fetchval(_PID)
    async with connect(engines.dsn) as other:
        await other.execute("SELECT pg_terminate_backend($1, 10000)", pid)
        async with opened_deps(engines, clock, data) as deps, deps.db.connection() as tx:
            assert await tx.fetchval(_PID) != pid


async def test_one_in_the_middle_of_a_transaction_does_not_rest(engines: Engines) -> None:
    for statement, rests in (("SELECT 1", True), ("BEGIN", False)):
        held = await RestedPrimary(engines.dsn).connect(server_settings={"application_name": statement})
        await held.execute(statement)
        pid = held.get_server_pid()
        await held.close()
        assert (pid in resting_on(engines.dsn)) is rests


def test_a_loop_forgets_what_was_left_and_can_be_used_again(monkeypatch: pytest.MonkeyPatch) -> None:
    loop = LastingLoop()
    ran: list[int] = []
    for number in (1, 2):
        with asyncio.Runner(loop_factory=lambda: loop) as runner:
            runner.run(asyncio.to_thread(ran.append, number))
            loop.call_later(3600, ran.append, 3)
        monkeypatch.setattr(loop, "time", lambda: time.monotonic() + 7200)
    assert ran == [1, 2]
    loop.end()
    assert loop.is_closed()


def test_the_end_of_a_loop_closes_what_rests(engines: Engines, monkeypatch: pytest.MonkeyPatch) -> None:
    async def rests() -> None:
        await (await RestedPrimary(engines.dsn).connect(server_settings={})).close()

    def open_files() -> list[Path]:
        return list(Path("/proc/self/fd").iterdir())

    before = len(open_files())
    loop, resting = LastingLoop(), defaultdict[tuple[str, str], list[RestingConnection]](list)
    monkeypatch.setattr(between_tests, "LOOP", loop)
    monkeypatch.setattr(between_tests, "_resting", resting)
    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        runner.run(rests())
    assert len(open_files()) > before
    loop.end()
    assert len(open_files()) == before


def test_what_a_test_leaves_open_is_named() -> None:
    loop = LastingLoop()
    with socket.socket() as left:
        with asyncio.Runner(loop_factory=lambda: loop) as runner:
            runner.get_loop().add_reader(left, print)
        with pytest.raises(AssertionError, match="left open"):
            loop.check()
    loop.check()
    loop.end()


def test_a_task_that_failed_and_was_not_awaited_is_named() -> None:
    async def fails() -> None:
        raise ValueError("forgotten")

    async def forgets() -> None:
        kept.append(asyncio.create_task(fails()))

    kept: list[asyncio.Task[None]] = []
    loop = LastingLoop()
    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        runner.run(forgets())
        runner.run(asyncio.sleep(0))
    with pytest.raises(AssertionError, match="forgotten"):
        loop.check()
    loop.check()
    loop.end()


async def test_of_a_pool_that_closes_three_rest(engines: Engines) -> None:
    at: dict[str, Any] = {"primary": RestedPrimary(engines.dsn), "connected_within_s": PATIENT_S}
    db: Any = await Database.open(engines.dsn, size=6, name="pool of six", **at)
    async with AsyncExitStack() as held:
        for _ in range(6):
            await held.enter_async_context(db.connection())
    before = len(resting_on(engines.dsn))
    await db._pool.close()  # noqa: SLF001 - the database's own `close` cuts what takes longer than two seconds
    await db.close()
    assert len(resting_on(engines.dsn)) - before == 3


async def test_one_that_the_server_has_ended_does_not_rest(engines: Engines) -> None:
    ended: Any = await RestedPrimary(engines.dsn).connect(server_settings={"application_name": "ended"})
    async with connect(engines.dsn) as other:
        await other.execute("SELECT pg_terminate_backend($1, 10000)", ended.server_pid)
    await ended.close()
    assert ended.server_pid not in resting_on(engines.dsn)


async def test_nor_does_one_whose_end_was_not_read_yet(engines: Engines) -> None:
    ended: Any = await RestedPrimary(engines.dsn).connect(server_settings={"application_name": "ended unread"})
    server = os.pidfd_open(ended.server_pid)
    os.kill(ended.server_pid, signal.SIGTERM)
    assert select.select([server], [], [], 60)[0]  # the loop stands still meanwhile
    os.close(server)
    assert not ended.is_closed()
    await ended.close()
    assert ended.server_pid not in resting_on(engines.dsn)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "data"
