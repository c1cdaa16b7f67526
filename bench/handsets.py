"""Handsets of a benchmark: connect with the tokens given on standard input and acknowledge every identity at once."""

import asyncio
import sys
from contextlib import suppress

import uvloop
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from callmark.kit.limits import allow_many_files


async def live(url: str, token: str, ready: asyncio.Semaphore) -> None:
    async with connect(
        url, additional_headers={"Authorization": f"Bearer {token}"}, compression=None, ping_interval=None
    ) as socket:
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
    alive: list[asyncio.Task[None]] = []
    for token in tokens:
        alive.append(asyncio.create_task(live(url, token, ready)))
        if len(alive) % 100 == 0:
            await asyncio.sleep(0.02)
    for _ in tokens:
        await ready.acquire()
    print("connected", flush=True)
    await asyncio.gather(*alive)


if __name__ == "__main__":
    uvloop.run(main())
