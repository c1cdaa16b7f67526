"""Handsets of a benchmark: connect with the tokens given on standard input and acknowledge every identity at once."""

import asyncio
import sys
from contextlib import suppress

import uvloop
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from callmark.kit.limits import allow_many_files

AT_ONCE = 100
"""Handshakes under way at once; more would only wait for each other."""


async def live(url: str, token: str, gate: asyncio.Semaphore, ready: asyncio.Semaphore) -> None:
    async with gate:
        socket = await connect(
            url,
            additional_headers={"Authorization": f"Bearer {token}"},
            compression=None,
            ping_interval=None,
            open_timeout=60,
        )
    ready.release()
    with suppress(ConnectionClosed):
        await acknowledge_all(socket)


async def acknowledge_all(socket: ClientConnection) -> None:
    async for frame in socket:
        text = frame if isinstance(frame, str) else frame.decode()
        if '"type":"identity"' in text:  # the reference is sent back as it came
            begin = text.index('"record":') + 9
            reference = text[begin : text.index("}", begin) + 1]
            await socket.send(f'{{"type":"ack","id":"a","record":{reference}}}')


async def main() -> None:
    allow_many_files()
    url = sys.argv[1].replace("http", "ws", 1)
    tokens = list(iter(lambda: sys.stdin.readline().strip(), ""))
    ready = asyncio.Semaphore(0)
    gate = asyncio.Semaphore(AT_ONCE)
    alive = [asyncio.create_task(live(url, token, gate, ready)) for token in tokens]
    for _ in tokens:
        await ready.acquire()
    print("connected", flush=True)
    await asyncio.gather(*alive)


if __name__ == "__main__":
    uvloop.run(main())
