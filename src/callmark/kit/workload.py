"""How much a process takes in at once: beyond that it refuses at once, so that what it has taken in is done in time.

Work is counted in units, from taking a request in to its answer. Waiting for someone outside (a handset, news, the rest
of a body) is no work: who waits steps aside (`aside`) and comes back unasked.
"""

from collections import Counter
from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar

from callmark.kit.errors import Unavailable
from callmark.kit.metrics import counter

_REFUSED = counter(
    "callmark_requests_refused_busy_total", "Requests refused because the process had as much work as it takes in."
)


class Workload:
    """At most `most` units at once, shared fairly: an owner may hold as much as is left free.

    So one owner alone gets half, two get a third each, ten an eleventh, and a newcomer always finds room. Nobody waits
    for a place: a queue would hold requests whose clients have given up.
    """

    def __init__(self, most: int) -> None:
        self._free = most
        self._held: Counter[str] = Counter()

    @contextmanager
    def share(self, owner: str, units: int) -> Generator[None]:
        """Work of the owner within the block. Raises Unavailable at once when there is no room for it."""
        if self._held[owner] + units > self._free:
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

    def move(self, owner: str, units: int) -> None:
        """Takes that much for the owner, or gives it back with a negative number."""
        self._free -= units
        self._held[owner] += units
        if not self._held[owner]:
            del self._held[owner]


class _Share:
    """What one request holds; nothing while it is aside, and once it is answered."""

    __slots__ = ("_load", "_owner", "_units", "is_held")

    def __init__(self, load: Workload, owner: str, units: int) -> None:
        self._load, self._owner, self._units = load, owner, units
        self.is_held = False

    def take(self) -> None:
        self.is_held = True
        self._load.move(self._owner, self._units)

    def give_back(self) -> None:
        self.is_held = False
        self._load.move(self._owner, -self._units)


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
