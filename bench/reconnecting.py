"""Handsets of a benchmark that come back: each loses its stream, waits as the gateway's page says, connects and syncs.

Reads tokens as `bench.handsets` does, and prints `connected` once all are. For each further line on standard input it
prints one line of JSON: `{"back": …}` for `wait` once every handset has lost its stream and is back, and how many
different records all of them have been given for `count`.
"""

import asyncio
import contextlib
import random
import sys
from time import perf_counter
from urllib.parse import urlsplit

import msgspec
import uvloop

from bench.handsets import AT_ONCE, TEXT, Handset, handshake
from callmark.kit.open_files import allow_many_files

FIRST_WAIT_S, LONGEST_WAIT_S = 1.0, 60.0
ADDRESSES = 8
"""Of this machine that the handsets connect from: one has too few ports for streams that have just ended."""


class Fleet:
    """All handsets: how many lost their streams and are back, and what they were given."""

    def __init__(self, count: int) -> None:
        self.count = count
        self.lost_at: list[float] = []
        self.back_at: list[float] = []
        self.refused = 0
        self.records: set[bytes] = set()
        self.all_back = asyncio.Event()

    def came_back(self) -> None:
        self.back_at.append(perf_counter())
        if len(self.back_at) == self.count:
            self.all_back.set()

    async def whole(self) -> dict[str, float]:
        """Once all are back: seconds from the first loss to half of them, to nearly all, to all; then counts again."""
        await self.all_back.wait()
        began, ordered = min(self.lost_at), sorted(self.back_at)
        found = {"back": len(ordered), "refused": self.refused, "half_s": ordered[len(ordered) // 2] - began}
        found |= {"p99_s": ordered[int(len(ordered) * 0.99)] - began, "all_s": ordered[-1] - began}
        self.lost_at, self.back_at, self.refused = [], [], 0
        self.all_back.clear()
        return found


class Returning(Handset):
    """One stream of a handset that asks for what it missed."""

    def __init__(self, head: bytes, fleet: Fleet, held: set[str]) -> None:
        super().__init__(head)
        self._fleet, self._held = fleet, held
        loop = asyncio.get_running_loop()
        self.synced: asyncio.Future[None] = loop.create_future()
        self.ended: asyncio.Future[None] = loop.create_future()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        if not self.synced.done():
            self.synced.set_exception(exc or ConnectionResetError())
            self.synced.exception()  # nobody may wait for it
        if not self.ended.done():
            self.ended.set_result(None)

    def ask(self, cursor: object = None) -> None:
        self.send(TEXT, msgspec.json.encode({"type": "sync", "id": "s", "held": list(self._held), "cursor": cursor}))

    def take_text(self, data: bytes, at: int) -> None:
        super().take_text(data, at)
        if data.startswith(b'{"type":"identity"', at):
            begin = data.index(b'"record":{"id":"', at) + 16
            record = data[begin : begin + 36]
            self._fleet.records.add(record)
            self._held.add(record.decode())
        elif data.startswith(b'{"type":"synced"', at):
            if cursor := msgspec.json.decode(data[at:])["cursor"]:
                self.ask(cursor)
            elif not self.synced.done():
                self.synced.set_result(None)


async def stay(url: str, number: int, token: str, fleet: Fleet, gate: asyncio.Semaphore) -> None:
    """One handset, without end; the first time it takes its turn."""
    held = set[str]()
    async with gate:
        stream = await _connected(url, number, token, fleet, held)
    fleet.came_back()
    while True:
        await stream.ended
        fleet.lost_at.append(perf_counter())
        stream = await _connected(url, number, token, fleet, held, wait_s=FIRST_WAIT_S)
        fleet.came_back()


async def _connected(url: str, number: int, token: str, fleet: Fleet, held: set[str], wait_s: float = 0.0) -> Returning:
    """A stream that has synced; waits a random part of a delay that doubles (docs/gateway.md)."""
    parts = urlsplit(url)
    local = (f"127.0.0.{2 + number % ADDRESSES}", 0)
    while True:
        await asyncio.sleep(random.random() * wait_s)
        wait_s = min(LONGEST_WAIT_S, max(FIRST_WAIT_S, 2 * wait_s))
        with contextlib.suppress(OSError, TimeoutError):
            async with asyncio.timeout(60):
                _, stream = await asyncio.get_running_loop().create_connection(
                    lambda: Returning(handshake(url, token), fleet, held),
                    parts.hostname or "",
                    parts.port or 0,
                    local_addr=local,
                )
                await stream.open
                stream.ask()
                await stream.synced
                return stream
        fleet.refused += 1


async def main() -> None:
    allow_many_files()
    loop = asyncio.get_running_loop()
    tokens = list(iter(lambda: sys.stdin.readline().strip(), ""))
    fleet, gate = Fleet(len(tokens)), asyncio.Semaphore(AT_ONCE)
    tasks = [asyncio.create_task(stay(sys.argv[1], n, token, fleet, gate)) for n, token in enumerate(tokens)]
    await fleet.all_back.wait()
    fleet.back_at = []
    fleet.all_back.clear()
    print("connected", flush=True)
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        answer = await fleet.whole() if line.strip() == "wait" else len(fleet.records)
        print(msgspec.json.encode(answer).decode(), flush=True)
    for task in tasks:
        task.cancel()


if __name__ == "__main__":
    uvloop.run(main())
