"""Whoever waits for an answer waits for engines so long and no longer."""

import asyncio
import math
from collections.abc import Sequence
from typing import Any

import asyncpg
import pytest
from tests.support.waiting import until

from callmark.domain.deps import Deps
from callmark.kit import patience
from callmark.kit.errors import Unavailable
from callmark.kit.postgres.database import Tx


def test_without_one_nothing_is_bounded() -> None:
    assert math.isinf(patience.left_s())
    with patience.of(total_s=3), patience.endless():
        assert math.isinf(patience.left_s())


def test_what_is_waited_is_taken_off_the_total() -> None:
    with patience.of(total_s=3, each_s=2):
        assert patience.left_s() == 2
        with patience.waiting() as left_s:
            assert left_s == 2
        assert 1.9 < patience.left_s() <= 2
    with patience.of(total_s=0):
        assert patience.left_s() == 0


def test_a_wait_inside_of_another_is_taken_off_once(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr(patience, "monotonic", lambda: now)
    with patience.of(total_s=3):
        with patience.waiting():
            with patience.waiting():
                now += 0.25
            with patience.waiting():
                now += 0.5
            now += 0.125
        assert patience.left_s() == 3 - 0.875


async def test_a_statement_that_takes_too_long_is_cut_and_so_is_its_transaction(deps: Deps) -> None:
    with patience.of(total_s=0.3):
        with pytest.raises(Unavailable) as caught:
            async with deps.db.transaction() as tx:
                await tx.execute("SELECT pg_sleep(20)")
        assert caught.value.reason == "postgresql: no answer in time"
        with pytest.raises(Unavailable):  # nothing is left of it
            async with deps.db.connection() as tx:
                await tx.execute("SELECT 1")
    async with deps.db.connection() as tx:
        assert await tx.fetchval("SELECT 1") == 1


async def test_a_statement_whose_connection_is_cut_between_two_of_its_steps_had_no_answer_in_time(
    deps: Deps, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on a busy machine: the server has prepared the statement, and the patience ends before it has to run it."""
    prepare: Any = vars(asyncpg.Connection)["_get_statement"]

    here = asyncio.get_running_loop()

    async def prepare_and_wait(connection: "asyncpg.Connection[Any]", *args: object, **options: object) -> object:
        statement = await prepare(connection, *args, **options)
        if asyncio.get_running_loop() is here:  # the next test's database is made ready in a loop of its own
            await until(lambda: closed(connection))
        return statement

    async def closed(connection: "asyncpg.Connection[Any]") -> bool:
        return connection.is_closed()

    with monkeypatch.context() as patched, patience.of(total_s=0.3):
        patched.setattr(asyncpg.Connection, "_get_statement", prepare_and_wait)
        with pytest.raises(Unavailable) as caught:
            async with deps.db.connection() as tx:
                await tx.fetchval("SELECT 1")
    assert caught.value.reason == "postgresql: no answer in time"
    async with deps.db.connection() as tx:
        assert await tx.fetchval("SELECT 1") == 1


async def _slow(tx: Tx, items: Sequence[Any]) -> Sequence[Any]:
    await tx.execute("SELECT pg_sleep($1)", max(items))
    return items


async def test_a_gathered_statement_goes_on_for_those_who_have_patience(deps: Deps) -> None:
    async def hurried() -> None:
        with patience.of(total_s=0.2):
            await deps.gather(_slow, [1.0])

    first = asyncio.create_task(hurried())
    await asyncio.sleep(0)
    second = asyncio.create_task(deps.gather(_slow, [0.0]))
    with pytest.raises(Unavailable, match="service unavailable"):
        await first
    assert await second == [0.0]


async def test_an_answer_is_waited_for_as_long_as_the_patience_lasts() -> None:
    answer: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    with patience.of(total_s=0.05), pytest.raises(TimeoutError):
        await patience.wait_for(answer)
    assert answer.done()  # whoever was to set it can see that nobody waits


async def come(loop: asyncio.AbstractEventLoop) -> str:
    answer: asyncio.Future[str] = loop.create_future()
    loop.call_later(0.02, answer.set_result, "come")
    return await patience.wait_for(answer)


async def test_what_an_answer_took_is_taken_off_the_total() -> None:
    with patience.of(total_s=90):
        assert await come(asyncio.get_running_loop()) == "come"
        assert patience.left_s() < 90


async def test_a_patience_without_an_end_waits_for_its_answer() -> None:
    with patience.of():
        assert await come(asyncio.get_running_loop()) == "come"
