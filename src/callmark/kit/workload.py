"""How much a process takes in at once: beyond that it refuses at once, so that what it has taken in is done in time.

Work is counted in units, from taking a request in to its answer. Time spent waiting for a handset, for news or for the
rest of a body does not count: `aside` releases the share, and takes it back without a check.
"""

from contextlib import AbstractContextManager
from contextvars import ContextVar, Token
from datetime import datetime, timedelta

from callmark.kit.clock import Clock
from callmark.kit.errors import Unavailable
from callmark.kit.outbound.addresses import network_of
from callmark.kit.telemetry.metrics import counter

_REFUSED = counter(
    "callmark_requests_refused_busy_total", "Requests refused because the process had as much work as it takes in."
)


LATE = timedelta(seconds=0.5)
"""What is in work for longer shows that the process is behind."""

_BYTES_OF_A_UNIT = 16 * 1024
_OF_IT_WHEN_LATE = 4
_OF_IT_FOR_STRANGERS = 3 / 4


def units_of(body_bytes: int) -> int:
    """What a request with such a body counts."""
    return 1 + body_bytes // _BYTES_OF_A_UNIT


class Workload:
    """At most `most` units at once, a quarter while the oldest is late: a burst is taken in, a flood is not.

    Shared fairly: an owner may hold as much as is left free. So one owner alone gets half, two get a third each, ten an
    eleventh, and a newcomer always finds room. Nobody waits for a place: a queue would hold requests whose clients have
    given up.

    A client that has not shown who it is counts by its address. All of these together leave a quarter free, however
    many addresses they have.
    """

    def __init__(self, most: int, real_clock: Clock) -> None:
        self._most, self._taken, self._clock = most, 0, real_clock
        self._held: dict[str, int] = {}
        self._strangers_hold = 0
        self._since: dict[_Share, datetime] = {}
        """Of each share, the oldest first."""

    def share(self, owner: str, units: int) -> AbstractContextManager[None]:
        """Work of the owner within the block. Raises Unavailable at once when there is no room for it."""
        return _Share(self, owner, units, is_strange=False)

    def strange_share(self, address: str, units: int) -> AbstractContextManager[None]:
        """Work of an unknown client at that address, until it shows who it is (`belongs_to`). Raises as `share`."""
        return _Share(self, f"from {network_of(address)}", units, is_strange=True)

    def take(self, share: "_Share", *, is_asked: bool) -> bool:
        """Counts a share, unless it is asked for and there is no room for it; whether it did."""
        now = self._clock.now()
        if is_asked and not self._has_room(share, now):
            return False
        self._since[share] = now
        self.count(share, share.units)
        return True

    def give_back(self, share: "_Share") -> None:
        """Counts it no longer."""
        del self._since[share]
        self.count(share, -share.units)

    def count(self, share: "_Share", units: int) -> None:
        """So much more, or less, is held by the owner of the share."""
        self._taken += units
        if share.is_strange:
            self._strangers_hold += units
        if held := self._held.get(share.owner, 0) + units:
            self._held[share.owner] = held
        else:
            self._held.pop(share.owner, None)

    def _has_room(self, share: "_Share", now: datetime) -> bool:
        oldest = next(iter(self._since.values()), None)
        is_late = oldest is not None and now - oldest > LATE
        most = self._most // _OF_IT_WHEN_LATE if is_late else self._most
        if share.is_strange and self._strangers_hold + share.units > most * _OF_IT_FOR_STRANGERS:
            return False
        return self._held.get(share.owner, 0) + share.units <= most - self._taken


class _Share:
    """What one request holds; nothing while it is aside, and once it is answered.

    A class, as `_Aside`, because every request enters it: a generator takes four times as long.
    """

    __slots__ = ("_load", "_token", "is_held", "is_strange", "owner", "units")

    def __init__(self, load: Workload, owner: str, units: int, *, is_strange: bool) -> None:
        self._load, self.owner, self.units, self.is_strange = load, owner, units, is_strange
        self._token: Token[_Share | None]
        self.is_held = False

    def __enter__(self) -> None:
        if not self._load.take(self, is_asked=True):
            _REFUSED.inc()
            raise Unavailable("this process has as much work as it takes in (CALLMARK_API_LOAD)")
        self.is_held = True
        self._token = _current_share.set(self)

    def __exit__(self, *_: object) -> None:
        _current_share.reset(self._token)
        self.give_back()

    def take(self) -> None:
        self.is_held = self._load.take(self, is_asked=False)

    def give_back(self) -> None:
        self.is_held = False
        self._load.give_back(self)

    def move_to(self, owner: str) -> None:
        held = self.units if self.is_held else 0
        self._load.count(self, -held)
        self.owner, self.is_strange = owner, False
        self._load.count(self, held)


_current_share: ContextVar[_Share | None] = ContextVar("workload_share", default=None)


class _Aside:
    """A wait for someone outside."""

    __slots__ = ("_left",)

    def __init__(self) -> None:
        self._left: _Share | None

    def __enter__(self) -> None:
        share = _current_share.get()
        self._left = share if share and share.is_held else None
        if self._left:
            self._left.give_back()

    def __exit__(self, *_: object) -> None:
        if self._left:
            self._left.take()


def aside() -> AbstractContextManager[None]:
    """Within the block, the request waits for someone outside and holds nothing."""
    return _Aside()


def belongs_to(owner: str) -> bool:
    """From now on it is the owner's work, asked or not. False when it was known from the start whose work it is."""
    share = _current_share.get()
    if share is None or not share.is_strange:
        return False
    share.move_to(owner)
    return True
