"""The notice board of one supervisor: what is wrong with its parts, for every process of it to read.

It is a file in memory that children inherit: a process that cannot be asked (it does not respond, it has ended, it does
not start) is still seen by the others, without any engine.
"""

import os
from collections.abc import Callable
from time import monotonic

import msgspec

from callmark.broken_json import NOT_JSON

_SIZE = 65_536
_LONGEST = 300
"""Characters of one notice."""


class BoardState(msgspec.Struct):
    """What is wrong with parts, and how often each part that is kept running was started again."""

    notices: dict[str, str] = {}
    restarts: dict[str, int] = {}


class Board:
    """The supervisor's side. `fd` is what children inherit."""

    def __init__(self, now: Callable[[], float] = monotonic) -> None:
        self._now = now
        self._said_at: dict[str, float] = {}
        self.fd = os.memfd_create("callmark-board")
        self._state = BoardState()
        self._write()

    def say(self, part: str, trouble: str) -> None:
        """Notes what is wrong with `part`; with an empty text nothing is."""
        self._said_at[part] = self._now()
        notices = self._state.notices
        if notices.get(part, "") == trouble:
            return
        notices.pop(part, None)
        if trouble:
            notices[part] = trouble[:_LONGEST]
        self._write()

    def says(self, part: str) -> str:
        """What is noted of `part`, empty when nothing is."""
        return self._state.notices.get(part, "")

    def count_restarts(self, part: str, more: int) -> None:
        """Notes that `part` is kept running and was started again `more` times."""
        self._state.restarts[part] = self._state.restarts.get(part, 0) + more
        self._write()

    @property
    def notices(self) -> dict[str, str]:
        """All that is wrong, by part."""
        return dict(self._state.notices)

    def silent_s(self) -> float:
        """Seconds since the part was checked whose last check is the oldest."""
        return self._now() - min(self._said_at.values(), default=self._now())

    def close(self) -> None:
        """Lets go of the file."""
        os.close(self.fd)

    def _write(self) -> None:
        os.pwrite(self.fd, msgspec.json.encode(self._state).ljust(_SIZE), 0)


def read_board(fd: int) -> BoardState:
    """What is noted at this moment."""
    while True:
        try:
            return msgspec.json.decode(os.pread(fd, _SIZE, 0), type=BoardState)
        except NOT_JSON:  # read while it was written; that takes a moment only
            continue
