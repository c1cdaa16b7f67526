"""Connections that are cut under a statement: they count until PostgreSQL has ended it.

To cut a connection ends nothing in the server while a statement runs there. A pool that made a new one at once would
have more and more of them (docs/decisions/0081-what-is-given-up-ends.md). So a connection is half closed first: the
server notices (`kit.postgres.session`), ends what it did for us, and closes its half.
"""

import asyncio
import os
import socket
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager

AT_MOST_S = 60.0
"""How long one counts that neither ends nor loses its server, as with a proxy that keeps the connection of a dead one.

A commit that waits for a standby counts as long too: a server that ends it has done it nevertheless.
"""

_NOTICES = {"TCP_KEEPIDLE": 2, "TCP_KEEPINTVL": 1, "TCP_KEEPCNT": 3, "TCP_USER_TIMEOUT": 5000}
"""What makes the system notice within seconds that the other host is gone; not every system knows all of it."""

_READ_BYTES = 65536


class EndingConnections:
    """Those of one pool, which has `most` connections; `made` says how many it has beside them."""

    def __init__(self, most: int, made: Callable[[], int]) -> None:
        self._most = most
        self._made = made
        self._making = 0
        self._ending: dict[socket.socket, asyncio.TimerHandle] = {}
        self._waiting: set[asyncio.Future[None]] = set()

    def __len__(self) -> int:
        return len(self._ending)

    @asynccontextmanager
    async def place(self, within_s: float) -> AsyncGenerator[None]:
        """A place for one that is made in the block, once there is one. Raises TimeoutError."""
        ends_at = asyncio.get_running_loop().time() + within_s
        while self._ending and self._made() + self._making + len(self._ending) >= self._most:
            await self._until_changed(ends_at)
        self._making += 1
        try:
            yield
        finally:
            self._making -= 1
            self._wake()

    def end(self, transport: asyncio.BaseTransport, cut: Callable[[], None]) -> None:
        """Cuts the connection of `transport`, and counts it until the server has ended it."""
        at = transport.get_extra_info("socket")
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
        """Counts none of them from now on: they are of another server, or the pool is closed."""
        for half in list(self._ending):
            self._forget(half)

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
        self._wake()

    async def _until_changed(self, ends_at: float) -> None:
        loop = asyncio.get_running_loop()
        change: asyncio.Future[None] = loop.create_future()
        self._waiting.add(change)
        try:
            await asyncio.wait({change}, timeout=ends_at - loop.time())
        finally:
            self._waiting.discard(change)
        if not change.done():
            raise TimeoutError("the server has not ended yet what was given up")

    def _wake(self) -> None:
        for change in self._waiting:
            if not change.done():
                change.set_result(None)


def _notice_the_end(half: socket.socket) -> None:
    half.settimeout(0)
    if half.family != socket.AF_UNIX:
        half.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for name, value in _NOTICES.items():
            if option := getattr(socket, name, None):
                half.setsockopt(socket.IPPROTO_TCP, option, value)
