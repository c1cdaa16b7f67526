"""The notice board of one supervisor: what is wrong with its parts, for every process of it to read.

It is a file in memory that children inherit: a process that cannot be asked (it does not respond, it has ended, it does
not start) is still seen by the others, without any engine.
"""

import os
from collections.abc import Callable
from time import monotonic

import msgspec

_SIZE = 16_384
_LONGEST = 300
"""Characters of one notice."""

_Notices = dict[str, str]


class Board:
    """The supervisor's side. `fd` is what children inherit."""

    def __init__(self, now: Callable[[], float] = monotonic) -> None:
        self._now = now
        self._said_at: dict[str, float] = {}
        self.fd = os.memfd_create("callmark-board")
        self._notices: _Notices = {}
        self._write()

    def say(self, part: str, trouble: str) -> None:
        """Notes what is wrong with `part`; with an empty text nothing is."""
        self._said_at[part] = self._now()
        if self._notices.get(part, "") == trouble:
            return
        self._notices.pop(part, None)
        if trouble:
            self._notices[part] = trouble[:_LONGEST]
        self._write()

    def says(self, part: str) -> str:
        """What is noted of `part`, empty when nothing is."""
        return self._notices.get(part, "")

    @property
    def notices(self) -> _Notices:
        """All that is wrong, by part."""
        return dict(self._notices)

    def silent_s(self) -> float:
        """Seconds since the part was looked at that was not looked at the longest."""
        return self._now() - min(self._said_at.values(), default=self._now())

    def close(self) -> None:
        """Lets go of the file."""
        os.close(self.fd)

    def _write(self) -> None:
        os.pwrite(self.fd, msgspec.json.encode(self._notices).ljust(_SIZE), 0)


def read_board(fd: int) -> _Notices:
    """What is noted at this moment, by part."""
    while True:
        try:
            return msgspec.json.decode(os.pread(fd, _SIZE, 0), type=_Notices)
        except msgspec.DecodeError:  # read while it was written; that takes a moment only
            continue
