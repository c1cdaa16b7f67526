"""Pushes of a benchmark: requests made before, sent as fast as they are answered."""

import asyncio
import itertools
from collections.abc import Sequence

import msgspec

from bench.load import closed_loop, request
from bench.stage import Stage
from callmark.kit.phone import PhoneNumber

BATCH = 500


def batches(on: Stage, receivers: Sequence[PhoneNumber], count: int) -> list[bytes]:
    """Requests with a batch to all of `BATCH` receivers each, of all accounts and tokens in turns."""
    made: list[bytes] = []
    for account in on.accounts:
        body = msgspec.json.encode({"call_records": [on.record(number, account) for number in receivers]})
        url = f"{on.url}/v2/clients/{account.id}/dynamic_call_records"
        made += [request(url, body, token) for token in account.tokens]
    return list(itertools.islice(itertools.cycle(made), count))


def singles(on: Stage, receivers: Sequence[PhoneNumber], count: int) -> list[bytes]:
    """Requests with a real-time push to one receiver after the other, of all accounts and tokens in turns."""
    pairs = itertools.cycle([(account, token) for account in on.accounts for token in account.tokens])
    made: list[bytes] = []
    for number, (account, token) in zip(range(count), pairs, strict=False):
        body = msgspec.json.encode(on.record(receivers[number % len(receivers)], account))
        made.append(request(f"{on.url}/v2/clients/{account.id}/dynamic_call_record", body, token))
    return made


async def push_batches(on: Stage, ready: Sequence[bytes]) -> int:
    """Sends them and waits until every batch of the installation is settled; how many records these were."""
    await _send(on, ready, connections=4)
    await until_settled(on)
    return len(ready) * BATCH


async def until_settled(on: Stage, *, ask_every_s: float = 0.02) -> None:
    """Returns once no batch of the installation waits."""
    while True:
        async with on.deps.db.connection() as tx:
            if not await tx.fetchval("SELECT count(*) FROM batch WHERE due_at IS NOT NULL"):
                return
        await asyncio.sleep(ask_every_s)


async def push_singles(on: Stage, ready: Sequence[bytes]) -> int:
    """Sends them; how many."""
    await _send(on, ready, connections=32)
    return len(ready)


async def _send(on: Stage, ready: Sequence[bytes], *, connections: int) -> None:
    sending = itertools.chain(ready, itertools.repeat(None))
    result = await closed_loop(on.url, lambda: next(sending), connections=connections)
    if result.failures:
        raise SystemExit(f"{result.failures} of {len(ready)} requests were refused")
