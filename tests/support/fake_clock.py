"""A clock that stands still until a test moves it."""

import asyncio
from datetime import UTC, datetime, timedelta


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
