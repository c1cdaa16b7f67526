"""Output to a pipe, a socket or a terminal that never waits for who reads it.

A blocking write to a full pipe lasts until someone reads. Who reads a log may be slow, stopped, or a terminal whose
output was stopped by a key: nothing of that is a reason to answer no requests, or not to end at SIGTERM.
"""

import atexit
import os
import select
import socket
import stat
import time
import weakref
from collections.abc import Callable
from threading import RLock, Thread

MOST_WAITING = 1_000_000
"""Bytes that wait in memory: some thousand lines."""

LAST_WAIT_S = 0.5
"""How long a process that ends tries to write what still waits."""

_PAUSE_S = 0.05
"""Between attempts, where a descriptor says that it takes more and takes nothing."""


def may_keep_waiting(descriptor: int) -> bool:
    """Whether a write to it lasts until someone reads."""
    mode = os.fstat(descriptor).st_mode
    return stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode) or os.isatty(descriptor)


class WaitingOutput:
    """Writes to `descriptor` what can be written at once, and the rest as soon as it can be.

    The rest is written by a thread that begins when something has to wait and ends when nothing does. `lose` gets how
    many lines were waiting when it turned out that no one reads.
    """

    def __init__(self, descriptor: int, lose: Callable[[int], None]) -> None:
        self._own = _own(descriptor)
        self._lose = lose
        self._waits = bytearray()
        self._lock = RLock()
        _outputs.add(self)

    def write(self, text: bytes) -> None:
        """Raises BlockingIOError where too much waits already, and what else a write raises: all of `text` is lost."""
        with self._lock:
            if self._waits:
                if len(self._waits) + len(text) > MOST_WAITING:
                    raise BlockingIOError
                self._waits += text
            elif rest := text[self._own.write(text) :]:
                self._waits += rest
                self._begin()

    def _begin(self) -> None:
        try:
            Thread(target=self._write_waiting, name="log lines that wait", daemon=True).start()
        except RuntimeError:  # the machine has no more threads, or Python ends
            self._waits.clear()
            raise BlockingIOError from None

    def _write_waiting(self) -> None:
        poll = select.poll()
        poll.register(self._own.descriptor, select.POLLOUT)
        while self._waits:
            if poll.poll(1000) and not self._write_some():
                time.sleep(_PAUSE_S)

    def _write_some(self) -> bool:
        """Whether anything could be written, or nothing of it ever can be."""
        lost = 0
        with self._lock:
            try:
                written = self._own.write(bytes(self._waits))
            except OSError:
                written, lost = len(self._waits), self._waits.count(b"\n")
            del self._waits[:written]
        if lost:
            self._lose(lost)  # without our lock: who writes a line holds another, and then wants ours
        return written > 0

    def write_last(self, until: float) -> None:
        """Waits for what waits, until that time of the monotonic clock."""
        while self._waits and time.monotonic() < until:
            time.sleep(_PAUSE_S)


_outputs = weakref.WeakSet[WaitingOutput]()


@atexit.register
def _write_last() -> None:
    until = time.monotonic() + LAST_WAIT_S
    for output in list(_outputs):
        output.write_last(until)


def _own(descriptor: int) -> "_Own":
    if stat.S_ISSOCK(os.fstat(descriptor).st_mode):
        return _Socket(os.dup(descriptor))
    try:
        return _Own(os.open(f"/proc/self/fd/{descriptor}", os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC))
    except OSError:  # it is another user's
        return _Shared(os.dup(descriptor))


class _Own:
    """A descriptor of ours for the same file. `write` returns how many bytes could be written at once.

    The one that we were given stays as it is: it is shared, with a shell or our own children, and so would be its
    O_NONBLOCK.
    """

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor

    def write(self, text: bytes) -> int:
        try:
            return self._write(text)
        except BlockingIOError:
            return 0

    def _write(self, text: bytes) -> int:
        return os.write(self.descriptor, text)

    _close = staticmethod(os.close)  # Python that ends takes names from modules

    def __del__(self) -> None:
        self._close(self.descriptor)


class _Socket(_Own):
    """Whether a write waits is said with each."""

    def __init__(self, descriptor: int) -> None:
        super().__init__(descriptor)
        self._peer = socket.socket(fileno=descriptor)

    def _write(self, text: bytes) -> int:
        return self._peer.send(text, socket.MSG_DONTWAIT)

    def __del__(self) -> None:
        self._peer.close()


class _Shared(_Own):
    """One that only blocks. What is ready takes so much at once, unless another process fills it in that moment."""

    def _write(self, text: bytes) -> int:
        poll = select.poll()
        poll.register(self.descriptor, select.POLLOUT)
        return os.write(self.descriptor, text[: select.PIPE_BUF]) if poll.poll(0) else 0
