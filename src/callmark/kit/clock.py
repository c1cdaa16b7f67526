"""The clocks: the product's, which the emulator may move, and the real one.

The product clock rules windows, lifetimes, limits, schedules and every stored `…_at` of the domain. The real clock
rules socket time-outs, durations, logs and ids; leases, heartbeats, the windows of request limits and which record of a
pair is the newest run by the database's (`kit.clock_watch`).
"""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """Where code takes the instant from."""

    def now(self) -> datetime:
        """Current instant, timezone-aware UTC."""
        ...

    async def sleep(self, duration: timedelta) -> None:
        """Returns after `duration` of real time (a moved product clock does not shorten a sleep already begun)."""
        ...


class SystemClock:
    """The machine's clock, which no one moves."""

    def now(self) -> datetime:
        """Current instant, timezone-aware UTC."""
        return datetime.now(UTC)

    async def sleep(self, duration: timedelta) -> None:
        """Returns after `duration` of the event loop's time."""
        await asyncio.sleep(duration.total_seconds())


class ProductClock:
    """The real clock plus an offset that only the emulator changes."""

    def __init__(self, real: Clock) -> None:
        self._real = real
        self.offset = timedelta()

    def now(self) -> datetime:
        """Current product instant, timezone-aware UTC."""
        return self._real.now() + self.offset

    async def sleep(self, duration: timedelta) -> None:
        """Returns after `duration` of real time."""
        await self._real.sleep(duration)
