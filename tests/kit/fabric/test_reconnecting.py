"""The way back to NATS: whatever a server does to a connection that is being made, there is another try."""

import asyncio
import contextlib
import json
import socket
import struct
import threading
from collections.abc import Callable, Coroutine
from functools import partial
from operator import attrgetter
from typing import Any

import pytest
import uvloop
from nats.aio.client import Srv
from tests.support.engines import Engines
from tests.support.waiting import open_connected, until

from callmark.kit.errors import Unavailable
from callmark.kit.fabric.client import Fabric
from callmark.kit.fastpath.nats_client import SteadyClient
from callmark.kit.ids import new_id

INFO = b"INFO " + json.dumps({"server_id": "x", "version": "2.10.0", "max_payload": 1_048_576}).encode() + b"\r\n"

MISHAPS: dict[str, tuple[int, bytes]] = {
    "reset at once": (0, b""),
    "reset after its greeting": (0, INFO),
    "reset in its greeting": (0, INFO[:20]),
    "a greeting that is no JSON": (0, b"INFO {\r\n"),
    "a greeting without end": (1, b"INFO " + b" " * 200_000),
    "reset after CONNECT": (1, INFO),
    "reset after PING": (2, INFO),
    "an error in place of PONG": (2, INFO + b"-ERR 'Maximum Connections Exceeded'\r\n"),
    "reset as the subscriptions come": (3, INFO),
    "nonsense as the subscriptions come": (3, INFO + b"NONSENSE\r\n\r\n"),
}
"""After how many lines of the client's a server resets the connection, and what it said before."""


class ScriptedServer:
    """Speaks enough of NATS for a `Fabric`, in threads, and treats its next connections as it is told."""

    def __init__(self) -> None:
        self.next: list[tuple[int, bytes]] = []
        self._open: list[socket.socket] = []
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.url = f"nats://127.0.0.1:{self._listening.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def lose_all(self) -> None:
        """Ends every connection."""
        for connection in self._open:
            with contextlib.suppress(OSError):  # it has ended
                connection.shutdown(socket.SHUT_RDWR)
        self._open.clear()

    def close(self) -> None:
        self.lose_all()
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):  # closed
            while True:
                connection, _ = self._listening.accept()
                self._open.append(connection)
                threading.Thread(target=self._serve, args=[connection], daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        lines, said = self.next.pop(0) if self.next else (-1, INFO)
        with contextlib.suppress(ConnectionError), connection, connection.makefile("rb") as come:
            connection.sendall(said)
            while lines != 0 and (line := come.readline()):
                lines -= 1
                if line.startswith(b"PING"):
                    connection.sendall(b"PONG\r\n")
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # a reset, not an end


async def is_whole(fabric: Fabric) -> bool:
    """Whether the server answers this connection."""
    try:
        await fabric.round_trip(0.5)
    except Unavailable:
        return False
    return True


async def comes_back(mishap: tuple[int, bytes]) -> None:
    server = ScriptedServer()
    fabric = Fabric(server.url, new_id())
    try:
        await open_connected(fabric)
        await until(partial(is_whole, fabric))
        server.next = [mishap, mishap]
        server.lose_all()
        await until(partial(is_whole, fabric))
        assert server.next == []
    finally:
        await fabric.close()
        server.close()


RUNS: list[Callable[[Coroutine[Any, Any, None]], None]] = [uvloop.run, asyncio.run]


@pytest.mark.parametrize("run", RUNS, ids=["uvloop", "asyncio"])
@pytest.mark.parametrize("mishap", MISHAPS)
def test_whatever_meets_a_new_connection_there_is_another(
    mishap: str, run: Callable[[Coroutine[Any, Any, None]], None]
) -> None:
    run(comes_back(MISHAPS[mishap]))


async def settles_after(mishap: tuple[int, bytes]) -> None:
    server = ScriptedServer()
    server.next = [mishap]
    fabric = Fabric(server.url, new_id())

    async def is_settled() -> bool:
        return fabric.settled

    try:
        await open_connected(fabric)
        await until(is_settled)
        assert server.next == []
    finally:
        await fabric.close()
        server.close()


@pytest.mark.parametrize("mishap", ["reset as the subscriptions come", "nonsense as the subscriptions come"])
def test_a_first_connection_that_fails_half_made_settles_later(mishap: str) -> None:
    """Work that pushes waits until it has."""
    asyncio.run(settles_after(MISHAPS[mishap]))


def test_a_client_that_cannot_be_closed_is_followed_by_another(monkeypatch: pytest.MonkeyPatch) -> None:
    """Python 3.12 raised a TypeError where a connection had been cut."""
    left: list[SteadyClient] = []

    async def fail(client: SteadyClient) -> None:
        left.append(client)
        raise TypeError("'NoneType' object is not callable")

    async def run() -> None:
        server = ScriptedServer()
        server.next = [MISHAPS["reset as the subscriptions come"]]
        fabric = Fabric(server.url, new_id())
        try:
            with monkeypatch.context() as patched:
                patched.setattr(SteadyClient, "close", fail)
                await open_connected(fabric)
            assert server.next == []
            await asyncio.gather(*(one.close() for one in left))
        finally:
            await fabric.close()
            server.close()

    asyncio.run(run())


class EndingClient(SteadyClient):
    """Its connections end below it, the next `times` times, just before it writes."""

    times = 0

    async def _process_info(self, info: dict[str, Any], initial_connection: bool = False) -> None:
        await super()._process_info(info, initial_connection)
        if initial_connection and self.times:
            self.times -= 1
            end_below(self)
            await asyncio.sleep(0)  # uvloop closes it in its next turn
            await asyncio.sleep(0)


def end_below(client: SteadyClient) -> None:
    """Ends the connection; the client does not hear of it at once."""
    abort = attrgetter("_transport._io_writer.transport.abort")(client)
    abort()


async def comes_back_from_an_end(url: str) -> None:
    client = EndingClient()
    await client.connect(
        url,
        max_reconnect_attempts=-1,
        reconnect_time_wait=0.01,  # pyright: ignore[reportArgumentType] - seconds, given to asyncio.sleep
    )
    client.times = 2
    end_below(client)

    async def has_come_back() -> bool:
        return not client.times and client.is_connected

    await until(has_come_back)
    await client.flush()
    await client.close()


async def is_told_of_an_end(url: str) -> None:
    fabric = Fabric(url, new_id())
    await open_connected(fabric)
    end_below(attrgetter("_client")(fabric))
    with pytest.raises(Unavailable):
        await fabric.round_trip(0.5)
    await until(partial(is_whole, fabric))
    await fabric.close()


@pytest.mark.parametrize("run", RUNS, ids=["uvloop", "asyncio"])
@pytest.mark.parametrize("what", [comes_back_from_an_end, is_told_of_an_end])
def test_a_connection_that_ends_just_before_a_write_is_a_lost_one(
    engines: Engines, what: Callable[[str], Coroutine[Any, Any, None]], run: Callable[[Coroutine[Any, Any, None]], None]
) -> None:
    run(what(engines.nats_url))


class ClosedWhileConnecting(SteadyClient):
    """Waits in a step of its next connection until it is cancelled, and loses the cancellation, as `asyncio.wait_for`.

    Then it goes on.
    """

    step = ""
    waits: asyncio.Event

    async def _wait(self, step: str) -> None:
        if self.step == step:
            self.step = ""
            self.waits.set()
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.Event().wait()

    async def _connect_to_server(self, s: Srv) -> None:
        await self._wait("before it connects")
        await super()._connect_to_server(s)
        await self._wait("as it has connected")

    async def _process_info(self, info: dict[str, Any], initial_connection: bool = False) -> None:
        await super()._process_info(info, initial_connection)
        await self._wait("as it is greeted")


async def all_others_end() -> None:
    """Returns when no other task is left."""

    async def is_alone() -> bool:
        return asyncio.all_tasks() == {asyncio.current_task()}

    await until(is_alone)


async def stays_closed(step: str, *, at_first: bool) -> None:
    server = ScriptedServer()
    fabric = Fabric(server.url, new_id())
    client: ClosedWhileConnecting = attrgetter("_client")(fabric)
    client.waits = asyncio.Event()
    try:
        if at_first:
            client.step = step
        opening = asyncio.create_task(fabric.open())
        if not at_first:
            await opening
            client.step = step
            server.lose_all()
        await client.waits.wait()
        await fabric.close()
        await opening
        await all_others_end()
        assert client.is_closed
        assert not fabric.connected
    finally:
        server.close()


@pytest.mark.parametrize("at_first", [True, False], ids=["the first connection", "the way back"])
@pytest.mark.parametrize("step", ["before it connects", "as it has connected", "as it is greeted"])
def test_a_fabric_that_is_closed_while_it_connects_stays_closed(
    monkeypatch: pytest.MonkeyPatch, step: str, *, at_first: bool
) -> None:
    """Or a process that stops would be held up by a connection that nobody has any use for."""
    monkeypatch.setattr("callmark.kit.fabric.client.SteadyClient", ClosedWhileConnecting)
    asyncio.run(stays_closed(step, at_first=at_first))
