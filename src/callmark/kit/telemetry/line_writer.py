"""Where log lines go. A line that cannot be written is lost and counted: no work depends on a log."""

import os
import sys
from collections.abc import Callable
from functools import lru_cache
from threading import RLock
from typing import ClassVar, TextIO

from callmark.kit.telemetry.waiting_output import WaitingOutput, may_keep_waiting


class LineWriter:
    """Writes lines to `stream`, each in one piece, because processes share a file; as structlog calls a logger.

    A write fails where no one reads (EPIPE), on a full disk, at a terminal that is gone, and once the stream is closed.
    Where who reads is only slow, lines wait in memory, and fail once too many wait: see `WaitingOutput`.
    `notice` makes the line that then comes first when lines can be written again; it gets how many were lost.
    """

    lost_ever: ClassVar[int] = 0
    """Lines of this process that could not be written."""

    def __init__(self, stream: TextIO | None, notice: Callable[[int], str]) -> None:
        self._stream = stream
        self._descriptor = _descriptor(stream)
        self._waiting = None
        if self._descriptor is not None and may_keep_waiting(self._descriptor):
            self._waiting = WaitingOutput(self._descriptor, self._lose)
        self._notice = notice
        self._lock = RLock()  # an object that ends while a line is written may log one, too
        self._lost = 0
        self._is_torn = False

    def msg(self, line: str) -> None:
        """Writes `line`, or counts it as lost. Never waits for who reads."""
        with self._lock:
            lost = self._lost
            text = f"{self._notice(lost)}\n{line}\n" if lost else f"{line}\n"
            try:
                self._write(text)
            except (OSError, ValueError):
                self._lose(1)
            else:
                self._lost -= lost

    debug = info = warning = error = critical = msg

    def _lose(self, count: int) -> None:
        with self._lock:
            self._lost += count
            LineWriter.lost_ever += count

    def _write(self, text: str) -> None:
        if self._stream and self._stream.closed:  # its descriptor may be another file's by now
            raise ValueError("closed")
        if self._waiting is not None:
            self._waiting.write(text.encode())
        elif self._descriptor is not None:
            # Past Python's buffer, which would keep what could not be written and write it later.
            self._write_bytes(self._descriptor, text.encode())
        elif self._stream:
            self._stream.write(text)
            self._stream.flush()
        else:
            raise ValueError("closed from the beginning")

    def _write_bytes(self, descriptor: int, rest: bytes) -> None:
        """Writes all of it. A signal may cut a write short, and so may a disk: then a line ends where it is cut."""
        if self._is_torn:
            rest = b"\n" + rest
        while rest:
            written = os.write(descriptor, rest)
            rest = rest[written:]
            self._is_torn = bool(rest)


def say(text: str) -> None:
    """Writes a line for people to standard error, as a log's: the terminal may be stopped, and nothing waits for it."""
    _for_people(sys.stderr).msg(text)


@lru_cache(maxsize=1)
def _for_people(stream: TextIO) -> LineWriter:
    return LineWriter(stream, lambda count: f"({count} lines are lost)")


def _descriptor(stream: TextIO | None) -> int | None:
    """That of a file; None for a stream in memory."""
    try:
        return stream.fileno() if stream else None
    except (OSError, ValueError):
        return None
