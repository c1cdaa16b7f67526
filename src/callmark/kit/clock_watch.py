"""How far this machine's clock is from the database's, which is the one clock that all processes can ask.

Between two answers the difference is known too: what has passed since the last one is taken from a clock that no one
sets. So a machine's clock that jumps is noticed by the next look, not by the next answer
(docs/decisions/0078-wrong-clocks.md).
"""

import time
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial

import structlog

from callmark.kit.clock import Clock

log = structlog.get_logger(__name__)

TRUSTED_WITHIN = timedelta(minutes=5)
"""A clock further from the database's is taken to be wrong, and nothing is done by it that could not be undone."""

AHEAD_WITHIN = timedelta(minutes=1)
"""What counting jobs and the limit of tokens take to be of a clock that was wrong is further ahead."""

RENEWED_WITHIN_S = 15.0
"""How long after the database's clock was set back every worker that lives has heard of it and renewed its leases."""

seconds_since_boot = partial(time.clock_gettime, getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))
"""Counts on while the machine is suspended, where there is such a clock."""


class ClockWatch:
    """Compares a clock with what the database last said of its own."""

    def __init__(self, real: Clock, since_boot: Callable[[], float] = seconds_since_boot) -> None:
        self._real = real
        self._since_boot = since_boot
        self._heard: tuple[datetime, float] | None = None
        self._set_back_at: float | None = None
        self._trouble = ""

    def begin(self) -> float:
        """To be called before the database is asked; the answer is given to `heard` with what this returns."""
        return self._since_boot()

    def heard(self, theirs: datetime, began: float) -> None:
        """The database's clock was at `theirs`, in the middle between question and answer."""
        at = (began + self._since_boot()) / 2
        if self._heard and self._heard[0] + timedelta(seconds=at - self._heard[1]) > theirs + TRUSTED_WITHIN:
            self._set_back_at = at
        self._heard = theirs, at
        was, self._trouble = self._trouble, trouble_of(self.ahead())
        if self._trouble and not was:
            log.error("clock_wrong", error=self._trouble, advice="synchronise the clocks of both machines (NTP)")
        elif was and not self._trouble:
            log.info("clock_right")

    def ahead(self) -> timedelta:
        """How far our clock is ahead of the database's at this moment; zero until it has answered once."""
        if self._heard is None:
            return timedelta()
        theirs, at = self._heard
        return self._real.now() - theirs - timedelta(seconds=self._since_boot() - at)

    def is_set_back(self) -> bool:
        """Whether the database's clock was just set back: leases that are held look as if they were longer than any."""
        return self._set_back_at is not None and self._since_boot() - self._set_back_at < RENEWED_WITHIN_S


def past(length: timedelta, now: datetime) -> tuple[datetime, datetime]:
    """From when to when instants count in a limit at `now`: none of a clock that was ahead and is set right."""
    return now - length, now + TRUSTED_WITHIN


def trouble_of(ahead: timedelta) -> str:
    """What is wrong with a clock that is so far ahead of the database's, or behind it; empty where it is trusted."""
    if abs(ahead) <= TRUSTED_WITHIN:
        return ""
    apart = timedelta(seconds=round(abs(ahead).total_seconds()))
    return f"this machine's clock is {apart} {'ahead of' if ahead > timedelta() else 'behind'} the database's"
