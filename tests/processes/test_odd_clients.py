"""What odd clients send: blanks behind a header's value, and the end of what they send before they are answered."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import pytest
from starlette.types import ASGIApp, Receive, Scope, Send
from tests.processes.hello import GATES, LOOPBACK, hello

from callmark.processes.http import Server
from callmark.processes.ports import open_socket

GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
SLOW = GET.replace(b"/ ", b"/slow ", 1)
POST = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\n"


@asynccontextmanager
async def _serving(app: ASGIApp) -> AsyncGenerator[int]:
    server, stop = Server(app, open_socket(LOOPBACK, 0)), asyncio.Event()
    running = asyncio.create_task(server.run_until(stop))
    try:
        await asyncio.wait_for(server.up.wait(), 30)
        yield server.port
    finally:
        stop.set()
        await running


async def _answer(port: int, sent: bytes, *, is_all: bool = False) -> bytes:
    """All that comes back until the server closes the connection."""
    reader, writer = await asyncio.open_connection(LOOPBACK, port)
    writer.write(sent)
    if is_all:
        writer.write_eof()
    async with asyncio.timeout(30):
        got = await reader.read()
    writer.close()
    return got


@pytest.mark.parametrize(
    ("sent", "answers"),
    [(SLOW, 1), (SLOW + GET, 2), (SLOW + GET[:20], 1), (SLOW + POST + b"12", 1), (SLOW + GET + POST, 2)],
    ids=["one", "two", "and a head", "and a body", "two and a head"],
)
async def test_a_client_that_sends_no_more_is_answered_what_it_has_sent(sent: bytes, answers: int) -> None:
    gate = GATES["/slow"] = asyncio.Event()
    async with _serving(hello) as port, asyncio.timeout(30):
        reader, writer = await asyncio.open_connection(LOOPBACK, port)
        writer.write(sent)
        got = await reader.readuntil(b"\r\n\r\n")
        writer.write_eof()
        await _answer(port, GET, is_all=True)  # that end has come by then
        gate.set()
        got += await reader.read()
        writer.close()
    assert got.count(b"HTTP/1.1 200 OK") == got.count(b"hello") == answers


async def test_what_is_not_whole_when_a_client_sends_no_more_is_given_up() -> None:
    async with _serving(hello) as port:
        for sent in (b"", GET[:20], POST + b"12"):
            assert await _answer(port, sent, is_all=True) == b""


async def test_white_space_around_a_headers_value_is_no_part_of_it() -> None:
    seen: list[bytes] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            seen.extend(value for name, value in scope["headers"] if name.startswith(b"x-"))
        await hello(scope, receive, send)

    head = b"POST / HTTP/1.1\r\nHost: x \t\r\nExpect: 100-continue \r\nContent-Length: 2 \r\nConnection: close\r\n"
    async with _serving(app) as port:
        got = await _answer(port, head + b"X-A: \ta b \t \r\nX-B: \r\nX-C: c\r\n\r\n12")
    assert seen == [b"a b", b"", b"c"]
    assert got.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n")
