"""Clients that misbehave: each function opens its connections, and says what the server did with them."""

import asyncio
import base64
import gzip
import socket
from collections import Counter
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from time import perf_counter
from urllib.parse import urlsplit

from bench.memory import resident_kb
from bench.stage import Stage

_WATCHED_S = 30
_HANDSHAKE = (
    b"GET /handset/v1/stream HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Extensions: permessage-deflate\r\nSec-WebSocket-Key: "
    + base64.b64encode(bytes(16))
    + b"\r\n\r\n"
)


async def slow_heads(on: Stage) -> str:
    return await _trickled(on, 500, b"GET / HTTP/1.1\r\nHost: x\r\nX-Slow: ")


async def slow_bodies(on: Stage) -> str:
    account = on.accounts[0]
    head = f"POST /clients/{account.id}/dynamic_call_records HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n"
    return await _trickled(on, 300, f"{head}Authorization: Bearer {account.tokens[0]}\r\n\r\n".encode(), watched_s=70)


async def slow_readers(on: Stage) -> str:
    """Answers of a megabyte: the reference, asked for four times on each connection."""
    asked = b"GET /docs/openapi.json HTTP/1.1\r\nHost: x\r\n\r\n" * 4
    before = _memory_mb(on)
    async with _open(on, 100, receive_bytes=4096) as sockets:
        for one in sockets:
            await asyncio.get_running_loop().sock_sendall(one, asked)
        await asyncio.sleep(5)
        held = _memory_mb(on) - before
        closed = await _closed_within(sockets, 80)
    return f"{closed}; {held:+.0f} MB while they were open"


async def idle_sockets(on: Stage) -> str:
    before = _memory_mb(on)
    async with _open(on, 5000) as sockets:
        held = _memory_mb(on) - before
        closed = await _closed_within(sockets, _WATCHED_S)
    return f"{closed}; {held:+.0f} MB while they were open"


async def huge_heads(on: Stage) -> str:
    asked = b"GET / HTTP/1.1\r\nHost: x\r\nX-Long: " + b"a" * 100_000 + b"\r\n\r\n"
    return await _answered(on, [asked] * 200)


async def bombs(on: Stage) -> str:
    account = on.accounts[0]
    bomb = gzip.compress(bytes(50_000_000))
    head = f"POST /clients/{account.id}/dynamic_call_records HTTP/1.1\r\nHost: x\r\nContent-Encoding: gzip\r\n"
    head += f"Authorization: Bearer {account.tokens[0]}\r\nContent-Length: {len(bomb)}\r\nConnection: close\r\n\r\n"
    before = _memory_mb(on)
    bodies = await _answered(on, [head.encode() + bomb] * 5)
    frame = bytes((0xC1, 0xFE)) + (1000).to_bytes(2) + bytes(4) + bytes(1000)
    streams = await _answered(on, [_HANDSHAKE + frame] * 20)
    return f"bodies {bodies}; streams {streams}; {_memory_mb(on) - before:+.0f} MB"


async def _trickled(on: Stage, count: int, begun: bytes, *, watched_s: float = _WATCHED_S) -> str:
    """Each connection begins a request and goes on a byte a second."""
    loop, ends_at = asyncio.get_running_loop(), perf_counter() + watched_s
    async with _open(on, count) as sockets:
        for one in sockets:
            await loop.sock_sendall(one, begun)
        watching = asyncio.create_task(_closed_within(sockets, watched_s))
        while not watching.done() and perf_counter() < ends_at:
            await asyncio.sleep(1)
            for one in sockets:
                try:
                    one.send(b"a")
                except OSError:
                    continue
        return await watching


async def _closed_within(sockets: Sequence[socket.socket], seconds: float) -> str:
    """How many the server closed, and when the last was. Looks without reading what has come."""
    began, last, left = perf_counter(), 0.0, list(sockets)
    while left and perf_counter() - began < seconds:
        await asyncio.sleep(0.5)
        before, left = len(left), [one for one in left if not _is_closed(one)]
        if len(left) < before:
            last = perf_counter() - began
    return f"{len(sockets) - len(left):,} of {len(sockets):,} closed within {last:.0f} s"


def _is_closed(one: socket.socket) -> bool:
    """By the kernel's own state of the connection: anything but established (1)."""
    try:
        return one.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0] != 1
    except OSError:
        return True


async def _answered(on: Stage, asked: Sequence[bytes]) -> str:
    """The statuses of the answers."""

    async def one(sent: bytes) -> str:
        parts = urlsplit(on.url)
        reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
        try:
            writer.write(sent)
            async with asyncio.timeout(20):
                return (await reader.readline()).decode()[9:12] or "closed"
        except (OSError, TimeoutError) as exc:
            return type(exc).__name__
        finally:
            writer.close()

    return str(dict(Counter(await asyncio.gather(*(one(sent) for sent in asked)))))


@asynccontextmanager
async def _open(on: Stage, count: int, *, receive_bytes: int = 0) -> AsyncGenerator[list[socket.socket]]:
    loop, parts = asyncio.get_running_loop(), urlsplit(on.url)
    sockets: list[socket.socket] = []
    try:
        for _ in range(count):
            one = socket.socket()
            one.settimeout(0)
            if receive_bytes:
                one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
            sockets.append(one)
            await loop.sock_connect(one, (parts.hostname, parts.port))
        yield sockets
    finally:
        for one in sockets:
            one.close()


def _memory_mb(on: Stage) -> float:
    """Resident, of the processes of the installation that serve HTTP."""
    children = Path(f"/proc/{on.pid}/task/{on.pid}/children").read_text().split()
    return sum(resident_kb(pid) for pid in [on.pid, *map(int, children)]) / 1024
