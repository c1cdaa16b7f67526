"""P3: real-time pushes with admission, durable insert and the handset's acknowledgement, beside a bare ASGI echo."""

import asyncio
import itertools
from collections.abc import Sequence

from bench.cpu import microseconds_by_kind, per_item
from bench.disk import flush_ms
from bench.load import Result, closed_loop, open_loop, request
from bench.pushing import singles
from bench.report import Row, cost, rate
from bench.stage import connected_handsets, numbers, served, stage

HANDSETS = 200
REQUESTS = 6000
RATES = {500: 10, 1000: 25}
"""Pushes a second of the open loops, and how many milliseconds the slowest hundredth may take."""


async def run() -> list[Row]:
    async with stage(roles="api,gateway,worker", accounts_count=8) as on:
        receivers = numbers(HANDSETS)
        async with connected_handsets(on, receivers):
            ready = singles(on, receivers, REQUESTS)
            body = ready[0].partition(b"\r\n\r\n")[2]
            await _closed(on.url, ready[:400])
            before = microseconds_by_kind(on.pid)
            figure = await _closed(on.url, ready)
            print(f"p3: processor time per push: {per_item(before, microseconds_by_kind(on.pid), REQUESTS)}")
            opened = {a_second: await _open(on.url, ready, a_second) for a_second in RATES}
            flushes = await asyncio.to_thread(flush_ms, on.data.parent)
        async with served("bench.echo") as (echo, _):
            ceiling = await _closed(echo, [request(f"{echo}/echo", body)] * REQUESTS)
    refused = [one.failures for one in (figure, *opened.values())]
    if any(refused):
        print(f"p3: {refused} requests were refused")
    return [
        rate(
            "P3",
            "real-time push, requests/s",
            ceiling=ceiling.per_second,
            what="ASGI echo",
            figure=figure.per_second,
            aim="≥ 0.12",
        ),
        *(_latency(a_second, result, flushes) for a_second, result in opened.items()),
    ]


def _latency(a_second: int, result: Result, flushes: Sequence[float]) -> Row:
    """Beside it what no push can do without: two commits, each a flush of the disk."""
    flush_p50, flush_p99 = flushes[len(flushes) // 2], flushes[len(flushes) * 99 // 100]
    return cost(
        "P3",
        f"… latency p99 at {a_second:,}/s",
        ceiling=f"p50 {result.percentile_ms(0.5):.1f} ms; a flush p50 {flush_p50:.1f}, p99 {flush_p99:.1f} ms",
        figure=result.percentile_ms(0.99),
        unit="ms",
        digits=1,
        aim=f"≤ {RATES[a_second]} ms",
    )


async def _open(url: str, ready: list[bytes], a_second: int) -> Result:
    return await open_loop(url, ready, per_second=a_second, connections=64)


async def _closed(url: str, ready: list[bytes]) -> Result:
    sending = itertools.chain(ready, itertools.repeat(None))
    return await closed_loop(url, lambda: next(sending), connections=32)
