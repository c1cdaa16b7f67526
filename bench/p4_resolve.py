"""P4: what shows when it rings, asked by connected handsets among many stored records.

Beside it a bare loop that runs the statements of the same answer, on as many connections as handsets ask.
"""

import asyncio
import itertools
import os
import random
import time
from collections.abc import Sequence
from typing import LiteralString, cast
from urllib.parse import urlsplit

import asyncpg
import msgspec

from bench.filling import CALLER, fill, make_days, receiver
from bench.handsets import TEXT, Handset, handshake
from bench.load import Result
from bench.report import Row, cost, rate
from bench.stage import Stage, registered, stage
from callmark.domain.personalisation.model import RingingPair
from callmark.domain.resolution.service import find_each
from callmark.kit.phone import PhoneNumber
from callmark.kit.postgres.database import Tx

RECORDS = int(os.environ.get("BENCH_RECORDS", "10000000"))
RECEIVERS = 100_000
ASKING = 8
SECONDS = 6.0
ROUNDS = 3

Asked = tuple[LiteralString, tuple[object, ...]]
"""A statement and its arguments."""


class _Noted:
    """A connection that notes what is run on it."""

    def __init__(self, connection: "asyncpg.Connection[asyncpg.Record]") -> None:
        self._connection = connection
        self.asked: list[Asked] = []

    async def fetch(self, query: LiteralString, *args: object) -> list[asyncpg.Record]:
        self.asked.append((query, args))
        return await self._connection.fetch(query, *args)


async def run() -> list[Row]:
    async with stage(roles="gateway", accounts_count=1) as on:
        began = time.perf_counter()
        await fill(on, await make_days(on), RECEIVERS, RECORDS // RECEIVERS)
        print(f"p4: {RECORDS:,} records written in {time.perf_counter() - began:.0f} s")
        numbers = [receiver(i) for i in random.sample(range(RECEIVERS), ASKING)]
        tokens = await registered(on, numbers)
        return [row for _ in range(ROUNDS) for row in await _round(on, tokens)]


async def _round(on: Stage, tokens: Sequence[str]) -> list[Row]:
    ceiling = await _bare(on)
    latencies = await ask(on.url, tokens, CALLER, SECONDS)
    figure = len(latencies) / SECONDS
    p99 = Result(latencies).percentile_ms(0.99)
    return [
        rate(
            "P4",
            f"resolve among {RECORDS:,} records",
            ceiling=ceiling,
            what="the same statements",
            figure=figure,
            aim="≥ 0.6",
        ),
        cost("P4", "… latency p99", figure=p99, unit="ms", digits=1, aim="≤ 3 ms"),
    ]


async def _bare(on: Stage) -> float:
    """Answers a second, as far as PostgreSQL makes them: the very statements, their plans kept, with nothing around."""
    dsn, now = on.deps.settings.reached_postgres, on.deps.clock.now()
    until = time.perf_counter() + SECONDS

    async def loop() -> int:
        connection = await asyncpg.connect(
            dsn, server_settings={"jit": "off", "timezone": "UTC", "plan_cache_mode": "force_generic_plan"}
        )
        noted = _Noted(connection)
        await find_each(cast("Tx", noted), [RingingPair(receiver(0), PhoneNumber(CALLER), now)])
        prepared = [(await connection.prepare(query), args) for query, args in noted.asked]
        for count in itertools.count():
            number = receiver(random.randrange(RECEIVERS))
            found = [await one.fetch(*(_of(number, value) for value in args)) for one, args in prepared]
            assert found[0]
            if time.perf_counter() > until:
                await connection.close()
                return count
        return 0

    return sum(await asyncio.gather(*(loop() for _ in range(ASKING)))) / SECONDS


def _of(number: PhoneNumber, value: object) -> object:
    """The argument, for another receiver."""
    return (number,) if value == (receiver(0),) else value


class _Asking(Handset):
    """A handset that asks again as soon as it has its answer."""

    def __init__(self, head: bytes, caller: str, until: float) -> None:
        super().__init__(head)
        self._question = msgspec.json.encode({"type": "resolve", "id": "r", "caller_number": caller})
        self._until = until
        self._asked_at = 0.0
        self.latencies: list[float] = []
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def take_text(self, data: bytes, at: int) -> None:
        now = time.perf_counter()
        if b'"source":"call_record"' in data:
            self.latencies.append(now - self._asked_at)
        elif not data.startswith(b'{"type":"welcome"', at):
            self.done.set_exception(AssertionError(data))
            return
        if now < self._until:
            self._asked_at = now
            self.send(TEXT, self._question)
        elif not self.done.done():
            self.done.set_result(None)

    def close(self) -> None:
        assert self._transport
        self._transport.close()


async def ask(url: str, tokens: Sequence[str], caller: str, seconds: float) -> list[float]:
    """Latencies of handsets that ask who `caller` is again as soon as they have their answer."""
    until = time.perf_counter() + seconds
    stream = f"{url}/handset/v1/stream"
    asking = [_Asking(handshake(stream, token), caller, until) for token in tokens]
    parts, loop = urlsplit(url), asyncio.get_running_loop()
    for one in asking:
        await loop.create_connection(itertools.repeat(one).__next__, parts.hostname or "", parts.port or 0)
    await asyncio.gather(*(one.done for one in asking))
    for one in asking:
        one.close()
    return [latency for one in asking for latency in one.latencies]
