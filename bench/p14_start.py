"""P14: from `callmark demo` to ready, the first time and again; how many processes it then is, and their memory.

Started as a user starts it, with Python's bytecode as the environment keeps it. Ready is the first 200 of `/readyz`;
processes and memory are counted a few seconds after the story has been told.
"""

import asyncio
import os
import shutil
import signal
import subprocess
import tempfile
from collections import defaultdict
from pathlib import Path
from time import perf_counter
from typing import NamedTuple

import httpx
import msgspec

from bench.cpu import kind_of, tree
from bench.memory import memory_mb
from bench.report import Row, cost
from bench.stage import CALLMARK

PATIENCE_S = 60
SETTLING_S = 5
POLL_S = 0.01
TOLD = b"Callmark is running"


class Start(NamedTuple):
    """Seconds to ready; processes, and megabytes of all of them."""

    seconds: float
    processes: int
    memory: float


async def run() -> list[Row]:
    folder = Path(tempfile.mkdtemp(prefix="callmark-bench-"))
    folder.chmod(0o755)
    try:
        first = await _start(folder, "demo", "--no-browser")
        again = await _start(folder, "demo", "--no-browser")
        serve = await _start(folder, "serve")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return [
        cost("P14", "demo: first start, to ready", figure=first.seconds, unit="s", digits=1, aim=""),
        cost("P14", "… started again, to ready", figure=again.seconds, unit="s", digits=1, aim="≤ 3 s"),
        cost("P14", "… processes", figure=again.processes, unit="", aim="≤ 15"),
        cost("P14", "… memory (PSS) of all of them", figure=again.memory, unit="MB", aim="≤ 250 MB"),
        cost("P14", "serve: started again, to ready", figure=serve.seconds, unit="s", digits=1, aim="≤ 3 s"),
    ]


async def _start(folder: Path, command: str, *options: str) -> Start:
    """Starts it, measures it, and ends it."""
    data = folder / command
    environ = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    with (folder / f"{command}.log").open("wb") as log:
        began = perf_counter()
        process = subprocess.Popen(
            [CALLMARK, command, "--port", "0", "--data", str(data), *options], stdout=log, stderr=log, env=environ
        )
    try:
        async with asyncio.timeout(PATIENCE_S):
            await _until_ready(data / "installation.json", process)
            seconds = perf_counter() - began
            if command == "demo":
                await _until_told(folder / "demo.log")
        await asyncio.sleep(SETTLING_S)
        return Start(seconds, *_counted(command, process.pid))
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(20)


async def _until_ready(file: Path, process: "subprocess.Popen[bytes]") -> None:
    async with httpx.AsyncClient(trust_env=False) as http:
        while process.poll() is None:
            try:
                url = msgspec.json.decode(file.read_bytes())["base_url"]
                if (await http.get(f"{url}/readyz")).status_code == 200:
                    return
            except (OSError, httpx.TransportError, msgspec.DecodeError):  # not there yet, or of the start before
                pass
            await asyncio.sleep(POLL_S)
    raise SystemExit(f"callmark ended with status {process.returncode}")


async def _until_told(log: Path) -> None:
    while True:
        if TOLD in log.read_bytes():
            return
        await asyncio.sleep(POLL_S)


def _counted(command: str, root: int) -> tuple[int, float]:
    processes = list(tree(root))
    memory = defaultdict[str, float](float)
    for pid in processes:
        memory[kind_of(pid)] += memory_mb(pid).pss
    kinds = ", ".join(f"{kind} {mb:.0f} MB" for kind, mb in sorted(memory.items(), key=lambda one: -one[1]))
    print(f"p14: {command}: {len(processes)} processes: {kinds}")
    return len(processes), sum(memory.values())
