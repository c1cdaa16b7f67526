"""Connections between two requests, and what is left of those that have gone."""

import asyncio
import gc
import socket
import struct
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from starlette.types import ASGIApp
from tests.processes.hello import LOOPBACK, hello
from tests.support.waiting import until

from callmark.kit.fastpath.http_protocol import HttpProtocol
from callmark.processes.http import Server
from callmark.processes.ports import open_socket

ASKED = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


@asynccontextmanager
async def _serving(app: ASGIApp, **limits: float) -> AsyncGenerator[Server]:
    server, stop = Server(app, open_socket(LOOPBACK, 0), **limits), asyncio.Event()  # type: ignore[arg-type] - limits in seconds
    running = asyncio.create_task(server.run_until(stop))
    await asyncio.wait_for(server.up.wait(), 30)
    try:
        yield server
    finally:
        stop.set()
        await running


def _protocols() -> int:
    gc.collect()
    return sum(isinstance(one, HttpProtocol) for one in gc.get_objects())


async def test_nothing_is_left_of_a_connection_that_was_reset() -> None:
    async def none_are_open() -> bool:
        return not server.server_state.connections

    async with _serving(hello) as server:
        before = _protocols()
        for _ in range(20):
            reader, writer = await asyncio.open_connection(LOOPBACK, server.port)
            writer.write(ASKED)
            await reader.readuntil(b"hello")
            linger = struct.pack("ii", 1, 0)  # a close is a reset then
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            writer.transport.abort()
        await until(none_are_open)
        assert _protocols() == before


async def test_a_connection_with_an_empty_line_behind_a_request_rests_as_long_as_others() -> None:
    async with _serving(hello, head_within_s=0.1) as server:
        reader, writer = await asyncio.open_connection(LOOPBACK, server.port)
        writer.write(ASKED)
        await reader.readuntil(b"hello")
        writer.write(b"\r\n")
        other, others = await asyncio.open_connection(LOOPBACK, server.port)
        assert await other.read() == b""  # its time for a first head is over
        others.close()
        writer.write(ASKED)
        assert await reader.readuntil(b"hello")
        writer.close()
