"""Processes seen from outside: their trees, their signals, what they use."""

import asyncio
import contextlib
import os
import signal
from collections.abc import Iterable
from pathlib import Path

PAGE_KB = os.sysconf("SC_PAGE_SIZE") // 1024


def children(pid: int) -> list[int]:
    """Direct children, oldest first; none of a process that has ended."""
    found: list[int] = []
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                found += [int(child) for child in (task / "children").read_text().split()]
    return sorted(found)


def tree(pid: int) -> list[int]:
    """The process and all its descendants."""
    return [pid, *(below for child in children(pid) for below in tree(child))]


def command(pid: int) -> str:
    """Its command line; empty when it has ended."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    except (FileNotFoundError, ProcessLookupError):
        return ""


def send(pids: Iterable[int], number: signal.Signals) -> None:
    """A signal to each that is still there."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)


def memory_kb(pid: int) -> int:
    """Resident memory that it shares with no file. Raises OSError when it has ended."""
    resident, shared = Path(f"/proc/{pid}/statm").read_text().split()[1:3]
    return (int(resident) - int(shared)) * PAGE_KB


def descriptors(pid: int) -> int:
    """How many it has open. Raises OSError when it has ended."""
    return sum(1 for _ in Path(f"/proc/{pid}/fd").iterdir())


async def until_gone(pids: Iterable[int], within_s: float) -> list[int]:
    """Those that are still there after `within_s`."""
    left = set(pids)
    deadline = asyncio.get_running_loop().time() + within_s
    while left and asyncio.get_running_loop().time() < deadline:
        left = {pid for pid in left if is_running(pid)}
        await asyncio.sleep(0.02)
    return sorted(left)


def is_running(pid: int) -> bool:
    """Whether it has not ended; one that waits to be reaped has."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False
