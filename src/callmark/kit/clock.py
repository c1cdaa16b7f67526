"""The clocks: the product's, which the emulator may move, and the real one.

The product clock rules windows, lifetimes, limits, schedules and every stored `…_at` of the domain. The real clock
rules leases, heartbeats, socket time-outs, durations, logs and ids.
"""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Protocol

from callmark.instants import EPOCH, LAST_MS, from_ms, iso_ms, iso_us, to_ms

__all__ = [
    "EPOCH",
    "LAST_MS",
    "Clock",
    "FakeClock",
    "ProductClock",
    "SystemClock",
    "from_ms",
    "iso_ms",
    "iso_us",
    "to_ms",
]


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


class FakeClock:
    """A clock that a test moves; sleepers wake when it passes their instant."""

    def __init__(self, start: datetime = datetime(2026, 1, 1, 10, tzinfo=UTC)) -> None:
        self._now = start
        self._sleepers: list[tuple[datetime, asyncio.Event]] = []

    def now(self) -> datetime:
        """The instant it was set to."""
        return self._now

    async def sleep(self, duration: timedelta) -> None:
        """Returns when `advance` has passed the instant `duration` from now."""
        if duration <= timedelta():
            return
        wake = asyncio.Event()
        self._sleepers.append((self._now + duration, wake))
        await wake.wait()

    def advance(self, duration: timedelta) -> None:
        """Moves the clock and wakes every sleeper whose time has come."""
        self._now += duration
        due = [wake for at, wake in self._sleepers if at <= self._now]
        self._sleepers = [(at, wake) for at, wake in self._sleepers if at > self._now]
        for wake in due:
            wake.set()
