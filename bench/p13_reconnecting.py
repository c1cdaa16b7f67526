"""P13: 20,000 handsets come back at once after their gateway was killed; what is pushed meanwhile arrives.

The business's requests go to another host of the installation, so that pushes go on. A handset is back when it has
synced; it waits before each try as docs/gateway.md asks of it. One process takes as many streams as it may have open
files, less what it keeps for engines, here often 19,472: the row says how many there were.
"""

import asyncio
import itertools
import os
import signal
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from time import perf_counter
from typing import Any

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from bench.cpu import kind_of, tree
from bench.hosts import Engines, Host, engines, host, staged
from bench.load import Connection, request
from bench.report import Row, cost
from bench.stage import Stage, handset_process, most_handsets, numbers
from callmark.kit.phone import PhoneNumber
from callmark.kit.ports import free_port

COUNT = min(int(os.environ.get("BENCH_RECONNECTING", "20000")), most_handsets())
ROUNDS = 3
BATCH, EVERY_S = 250, 0.5
"""Records of a batch, and how often one is pushed."""
ARRIVE_WITHIN_S = 60.0


class Fleet(Struct):
    """The process `bench.reconnecting`."""

    process: asyncio.subprocess.Process

    async def ask(self, question: str) -> Any:  # noqa: ANN401 - the question decides
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write(question.encode() + b"\n")
        return msgspec.json.decode(await self.process.stdout.readline())


async def run() -> list[Row]:
    async with engines() as on, _both(on) as (stage, gateway), _fleet(stage, gateway) as fleet:
        pushed = 0
        rows: list[Row] = []
        for _ in range(ROUNDS):
            found, accepted = await _round(stage, gateway, fleet)
            pushed += accepted
            missing = pushed - await _arrived(fleet, pushed)
            print(f"p13: {found}; {accepted:,} records pushed meanwhile, {missing} missing")
            rows += _rows(found, accepted, missing)
    return rows


@asynccontextmanager
async def _both(on: Engines) -> AsyncGenerator[tuple[Stage, Host]]:
    """A host for businesses and one for handsets."""
    log = on.folder / "hosts.log"
    async with (
        host(on.environ, log, port=free_port(), roles="api,worker") as api,
        host(on.environ, log, port=free_port(), roles="gateway") as gateway,
        staged(on, api, accounts_count=4) as stage,
    ):
        yield stage, gateway


@asynccontextmanager
async def _fleet(stage: Stage, gateway: Host) -> AsyncGenerator[Fleet]:
    process = await handset_process("bench.reconnecting", replace(stage, url=gateway.url), numbers(COUNT))
    try:
        yield Fleet(process)
    finally:
        process.kill()
        await process.wait()


async def _round(stage: Stage, gateway: Host, fleet: Fleet) -> tuple[dict[str, float], int]:
    """Kills the gateway while records are pushed; how the handsets came back, and how many records were accepted."""
    over = asyncio.Event()
    pushing = asyncio.create_task(_push(stage, numbers(COUNT), over))
    await asyncio.sleep(2 * EVERY_S)
    waiting = asyncio.create_task(fleet.ask("wait"))
    began = perf_counter()
    for pid in [pid for pid in tree(gateway.pid) if kind_of(pid) == "api and gateway"]:
        os.kill(pid, signal.SIGKILL)
        await _until_gone(pid)
    up_s = await _until_up(gateway.url) - began
    found: dict[str, float] = (await waiting) | {"up_s": up_s}
    found["killed_to_all_s"] = perf_counter() - began
    over.set()
    return found, await pushing


async def _until_gone(pid: int) -> None:
    """It takes connections still while it ends."""
    while True:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            return
        if state == "Z":
            return
        await asyncio.sleep(0.001)


async def _until_up(url: str) -> float:
    """The instant at which the gateway takes connections again."""
    while True:
        try:
            (await Connection.open(url)).close()
        except OSError:
            await asyncio.sleep(0.02)
        else:
            return perf_counter()


async def _push(stage: Stage, receivers: Sequence[PhoneNumber], over: asyncio.Event) -> int:
    """Pushes a batch every so often to receivers spread over all; how many records were accepted."""
    connection = await Connection.open(stage.url)
    accepted, step = 0, max(1, len(receivers) // BATCH)
    for number, (account, token) in enumerate(itertools.cycle((a, t) for a in stage.accounts for t in a.tokens)):
        chosen = receivers[number % step :: step][:BATCH]
        body = msgspec.json.encode({"call_records": [stage.record(one, account) for one in chosen]})
        url = f"{stage.url}/v2/clients/{account.id}/dynamic_call_records"
        status, answer = await connection.send(request(url, body, token))
        if status != 200:
            raise SystemExit(f"p13: a batch was refused: {answer.decode()}")
        accepted += len(chosen)
        try:
            async with asyncio.timeout(EVERY_S):
                await over.wait()
        except TimeoutError:
            continue
        break
    connection.close()
    return accepted


async def _arrived(fleet: Fleet, pushed: int) -> int:
    """How many different records the handsets have been given: all that were pushed, or what came within a minute."""
    until = perf_counter() + ARRIVE_WITHIN_S
    while True:
        count: int = await fleet.ask("count")
        if count >= pushed or perf_counter() > until:
            return count
        await asyncio.sleep(0.2)


def _rows(found: dict[str, float], accepted: int, missing: int) -> list[Row]:
    half = f"gateway up after {found['up_s']:.1f} s, half of them after {found['half_s']:.1f} s"
    return [
        cost(
            *("P13", f"{COUNT:,} handsets back after a gateway's kill -9"),
            ceiling=half,
            figure=found["killed_to_all_s"],
            unit="s",
            digits=1,
            aim="< 30 s",
        ),
        cost("P13", "… records lost", ceiling=f"{accepted:,} pushed meanwhile", figure=missing, unit="", aim="0"),
    ]
