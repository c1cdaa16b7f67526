"""P6: handsets connected to one gateway process and what each costs in memory, beside a bare WebSocket echo."""

import asyncio
import os
import time
from collections.abc import Sequence

from bench.cpu import kind_of, tree
from bench.memory import resident_kb
from bench.report import Row, cost, ratio_of_costs
from bench.stage import handsets_at, most_handsets, numbers, registered, served, stage

COUNT = min(int(os.environ.get("BENCH_HANDSETS", "20000")), most_handsets())


async def run() -> list[Row]:
    async with stage(roles="gateway", accounts_count=0) as on:
        gateway = next(pid for pid in tree(on.pid) if kind_of(pid) == "api and gateway")
        tokens = await registered(on, numbers(COUNT))
        each, seconds = await _connect(on.url + "/handset/v1/stream", gateway, tokens)
    async with served("bench.echo") as (echo, pid):
        ceiling, _ = await _connect(f"{echo}/", pid, tokens)
    return [
        ratio_of_costs(
            "P6",
            f"{COUNT:,} handsets in one process, memory each",
            before=ceiling,
            what="echo",
            figure=each,
            unit="KB",
            digits=1,
            aim="≤ 40 KB",
        ),
        cost("P6", "… connected in", figure=seconds, unit="s", digits=1, aim=""),
    ]


async def _connect(url: str, pid: int, tokens: Sequence[str]) -> tuple[float, float]:
    """Memory in KB that each connection adds to process `pid`, and how long it took to connect all."""
    before = resident_kb(pid)
    began = time.perf_counter()
    process = await handsets_at(url, tokens)
    seconds = time.perf_counter() - began
    await asyncio.sleep(1)
    each = (resident_kb(pid) - before) / len(tokens)
    process.kill()
    await process.wait()
    return each, seconds
