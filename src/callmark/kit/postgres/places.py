"""The places of a pool: who takes one has a connection; one that is cut keeps its own until PostgreSQL has ended it.

To cut a connection ends nothing in the server while a statement runs there. A pool that made a new one at once would
have more and more of them (docs/decisions/0081-what-is-given-up-ends.md). So a connection is half closed first: the
server notices (`kit.postgres.session`), ends what it did for us, and closes its half.
"""

import asyncio
import os
import socket
from collections import deque
from collections.abc import Callable

AT_MOST_S = 60.0
"""How long one counts that neither ends nor loses its server, as with a proxy that keeps the connection of a dead one.

A commit that waits for a standby counts as long too: a server that ends it has done it nevertheless.
"""

_NOTICES = {"TCP_KEEPIDLE": 2, "TCP_KEEPINTVL": 1, "TCP_KEEPCNT": 3, "TCP_USER_TIMEOUT": 5000}
"""What makes the system notice within seconds that the other host is gone; not every system knows all of it."""

_READ_BYTES = 65536


class Places:
    """Those of one pool of `most` connections, first come, first served.

    Who has a place takes a connection that rests and makes one only where none does: so there are never more than
    places.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._taken = 0
        self._ending: dict[socket.socket, asyncio.TimerHandle] = {}
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._is_closed = False

    @property
    def ending(self) -> int:
        """How many are those of connections that were cut."""
        return len(self._ending)

    async def take(self, within_s: float, *, however_busy: bool = False) -> None:
        """Takes one, once there is one. Raises TimeoutError after that time.

        With `however_busy` only where connections are being ended then: that others work may take as long as it takes.
        """
        if self._is_free() and not self._waiting:
            self._taken += 1
            return
        place: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(place)
        try:
            await asyncio.wait({place}, timeout=within_s)
            if not place.done() and however_busy and not self._ending:
                await asyncio.wait({place})
        except asyncio.CancelledError:
            self._leave(place)
            raise
        if not place.done():
            self._leave(place)
            raise TimeoutError("the server has not ended yet what was given up" if self._ending else "all are busy")

    def give_back(self) -> None:
        """The next one in the line has it; `take` is done before."""
        self._taken -= 1
        self._hand_out()

    def end(self, transport: asyncio.BaseTransport, cut: Callable[[], None]) -> None:
        """Cuts the connection of `transport`, which keeps a place until the server has ended it."""
        at = None if self._is_closed else transport.get_extra_info("socket")
        try:
            half = socket.socket(fileno=os.dup(at.fileno() if at else -1))
        except OSError:  # it has no socket any longer, or the process no file to spare
            cut()
            return
        cut()  # closes a file that is not the last one of its socket
        try:
            _notice_the_end(half)
            half.shutdown(socket.SHUT_WR)
        except OSError:  # the other side was quicker
            half.close()
            return
        loop = asyncio.get_running_loop()
        self._ending[half] = loop.call_later(AT_MOST_S, self._forget, half)
        loop.add_reader(half, self._read, half)

    def let_go(self) -> None:
        """Those that are being ended have no place from now on: they are of another server."""
        for half in list(self._ending):
            self._forget(half)

    def close(self) -> None:
        """The pool makes no more connections, so one that is cut needs no place."""
        self._is_closed = True
        self.let_go()

    def _read(self, half: socket.socket) -> None:
        try:
            is_open = bool(half.recv(_READ_BYTES))
        except BlockingIOError:
            return
        except OSError:  # cut by the other side, or its host does not respond
            is_open = False
        if not is_open:
            self._forget(half)

    def _forget(self, half: socket.socket) -> None:
        self._ending.pop(half).cancel()
        asyncio.get_running_loop().remove_reader(half)
        half.close()
        self._hand_out()

    def _is_free(self) -> bool:
        return self._taken + len(self._ending) < self._most

    def _hand_out(self) -> None:
        while self._waiting and self._is_free():
            self._taken += 1
            self._waiting.popleft().set_result(None)

    def _leave(self, place: asyncio.Future[None]) -> None:
        """One gives up waiting, perhaps at the moment in which the place was given."""
        if place.done():
            self.give_back()
        else:
            self._waiting.remove(place)


def _notice_the_end(half: socket.socket) -> None:
    half.settimeout(0)
    if half.family != socket.AF_UNIX:
        half.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for name, value in _NOTICES.items():
            if option := getattr(socket, name, None):
                half.setsockopt(socket.IPPROTO_TCP, option, value)
