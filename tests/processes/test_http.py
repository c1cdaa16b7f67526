"""The HTTP server of a process: what is no HTTP is refused in the envelope of every other error."""

import asyncio
import json
import socket
from collections.abc import AsyncGenerator
from contextlib import suppress

import pytest
from starlette.types import Receive, Scope, Send
from structlog.contextvars import merge_contextvars
from structlog.testing import capture_logs
from tests.processes.hello import GATES, LOOPBACK, hello

from callmark.kit.fastpath.http_protocol import LARGEST_HEAD_BYTES
from callmark.kit.telemetry import logs
from callmark.processes.http import Server
from callmark.processes.ports import open_socket
from callmark.surfaces.observed import Observed


async def _who(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers with the address of the visitor."""
    if scope["type"] == "lifespan":
        await hello(scope, receive, send)
        return
    body = scope["client"][0].encode()
    headers = [(b"content-length", str(len(body)).encode()), (b"connection", b"close")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


@pytest.mark.parametrize(("trusted", "seen"), [("127.0.0.0/8", b"203.0.113.7"), ("10.0.0.0/8", b"127.0.0.1")])
async def test_a_visitor_is_who_a_trusted_proxy_says(trusted: str, seen: bytes) -> None:
    server, stop = Server(_who, open_socket(LOOPBACK, 0), trusted_proxies=trusted), asyncio.Event()
    running = asyncio.create_task(server.run_until(stop))
    await asyncio.wait_for(server.up.wait(), 30)
    got = await _answer(server.port, b"GET / HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: 203.0.113.7\r\n\r\n")
    stop.set()
    await running
    assert got.endswith(b"\r\n\r\n" + seen)


@pytest.mark.parametrize(
    ("forwarded", "seen"),
    [
        (["203.0.113.7, 10.0.0.9"], b"203.0.113.7"),
        (["198.51.100.1, 203.0.113.7, 10.0.0.9"], b"203.0.113.7"),  # what the visitor wrote itself does not count
        (["198.51.100.1", "203.0.113.7, ::ffff:10.0.0.9"], b"203.0.113.7"),
        (["203.0.113.7:4711, 10.0.0.9:80"], b"203.0.113.7"),
        (["[2001:db8::7]:4711, 10.0.0.9"], b"2001:db8::7"),
    ],
)
async def test_behind_several_proxies_a_visitor_is_the_last_that_is_none_of_them(
    forwarded: list[str], seen: bytes
) -> None:
    trusted = "127.0.0.1, 10.0.0.0/8"
    server, stop = Server(_who, open_socket(LOOPBACK, 0), trusted_proxies=trusted), asyncio.Event()
    running = asyncio.create_task(server.run_until(stop))
    await asyncio.wait_for(server.up.wait(), 30)
    lines = "".join(f"X-Forwarded-For: {line}\r\n" for line in forwarded)
    got = await _answer(server.port, f"GET / HTTP/1.1\r\nHost: x\r\n{lines}\r\n".encode())
    stop.set()
    await running
    assert got.endswith(b"\r\n\r\n" + seen)


@pytest.fixture
async def port() -> AsyncGenerator[int]:
    server, stop = Server(hello, open_socket(LOOPBACK, 0)), asyncio.Event()
    running = asyncio.create_task(server.run_until(stop))
    await asyncio.wait_for(server.up.wait(), 30)
    yield server.port
    stop.set()
    await running


async def _answer(port: int, *sent: bytes) -> bytes:
    """All that comes back until the server closes the connection."""
    reader, writer = await asyncio.open_connection(LOOPBACK, port)
    for part in sent:
        writer.write(part)
        await writer.drain()
    async with asyncio.timeout(30):
        got = await reader.read()
    writer.close()
    return got


@pytest.mark.parametrize(
    "sent",
    [
        b"\x16\x03\x01 hello\r\n\r\n",
        b"BREW /pot\r\n\r\n",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\nBREW /pot HTTP/1.1\r\nHost: x\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer \x01\r\n\r\n",
    ],
)
async def test_what_is_no_http_is_refused_in_the_error_envelope(port: int, sent: bytes) -> None:
    answer = await _answer(port, sent)
    head, _, body = answer[answer.index(b"HTTP/1.1 400 ") :].partition(b"\r\n\r\n")
    assert b"content-type: application/json" in head
    assert b"x-request-id: " in head
    assert json.loads(body) == {"slug": "invalid-input", "message": "request is not valid HTTP"}


async def test_beyond_the_most_connections_a_client_is_refused_until_one_has_gone() -> None:
    server, stop = Server(hello, open_socket(LOOPBACK, 0), most_connections=2), asyncio.Event()
    running = asyncio.create_task(server.run_until(stop))
    await asyncio.wait_for(server.up.wait(), 30)
    asked = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
    idle = [await asyncio.open_connection(LOOPBACK, server.port) for _ in range(2)]
    for reader, writer in idle:
        writer.write(asked)
        assert (await reader.readuntil(b"hello")).startswith(b"HTTP/1.1 200 ")
    head, _, body = (await _answer(server.port)).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 503 Service Unavailable\r\n")
    assert b"\r\nretry-after: 1\r\n" in head
    assert json.loads(body)["slug"] == "service-unavailable"
    last = asked.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
    idle[0][1].write(last)
    assert (await idle[0][0].read()).endswith(b"hello")
    assert (await _answer(server.port, last)).endswith(b"hello")
    for _, writer in idle:
        writer.close()
    stop.set()
    await running


async def test_a_head_that_does_not_end_is_refused(port: int) -> None:
    begun = b"GET / HTTP/1.1\r\nHost: x\r\nX-Long: "
    got = await _answer(port, begun, b"a" * (LARGEST_HEAD_BYTES - len(begun)), b"a")
    assert b'"message":"request head is larger than 65536 bytes"' in got


async def test_a_long_head_is_refused_however_much_of_it_comes_at_once(port: int) -> None:
    head = b"GET / HTTP/1.1\r\nHost: x\r\nX-Long: " + b"a" * (LARGEST_HEAD_BYTES + 1) + b"\r\n\r\n"
    for size in (10_000, 60_000, len(head)):
        got = await _answer(port, *(head[at : at + size] for at in range(0, len(head), size)))
        assert b'"message":"request head is larger than 65536 bytes"' in got, size


async def test_long_heads_below_the_bound_and_large_bodies_are_taken(port: int) -> None:
    long = b"GET / HTTP/1.1\r\nHost: x\r\nX-Long: " + b"a" * (LARGEST_HEAD_BYTES - 2000) + b"\r\n\r\n"
    large = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 500000\r\nConnection: close\r\n\r\n" + b"b" * 500_000
    assert (await _answer(port, long + large)).count(b"HTTP/1.1 200 OK") == 2


async def test_what_comes_before_a_head_at_once_is_not_counted_as_its(port: int) -> None:
    before = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n" + b"b" * 100_000
    last = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    got = await _answer(port, before + last[:20], last[20:])
    assert got.count(b"HTTP/1.1 200 OK") == 2


async def test_the_head_of_an_answer_does_not_wait_for_a_body_that_takes_its_time(port: int) -> None:
    gate = GATES["/slow"] = asyncio.Event()
    reader, writer = await asyncio.open_connection(LOOPBACK, port)
    writer.write(b"GET /slow HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    async with asyncio.timeout(30):
        head = await reader.readuntil(b"\r\n\r\n")
        gate.set()
        body = await reader.read()
    writer.close()
    assert head.startswith(b"HTTP/1.1 200 OK\r\n")
    assert body == b"hello"


async def test_an_answer_without_a_body_is_whole(port: int) -> None:
    asked = b"HEAD / HTTP/1.1\r\nHost: x\r\n\r\n"
    head, _, rest = (
        await _answer(port, asked + asked.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
    ).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 OK\r\n")
    assert rest.startswith(b"HTTP/1.1 200 OK\r\n")
    assert rest.endswith(b"\r\n\r\n")


@pytest.mark.parametrize(
    ("head", "message"),
    [
        (b"Host: a\r\nHost: b\r\n", "request has more than one Host header"),
        (b"Host: a\r\nhost: a\r\n", "request has more than one Host header"),
        (b"", "request has no Host header"),
        (b"Host: a@b\r\n", "the Host header is invalid"),
        (b"Host: a/b\r\n", "the Host header is invalid"),
        (b"Host: a, b\r\n", "the Host header is invalid"),
        (
            b"Host: a\r\nHost: b\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n",
            "request has more than one Host header",
        ),
    ],
)
async def test_a_request_names_one_host(port: int, head: bytes, message: str) -> None:
    got = await _answer(port, b"GET / HTTP/1.1\r\n" + head + b"\r\n")
    assert got.startswith(b"HTTP/1.1 400 ")
    assert json.loads(got.partition(b"\r\n\r\n")[2]) == {"slug": "invalid-input", "message": message}


async def test_an_old_client_need_not_name_a_host(port: int) -> None:
    assert (await _answer(port, b"GET / HTTP/1.0\r\n\r\n")).startswith(b"HTTP/1.1 200 OK")


@pytest.fixture
async def impatient() -> AsyncGenerator[int]:
    server = Server(hello, open_socket(LOOPBACK, 0), head_within_s=0.05, body_silent_s=0.05)
    stop = asyncio.Event()
    running = asyncio.create_task(server.run_until(stop))
    await asyncio.wait_for(server.up.wait(), 30)
    yield server.port
    stop.set()
    await running


async def _halted(port: int, sent: bytes) -> bytes:
    """What a request is told that comes to a halt; sent again if it began too late, on a machine that is busy."""
    async with asyncio.timeout(30):
        while True:
            with suppress(ConnectionError):
                if got := await _answer(port, sent):
                    return got


async def _trickling(port: int, begun: bytes) -> bytes:
    """The first line that a request is told whose bytes trickle; sent again as above."""
    async with asyncio.timeout(30):
        while True:
            reader, writer = await asyncio.open_connection(LOOPBACK, port)
            writer.write(begun)
            trickle = asyncio.create_task(_trickle(writer))
            try:  # what is still on its way when the server closes makes the end a reset
                return await reader.readuntil(b"\r\n")
            except (ConnectionError, asyncio.IncompleteReadError):
                continue
            finally:
                trickle.cancel()
                writer.close()


async def _begun(port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A connection on which a slow answer has begun; asked for again as above."""
    asked = b"GET /slow HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    async with asyncio.timeout(30):
        while True:
            reader, writer = await asyncio.open_connection(LOOPBACK, port)
            writer.write(asked)
            with suppress(ConnectionError):
                if b" 200 " in await reader.readline():
                    return reader, writer
            writer.close()


async def test_a_connection_on_which_nothing_comes_is_closed(impatient: int) -> None:
    assert await _answer(impatient) == b""


@pytest.mark.parametrize(
    "sent",
    [
        b"GET / HTTP/1.1\r\nHost: x\r\nX-Slow: ",
        b"P",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{",
        b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{",
    ],
)
async def test_a_request_that_comes_to_a_halt_is_told_so_and_closed(impatient: int, sent: bytes) -> None:
    head, _, body = (await _halted(impatient, sent)).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 408 Request Timeout\r\n")
    assert b"connection: close" in head
    assert json.loads(body) == {"slug": "request-timeout", "message": "the request took too long to arrive"}


async def test_bytes_that_trickle_do_not_prolong_a_head(impatient: int) -> None:
    got = await _trickling(impatient, b"GET / HTTP/1.1\r\nHost: x\r\n")
    assert got.startswith(b"HTTP/1.1 408 ")


async def _trickle(writer: asyncio.StreamWriter) -> None:
    while True:
        writer.write(b"X-Slow: 1\r\n")
        await asyncio.sleep(0.01)


async def test_an_answer_that_takes_its_time_is_not_cut_off(impatient: int) -> None:
    gate = GATES["/slow"] = asyncio.Event()
    reader, writer = await _begun(impatient)
    silent = await _answer(impatient)  # a connection that was opened later is closed meanwhile
    gate.set()
    async with asyncio.timeout(30):
        got = await reader.read()
    writer.close()
    assert silent == b""
    assert got.endswith(b"hello")


async def test_what_the_log_says_of_a_request_it_does_not_say_of_the_one_behind_it() -> None:
    async def pushes(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] == "/first":
            logs.bind(batch="of-the-first")
        await hello(scope, receive, send)

    server, stop = Server(Observed(pushes), open_socket(LOOPBACK, 0)), asyncio.Event()
    with capture_logs(processors=[merge_contextvars]) as lines:
        running = asyncio.create_task(server.run_until(stop))
        await asyncio.wait_for(server.up.wait(), 30)
        head = b" HTTP/1.1\r\nHost: x\r\n"
        await _answer(server.port, b"GET /first" + head + b"\r\nGET /second" + head + b"Connection: close\r\n\r\n")
        stop.set()
        await running
    assert [line.get("batch") for line in lines if line["event"] == "request"] == ["of-the-first", None]


@pytest.mark.parametrize("behind", [b"\x16\x03\x01\r\n\r\n", b"GET / HTTP/1.1\r\n\r\n"])
async def test_a_refusal_comes_behind_the_answer_to_the_request_before_it(port: int, behind: bytes) -> None:
    got = await _answer(port, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n" + behind)
    first, _, rest = got.partition(b"hello")
    assert first.startswith(b"HTTP/1.1 200 OK\r\n")
    assert rest.startswith(b"HTTP/1.1 400 ")


async def test_a_head_that_does_not_end_is_refused_behind_another_request_too(port: int) -> None:
    reader, writer = await asyncio.open_connection(LOOPBACK, port)
    writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\nGET / HTTP/1.1\r\nX: ")
    await reader.readuntil(b"hello")
    writer.write(b"a" * (LARGEST_HEAD_BYTES + 1))
    assert (await asyncio.wait_for(reader.read(), 30)).startswith(b"HTTP/1.1 400 ")
    writer.close()


async def test_the_body_of_a_request_behind_another_is_refused_in_its_turn(port: int) -> None:
    bad = b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nno size\r\n"
    got = await _answer(port, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n" + bad)
    assert got.startswith(b"HTTP/1.1 200 OK\r\n")
    assert got.count(b"HTTP/1.1 ") == 2
    assert b"hello" + b"HTTP/1.1 400 " in got


async def test_bytes_that_trickle_do_not_prolong_a_body(impatient: int) -> None:
    got = await _trickling(impatient, b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 500000\r\n\r\n")
    assert got.startswith(b"HTTP/1.1 408 ")


_RESET = bytes([7])
"""The state of such a connection (`TCP_CLOSE`)."""


async def _much(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers at once, whatever is still to come: with much at `/much`, with little elsewhere."""
    if scope["type"] == "lifespan":
        await hello(scope, receive, send)
        return
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": bytes(30_000_000 if scope["path"] == "/much" else 1)})


@pytest.fixture
async def hasty() -> AsyncGenerator[int]:
    server, stop = Server(_much, open_socket(LOOPBACK, 0), reads_nothing_s=0.1), asyncio.Event()
    running = asyncio.create_task(server.run_until(stop))
    await asyncio.wait_for(server.up.wait(), 30)
    yield server.port
    stop.set()
    await running


@pytest.mark.parametrize("head", [b"1.1\r\n", b"1.1\r\nConnection: close\r\n", b"1.0\r\n"])
async def test_a_client_that_reads_nothing_is_cut_off(hasty: int, head: bytes) -> None:
    """With a reset, for what it has may look like a whole answer."""
    reader, writer = await asyncio.open_connection(LOOPBACK, hasty, limit=1000)
    writer.write(b"GET /much HTTP/" + head + b"Host: x\r\n\r\n")
    sock: socket.socket = writer.get_extra_info("socket")
    async with asyncio.timeout(30):
        while sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1) != _RESET:
            await _answer(hasty, b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    with pytest.raises(ConnectionError):
        await reader.readexactly(30_000_000)
    writer.close()


async def test_a_body_without_end_is_not_read_once_its_request_is_answered(hasty: int) -> None:
    _, writer = await asyncio.open_connection(LOOPBACK, hasty)
    writer.write(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 999999999999\r\n\r\n")
    async with asyncio.timeout(30):
        with pytest.raises(ConnectionError):
            await _write_for_ever(writer)
    writer.close()


async def _write_for_ever(writer: asyncio.StreamWriter) -> None:
    while True:
        writer.write(bytes(100_000))
        await writer.drain()
