"""P7: what a record costs while stored records grow: bulk, real time and resolve at each size, beside the first size.

There is an installation for each size, and they are measured in turns, so that what else the machine does is the same
for all. Costs are processor time of a whole installation. Receivers grow with the records, ten records each; those that
are pushed to are spread, so that each has a page of the indexes to itself. `BENCH_P7` names the sizes;
`BENCH_P7=1000000,10000000,50000000` wants 40 GB of disk.
"""

import asyncio
import os
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from time import perf_counter
from typing import NamedTuple

from msgspec import Struct

from bench.cpu import microseconds_by_kind, per_item
from bench.filling import CALLER, fill, make_days, receiver
from bench.p4_resolve import ask
from bench.pushing import BATCH, batches, push_batches, push_singles, singles
from bench.report import Row, ratio_of_costs
from bench.stage import Stage, connected_handsets, registered, stage

SIZES = [int(size) for size in os.environ.get("BENCH_P7", "1000000,4000000").split(",")]
EACH = 10
ROUNDS = 3
BATCHES = 60
PUSHES = 3000
ASKING, ASK_S = 8, 4.0
SETTLING_S = 2.0
AIM = "≤ 1.15"


class Spent(NamedTuple):
    """Processor time for each item: microseconds in all, and by kind of process."""

    us: float
    by_kind: str


class Cost(NamedTuple):
    """What a record in bulk, a push and an answer cost."""

    bulk: Spent
    real_time: Spent
    resolve: Spent


class Grown(Struct, frozen=True):
    """An installation with so many records."""

    size: int
    on: Stage
    bulk: list[bytes]
    one_by_one: list[bytes]
    tokens: list[str]


async def run() -> list[Row]:
    async with AsyncExitStack() as stack:
        grown = [await stack.enter_async_context(_grown(size)) for size in SIZES]
        for each in grown:  # connections are made, statements prepared
            await _cost(each)
        rounds = [[await _cost(each) for each in grown] for _ in range(ROUNDS)]
    return [
        row for costs in rounds for size, cost in zip(SIZES, costs, strict=True) for row in _rows(size, cost, costs[0])
    ]


@asynccontextmanager
async def _grown(size: int) -> AsyncGenerator[Grown]:
    receivers = size // EACH
    pushed = [receiver(i * receivers // BATCH) for i in range(BATCH)]
    async with stage(roles="api,gateway,worker", accounts_count=8) as on:
        began = perf_counter()
        await fill(on, await make_days(on), receivers, EACH)
        print(f"p7: {size:,} records in {perf_counter() - began:.0f} s, {_disk_gb(on):.1f} GB on disk")
        tokens = await registered(on, [receiver(receivers - 1 - i) for i in range(ASKING)])
        async with connected_handsets(on, pushed):
            yield Grown(size, on, batches(on, pushed, BATCHES), singles(on, pushed, PUSHES), tokens)


def _rows(size: int, cost: Cost, first: Cost) -> list[Row]:
    names = ("bulk, accepted and acknowledged", "real-time push", "resolve")
    return [
        ratio_of_costs("P7", f"{what}, among {size:,} records", before=before.us, figure=now.us, unit="µs", aim=AIM)
        for what, now, before in zip(names, cost, first, strict=True)
        if first is not cost
    ]


async def _cost(grown: Grown) -> Cost:
    on = grown.on
    cost = Cost(
        await _spent(on, lambda: push_batches(on, grown.bulk)),
        await _spent(on, lambda: push_singles(on, grown.one_by_one)),
        await _spent(on, lambda: _resolve(on, grown.tokens)),
    )
    for what, spent in zip(Cost._fields, cost, strict=True):
        print(f"p7: among {grown.size:,}: {what}: {spent.us:.0f} µs: {spent.by_kind}")
    return cost


async def _spent(on: Stage, work: Callable[[], Awaitable[int]]) -> Spent:
    """What each item of `work`, which says how many it did, cost; not what the work before it left to be done."""
    async with on.deps.db.connection() as tx:
        await tx.execute("CHECKPOINT")
    await asyncio.sleep(SETTLING_S)
    before = microseconds_by_kind(on.pid)
    items = await work()
    after = microseconds_by_kind(on.pid)
    return Spent((after.total() - before.total()) / items, per_item(before, after, items))


async def _resolve(on: Stage, tokens: Sequence[str]) -> int:
    return len(await ask(on.url, tokens, CALLER, ASK_S))


def _disk_gb(on: Stage) -> float:
    return sum(file.stat().st_size for file in Path(on.data).rglob("*") if file.is_file()) / 1e9
