"""Receivers of webhooks in a separate process: `/ok` answers at once, `/hang` never does; lean, on raw sockets.

Prints its port, then counts; a line on standard input is answered with `count p50 p99` of the first deliveries since
the last, in milliseconds from `created_at_us` of the payload, and starts the count again.
"""

import asyncio
import sys
import time
from typing import cast

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
latencies: list[float] = []


class Receiver(asyncio.Protocol):
    """One kept-alive connection."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._buffer = bytearray()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is no subclass

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            return
        at = self._buffer.lower().find(b"content-length:")
        length = int(self._buffer[at + 15 : self._buffer.find(b"\r\n", at)])
        if len(self._buffer) < end + 4 + length:
            return
        body = bytes(self._buffer[end + 4 :])
        hangs = self._buffer.startswith(b"POST /hang")
        self._buffer.clear()
        if hangs or self._transport is None:
            return
        sent = body.partition(b'"created_at_us":')[2]
        if sent:
            latencies.append(time.time() * 1000 - int(sent[: sent.index(b"}")]) / 1000)
        self._transport.write(OK)


async def main() -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Receiver, "127.0.0.1", 0, backlog=4096)
    print(server.sockets[0].getsockname()[1], flush=True)
    while await loop.run_in_executor(None, sys.stdin.readline):
        found = sorted(latencies)
        latencies.clear()
        if found:
            print(len(found), found[len(found) // 2], found[int(len(found) * 0.99)], flush=True)
        else:
            print(0, 0, 0, flush=True)


if __name__ == "__main__":
    import uvloop

    uvloop.run(main())
