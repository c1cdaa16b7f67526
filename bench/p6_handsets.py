"""P6: handsets connected to one gateway process and what each costs in memory, beside a bare WebSocket echo."""

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from bench.cpu import tree
from bench.report import Row, cost, ratio_of_costs
from bench.stage import most_handsets, numbers, registered, stage

COUNT = min(int(os.environ.get("BENCH_HANDSETS", "20000")), most_handsets())
ECHO_PORT = 8798


async def run() -> list[Row]:
    async with stage(roles="gateway", accounts_count=0) as on:
        gateway = next(pid for pid in tree(on.pid) if "child http" in _command(pid))
        tokens = await registered(on, numbers(COUNT))
        each, seconds = await _connect(on.url + "/handset/v1/stream", gateway, tokens)
    echo = subprocess.Popen([sys.executable, "-m", "bench.echo", str(ECHO_PORT)])
    try:
        await asyncio.sleep(2)
        ceiling, _ = await _connect(f"http://127.0.0.1:{ECHO_PORT}/", echo.pid, tokens)
    finally:
        echo.terminate()
        echo.wait(5)
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


def _command(pid: int) -> str:
    return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()


async def _connect(url: str, pid: int, tokens: Sequence[str]) -> tuple[float, float]:
    """Memory in KB that each connection adds to process `pid`, and how long it took to connect all."""
    before = _resident_kb(pid)
    began = time.perf_counter()
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bench.handsets", url, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdin
    assert process.stdout
    process.stdin.write("\n".join(tokens).encode() + b"\n\n")
    await process.stdin.drain()
    assert (await process.stdout.readline()).strip() == b"connected"
    seconds = time.perf_counter() - began
    await asyncio.sleep(1)
    each = (_resident_kb(pid) - before) / len(tokens)
    process.kill()
    await process.wait()
    return each, seconds


def _resident_kb(pid: int) -> int:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmRSS")).split()[1])
