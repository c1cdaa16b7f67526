"""How much a process takes in at once: beyond that it refuses at once, so that what it has taken in is done in time.

Work is counted in units, from taking a request in to its answer. Waiting for someone outside (a handset, news, the rest
of a body) is no work: who waits steps aside (`aside`) and comes back unasked.
"""

from collections import Counter
from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime, timedelta

from callmark.kit.clock import Clock
from callmark.kit.errors import Unavailable
from callmark.kit.metrics import counter

_REFUSED = counter(
    "callmark_requests_refused_busy_total", "Requests refused because the process had as much work as it takes in."
)


LATE = timedelta(seconds=0.5)
"""What is in work for longer shows that the process is behind."""

_OF_IT_WHEN_LATE = 4


class Workload:
    """At most `most` units at once, a quarter while the oldest is late: a burst is taken in, a flood is not.

    Shared fairly: an owner may hold as much as is left free. So one owner alone gets half, two get a third each, ten an
    eleventh, and a newcomer always finds room. Nobody waits for a place: a queue would hold requests whose clients have
    given up.
    """

    def __init__(self, most: int, real_clock: Clock) -> None:
        self._most, self._taken, self._clock = most, 0, real_clock
        self._held: Counter[str] = Counter()
        self._since: dict[_Share, datetime] = {}
        """Of each share, the oldest first."""

    @contextmanager
    def share(self, owner: str, units: int) -> Generator[None]:
        """Work of the owner within the block. Raises Unavailable at once when there is no room for it."""
        if self._held[owner] + units > self._room():
            _REFUSED.inc()
            raise Unavailable("this process has as much work as it takes in (CALLMARK_API_LOAD)")
        share = _Share(self, owner, units)
        share.take()
        token = _share.set(share)
        try:
            yield
        finally:
            _share.reset(token)
            share.give_back()

    def take(self, share: "_Share") -> None:
        """Counts a share, asked or not."""
        self._since[share] = self._clock.now()
        self._taken += share.units
        self._held[share.owner] += share.units

    def give_back(self, share: "_Share") -> None:
        """Counts it no longer."""
        del self._since[share]
        self._taken -= share.units
        self._held[share.owner] -= share.units
        if not self._held[share.owner]:
            del self._held[share.owner]

    def _room(self) -> int:
        oldest = next(iter(self._since.values()), None)
        is_late = oldest is not None and self._clock.now() - oldest > LATE
        return (self._most // _OF_IT_WHEN_LATE if is_late else self._most) - self._taken


class _Share:
    """What one request holds; nothing while it is aside, and once it is answered."""

    __slots__ = ("_load", "is_held", "owner", "units")

    def __init__(self, load: Workload, owner: str, units: int) -> None:
        self._load, self.owner, self.units = load, owner, units
        self.is_held = False

    def take(self) -> None:
        self.is_held = True
        self._load.take(self)

    def give_back(self) -> None:
        self.is_held = False
        self._load.give_back(self)


_share: ContextVar[_Share | None] = ContextVar("workload_share", default=None)


@contextmanager
def aside() -> Generator[None]:
    """Within the block, the request waits for someone outside and holds nothing."""
    share = _share.get()
    if share is None or not share.is_held:
        yield
        return
    share.give_back()
    try:
        yield
    finally:
        share.take()
