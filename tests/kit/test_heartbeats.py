"""Live processes share the product clock: a move is confirmed by all before it is answered."""

import asyncio
from datetime import timedelta
from typing import LiteralString

import pytest
from tests.support.fake_clock import FakeClock

from callmark.domain.deps import Deps
from callmark.kit import heartbeats
from callmark.kit.clock import ProductClock, SystemClock
from callmark.kit.errors import Unavailable
from callmark.kit.fabric.client import OnMessage
from callmark.kit.heartbeats import LiveProcess, move_clock
from callmark.kit.ids import new_id
from callmark.kit.postgres.database import Row, Tx, fetch_one

LONG = timedelta(minutes=5)
"""Whoever waits for one that does not confirm waits longer than a test."""


async def test_every_live_process_has_the_new_time_when_the_move_is_answered(deps: Deps) -> None:
    clocks = [ProductClock(SystemClock()) for _ in range(3)]
    live = [LiveProcess("test", deps.db, deps.fabric, clock, SystemClock()) for clock in clocks]
    for process in live:
        await process.start()
    before = clocks[0].offset
    async with asyncio.timeout(60):
        await move_clock(deps.db, deps.fabric, timedelta(hours=2), within=LONG)
    assert {clock.offset for clock in clocks} == {before + timedelta(hours=2)}
    for process in live:
        await process.stop()


async def test_a_stopped_process_is_not_waited_for(deps: Deps) -> None:
    process = LiveProcess("test", deps.db, deps.fabric, ProductClock(SystemClock()), SystemClock())
    await process.start()
    await process.stop()
    async with asyncio.timeout(60):
        await move_clock(deps.db, deps.fabric, timedelta(seconds=1), within=LONG)


async def test_an_announcement_that_is_on_its_way_does_not_bring_a_stopped_process_back(
    deps: Deps, monkeypatch: pytest.MonkeyPatch
) -> None:
    listening, is_read, may_go_on = list[OnMessage](), asyncio.Event(), asyncio.Event()

    async def listen(_topic: str, on_message: OnMessage) -> None:
        listening.append(on_message)

    async def read_slowly(tx: Tx, statement: LiteralString) -> Row:
        row = await fetch_one(tx, statement)
        is_read.set()
        await may_go_on.wait()
        return row

    monkeypatch.setattr(deps.fabric, "listen", listen)
    real = FakeClock(SystemClock().now())  # it stands still, so that there is no beat
    process = LiveProcess("test", deps.db, deps.fabric, ProductClock(real), real)
    await process.start()
    monkeypatch.setattr(heartbeats, "fetch_one", read_slowly)
    announced = asyncio.ensure_future(listening[0](b""))
    await is_read.wait()
    await process.stop()
    may_go_on.set()
    await announced
    assert await heartbeats.heartbeats(deps.db) == []


async def test_a_killed_process_is_not_waited_for_when_its_heartbeat_is_old(deps: Deps) -> None:
    real = FakeClock()  # it stands still, so that there is no beat
    process = LiveProcess("test", deps.db, deps.fabric, ProductClock(real), real)
    await process.start()
    async with deps.db.connection() as tx:
        await tx.execute("UPDATE process SET heartbeat_at = heartbeat_at - interval '1 minute'")
    async with asyncio.timeout(60):
        await move_clock(deps.db, deps.fabric, timedelta(seconds=1), within=LONG)
    await process.stop()


@pytest.mark.parametrize("days", [60, -60])
async def test_a_process_whose_clock_is_wrong_is_seen_to_live(deps: Deps, days: int) -> None:
    real = FakeClock(SystemClock().now() + timedelta(days=days))
    process = LiveProcess("test", deps.db, deps.fabric, ProductClock(real), real)
    await process.start()
    assert [beat.is_alive for beat in await heartbeats.heartbeats(deps.db)] == [True]
    await process.stop()


async def test_what_a_killed_process_left_is_no_sign_of_life_once_the_clock_was_set_back(deps: Deps) -> None:
    ahead = SystemClock().now() + timedelta(days=60)
    async with deps.db.connection() as tx:
        await tx.execute("INSERT INTO process VALUES ($1, 'worker', $2, $2, -1)", new_id(), ahead)
    assert await heartbeats.heartbeats(deps.db) == []
    async with asyncio.timeout(60):
        await move_clock(deps.db, deps.fabric, timedelta(seconds=1), within=LONG)
    process = LiveProcess("test", deps.db, deps.fabric, ProductClock(SystemClock()), SystemClock())
    await process.start()
    async with deps.db.connection() as tx:
        assert [row[0] for row in await tx.fetch("SELECT kind FROM process")] == ["test"]
    await process.stop()


async def test_a_process_that_does_not_confirm_is_told_of(deps: Deps) -> None:
    async with deps.db.connection() as tx:
        began = SystemClock().now() + timedelta(seconds=50)
        await tx.execute("INSERT INTO process VALUES ($1, 'stuck', $2, $2, -1)", new_id(), began)
    with pytest.raises(Unavailable):
        await move_clock(deps.db, deps.fabric, timedelta(seconds=1), within=timedelta(milliseconds=50))
