"""P7: what a record costs while stored records grow: bulk, real time and resolve at each size, beside the first size.

Costs are processor time of the whole installation, the better of `ROUNDS`, because noise on the machine hardly touches
them. `BENCH_P7` names the sizes: `BENCH_P7=1000000,10000000,50000000` wants hours of filling and 50 GB of disk.
"""

import asyncio
import itertools
import os
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec

from bench.cpu import per_item, seconds_by_kind
from bench.load import closed_loop, request
from bench.p4_resolve import CALLER, RECEIVERS, ask, fill, make_days
from bench.report import Row, ratio_of_costs
from bench.stage import Stage, connected_handsets, numbers, registered, stage
from callmark.kit.phone import PhoneNumber

SIZES = [int(size) for size in os.environ.get("BENCH_P7", "1000000,4000000").split(",")]
ROUNDS = 3
BATCHES, SIZE = 60, 500
PUSHES = 3000
ASKING, ASK_S = 8, 3.0
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


async def run() -> list[Row]:
    costs: list[Cost] = []
    async with stage(roles="api,gateway,worker", accounts_count=8) as on:
        pushed = numbers(SIZE)
        asking = [PhoneNumber(f"9198{RECEIVERS - 1 - i:08d}") for i in range(ASKING)]
        now = await make_days(on)
        async with connected_handsets(on, pushed):
            tokens = await registered(on, asking)
            for stored, size in itertools.pairwise([0, *SIZES]):
                await fill(on, now, stored, size)
                costs.append(await _cost(on, pushed, tokens))
                print(f"p7: {size:,} records, {_disk_gb(on):.1f} GB on disk")
                for what, spent in zip(Cost._fields, costs[-1], strict=True):
                    print(f"p7: {what}: {spent.by_kind}")
    return [row for size, cost in zip(SIZES, costs, strict=True) for row in _rows(size, cost, costs[0])]


def _rows(size: int, cost: Cost, first: Cost) -> list[Row]:
    names = ("bulk, accepted and acknowledged", "real-time push", "resolve")
    return [
        ratio_of_costs("P7", f"{what}, among {size:,} records", before=before.us, figure=now.us, unit="µs", aim=AIM)
        for what, now, before in zip(names, cost, first, strict=True)
    ]


async def _cost(on: Stage, receivers: Sequence[PhoneNumber], tokens: Sequence[str]) -> Cost:
    async with on.deps.db.connection() as tx:
        await tx.execute("CHECKPOINT")  # the writing of what was filled in is not to be charged to what comes
    bulk, one_by_one = _bulk(on, receivers), _real_time(on, receivers)
    return Cost(
        min([await _spent(on, lambda: _push_bulk(on, bulk)) for _ in range(ROUNDS)]),
        min([await _spent(on, lambda: _push_each(on, one_by_one)) for _ in range(ROUNDS)]),
        min([await _spent(on, lambda: _resolve(on, tokens)) for _ in range(ROUNDS)]),
    )


async def _spent(on: Stage, work: Callable[[], Awaitable[int]]) -> Spent:
    """What each item of `work`, which says how many it did, cost."""
    before = seconds_by_kind(on.pid)
    items = await work()
    after = seconds_by_kind(on.pid)
    return Spent((after.total() - before.total()) / items * 1e6, per_item(before, after, items))


def _bulk(on: Stage, receivers: Sequence[PhoneNumber]) -> list[bytes]:
    made: list[bytes] = []
    for account in on.accounts:
        body = msgspec.json.encode({"call_records": [on.record(number, account) for number in receivers]})
        url = f"{on.url}/v2/clients/{account.id}/dynamic_call_records"
        made += [request(url, body, token) for token in account.tokens]
    return list(itertools.islice(itertools.cycle(made), BATCHES))


def _real_time(on: Stage, receivers: Sequence[PhoneNumber]) -> list[bytes]:
    pairs = itertools.cycle([(account, token) for account in on.accounts for token in account.tokens])
    made: list[bytes] = []
    for number, (account, token) in zip(range(PUSHES), pairs, strict=False):
        body = msgspec.json.encode(on.record(receivers[number % len(receivers)], account))
        made.append(request(f"{on.url}/v2/clients/{account.id}/dynamic_call_record", body, token))
    return made


async def _push_bulk(on: Stage, ready: Sequence[bytes]) -> int:
    await _send(on, ready, connections=4)
    while True:
        async with on.deps.db.connection() as tx:
            if not await tx.fetchval("SELECT count(*) FROM batch WHERE due_at IS NOT NULL"):
                return len(ready) * SIZE
        await asyncio.sleep(0.05)


async def _push_each(on: Stage, ready: Sequence[bytes]) -> int:
    await _send(on, ready, connections=32)
    return len(ready)


async def _send(on: Stage, ready: Sequence[bytes], *, connections: int) -> None:
    sending = itertools.chain(ready, itertools.repeat(None))
    result = await closed_loop(on.url, lambda: next(sending), connections=connections)
    if result.failures:
        raise SystemExit(f"p7: {result.failures} of {len(ready)} requests were refused")


async def _resolve(on: Stage, tokens: Sequence[str]) -> int:
    return len(await ask(on.url, tokens, CALLER, ASK_S))


def _disk_gb(on: Stage) -> float:
    return sum(file.stat().st_size for file in Path(on.data).rglob("*") if file.is_file()) / 1e9
