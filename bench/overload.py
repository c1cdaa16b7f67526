"""`python -m bench overload`: three times the rate that a process serves, slow clients, idle ones, floods, no database.

Each row says what was asked, what came back, and what has to hold. It is no part of `make bench`: nothing here has a
ceiling to be compared with.
"""

import asyncio
import itertools
from collections import Counter
from collections.abc import Callable, Coroutine
from time import perf_counter
from typing import Any

import msgspec
from msgspec import Struct, field

from bench.load import Connection, Result, closed_loop, request
from bench.overload_clients import bombs, huge_heads, idle_sockets, slow_bodies, slow_heads, slow_readers
from bench.report import Row
from bench.stage import Stage, connected_handsets, numbers, stage, v1
from callmark.kit.ids import parse_uuid
from callmark.kit.phone import PhoneNumber

TIMES = 3
FLOOD_S, HANDSETS, RECORDS = 10, 100, 20
MOST_CONNECTIONS = 1500
CALM_MS = 250
RECOVERED_WITHIN_S = 5.0


class Flood(Struct):
    """What a flood brought: how many answers of each status, how long they took, which batches were accepted."""

    seconds: dict[int, list[float]] = field(default_factory=dict[int, list[float]])
    batches: list[str] = field(default_factory=list[str])
    lost: int = 0

    def note(self, status: int, seconds: float, body: bytes) -> None:
        self.seconds.setdefault(status, []).append(seconds)
        if status == 200 and b"BatchID: " in body:
            self.batches.append(body.partition(b"BatchID: ")[2][:36].decode())

    def told(self) -> str:
        """Each status with its count, its median and its 99th percentile."""
        return "; ".join(
            f"{status}: {len(took):,} ({_ms(took, 0.5)} / {_ms(took, 0.99)} ms)"
            for status, took in sorted(self.seconds.items())
        )


async def run() -> list[Row]:
    async with stage(roles="api,gateway,worker", accounts_count=8) as on:
        receivers = numbers(HANDSETS)
        async with connected_handsets(on, receivers):
            rows = await _three_times(on, receivers)
            for measure, beside in _BESIDE.items():
                rows.append(await _beside(on, receivers, measure, beside))
            rows.append(await _without_database(on, receivers))
    return rows


# three times the rate -----------------------------------------------------------------------------------------------


async def _three_times(on: Stage, receivers: list[PhoneNumber]) -> list[Row]:
    ready = _requests(on, receivers)
    sending = itertools.chain(ready[:2000], itertools.repeat(None))
    sustained = (await closed_loop(on.url, lambda: next(sending), connections=16)).per_second
    flood = Flood()
    await _send(on.url, ready, per_second=sustained * TIMES, flood=flood)
    recovered = await _until_calm(on, receivers)
    kept = await _kept(on, flood.batches)
    asked = sum(map(len, flood.seconds.values())) + flood.lost
    refusals = [took for status in (429, 503) for took in flood.seconds.get(status, [])]
    good = len(flood.seconds.get(200, [])) / FLOOD_S
    return [
        Row("O1", f"{TIMES} x {sustained:,.0f}/s, {asked:,} asked", "", flood.told(), "", "only 200, 429, 503"),
        Row("O1", "… answered 200 meanwhile", f"{sustained:,.0f}/s", f"{good:,.0f}/s", f"{good / sustained:.2f}", ""),
        Row("O1", "… refused, 50 % / 99 %", "", f"{_ms(refusals, 0.5)} / {_ms(refusals, 0.99)} ms", "", "quick"),
        Row("O1", "… connections lost", "", str(flood.lost), "", "0"),
        Row("O1", "… accepted records stored", f"{len(flood.batches) * RECORDS:,}", f"{kept:,}", "", "all"),
        Row("O1", "… calm again after", "", f"{recovered:.1f} s", "", f"≤ {RECOVERED_WITHIN_S:g} s"),
    ]


def _requests(on: Stage, receivers: list[PhoneNumber]) -> list[bytes]:
    """Of every token in turn: three pushes in real time, then a batch."""
    made: list[bytes] = []
    for account in on.accounts:
        one = msgspec.json.encode(on.record(receivers[len(made) % HANDSETS], account))
        bulk = msgspec.json.encode({"call_records": [v1(on.record(r, account)) for r in receivers[:RECORDS]]})
        base = f"{on.url}{{}}/clients/{account.id}/dynamic_call_record"
        for token in account.tokens:
            made += [request(base.format("/v2"), one, token)] * 3 + [request(base.format("") + "s", bulk, token)]
    return [made[at * 41 % len(made)] for at in range(len(made) * 200)]


async def _send(url: str, ready: list[bytes], *, per_second: float, flood: Flood) -> None:
    """Sends at fixed instants, on connections that are free or new ones, whatever the answers do."""
    idle: list[Connection] = []
    tasks: set[asyncio.Task[None]] = set()
    opened = 0

    async def one(wanted: bytes, connection: Connection | None) -> None:
        sent = perf_counter()
        try:
            connection = connection or await Connection.open(url)
            async with asyncio.timeout(30):
                status, body = await connection.send(wanted)
        except (OSError, TimeoutError):
            flood.lost += 1
            return
        flood.note(status, perf_counter() - sent, body)
        idle.append(connection)

    began = perf_counter()
    for number in range(int(per_second * FLOOD_S)):
        if (wait := began + number / per_second - perf_counter()) > 0:
            await asyncio.sleep(wait)
        if not idle and opened >= MOST_CONNECTIONS:
            continue
        opened += not idle
        task = asyncio.create_task(one(ready[number % len(ready)], idle.pop() if idle else None))
        tasks.add(task)
        task.add_done_callback(tasks.discard)
        if number % 50 == 0:
            await asyncio.sleep(0)
    await asyncio.gather(*tasks)
    for connection in idle:
        connection.close()


async def _until_calm(on: Stage, receivers: list[PhoneNumber]) -> float:
    """Seconds until twenty pushes in a row were answered 200, each within `CALM_MS`."""
    began, connection, calm = perf_counter(), await Connection.open(on.url), 0
    since = began
    while calm < 20 and perf_counter() - began < 60:
        took, status = await _probe(on, connection, receivers)
        if status != 200 or took * 1000 > CALM_MS:
            calm, since = 0, perf_counter()
        else:
            calm += 1
        await asyncio.sleep(0.02)
    connection.close()
    return since - began


async def _probe(on: Stage, connection: Connection, receivers: list[PhoneNumber]) -> tuple[float, int]:
    account = on.accounts[-1]
    wanted = msgspec.json.encode(on.record(receivers[0], account))
    url = f"{on.url}/v2/clients/{account.id}/dynamic_call_record"
    sent = perf_counter()
    status, _ = await connection.send(request(url, wanted, account.tokens[-1]))
    return perf_counter() - sent, status


async def _kept(on: Stage, batches: list[str]) -> int:
    """How many records of these batches are stored."""
    async with on.deps.db.connection() as tx:
        return await tx.fetchval(
            "SELECT count(*) FROM call_record WHERE batch_id = ANY ($1)", [parse_uuid(one) for one in batches]
        )


# clients that misbehave, beside calm ones ---------------------------------------------------------------------------

_BESIDE: dict[str, Callable[[Stage], Coroutine[Any, Any, str]]] = {
    "500 heads, a byte a second": slow_heads,
    "300 bodies, a byte a second": slow_bodies,
    "100 clients that read nothing": slow_readers,
    "5,000 idle sockets": idle_sockets,
    "200 heads of 100 KB": huge_heads,
    "compressed bodies and frames": bombs,
}


async def _beside(
    on: Stage, receivers: list[PhoneNumber], measure: str, work: Callable[[Stage], Coroutine[Any, Any, str]]
) -> Row:
    """What became of them, and how long a push in real time took meanwhile."""
    running = asyncio.create_task(work(on))
    took, statuses = list[float](), Counter[int]()
    connection = await Connection.open(on.url)
    while not running.done():
        seconds, status = await _probe(on, connection, receivers)
        took.append(seconds)
        statuses[status] += 1
        await asyncio.sleep(0.05)
    connection.close()
    beside = f"pushes meanwhile {_ms(took, 0.5)} / {_ms(took, 0.99)} ms, {dict(statuses)}"
    return Row("O2", measure, "", f"{await running}; {beside}", "", "pushes 200")


# the database stands still ------------------------------------------------------------------------------------------


async def _without_database(on: Stage, receivers: list[PhoneNumber]) -> Row:
    """A lock that everyone waits for: every connection of the pool is taken, and what comes is refused in time."""
    ready, flood = _requests(on, receivers), Flood()
    async with on.deps.db.transaction() as tx:
        await tx.execute("LOCK TABLE label IN ACCESS EXCLUSIVE MODE")
        locked = asyncio.create_task(_send(on.url, ready, per_second=100, flood=flood))
        await asyncio.sleep(FLOOD_S)
    await locked
    recovered = await _until_calm(on, receivers)
    return Row(
        "O3", f"labels locked for {FLOOD_S} s, 100/s", "", f"{flood.told()}; calm after {recovered:.1f} s", "", ""
    )


def _ms(took: list[float], share: float) -> str:
    return f"{Result(took).percentile_ms(share):.0f}" if took else "-"
