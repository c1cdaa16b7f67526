"""P18: what the client library costs over bare httpx, real-time pushes 32 at once; memory of a long list."""

import asyncio
import itertools
import os
import resource
import statistics
from collections.abc import Awaitable, Callable, Iterator
from datetime import timedelta
from time import perf_counter, process_time, time
from typing import Any

import httpx
import msgspec
from msgspec import Struct

import callmark
from bench.report import Row, ratio_of_costs, speed
from bench.stage import Stage, connected_handsets, numbers, served, stage
from callmark.kit.phone import PhoneNumber

HANDSETS = 100
AT_ONCE = 32
PUSHES = 1000
KEPT = httpx.Limits(max_connections=AT_ONCE, max_keepalive_connections=AT_ONCE)
"""Of both: by default httpx keeps 20 connections, and makes the others again and again."""
TURNS = 5
RECORDS = int(os.environ.get("BENCH_CLIENT_RECORDS", "1000000"))
Push = Callable[[int], Awaitable[object]]


class MadeToken(callmark.MemoryTokenStore):
    """A token that is there already, so that each token's 100 pushes a second are enough for all."""

    def __init__(self, token: str) -> None:
        super().__init__()
        self._token = token

    def load(self, name: str) -> callmark.TokenState:  # noqa: ARG002 - one token
        return callmark.TokenState(self._token, time())


async def run() -> list[Row]:
    return [*await _overhead(), *await _memory()]


class Turn(Struct, frozen=True):
    """What a turn of pushes cost this process."""

    per_second: float
    cpu_us: float


async def _overhead() -> list[Row]:
    async with stage(roles="api,gateway,worker", accounts_count=8) as on:
        receivers = numbers(HANDSETS)
        async with connected_handsets(on, receivers), httpx.AsyncClient(trust_env=False, limits=KEPT) as http:
            bare, library = _bare(on, receivers, http), _library(on, receivers, http)
            for push in (bare, library):  # connections are made
                await _turn(push)
            turns = [(await _turn(bare), await _turn(library)) for _ in range(TURNS)]
    times = statistics.median(one.per_second / other.per_second for one, other in turns)
    bare_us, library_us = (statistics.median(turn[way].cpu_us for turn in turns) for way in (0, 1))
    bare_s, library_s = (max(turn[way].per_second for turn in turns) for way in (0, 1))
    what = f"real-time pushes by the library, {AT_ONCE} at once"
    return [
        Row(
            "P18",
            what,
            f"{bare_s:,.0f}/s (bare httpx)",
            f"{library_s:,.0f}/s",
            f"{times:.2f} times as long",
            "≤ 1.3",
            times,
            less_is_better=True,
        ),
        ratio_of_costs(
            "P18",
            "… processor time of the client for one",
            before=bare_us,
            what="bare httpx",
            figure=library_us,
            unit="µs",
            aim="≤ 1.3",
        ),
    ]


def _bare(on: Stage, receivers: list[PhoneNumber], http: httpx.AsyncClient) -> Push:
    pairs = [(account, token) for account in on.accounts for token in account.tokens]

    async def push(number: int) -> None:
        account, token = pairs[number % len(pairs)]
        answer = await http.post(
            f"{on.url}/v2/clients/{account.id}/dynamic_call_record",
            content=msgspec.json.encode(on.record(receivers[number % HANDSETS], account)),
            headers={"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
        )
        assert answer.json()["status_info"]["status"] == "success"

    return push


def _library(on: Stage, receivers: list[PhoneNumber], http: httpx.AsyncClient) -> Push:
    clients = [
        (
            account,
            callmark.AsyncClient(
                base_url=on.url,
                account_id=str(account.id),
                key_id="made",
                api_key="made",
                http_client=http,
                token_store=MadeToken(token),
            ),
        )
        for account in on.accounts
        for token in account.tokens
    ]

    async def push(number: int) -> None:
        account, client = clients[number % len(clients)]
        result = await client.push(
            caller="918040001234",
            receiver=receivers[number % HANDSETS],
            label_id=str(account.label_id),
            name="Acme Deliveries",
            reason="Your parcel arrives today",
            expires_in=timedelta(hours=1),
        )
        assert result.status == "success"

    return push


async def _turn(push: Push) -> Turn:
    left = itertools.count()

    async def send() -> None:
        while (number := next(left)) < PUSHES:
            await push(number)

    began, cpu = perf_counter(), process_time()
    await asyncio.gather(*(send() for _ in range(AT_ONCE)))
    return Turn(PUSHES / (perf_counter() - began), (process_time() - cpu) / PUSHES * 1e6)


async def _memory() -> list[Row]:
    """What this process holds at its most after a tenth of the list, and after all of it."""
    async with served("bench.batch_stub") as (url, _):
        client = callmark.Client(base_url=url, account_id="bench", key_id="made", api_key="made")
        began = perf_counter()
        done = await asyncio.to_thread(_push_all, client, RECORDS // 10)
        tenth = _most_mb()
        done += await asyncio.to_thread(_push_all, client, RECORDS - done)
        took = perf_counter() - began
        client.close()
    assert done == RECORDS
    return [
        ratio_of_costs(
            "P18",
            f"push_many of {RECORDS:,} records: memory at most",
            before=tenth,
            what="a tenth of them",
            figure=_most_mb(),
            unit="MB",
            aim="constant",
        ),
        speed("P18", "… records, server that does nothing", figure=RECORDS / took, aim=""),
    ]


def _push_all(client: callmark.Client, count: int) -> int:
    return sum(result.status == "success" for result in client.push_many(_records(count)))


def _records(count: int) -> Iterator[dict[str, Any]]:
    for i in range(count):
        yield {
            "caller": "918040001234",
            "receiver": f"9199{i:08}",
            "label_id": "5c1b9f0e-7d1a-4a55-9a0e-0f6d8c2b4e10",
            "reason": "Your parcel arrives today",
            "expires_in": timedelta(hours=1),
        }


def _most_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
