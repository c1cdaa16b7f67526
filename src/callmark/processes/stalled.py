"""Ends connections whose client reads nothing: what was written for it would stay in memory, also after a close."""

import asyncio
from collections.abc import Callable, Iterable
from typing import Protocol

import structlog

from callmark.kit.fastpath.one_write import let_end_be_reset

log = structlog.get_logger(__name__)

READS_NOTHING_S = 60.0
"""How long a client may read nothing of what waits for it."""

_LOOKS = 6
"""How often it is looked in that time."""


class Connection(Protocol):
    """A protocol of the server."""

    transport: asyncio.Transport


class StalledConnections:
    """Looks at what waits to be written; what is the same at look after look is not being read."""

    def __init__(self, connections: Callable[[], Iterable[Connection]], reads_nothing_s: float) -> None:
        self._connections = connections
        self._every_s = reads_nothing_s / _LOOKS
        self._seen: dict[asyncio.Transport, tuple[int, int]] = {}
        """Bytes that wait, and how often there were as many."""

    async def run(self) -> None:
        """Looks again and again."""
        while True:
            await asyncio.sleep(self._every_s)
            self.look()

    def look(self) -> None:
        """Cuts the connections that were found unread too often."""
        seen: dict[asyncio.Transport, tuple[int, int]] = {}
        for connection in list(self._connections()):
            transport = connection.transport
            if waits := transport.get_write_buffer_size():
                before, times = self._seen.get(transport, (waits, 0))
                times = times + 1 if waits == before else 1
                if times > _LOOKS:
                    log.warning("client_reads_nothing", waiting_bytes=waits)
                    let_end_be_reset(transport)  # what has arrived may look like a whole answer
                    transport.abort()
                else:
                    seen[transport] = waits, times
        self._seen = seen
