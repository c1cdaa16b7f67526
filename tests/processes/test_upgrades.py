"""Requests that ask for another protocol, of an old one, by an unknown method, or that cannot be read by us.

A protocol that we do not speak changes nothing, least of all where a request ends.
"""

import asyncio
from collections.abc import AsyncGenerator

import pytest
from starlette.types import Receive, Scope, Send
from structlog.testing import capture_logs
from tests.processes.hello import LOOPBACK, hello
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from callmark.processes.http import Server
from callmark.processes.ports import open_socket

UPGRADE = "Connection: Upgrade\r\nUpgrade: {}\r\n"
HIDDEN = b"GET /hidden HTTP/1.1\r\nHost: x\r\n\r\n"


async def _echo(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers with the path and the length of the body; takes WebSockets at `/stream`."""
    if scope["type"] == "lifespan":
        await hello(scope, receive, send)
        return
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.accept"} if scope["path"] == "/stream" else {"type": "websocket.close"})
        return
    length, more = 0, True
    while more:
        message = await receive()
        length, more = length + len(message["body"]), message["more_body"]
    body = f"<{scope['method']} {scope['path']} {length}>".encode()
    headers = [(b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


@pytest.fixture
async def port() -> AsyncGenerator[int]:
    server, stop = Server(_echo, open_socket(LOOPBACK, 0), streams=("/stream", "/elsewhere")), asyncio.Event()
    running = asyncio.create_task(server.run_until(stop))
    await asyncio.wait_for(server.up.wait(), 30)
    yield server.port
    stop.set()
    await running


async def _answers(port: int, *parts: bytes) -> list[bytes]:
    """The bodies of what is answered until the server closes the connection; the status, where it is an error."""
    reader, writer = await asyncio.open_connection(LOOPBACK, port)
    for part in parts:
        writer.write(part)
        await writer.drain()
    got: list[bytes] = []
    async with asyncio.timeout(30):
        while head := (await reader.readuntil(b"\r\n\r\n") if not reader.at_eof() else b""):
            fields = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:-2])
            body = await reader.readexactly(int(fields.get(b"content-length", 0)))
            got.append(body if head.startswith(b"HTTP/1.1 200") else head.split(b" ")[1])
            if b"close" in fields.get(b"connection", b""):
                break
    writer.close()
    return got


LAST = b"GET /last HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"


@pytest.mark.parametrize("upgrade", ["h2c", "foo", "TLS/1.0", "websocket"])
@pytest.mark.parametrize("version", ["1.1", "1.0"])
@pytest.mark.parametrize("in_one", [True, False], ids=["at once", "in parts"])
async def test_a_body_behind_an_upgrade_is_the_bodys_and_no_request(
    port: int, upgrade: str, version: str, *, in_one: bool
) -> None:
    body = b"\r\n" * 40_000 + HIDDEN
    length = f"Content-Length: {len(body)}\r\n\r\n"
    head = f"POST /outer HTTP/{version}\r\nHost: x\r\n{UPGRADE.format(upgrade)}{length}".encode()
    got = await _answers(port, *([head + body + LAST] if in_one else [head, body[:9], body[9:], LAST]))
    outer = b"<POST /outer %d>" % len(body)
    assert got == ([outer, b"<GET /last 0>"] if version == "1.1" else [outer])


async def test_a_body_in_chunks_behind_an_upgrade_is_read(port: int) -> None:
    head = f"POST /outer HTTP/1.1\r\nHost: x\r\n{UPGRADE.format('h2c')}Transfer-Encoding: chunked\r\n\r\n".encode()
    assert await _answers(port, head + b"5\r\nhello\r\n0\r\n\r\n" + LAST) == [b"<POST /outer 5>", b"<GET /last 0>"]


async def test_many_upgrades_behind_each_other_are_as_many_requests(port: int) -> None:
    one = f"GET /one HTTP/1.1\r\nHost: x\r\n{UPGRADE.format('h2c')}\r\n".encode()
    got = await _answers(port, one * 2_000 + LAST)
    assert got == [b"<GET /one 0>"] * 2_000 + [b"<GET /last 0>"]


async def test_a_head_that_is_refused_is_refused_with_an_upgrade_too(port: int) -> None:
    assert await _answers(port, f"GET / HTTP/1.1\r\n{UPGRADE.format('foo')}\r\n".encode()) == [b"400"]
    long = f"GET / HTTP/1.1\r\nHost: x\r\nA: {'a' * 70_000}\r\n{UPGRADE.format('foo')}\r\n"
    assert await _answers(port, long.encode()) == [b"400"]


async def test_a_tunnel_is_refused(port: int) -> None:
    assert await _answers(port, b"CONNECT x:1 HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n" + HIDDEN) == [b"400"]


KEY = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"


@pytest.mark.parametrize("path", ["/stream", "/elsewhere"])
async def test_a_handshake_with_a_body_is_a_request(port: int, path: str) -> None:
    length = f"Content-Length: {len(HIDDEN)}\r\n\r\n"
    head = f"GET {path} HTTP/1.1\r\nHost: x\r\n{UPGRADE.format('websocket')}{KEY}{length}"
    got = await _answers(port, head.encode(), HIDDEN + LAST)
    assert got == [f"<GET {path} {len(HIDDEN)}>".encode(), b"<GET /last 0>"]


@pytest.mark.parametrize("more", ["A: b\r\n" * 140, f"Cookie: {'a' * 9_000}\r\n"], ids=["many", "long"])
async def test_a_handshake_that_cannot_be_read_is_refused_at_once(port: int, more: str) -> None:
    head = f"GET /stream HTTP/1.1\r\nHost: x\r\n{UPGRADE.format('websocket')}{KEY}{more}\r\n"
    assert await _answers(port, head.encode()) == [b"400"]


@pytest.mark.parametrize("path", ["/stream", "/elsewhere"])
async def test_nothing_behind_a_handshake_that_is_refused_is_a_request(port: int, path: str) -> None:
    head = f"GET {path} HTTP/1.1\r\nHost: x\r\n{UPGRADE.format('websocket')}{KEY if path != '/stream' else ''}\r\n"
    [status] = await _answers(port, head.encode() + HIDDEN + LAST)
    assert status in {b"400", b"403"}


async def test_a_handshake_behind_a_request_that_is_being_answered_is_a_request(port: int) -> None:
    asked = b"GET /one HTTP/1.1\r\nHost: x\r\n\r\n"
    handshake = f"GET /stream HTTP/1.1\r\nHost: x\r\n{UPGRADE.format('websocket')}\r\n".encode()
    assert await _answers(port, asked + handshake + LAST) == [b"<GET /one 0>", b"<GET /stream 0>", b"<GET /last 0>"]


async def test_a_handshake_where_no_websocket_is_is_a_request(port: int) -> None:
    head = f"GET /%61 HTTP/1.1\r\nHost: x\r\n{UPGRADE.format('websocket')}{KEY}\r\n"
    assert await _answers(port, head.encode() + LAST) == [b"<GET /a 0>", b"<GET /last 0>"]
    reader, writer = await asyncio.open_connection(LOOPBACK, port)
    writer.write(head.replace("/%61", "/%73tream").encode())
    async with asyncio.timeout(30):
        assert (await reader.readline()).startswith(b"HTTP/1.1 101 ")
    writer.close()


@pytest.mark.parametrize("method", ["FOO", "get", "Post", "PLAY", "GETX", "X"])
async def test_a_method_that_the_parser_does_not_know_is_for_the_application(port: int, method: str) -> None:
    first = f"\r\n{method} /one HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\n"
    assert await _answers(port, first.encode(), b"abc" + LAST) == [f"<{method} /one 3>".encode(), b"<GET /last 0>"]
    assert await _answers(port, f"{method} /one HTTP/1.1\r\n\r\n".encode()) == [b"400"]  # it names no host


@pytest.mark.parametrize("version", ["1.0", "1.1"])
async def test_an_old_client_is_not_told_to_continue(port: int, version: str) -> None:
    reader, writer = await asyncio.open_connection(LOOPBACK, port)
    waits = "Expect: 100-continue\r\nContent-Length: 1\r\nConnection: close\r\n\r\n"
    writer.write(f"POST / HTTP/{version}\r\nHost: x\r\n{waits}".encode())
    assert await _answers(port, LAST) == [b"<GET /last 0>"]  # by then that has been read
    writer.write(b"1")
    async with asyncio.timeout(30):
        got = await reader.read()
    writer.close()
    assert (b" 100 Continue" in got, got.endswith(b"<POST / 1>")) == (version == "1.1", True)


@pytest.mark.parametrize(("failure", "status"), [(MemoryError(), b"503"), (TypeError("a bug"), b"500")])
async def test_what_fails_on_our_side_while_a_request_is_read_is_no_fault_of_the_request(
    port: int, monkeypatch: pytest.MonkeyPatch, failure: Exception, status: bytes
) -> None:
    """As in a process without memory: the parser hides what its callbacks raise in an error of its own."""

    def fail(*_: object) -> None:
        raise failure

    with capture_logs() as lines:
        for callback in ("on_url", "on_headers_complete", "on_body", "on_message_complete"):
            with monkeypatch.context() as patch:
                patch.setattr(HttpToolsProtocol, callback, fail)
                asked = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\n1"
                assert await _answers(port, asked) == [status], callback
    assert [one["exc_info"] for one in lines if one["event"] == "request_not_read"] == [failure] * 4
    assert await _answers(port, LAST) == [b"<GET /last 0>"]
