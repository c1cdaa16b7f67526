"""P5: webhook deliveries with claim, signature and attempt row, beside a bare aiohttp loop that posts the same bodies.

Then the time from an event to its first attempt while a tenth of the receivers do not respond.
"""

import asyncio
import subprocess
import sys
import time
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import asynccontextmanager
from time import perf_counter

import aiohttp

from bench.cpu import microseconds_by_kind, per_item
from bench.report import Row, cost, rate
from bench.stage import Stage, stage
from callmark.domain.accounts import service as accounts
from callmark.domain.events import service as events
from callmark.domain.events.model import EventType
from callmark.domain.ids import AccountId
from callmark.domain.policy.model import SYSTEM
from callmark.domain.webhooks import service as webhooks
from callmark.domain.work_names import WorkName

ACCOUNTS = 100
APPENDING = 6
"""As many at once; more would wait for a connection, and not for long."""
EVENTS = 20_000
LATE_EVENTS = 3000
PER_SECOND = 300
PAYLOAD = {
    "business_number": "918040001234",
    "feature_set": "Delivery default",
    "client_number": "919900112233",
    "requested_at": "1767261605",
    "requested_date": "2026-01-03",
    "requested_slot": "Saturday",
    "preferred_from_time": "1767418200",
    "preferred_to_time": "1767420000",
    "is_interested": True,
    "alternate_number": "",
    "cmb_config_name": "Weekday callbacks",
}


class Receivers:
    """The process `bench.receiver`."""

    def __init__(self, process: asyncio.subprocess.Process, port: int) -> None:
        self._process = process
        self.url = f"http://127.0.0.1:{port}"

    async def taken(self) -> tuple[int, float, float]:
        """Since the last call: deliveries that carried their instant, and p50 and p99 of their latency in ms."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(b"\n")
        count, p50, p99 = (await self._process.stdout.readline()).split()
        return int(count), float(p50), float(p99)


async def run() -> list[Row]:
    async with receivers() as there, stage(roles="api,worker", accounts_count=1, outgoing="127.0.0.0/8") as on:
        ceiling = await _bare(f"{there.url}/ok")
        made = [await subscribed(on, f"{there.url}/ok") for _ in range(ACCOUNTS)]
        await _paused(on, made, paused=True)
        each = iter([account for account, _ in made])
        await asyncio.gather(*(_append_to_each(on, each) for _ in range(APPENDING)))
        before = microseconds_by_kind(on.pid)
        began = perf_counter()
        await _paused(on, made, paused=False)
        await _until_empty(on)
        figure = EVENTS / (perf_counter() - began)
        print(f"p5: processor time per delivery: {per_item(before, microseconds_by_kind(on.pid), EVENTS)}")
        for account, webhook in made[::10]:
            await webhooks.update_webhook(on.deps, account, webhook, url=f"{there.url}/hang", by=SYSTEM)
        await there.taken()
        await _open_loop(on, [account for account, _ in made])
        await asyncio.sleep(3)
        count, p50, p99 = await there.taken()
    return [
        rate("P5", "webhook deliveries/s", ceiling=ceiling, what="aiohttp posting", figure=figure, aim="≥ 0.5"),
        cost(
            "P5",
            f"… event to receiver at {PER_SECOND}/s, 10 % hanging, p99",
            ceiling=f"p50 {p50:.0f} ms; {count:,} of {LATE_EVENTS * 9 // 10:,}",
            figure=p99,
            unit="ms",
            aim="< 1 s",
        ),
    ]


async def _append_to_each(on: Stage, each: Iterator[AccountId]) -> None:
    for account in each:  # shared between the tasks: each takes the next
        await _append(on, account, EVENTS // ACCOUNTS)


@asynccontextmanager
async def receivers() -> AsyncGenerator[Receivers]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bench.receiver", stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdout
    try:
        yield Receivers(process, int(await process.stdout.readline()))
    finally:
        process.terminate()
        await process.wait()


async def _bare(url: str) -> float:
    """Posts a second of aiohttp with 64 at once and nothing else, in a separate process on uvloop."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bench.p5_webhooks", url, stdout=subprocess.PIPE
    )
    out, _ = await process.communicate()
    return float(out)


async def subscribed(on: Stage, url: str) -> tuple[AccountId, webhooks.WebhookId]:
    account = await accounts.create_account(on.deps, "Bench", by=SYSTEM)
    made = await webhooks.create_webhook(
        on.deps, account.id, name="bench", url=url, event_types=list(EventType), by=SYSTEM
    )
    return account.id, made.webhook.id


async def _paused(on: Stage, made: Sequence[tuple[AccountId, webhooks.WebhookId]], *, paused: bool) -> None:
    turn = webhooks.pause_webhook if paused else webhooks.resume_webhook
    for account, webhook in made:
        await turn(on.deps, account, webhook, by=SYSTEM)


async def _append(on: Stage, account: AccountId, count: int) -> None:
    for _ in range(count):
        async with on.deps.db.transaction() as tx:
            await events.append(tx, account, EventType.CALL_ME_BACK, PAYLOAD, on.deps.clock.now())


async def _open_loop(on: Stage, made: Sequence[AccountId]) -> None:
    """Appends at fixed instants; the payload carries when that was."""

    async def one(account: AccountId) -> None:
        payload = PAYLOAD | {"created_at_us": int(time.time() * 1e6)}
        async with on.deps.db.transaction() as tx:
            await events.append(tx, account, EventType.CALL_ME_BACK, payload, on.deps.clock.now())
        await on.deps.wake(WorkName.DELIVERIES)

    began = perf_counter()
    tasks: list[asyncio.Task[None]] = []
    for number in range(LATE_EVENTS):
        if (wait := began + number / PER_SECOND - perf_counter()) > 0:
            await asyncio.sleep(wait)
        tasks.append(asyncio.create_task(one(made[number % len(made)])))
    await asyncio.gather(*tasks)


async def _until_empty(on: Stage) -> None:
    while True:
        async with on.deps.db.connection() as tx:
            if not await tx.fetchval("SELECT count(*) FROM waiting_delivery"):
                return
        await asyncio.sleep(0.05)


async def _posting(url: str) -> None:
    body = b"x" * 560
    left = EVENTS
    connector = aiohttp.TCPConnector(limit=0)

    async def post() -> None:
        nonlocal left
        while left > 0:
            left -= 1
            async with session.post(url, data=body) as answer:
                await answer.read()

    async with aiohttp.ClientSession(connector=connector) as session:
        began = perf_counter()
        await asyncio.gather(*(post() for _ in range(64)))
        print(EVENTS / (perf_counter() - began))


if __name__ == "__main__":
    import uvloop

    uvloop.run(_posting(sys.argv[1]))
