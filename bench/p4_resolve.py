"""P4: what shows when it rings, asked by connected handsets among many stored records, beside the bare look-up."""

import asyncio
import itertools
import os
import random
import time
from collections.abc import Sequence
from datetime import timedelta

import asyncpg
import msgspec
from websockets.asyncio.client import connect

from bench.filling import CALLER, fill, make_days, receiver
from bench.report import Row, cost, rate
from bench.stage import Stage, registered, stage

RECORDS = int(os.environ.get("BENCH_RECORDS", "10000000"))
RECEIVERS = 100_000
ASKING = 8
SECONDS = 6.0
ROUNDS = 3

LOOK_UP = """
SELECT r.id, r.label_name, l.logo_sha256 FROM call_record r JOIN label l ON l.id = r.label_id
WHERE r.receiver_number = $1 AND r.ends_at > $3 AND r.ends_at <= $4 AND r.caller_number = $2 AND r.starts_at <= $3
  AND r.withdrawn_at IS NULL AND r.outcome <> 'invalid'
ORDER BY r.accepted_at DESC, r.position DESC, r.id DESC LIMIT 1
"""


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
    p99 = sorted(latencies)[int(len(latencies) * 0.99)] * 1000
    return [
        rate(
            "P4",
            f"resolve among {RECORDS:,} records",
            ceiling=ceiling,
            what="bare SQL",
            figure=figure,
            aim="≥ 0.6",
        ),
        cost("P4", "… latency p99", figure=p99, unit="ms", digits=1, aim="≤ 3 ms"),
    ]


async def _bare(on: Stage) -> float:
    """Look-ups a second of as many connections as handsets ask, with nothing around them."""
    dsn = on.deps.settings.reached_postgres
    now = on.deps.clock.now()
    until = time.perf_counter() + SECONDS

    async def loop() -> int:
        connection = await asyncpg.connect(dsn, server_settings={"jit": "off"})
        look_up = await connection.prepare(LOOK_UP)
        for count in itertools.count():
            number = receiver(random.randrange(RECEIVERS))
            assert await look_up.fetchrow(number, CALLER, now, now + timedelta(hours=24))
            if time.perf_counter() > until:
                await connection.close()
                return count
        return 0

    return sum(await asyncio.gather(*(loop() for _ in range(ASKING)))) / SECONDS


async def ask(url: str, tokens: Sequence[str], caller: str, seconds: float) -> list[float]:
    """Latencies of handsets that ask who `caller` is again as soon as they have their answer."""
    latencies: list[float] = []
    question = msgspec.json.encode({"type": "resolve", "id": "r", "caller_number": caller}).decode()
    stream = url.replace("http", "ws", 1) + "/handset/v1/stream"
    until = time.perf_counter() + seconds

    async def loop(token: str) -> None:
        headers = {"Authorization": f"Bearer {token}"}
        async with connect(stream, additional_headers=headers, compression=None) as socket:
            await socket.recv()
            while time.perf_counter() < until:
                asked = time.perf_counter()
                await socket.send(question)
                answer = str(await socket.recv())
                latencies.append(time.perf_counter() - asked)
                assert '"source":"call_record"' in answer, answer

    await asyncio.gather(*(loop(token) for token in tokens))
    return latencies
