"""Handsets of a benchmark: connect with the tokens given on standard input and acknowledge every identity at once.

On raw sockets, because a WebSocket library costs more per frame than everything the platform does with it, and handsets
share the processors with what is measured. Understands what the gateway sends and nothing more: whole text frames,
ping and close.
"""

import asyncio
import base64
import os
import sys
from functools import cache
from typing import cast
from urllib.parse import urlsplit

import uvloop

from callmark.kit.open_files import allow_many_files

AT_ONCE = 100
"""Handshakes under way at once; more would only wait for each other."""

TEXT, CLOSE, PING, PONG = 0x1, 0x8, 0x9, 0xA
FINAL = 0x80
_MEDIUM_TEXT = b"\x81\x7e"
_ACK = b'{"type":"ack","id":"a","record":'


class Handset(asyncio.Protocol):
    """One handset's stream."""

    def __init__(self, head: bytes) -> None:
        self._head = head
        self._transport: asyncio.Transport | None = None
        self._buffer: bytes = b""
        self._is_open = False
        self.open: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is no subclass
        self._transport.write(self._head)

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.open.done():
            self.open.set_exception(exc or ConnectionResetError())

    def data_received(self, data: bytes) -> None:
        if self._is_open and not self._buffer and data[:2] == _MEDIUM_TEXT and len(data) == 4 + _size(data):
            self.take_text(data, 4)  # as a rule: one whole identity
            return
        data = self._buffer + data
        if not self._is_open:
            head, whole, data = data.partition(b"\r\n\r\n")
            if not whole:
                self._buffer = head
                return
            if self.open.done():  # who connected has given up
                return
            if not head.startswith(b"HTTP/1.1 101 "):
                self.open.set_exception(ConnectionError(head.decode()))
                return
            self._is_open = True
            self.open.set_result(None)
        at = 0
        while (end := self._frame(data, at)) > at:
            at = end
        self._buffer = data[at:]

    def _frame(self, data: bytes, at: int) -> int:
        """Handles the frame at `at`; where it ends, or `at` itself when it is not whole yet."""
        if len(data) < at + 2:
            return at
        size, begin = data[at + 1], at + 2
        if size == 126:  # longer ones are not sent to a handset that only acknowledges
            size, begin = _size(data, at), at + 4
        if len(data) < begin + size:
            return at
        self.take(data[at] & 0x0F, data[begin : begin + size])
        return begin + size

    def take(self, kind: int, payload: bytes) -> None:
        if kind == TEXT:
            self.take_text(payload, 0)
        elif kind == PING:
            self.send(PONG, payload)

    def take_text(self, data: bytes, at: int) -> None:
        """Answers an identity at `at`, whose reference is sent back as it came; other frames are not for us."""
        if data.startswith(b'{"type":"identity"', at):
            begin = data.index(b'"record":', at) + 9
            self.send(TEXT, _ACK + data[begin : data.index(b"}", begin) + 1] + b"}")

    def send(self, kind: int, payload: bytes) -> None:
        assert self._transport
        self._transport.write(_head(kind, len(payload)) + payload)


def _size(data: bytes, at: int = 0) -> int:
    return data[at + 2] << 8 | data[at + 3]


@cache
def _head(kind: int, size: int) -> bytes:
    """Of a frame whose mask changes nothing."""
    length = bytes((0x80 | size,)) if size < 126 else b"\xfe" + size.to_bytes(2, "big")
    return bytes((FINAL | kind,)) + length + b"\0\0\0\0"


def handshake(url: str, token: str) -> bytes:
    """The request that opens a stream."""
    parts = urlsplit(url)
    head = (
        f"GET {parts.path or '/'} HTTP/1.1\r\nHost: {parts.netloc}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Key: {base64.b64encode(os.urandom(16)).decode()}\r\nSec-WebSocket-Version: 13\r\n"
        f"Authorization: Bearer {token}\r\n\r\n"
    )
    return head.encode()


async def live(url: str, token: str, gate: asyncio.Semaphore) -> None:
    parts = urlsplit(url)
    async with gate, asyncio.timeout(60):
        _, handset = await asyncio.get_running_loop().create_connection(
            lambda: Handset(handshake(url, token)), parts.hostname or "", parts.port or 0
        )
        await handset.open


async def main() -> None:
    allow_many_files()
    url = sys.argv[1]
    tokens = list(iter(lambda: sys.stdin.readline().strip(), ""))
    gate = asyncio.Semaphore(AT_ONCE)
    await asyncio.gather(*(live(url, token, gate) for token in tokens))
    print("connected", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(main())
