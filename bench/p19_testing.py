"""P19: what the emulator costs a test run: its start, and the reset before each test."""

import asyncio
import statistics
from time import perf_counter

from bench.report import Row, cost
from callmark.testing import Emulator

STARTS = 3
RESETS = 20
AIM_S = 4


async def run() -> list[Row]:
    starts, resets, ends = await asyncio.to_thread(_measured)
    return [
        cost("P19", "the emulator of a test session starts", figure=starts, unit="s", digits=1, aim=f"< {AIM_S} s"),
        cost("P19", "… and is reset before a test", figure=resets * 1000, unit="ms", aim=""),
        cost("P19", "… and ends", figure=ends, unit="s", digits=1, aim=""),
    ]


def _measured() -> tuple[float, float, float]:
    """Of start, reset and end, the time of the middle one in seconds."""
    starts: list[float] = []
    resets: list[float] = []
    ends: list[float] = []
    for _ in range(STARTS):
        began = perf_counter()
        with Emulator.start() as emulator:
            starts.append(perf_counter() - began)
            resets += [_reset(emulator) for _ in range(RESETS)]
            began = perf_counter()
        ends.append(perf_counter() - began)
    return statistics.median(starts), statistics.median(resets), statistics.median(ends)


def _reset(emulator: Emulator) -> float:
    began = perf_counter()
    emulator.handset()
    emulator.reset()
    return perf_counter() - began
