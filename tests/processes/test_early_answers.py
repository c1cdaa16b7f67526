"""An answer that leaves before its request is whole is the last on its connection, and arrives."""

import asyncio
import socket
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import pytest
import uvloop
from starlette.types import ASGIApp, Receive, Scope, Send
from tests.processes.hello import GATES, LOOPBACK, hello

from callmark.processes.http import Server
from callmark.processes.ports import open_socket

GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
SLOW = GET.replace(b"/ ", b"/slow ", 1)
POST = b"POST %b HTTP/1.1\r\nHost: x\r\n%b\r\n\r\n"
MUCH = 6 << 20
UNREADABLE = (
    b"GET / HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n" + b"X: y\r\n" * 200 + b"\r\n"
)


async def _early(scope: Scope, receive: Receive, send: Send) -> None:
    """Refuses a body: unread, once a part of it has come (`/part`), while it comes (`/meanwhile`), or at the stop.

    At the stop it refuses (`/stop`), or lets the client send more (`/stop-read`).
    """
    if scope["type"] == "lifespan" or scope["path"] in {"/", "/slow"}:
        await hello(scope, receive, send)
        return
    if scope["path"] == "/part":
        await receive()
    if scope["path"].startswith("/stop"):
        stops = GATES["/stops"]
        scope["extensions"]["callmark.connection"]["on_shutdown"] = stops.set
        GATES["/begun"].set()
        await stops.wait()
    while scope["path"] == "/stop-read" and (await receive())["type"] != "http.disconnect":
        pass
    await send({"type": "http.response.start", "status": 413, "headers": [(b"content-length", b"7")]})
    while scope["path"] == "/meanwhile" and (await receive()).get("more_body"):
        pass
    await send({"type": "http.response.body", "body": b"refused"})


@asynccontextmanager
async def _serving(app: ASGIApp = _early, **limits: float) -> AsyncGenerator[int]:
    server, stop = Server(app, open_socket(LOOPBACK, 0), **limits), asyncio.Event()  # type: ignore[arg-type] - limits in seconds
    running = asyncio.create_task(server.run_until(stop))
    await asyncio.wait_for(server.up.wait(), 30)
    try:
        yield server.port
    finally:
        stop.set()
        await running


@pytest.mark.parametrize(
    ("path", "head", "part", "rest"),
    [
        pytest.param(b"/unread", b"Content-Length: 5", b"", b"12345", id="unread"),
        pytest.param(b"/unread", b"Content-Length: 5", b"12", b"345", id="unread-in-part"),
        pytest.param(b"/part", b"Content-Length: 5", b"12", b"345", id="read-in-part"),
        pytest.param(b"/meanwhile", b"Content-Length: 5", b"", b"12345", id="begun"),
        pytest.param(b"/unread", b"Transfer-Encoding: chunked", b"", b"5\r\n12345\r\n0\r\n\r\n", id="chunks"),
        pytest.param(b"/part", b"Transfer-Encoding: chunked", b"5\r\n12345\r\n", b"0\r\n\r\n", id="chunks-in-part"),
        pytest.param(b"/unread", b"Content-Length: 5\r\nExpect: 100-continue", b"", b"12345", id="expected"),
        pytest.param(b"/unread", b"Content-Length: 5\r\nExpect: 100-continue", b"", b"", id="expected-unsent"),
        pytest.param(b"/unread", b"Content-Length: 5\r\nConnection: close", b"", b"12345", id="closing"),
    ],
)
@pytest.mark.parametrize("before", [b"", SLOW])
async def test_what_comes_behind_an_answer_to_half_a_request_is_no_request(
    before: bytes, path: bytes, head: bytes, part: bytes, rest: bytes
) -> None:
    gate = GATES["/slow"] = asyncio.Event()
    async with _serving() as port, asyncio.timeout(30):
        reader, writer = await asyncio.open_connection(LOOPBACK, port)
        writer.write(before + POST % (path, head) + part)
        gate.set()
        got = await reader.readuntil(b"413 Request Entity Too Large\r\n") + await reader.readuntil(b"\r\n\r\n")
        writer.write(rest + GET)
        got += await reader.read()
        writer.close()
    assert got.count(b"HTTP/1.1 ") == 1 + bool(before)
    assert got.count(b"connection: close\r\n") == 1
    assert got.endswith(b"\r\n\r\nrefused")


async def test_after_100_continue_an_early_answer_says_that_it_is_the_last() -> None:
    async with _serving() as port, asyncio.timeout(30):
        reader, writer = await asyncio.open_connection(LOOPBACK, port)
        writer.write(POST % (b"/part", b"Content-Length: 5\r\nExpect: 100-continue"))
        assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        writer.write(b"12")
        assert b"\r\nconnection: close\r\n\r\nrefused" in await reader.read()
        writer.close()


async def test_a_connection_whose_request_came_whole_is_kept_though_nobody_read_it() -> None:
    async with _serving() as port, asyncio.timeout(30):
        reader, writer = await asyncio.open_connection(LOOPBACK, port)
        for _ in range(2):
            writer.write(POST % (b"/unread", b"Content-Length: 5") + b"12345")
            assert b"connection: close" not in await reader.readuntil(b"refused")
        writer.close()


async def _answer_read_last(sent: bytes) -> bytes:
    """What a client gets that reads when it has sent all, with much behind `sent`."""
    async with _serving() as port, asyncio.timeout(30):
        reader, writer = await asyncio.open_connection(LOOPBACK, port)
        writer.write(sent + bytes(MUCH))
        await writer.drain()
        got = await reader.read()
        writer.close()
    return got


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
@pytest.mark.parametrize(
    ("sent", "status"),
    [
        pytest.param(POST % (b"/unread", b"Content-Length: 90000000"), b"413", id="unread"),
        pytest.param(POST % (b"/", b"Host: y\r\nContent-Length: 90000000"), b"400", id="two-hosts"),
        pytest.param(POST % (b"/", b"Transfer-Encoding: chunked") + b"no size\r\n", b"400", id="no-chunk"),
        pytest.param(b"\x16\x03 is no HTTP\r\n\r\n", b"400", id="no-http"),
    ],
)
def test_the_answer_reaches_a_client_that_sends_all_before_it_reads(sent: bytes, status: bytes, loop: str) -> None:
    got = (uvloop.run if loop == "uvloop" else asyncio.run)(_answer_read_last(sent))
    assert got.startswith(b"HTTP/1.1 " + status)
    assert b"\r\nconnection: close\r\n" in got
    assert got.count(b"HTTP/1.1 ") == 1


async def test_a_request_that_is_refused_within_its_body_ends_while_its_client_stays() -> None:
    ended = asyncio.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await hello(scope, receive, send)
            return
        while (await receive())["type"] != "http.disconnect":
            pass
        await send({"type": "http.response.start", "status": 200, "headers": []})  # nobody hears it
        ended.set()

    async with _serving(app) as port, asyncio.timeout(30):
        reader, writer = await asyncio.open_connection(LOOPBACK, port)
        writer.write(POST % (b"/", b"Transfer-Encoding: chunked") + b"no size\r\n")
        assert (await reader.read()).count(b"HTTP/1.1 ") == 1
        await ended.wait()
        writer.close()


async def test_a_request_that_is_refused_within_its_answer_leaves_no_second_answer_in_that() -> None:
    async with _serving() as port, asyncio.timeout(30):
        reader, writer = await asyncio.open_connection(LOOPBACK, port)
        writer.write(POST % (b"/meanwhile", b"Transfer-Encoding: chunked"))
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"no size\r\n")
        assert await reader.read() == b""
        writer.close()


@pytest.mark.parametrize("rest", [b"GET", POST % (b"/", b"Content-Length: 5") + b"12"])
async def test_a_request_that_does_not_end_is_refused_behind_the_answer_before_it(rest: bytes) -> None:
    limit_s, gate = 0.01, asyncio.Event()
    GATES["/slow"] = gate
    async with _serving(head_within_s=limit_s, body_silent_s=limit_s) as port, asyncio.timeout(30):
        connected = socket.create_connection((LOOPBACK, port))
        connected.sendall(SLOW + rest)  # is there before the server's time for it begins
        reader, writer = await asyncio.open_connection(sock=connected)
        await reader.readuntil(b"\r\n\r\n")
        asyncio.get_running_loop().call_later(limit_s, gate.set)  # the server's began before
        assert (await reader.read()).startswith(b"helloHTTP/1.1 408 ")
        writer.close()


async def _trickle(writer: asyncio.StreamWriter) -> None:
    while True:
        writer.write(b"1")
        await writer.drain()
        await asyncio.sleep(0.002)


@pytest.mark.parametrize("limit_s", [0.001, 0.01])
async def test_the_rest_of_a_request_that_trickles_is_not_read_for_long(limit_s: float) -> None:
    async with _serving(drain_silent_s=limit_s) as port, asyncio.timeout(30):
        reader, writer = await asyncio.open_connection(LOOPBACK, port)
        writer.write(POST % (b"/unread", b"Content-Length: 90000000"))
        assert (await reader.read()).endswith(b"refused")
        with pytest.raises(ConnectionError):
            await _trickle(writer)
        writer.close()


@pytest.mark.parametrize(
    "sent",
    [
        pytest.param(POST % (b"/unread", b"Content-Length: 90000000"), id="answered-before"),
        pytest.param(UNREADABLE, id="no-handshake"),
        pytest.param(POST % (b"/stop", b"Content-Length: 90000000"), id="answered-then"),
        pytest.param(POST % (b"/stop-read", b"Transfer-Encoding: chunked"), id="refused-then"),
    ],
)
async def test_a_server_that_stops_does_not_wait_long_for_the_rest_of_a_request(
    sent: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    begun, stops = GATES["/begun"], GATES["/stops"] = asyncio.Event(), asyncio.Event()

    async def client(port: int) -> None:
        reader, writer = await asyncio.open_connection(LOOPBACK, port)
        writer.write(sent)
        if b"/stop" in sent:
            await begun.wait()
            here.set()
            await stops.wait()
            writer.write(b"no size\r\n")
        assert b" 4" in await reader.read()
        here.set()
        await gone.wait()
        writer.close()

    here, gone = asyncio.Event(), asyncio.Event()
    async with asyncio.timeout(30), asyncio.TaskGroup() as group:
        async with _serving() as port:
            group.create_task(client(port))
            await here.wait()
        gone.set()
    assert caplog.records == []  # uvicorn would say that its time was over
