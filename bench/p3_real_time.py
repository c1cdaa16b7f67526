"""P3: real-time pushes with admission, durable insert and the handset's acknowledgement, beside a bare ASGI echo."""

import asyncio
import itertools
import subprocess
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import msgspec

from bench.cpu import per_item, seconds_by_kind
from bench.load import Result, closed_loop, open_loop, request
from bench.report import Row, cost, rate
from bench.stage import Stage, connected_handsets, numbers, stage
from callmark.kit.phone import PhoneNumber

HANDSETS = 200
REQUESTS = 6000
RATE = 500
ECHO_PORT = 8799


async def run() -> list[Row]:
    async with stage(roles="api,gateway,worker", accounts_count=8) as on:
        receivers = numbers(HANDSETS)
        async with connected_handsets(on, receivers):
            ready = _requests(on, receivers)
            body = ready[0].partition(b"\r\n\r\n")[2]
            await _closed(on.url, ready[:400])
            before = seconds_by_kind(on.pid)
            figure = await _closed(on.url, ready)
            print(f"p3: processor time per push: {per_item(before, seconds_by_kind(on.pid), REQUESTS)}")
            open_ = await open_loop(on.url, ready[: RATE * 6], per_second=RATE, connections=64)
        async with _echo() as echo:
            ceiling = await _closed(echo, [request(f"{echo}/echo", body)] * REQUESTS)
    if figure.failures or open_.failures:
        print(f"p3: {figure.failures} and {open_.failures} requests were refused")
    p99 = open_.percentile_ms(0.99)
    return [
        rate(
            "P3",
            "real-time push, requests/s",
            ceiling=ceiling.per_second,
            what="ASGI echo",
            figure=figure.per_second,
            aim="≥ 0.12",
        ),
        cost(
            "P3",
            f"… latency p99 at {RATE}/s",
            ceiling=f"p50 {open_.percentile_ms(0.5):.1f} ms",
            figure=p99,
            unit="ms",
            digits=1,
            aim="≤ 10 ms",
        ),
    ]


def _requests(on: Stage, receivers: list[PhoneNumber]) -> list[bytes]:
    """Spread over accounts and tokens, so that no token passes its 100 a second."""
    pairs = [(account, token) for account in on.accounts for token in account.tokens]
    made: list[bytes] = []
    for number, (account, token) in enumerate(itertools.islice(itertools.cycle(pairs), REQUESTS)):
        body = msgspec.json.encode(on.record(receivers[number % len(receivers)], account))
        made.append(request(f"{on.url}/v2/clients/{account.id}/dynamic_call_record", body, token))
    return made


async def _closed(url: str, ready: list[bytes]) -> Result:
    sending = itertools.chain(ready, itertools.repeat(None))
    return await closed_loop(url, lambda: next(sending), connections=32)


@asynccontextmanager
async def _echo() -> AsyncGenerator[str]:
    """A bare ASGI application that reads a body and answers with it, on the same server software."""
    process = subprocess.Popen([sys.executable, "-m", "bench.echo", str(ECHO_PORT)])
    try:
        for _ in range(100):
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", ECHO_PORT)
            except OSError:
                await asyncio.sleep(0.1)
            else:
                writer.close()
                break
        yield f"http://127.0.0.1:{ECHO_PORT}"
    finally:
        process.terminate()
        process.wait(5)
