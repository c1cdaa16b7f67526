"""A process that is told to stop first says so and serves on, so that load balancers turn to others."""

import asyncio
import os
import signal
from collections.abc import Generator

import pytest
from starlette.types import Receive, Scope, Send
from tests.processes.hello import LOOPBACK, hello
from tests.support.waiting import until

from callmark.kit.health import Health
from callmark.processes import http
from callmark.processes.child_work import Signals
from callmark.processes.http import Server
from callmark.processes.ports import open_socket


@pytest.fixture(autouse=True)
def handlers_end() -> Generator[None]:
    """What the process does at signals is as before, and nothing is left to end it."""
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    yield
    signal.alarm(0)
    for number, handler in before.items():
        signal.signal(number, handler)


async def test_it_serves_on_and_closes_connections_until_its_time_is_over_or_a_second_signal_comes() -> None:
    health, stop = Health(), asyncio.Event()
    server = Server(hello, open_socket(LOOPBACK, 0))
    running = asyncio.create_task(server.run_until(stop))
    await asyncio.wait_for(server.up.wait(), 30)
    draining = asyncio.create_task(Signals(30).drained(health, [server], stop))
    await asyncio.sleep(0)
    os.kill(os.getpid(), signal.SIGTERM)

    async def says_so() -> bool:
        return health.is_stopping

    await until(says_so, 30)
    assert signal.alarm(60) > 30  # the kernel gives it this time, and the time to end
    assert not stop.is_set()

    async def closes() -> bool:
        reader, writer = await asyncio.open_connection(LOOPBACK, server.port)
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        head = await reader.readuntil(b"\r\n\r\n")
        writer.close()
        return b"connection: close" in head and head.startswith(b"HTTP/1.1 200")

    await until(closes, 30)
    os.kill(os.getpid(), signal.SIGTERM)
    await asyncio.wait_for(stop.wait(), 30)
    await asyncio.gather(draining, running)


async def test_without_such_a_time_it_stops_at_once() -> None:
    health, stop = Health(), asyncio.Event()
    draining = asyncio.create_task(Signals(0).drained(health, [], stop))
    await asyncio.sleep(0)
    os.kill(os.getpid(), signal.SIGTERM)
    await asyncio.wait_for(stop.wait(), 30)
    await draining


async def test_a_request_that_is_cut_has_given_back_what_it_holds_when_the_server_has_ended(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(http, "STOP_WITHIN_S", 0)
    monkeypatch.setattr(http, "CUT_WITHIN_S", 60)
    begun, ended, stop = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def holds(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await hello(scope, receive, send)
            return
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            for _ in range(1000):  # turns of the loop
                await asyncio.sleep(0)
            ended.set()

    server = Server(holds, open_socket(LOOPBACK, 0))
    running = asyncio.create_task(server.run_until(stop))
    await asyncio.wait_for(server.up.wait(), 30)
    _, writer = await asyncio.open_connection(LOOPBACK, server.port)
    writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    await asyncio.wait_for(begun.wait(), 30)
    stop.set()
    await running
    writer.close()
    assert ended.is_set()
