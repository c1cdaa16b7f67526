"""The clocks: the product's, which the emulator may move, and the real one.

The product clock rules windows, lifetimes, limits, schedules and every stored `…_at` of the domain. The real clock
rules leases, heartbeats, socket time-outs, durations, logs and ids.
"""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Protocol

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
LAST_MS = 253_402_300_799_999
"""The last millisecond of the year 9999, where instants on the wire end."""


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
    """A clock that stands still until a test moves it; sleepers wake when it passes their instant."""

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


def from_ms(ms: int) -> datetime:
    """The instant of `ms` epoch milliseconds (0 to `LAST_MS`)."""
    return EPOCH + ms * _MILLISECOND


def to_ms(instant: datetime) -> int:
    """Epoch milliseconds of `instant`, rounded down."""
    return (instant - EPOCH) // _MILLISECOND


def iso_ms(instant: datetime) -> str:
    """ISO-8601 UTC with milliseconds, as call records and tokens show it: `2026-01-01T10:00:05.412Z`."""
    return f"{instant:%Y-%m-%dT%H:%M:%S}.{instant.microsecond // 1000:03d}Z"


def iso_us(instant: datetime) -> str:
    """ISO-8601 UTC with microseconds, as labels and numbers show it: `2026-01-01T10:00:05.412345Z`."""
    return instant.isoformat(timespec="microseconds")[: -len("+00:00")] + "Z"
