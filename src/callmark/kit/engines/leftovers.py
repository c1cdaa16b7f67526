"""Engines left over by a killed supervisor: found by what /proc says of them, never by a process id from a file."""

import asyncio
import contextlib
import os
import signal
from collections.abc import Callable
from pathlib import Path

import structlog

from callmark.kit.tasks import ends_within

log = structlog.get_logger(__name__)

PROC = Path("/proc")
GRACE_S = 5.0


def postgres_of(data: Path) -> list[int]:
    """Process ids of the PostgreSQL server and backends on data directory `data` (they all work inside it)."""
    inside = data.resolve()  # as the kernel names a working directory, whichever links led there
    return _find(lambda pid: _program(pid) == "postgres" and (PROC / pid / "cwd").readlink() == inside)


def nats_of(config: Path) -> list[int]:
    """Process ids of NATS servers that were started with the configuration file `config`, or in its directory."""
    argument, inside = os.fsencode(config), config.parent.resolve()
    return _find(
        lambda pid: (
            _program(pid) == "nats-server"
            and (
                argument in (PROC / pid / "cmdline").read_bytes().split(b"\0")
                or (PROC / pid / "cwd").readlink() == inside
            )
        )
    )


async def stop_leftovers(name: str, find: Callable[[], list[int]], how: signal.Signals) -> None:
    """Ends what `find` finds: `how` first, and after five seconds SIGKILL. Returns when nothing is left."""
    if not (left := find()):
        return
    log.warning("leftover_engine_stopped", engine=name, pids=left)
    _send([pid for pid in left if _parent(pid) not in left], how)
    if not await ends_within(_all_gone(find), GRACE_S):
        _send(find(), signal.SIGKILL)
        await _all_gone(find)


async def _all_gone(find: Callable[[], list[int]]) -> None:
    while find():  # noqa: ASYNC110 - not our children, so nobody tells us
        await asyncio.sleep(0.02)


def _parent(pid: int) -> int | None:
    """Who started it. A child that was just forked still looks like its server, and means another thing by a signal."""
    try:
        return int((PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return None


def _send(pids: list[int], how: signal.Signals) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, how)


def _find(matches: Callable[[str], bool]) -> list[int]:
    found: list[int] = []
    for entry in PROC.iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):  # it has ended meanwhile, or is another user's
                if matches(entry.name):
                    found.append(int(entry.name))
    return found


def _program(pid: str) -> str:
    return (PROC / pid / "exe").readlink().name.removesuffix(" (deleted)")
