"""Keeps one unit running: notices its end, reports it, starts it again with growing pauses, and gives up in the end."""

import asyncio
from collections import deque
from collections.abc import Callable
from datetime import timedelta

import structlog

from callmark.kit.errors import SetupError
from callmark.processes.units import Unit, how_it_ended

log = structlog.get_logger(__name__)

MOST_CRASHES = 5
WITHIN = timedelta(minutes=1)
FIRST_PAUSE_S = 0.1
LONGEST_PAUSE_S = 5.0

Report = Callable[[str], None]
"""Gets a sentence for whoever watches the terminal."""


async def keep(unit: Unit, report: Report) -> None:
    """Runs for ever over a started unit. Raises SetupError when it ended five times within a minute."""
    loop = asyncio.get_running_loop()
    crashes: deque[float] = deque()
    while True:
        how = how_it_ended(await unit.wait())
        while True:
            crashes.append(loop.time())
            while crashes[0] < loop.time() - WITHIN.total_seconds():
                crashes.popleft()
            log.error("unit_ended", unit=unit.name, how=how, crashes=len(crashes))
            if len(crashes) >= MOST_CRASHES:
                raise SetupError(f"{unit.name} ended {len(crashes)} times within a minute, at last: {how}")
            report(f"{unit.name} ended unexpectedly ({how}); starting it again")
            await asyncio.sleep(pause_s(len(crashes)))
            try:
                await unit.start()
            except (SetupError, OSError) as exc:
                how = str(exc)
            else:
                break
        log.warning("unit_back", unit=unit.name, pid=unit.pid)
        report(f"{unit.name} is back")


def pause_s(crashes: int) -> float:
    """Seconds before the start after the crash number `crashes` (from 1) of the last minute."""
    return min(FIRST_PAUSE_S * 2 ** (crashes - 1), LONGEST_PAUSE_S)
