"""The pool names a lost engine, and leaves our own mistakes what they are."""

import asyncio
import contextlib
import os
import select
import shutil
import signal
from collections.abc import AsyncGenerator, Callable, Coroutine
from functools import partial
from operator import methodcaller
from typing import Any

import asyncpg
import pytest
from tests.support.engines import reachable_directory
from tests.support.first_starts import FirstStarts
from tests.support.last_words import LastWords, end, relayed
from tests.support.opened_deps import PATIENT_S
from tests.support.stopped_processes import suspend, suspended
from tests.support.waiting import until, until_locked

from callmark.domain.deps import Deps
from callmark.kit import patience
from callmark.kit.engines.postgres import EmbeddedPostgres
from callmark.kit.errors import Unavailable
from callmark.kit.postgres.database import Database, Tx, connect, own_names, transaction_on
from callmark.kit.postgres.faults import momentary
from callmark.kit.postgres.kept_connections import KeptConnections


@pytest.fixture
async def engine(first_starts: FirstStarts) -> AsyncGenerator[EmbeddedPostgres]:
    """Of one test, not started."""
    path = reachable_directory()
    await first_starts.put(path / "data")
    yield EmbeddedPostgres(path / "data", durable=False)
    shutil.rmtree(path)


async def test_a_pool_outlives_its_engine(engine: EmbeddedPostgres) -> None:
    db = await Database.open(await engine.start(), size=3, connected_within_s=PATIENT_S)
    async with db.connection() as tx:
        assert await tx.fetchval("SELECT 1") == 1
    under_way = asyncio.create_task(sleep_in_the_database(db))
    await until(lambda: sleepers(db))
    await engine.stop()
    with pytest.raises(Unavailable):
        await under_way
    with pytest.raises(Unavailable):
        async with db.transaction():
            pass
    await engine.start()
    async with db.connection() as tx:
        assert await tx.fetchval("SELECT 1") == 1
    await db.close()
    await engine.stop()


async def sleep_in_the_database(db: Database) -> None:
    async with db.transaction() as tx:
        await tx.execute("SELECT pg_sleep(30)")


async def sleepers(db: Database) -> int:
    async with db.connection() as tx:
        return await tx.fetchval("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'")


async def test_a_mistake_of_ours_is_a_bug_and_not_a_lost_engine(deps: Deps) -> None:
    with pytest.raises(asyncpg.InterfaceError):
        async with deps.db.connection() as tx:
            await tx.fetchval("SELECT 1", "one argument too many")


@pytest.mark.parametrize("mistake", [partial(setattr, None, "execute", 1), partial(methodcaller("execute"), None)])
async def test_an_attribute_of_none_that_we_ask_for_is_a_bug_too(deps: Deps, mistake: Callable[[], None]) -> None:
    with pytest.raises(AttributeError):
        async with deps.db.connection():
            mistake()


async def test_an_attribute_error_without_a_name_stays_one(deps: Deps) -> None:
    with pytest.raises(AttributeError):
        async with deps.db.connection():
            raise AttributeError("made by hand")


async def test_what_is_given_up_ends_in_the_server_and_counts_until_then(deps: Deps) -> None:
    """A pool that made a new connection at once would have more and more of them, and all would do their work later."""
    async with deps.db.connection() as tx:
        await tx.execute("CREATE TABLE counted ()")
    async with deps.db.transaction() as other:
        await other.execute("LOCK TABLE counted")
        most = await asyncio.gather(*(most_while_given_up(deps, way) for way in (impatient, late, late_kept, stopped)))
    assert most == [1, 1, 1, 1]
    async with deps.db.connection() as tx:
        assert await tx.fetchval("SELECT count(*) FROM counted") == 0


Way = Callable[[Database, KeptConnections], Coroutine[None, None, None]]


async def most_while_given_up(deps: Deps, way: Way) -> int:
    """How many statements waited at most, with one connection, while one after the other was given up.

    Returns when the server has ended all of them.
    """
    dsn, name, seen = deps.settings.reached_postgres, way.__name__, [0]
    db = await Database.open(dsn, size=1, name=name, connected_within_s=PATIENT_S)
    kept = KeptConnections(dsn, size=1, name=name, connected_within_s=PATIENT_S)

    async def is_over() -> bool:
        async with deps.db.connection() as tx:
            seen.append(await tx.fetchval(WAITING, name))
        return not seen[-1]

    for _ in range(3):
        giving_up = asyncio.create_task(way(db, kept))
        while not giving_up.done():
            await is_over()
            if seen[-1] and way is stopped:
                giving_up.cancel()
        with pytest.raises((Unavailable, asyncio.CancelledError)):
            await giving_up
    await until(is_over)
    await asyncio.gather(db.close(), kept.close())
    return max(seen)


WAITING = "SELECT count(*) FROM pg_stat_activity WHERE application_name = $1 AND wait_event_type = 'Lock'"
COUNT = "INSERT INTO counted DEFAULT VALUES"


async def impatient(db: Database, _: KeptConnections) -> None:
    with patience.of(each_s=0.3):
        async with db.connection() as tx:
            await tx.execute(COUNT)


async def late(db: Database, _: KeptConnections) -> None:
    async with db.transaction() as tx:
        await tx.execute(COUNT, timeout=0.3)


async def late_kept(_: Database, kept: KeptConnections) -> None:
    async with kept.connection() as tx, transaction_on(tx):
        await tx.execute(COUNT, timeout=0.3)


async def stopped(_: Database, kept: KeptConnections) -> None:
    async with kept.connection() as tx:
        await tx.execute(COUNT)


async def test_a_copy_whose_reader_takes_too_long_ends_with_the_callers_patience(deps: Deps) -> None:
    with pytest.raises(Unavailable) as refused:
        await _copy_until_cut(deps.db)
    assert refused.value.reason == "postgresql: no answer in time"


async def _copy_until_cut(db: Database) -> None:
    async def take(_: bytes) -> None:
        await until(is_cut)

    async def is_cut() -> bool:
        return copying.is_closed()

    with patience.of(each_s=0.3):
        async with db.connection() as tx:
            copying: Any = tx
            rows = "SELECT repeat('x', 1000) FROM generate_series(1, 10000)"
            await tx.copy_from_query(rows, output=take, format="csv")


def _lose(backend: int, turns: int) -> None:
    """Ends the backend after so many turns of the loop, which stands still meanwhile and has not noticed it."""
    if turns:
        asyncio.get_running_loop().call_soon(_lose, backend, turns - 1)
        return
    ended = os.pidfd_open(backend)
    os.kill(backend, signal.SIGTERM)
    select.select([ended], [], [])
    os.close(ended)


@pytest.mark.parametrize("turns", range(6))
async def test_a_pool_is_closed_although_its_connection_is_lost_meanwhile(deps: Deps, turns: int) -> None:
    db = await Database.open(deps.settings.reached_postgres, size=1, connected_within_s=PATIENT_S)
    async with db.connection() as tx:
        backend = await tx.fetchval("SELECT pg_backend_pid()")
    _lose(backend, turns)
    await db.close()


async def test_a_server_that_does_not_end_a_connection_takes_nothing_back(engine: EmbeddedPostgres) -> None:
    dsn = await engine.start()
    db = await Database.open(dsn, size=2, name="pool")
    kept = KeptConnections(dsn, size=2, name="kept")
    try:
        for pool in (db, kept):
            await _used_beside_one_that_does_not_end(pool)
        async with connect(dsn) as tx:
            await tx.execute("CREATE TABLE made ()")
            backend = await tx.fetchval("SELECT pg_backend_pid()")
            suspend([backend])
        os.kill(backend, signal.SIGKILL)
    finally:
        await asyncio.gather(db.close(), kept.close())
        await engine.stop()


async def _used_beside_one_that_does_not_end(pool: Database | KeptConnections) -> None:
    """Who waits has the other connection once that is given back, and does not wait for the server."""

    async def backend() -> int:
        async with pool.connection() as tx:
            return await tx.fetchval("SELECT pg_backend_pid()")

    with suspended([stuck := await backend()]):
        with pytest.raises(Unavailable):
            async with pool.connection() as tx:
                await tx.execute("SELECT 1", timeout=0.1)
        async with pool.connection() as tx:
            other = await tx.fetchval("SELECT pg_backend_pid()")
            waiting = asyncio.create_task(backend())
            await tx.execute("SELECT pg_sleep(0)")
            assert not waiting.done()
        assert await waiting == other != stuck


async def test_a_connection_that_was_ended_and_not_closed_yet_is_a_lost_engine(deps: Deps) -> None:
    asyncio.get_running_loop().set_exception_handler(lambda _, __: None)  # asyncpg drops a future that has failed
    async with relayed(deps.settings.reached_postgres) as (dsn, words), asyncio.timeout(20):
        db = await Database.open(dsn, size=1, connected_within_s=PATIENT_S)
        with pytest.raises(Unavailable):
            await _use_after_last_words(db, deps, words)
        await db.close()


async def _use_after_last_words(db: Database, deps: Deps, words: LastWords) -> None:
    async with db.transaction() as tx:
        await end(deps.db, words, await tx.fetchval("SELECT pg_backend_pid()"))
        await tx.copy_to_table("batch", source=memoryview(b""), columns=["id"], format="binary")


async def test_a_table_that_a_migration_changes_is_no_bug_and_the_next_transaction_works(deps: Deps) -> None:
    db = await Database.open(deps.settings.reached_postgres, size=2, connected_within_s=PATIENT_S)
    async with deps.db.connection() as tx:
        await tx.execute("CREATE TABLE growing (a integer)")
    async with db.transaction() as one, db.transaction() as other:
        for tx in (one, other):
            assert await names(tx) == []
    async with deps.db.connection() as tx:
        await tx.execute("INSERT INTO growing VALUES (1)")
        await tx.execute("ALTER TABLE growing ADD b integer")
    with pytest.raises(Unavailable) as caught:
        async with db.transaction() as tx:
            await names(tx)
    assert caught.value.reason == "postgresql: a table was changed at this moment"
    async with db.transaction() as one, db.transaction() as other:
        for tx in (one, other):
            assert await names(tx) == ["a", "b"]
    async with deps.db.connection() as tx:
        await tx.execute("ALTER TABLE growing ADD c integer")
    assert await db.in_transaction(names) == ["a", "b", "c"]
    await db.close()


async def names(tx: Tx) -> list[str]:
    """Of the columns of the one row."""
    return [name for row in await tx.fetch("SELECT * FROM growing") for name in row.keys()]  # noqa: SIM118 - a Record


async def test_a_transaction_that_others_wait_for_while_it_waits_for_them_is_begun_again(deps: Deps) -> None:
    with pytest.raises(Unavailable) as caught:
        await in_a_deadlock(deps.db, tries=1)
    assert caught.value.reason == "postgresql: others waited for what this held at this moment"
    assert await in_a_deadlock(deps.db, tries=2) == "both"


async def in_a_deadlock(db: Database, *, tries: int) -> str:
    """What `in_transaction` gives where another transaction locks two tables in the other order."""
    has_one, is_waited_for = asyncio.Event(), asyncio.Event()

    async def take_both(tx: Tx) -> str:
        await tx.execute("SET LOCAL deadlock_timeout = '10ms'")  # the server ends who has waited for so long
        await tx.execute("LOCK TABLE webhook_queue")
        has_one.set()
        await is_waited_for.wait()
        await tx.execute("LOCK TABLE webhook")
        return "both"

    working = asyncio.create_task(db.in_transaction(take_both, tries=tries))
    async with db.transaction() as other:
        await other.execute("SET LOCAL deadlock_timeout = '1h'; LOCK TABLE webhook")
        await has_one.wait()
        waiting = asyncio.create_task(other.execute("LOCK TABLE webhook_queue"))
        await until_locked(db, 1)
        is_waited_for.set()
        await waiting
    return await working


async def test_a_transaction_whose_rows_others_changed_is_begun_again(deps: Deps) -> None:
    """With another isolation than ours, as where a pooler has reset the session."""

    async def change(tx: Tx) -> str:
        await tx.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        changed: int = await tx.fetchval("SELECT count(*) FROM installation WHERE clock_version < 0")
        async with deps.db.connection() as other:
            await other.execute("UPDATE installation SET clock_version = -1 WHERE $1 = 0", changed)
        return await tx.execute("UPDATE installation SET clock_version = 0")

    with pytest.raises(Unavailable) as caught:
        await deps.db.in_transaction(change, tries=1)
    assert caught.value.reason == "postgresql: others changed what this read at this moment"
    async with deps.db.connection() as tx:
        await tx.execute("UPDATE installation SET clock_version = 0")
    assert await deps.db.in_transaction(change) == "UPDATE 1"


async def test_a_row_that_misses_its_partition_is_told_from_one_that_breaks_a_rule(deps: Deps) -> None:
    """By what the server says beside its text, which is in the server's language."""
    wrong: dict[str, str | None] = {}
    async with deps.db.connection() as tx:
        await tx.execute("CREATE TABLE split (day date CONSTRAINT not_late CHECK (day < '2030-01-01'))")
        await tx.execute("CREATE TABLE whole (LIKE split INCLUDING ALL) PARTITION BY RANGE (day)")
        await tx.execute("ALTER TABLE whole ATTACH PARTITION split FOR VALUES FROM ('2026-01-01') TO ('2026-01-02')")
        for day in ("2026-01-02", "2030-01-02"):
            with pytest.raises(asyncpg.CheckViolationError) as caught:
                await tx.execute(own_names(f"INSERT INTO split VALUES ('{day}')"))
            wrong[day] = momentary(caught.value)
        await tx.execute("DROP TABLE whole")
    assert wrong == {"2026-01-02": "a day's partition was made", "2030-01-02": None}
    german = asyncpg.CheckViolationError(
        "neue Zeile f\u00fcr Relation \u00bbsplit\u00ab verletzt Partitions-Constraint"
    )
    assert momentary(german) == "a day's partition was made"


async def test_an_exception_rolls_the_transaction_back(deps: Deps) -> None:
    with contextlib.suppress(ZeroDivisionError):
        async with deps.db.transaction() as tx:
            await tx.execute("CREATE TABLE gone ()")
            raise ZeroDivisionError
    async with deps.db.connection() as tx:
        assert await tx.fetchval("SELECT to_regclass('gone')") is None


async def test_what_waits_for_the_commit_runs_after_it_and_in_order(deps: Deps) -> None:
    seen: list[object] = []

    async def look() -> None:
        async with deps.db.connection() as other:
            seen.append(await other.fetchval("SELECT to_regclass('made') IS NOT NULL"))

    async def say() -> None:
        seen.append("said")

    async with deps.db.transaction() as tx:
        tx.after_commit(look)
        tx.after_commit(say)
        await tx.execute("CREATE TABLE made ()")
        assert seen == []
    assert seen == [True, "said"]


async def test_nothing_is_announced_of_what_was_rolled_back(deps: Deps) -> None:
    seen: list[str] = []

    async def say(what: str) -> None:
        seen.append(what)

    with contextlib.suppress(ZeroDivisionError):
        async with deps.db.transaction() as tx:
            tx.after_commit(partial(say, "whole"))
            raise ZeroDivisionError
    async with deps.db.transaction() as tx:
        tx.after_commit(partial(say, "first"))
        tx.after_commit(partial(say, "last"))
    assert seen == ["first", "last"]


async def test_an_announcement_that_fails_leaves_the_work_done_and_the_others_said(deps: Deps) -> None:
    seen: list[str] = []

    async def fail() -> None:
        raise ZeroDivisionError

    async def say() -> None:
        seen.append("said")

    async with deps.db.transaction() as tx:
        await tx.execute("CREATE TABLE kept ()")
        tx.after_commit(fail)
        tx.after_commit(say)
    async with deps.db.connection() as tx:
        assert await tx.fetchval("SELECT to_regclass('kept') IS NOT NULL")
    assert seen == ["said"]
