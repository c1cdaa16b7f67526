"""Handsets that a message may not have reached, because this process lost NATS: they are to be synced again.

A gateway that loses NATS syncs its own handsets when it is back. But where only the sender loses it, no gateway knows
that there was something to tell. So the sender keeps the numbers of what it wrote until the server has answered a PING
that was written after it, and those of what it could not write, and names them to the gateways when it is back.
"""

from collections import deque
from collections.abc import Iterable, Iterator

MISSED = "handsets.missed"
"""The topic of these announcements: numbers, separated by spaces, or `EVERYONE`."""

EVERYONE = b"*"
MOST = 100_000
"""Beyond this many numbers everyone is synced."""

_A_MESSAGE = 1000
_EVERY_NUMBER = EVERYONE.decode()
"""In the place of a number: an announcement to everyone that may not have arrived is made again too."""


class UnconfirmedNumbers:
    """The numbers of one process."""

    def __init__(self) -> None:
        self._written: set[str] = set()
        """Since the last PING."""
        self._asked: deque[set[str]] = deque()
        """Before each PING that was not answered yet."""
        self._missed: set[str] = set()
        self._too_many = False

    def wrote(self, numbers: Iterable[str]) -> None:
        """Something for them was written to the server."""
        self._written.update(numbers)

    def missed(self, numbers: Iterable[str]) -> None:
        """Something for them could not be written."""
        self._missed.update(numbers)
        if len(self._missed) > MOST or _EVERY_NUMBER in self._missed:
            self._missed.clear()
            self._too_many = True

    def asked(self) -> None:
        """A PING is being written."""
        self._asked.append(self._written)
        self._written = set()

    def answered(self) -> None:
        """The server has read all that was written before the first PING without an answer."""
        if self._asked:
            self._asked.popleft()

    def lost(self) -> None:
        """The connection has ended; what was not confirmed may not have arrived."""
        for numbers in (*self._asked, self._written):
            self.missed(numbers)
        self._asked.clear()
        self._written = set()

    def announcements(self) -> Iterator[tuple[bytes, list[str]]]:
        """The announcements to `MISSED` that are due, each with its numbers, which then count as announced."""
        numbers, self._missed = sorted(self._missed), set()
        if self._too_many:
            self._too_many = False
            yield EVERYONE, [_EVERY_NUMBER]
            return
        for begin in range(0, len(numbers), _A_MESSAGE):
            some = numbers[begin : begin + _A_MESSAGE]
            yield " ".join(some).encode(), some


def named_in(announcement: bytes) -> list[str] | None:
    """The numbers of an announcement; None for everyone."""
    return None if announcement == EVERYONE else announcement.decode().split()
