"""How far this machine's clock is from the database's, which is the one clock that all processes can ask.

Between two answers the difference is known too: what has passed since the last one is taken from a clock that no one
sets. So a machine's clock that jumps is noticed by the next look, not by the next answer
(docs/decisions/0078-wrong-clocks.md).
"""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial

import structlog

from callmark.kit.clock import Clock

log = structlog.get_logger(__name__)

TRUSTED_WITHIN = timedelta(minutes=5)
"""A clock further from the database's is taken to be wrong, and nothing is done by it that could not be undone."""

AHEAD_WITHIN = timedelta(minutes=1)
"""What counting jobs and the limit of tokens take to be of a clock that was wrong is further ahead."""

CORRECTED_FROM_S = 0.1
"""A clock that is further from the database's, whatever a measurement may be wrong by, is corrected."""

HELD_WITHIN = timedelta(minutes=1)
"""Instants of one process stay in order when a correction sets them back by less."""
_INSTANT = timedelta(microseconds=1)

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
        self._theirs_at_boot = self._unsure_s = self._correction = 0.0
        self._set_back_at: float | None = None
        self._trouble = ""

    def begin(self) -> float:
        """To be called before the database is asked; the answer is given to `heard` with what this returns."""
        return self._since_boot()

    def heard(self, theirs: datetime, began: float) -> None:
        """The database's clock was at `theirs`, in the middle between question and answer."""
        ended = self._since_boot()
        at, self._unsure_s = (began + ended) / 2, (ended - began) / 2
        self._theirs_at_boot = theirs.timestamp() - at
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

    def correction(self) -> float:
        """Seconds to take off our clock, so that its instants are in one order with those of other machines.

        It changes in steps, and is nothing while the clocks agree: processes of one machine, whose order is exact, are
        not moved apart by what they measure. A slow answer changes nothing that may be true by it.
        """
        began = self._since_boot()
        off = self._real.now().timestamp() - self._theirs_at_boot - began if self._heard else 0.0
        unsure = self._unsure_s + self._since_boot() - began
        if abs(off - self._correction) > CORRECTED_FROM_S + unsure:
            self._correction = off if abs(off) > CORRECTED_FROM_S + unsure else 0.0
        elif abs(off) + unsure <= CORRECTED_FROM_S:
            self._correction = 0.0
        return self._correction

    def is_set_back(self) -> bool:
        """Whether the database's clock was just set back: leases that are held look as if they were longer than any."""
        return self._set_back_at is not None and self._since_boot() - self._set_back_at < RENEWED_WITHIN_S


class OneOrder:
    """Gives instants of things whose order counts, such as records of a pair, whichever process accepts them."""

    def __init__(self, correction: Callable[[], float] = lambda: 0.0) -> None:
        self._correction = correction
        self._last = datetime.min.replace(tzinfo=UTC)

    def at(self, now: datetime) -> datetime:
        """The instant of `now`, corrected; later than the one given before, unless the clock was set back by a lot."""
        if seconds := self._correction():
            now -= timedelta(seconds=seconds)
        if now <= self._last and self._last - now < HELD_WITHIN:
            now = self._last + _INSTANT
        self._last = now
        return now


def past(length: timedelta, now: datetime) -> tuple[datetime, datetime]:
    """From when to when instants count in a limit at `now`: none of a clock that was ahead and is set right."""
    return now - length, now + TRUSTED_WITHIN


def trouble_of(ahead: timedelta) -> str:
    """What is wrong with a clock that is so far ahead of the database's, or behind it; empty where it is trusted."""
    if abs(ahead) <= TRUSTED_WITHIN:
        return ""
    apart = timedelta(seconds=round(abs(ahead).total_seconds()))
    return f"this machine's clock is {apart} {'ahead of' if ahead > timedelta() else 'behind'} the database's"
