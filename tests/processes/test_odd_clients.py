"""What odd clients send: blanks behind a header's value, HTTP/1.0, and the end of what they send before an answer."""

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
CHUNKED = b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"


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
    ("sent", "answers", "refusals"),
    [
        pytest.param(SLOW, 1, 0, id="one"),
        pytest.param(SLOW + GET, 2, 0, id="two"),
        pytest.param(SLOW + GET[:20], 1, 0, id="and a head"),
        pytest.param(SLOW + POST + b"12", 1, 0, id="and a body"),
        pytest.param(SLOW + GET + POST, 2, 0, id="two and a head"),
        pytest.param(SLOW + b"\x16\x03 is no HTTP\r\n\r\n", 1, 1, id="and no HTTP"),
        pytest.param(SLOW + GET + CHUNKED + b"no size\r\n", 2, 1, id="two and no chunk"),
    ],
)
async def test_a_client_that_sends_no_more_is_answered_what_it_has_sent(
    sent: bytes, answers: int, refusals: int
) -> None:
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
    assert got.count(b"HTTP/1.1 400 Bad Request") == refusals


@pytest.mark.parametrize("method", [b"GET", b"HEAD"])
async def test_an_answer_that_meets_the_end_of_what_is_sent_arrives(method: bytes) -> None:
    begun, gate = asyncio.Event(), asyncio.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            begun.set()
            await gate.wait()
        await hello(scope, receive, send)

    async with _serving(app) as port, asyncio.timeout(30):
        reader, writer = await asyncio.open_connection(LOOPBACK, port)
        writer.write(GET.replace(b"GET", method))
        await begun.wait()
        gate.set()
        writer.write_eof()  # in the same turn
        assert (await reader.read()).startswith(b"HTTP/1.1 200 OK")
        writer.close()


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


@pytest.mark.parametrize(
    ("head", "body"),
    [
        (b"GET / HTTP/1.0\r\n\r\n", b"hello world"),
        (GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"), b"6\r\nhello \r\n5\r\nworld\r\n0\r\n\r\n"),
        (b"HEAD / HTTP/1.0\r\n\r\n", b""),
    ],
)
async def test_no_chunks_are_sent_to_a_client_that_does_not_know_them(head: bytes, body: bytes) -> None:
    """The end of the connection is the body's."""

    async def in_parts(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await hello(scope, receive, send)
            return
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for part, more in ((b"hello ", True), (b"", True), (b"world", False)):
            await send({"type": "http.response.body", "body": part, "more_body": more})

    async with _serving(in_parts) as port:
        got = await _answer(port, head)
    assert got.partition(b"\r\n\r\n")[2] == body
    assert (b"transfer-encoding" in got) == body.endswith(b"0\r\n\r\n")


@pytest.mark.parametrize(
    ("sent", "body"),
    [
        pytest.param(GET, b"6\r\nhello \r\n", id="chunks"),
        pytest.param(b"GET / HTTP/1.0\r\n\r\n", None, id="HTTP/1.0"),
        pytest.param(b"GET / HTTP/1.0\r\n\r\n\x16\x03 is no HTTP\r\n\r\n", None, id="HTTP/1.0 and no HTTP"),
        pytest.param(b"POST / HTTP/1.0\r\nContent-Length: 4\r\n\r\n12", None, id="HTTP/1.0 and a body"),
    ],
)
async def test_an_answer_that_fails_half_way_is_not_taken_for_a_whole_one(sent: bytes, body: bytes | None) -> None:
    """It lacks its last chunk, or ends with a reset."""

    async def failing(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await hello(scope, receive, send)
            return
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"hello ", "more_body": True})
        raise RuntimeError

    async with _serving(failing) as port:
        if body is None:
            with pytest.raises(ConnectionResetError):
                await _answer(port, sent)
        else:
            assert (await _answer(port, sent)).partition(b"\r\n\r\n")[2] == body
