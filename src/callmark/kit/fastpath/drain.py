"""The end of a connection on which more may still come: it is written to no longer, and read until the client ends it.

A close with bytes unread is a reset, which takes the last answer from a client that has not read it yet: nginx makes
502 of it (RFC 9112, 9.6).
"""

import asyncio
from contextlib import suppress

SILENT_S = 5.0
"""How long nothing may come."""

_MOST_LOOKS = 24
"""How often in a row it may have come in that time."""

_MOST_BYTES = 160 << 20
"""What is taken at most: more than the proxies' samples let through (128 MiB)."""

_STOP_WITHIN_S = 0.5
"""How long it may take yet when the server stops."""


class Drain(asyncio.Protocol):
    """Takes a connection over and drops what comes. The protocol before it hears when the connection is gone."""

    def __init__(self, transport: asyncio.Transport, silent_s: float, *, is_stopping: bool) -> None:
        self._transport = transport
        self._before = transport.get_protocol()
        self._silent_s = silent_s
        self._looks = 0
        self._bytes: int = 0
        self._bytes_before: int = 0
        """At the last look."""
        self._loop = asyncio.get_running_loop()
        self._timer = self._loop.call_later(silent_s, self._look)
        transport.set_protocol(self)
        with suppress(OSError):  # the client has gone, which the next read finds out
            transport.write_eof()  # behind what waits to be written
        transport.resume_reading()
        if is_stopping:
            self.hurry()

    def data_received(self, data: bytes) -> None:
        """More of what nobody will read."""
        self._bytes += len(data)
        if self._bytes > _MOST_BYTES:
            self._transport.close()

    def pause_writing(self) -> None:
        """More waits to be written than is good."""
        self._before.pause_writing()

    def resume_writing(self) -> None:
        """Most of it has been written."""
        self._before.resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        """The client has ended it, or this has."""
        self._timer.cancel()
        self._before.connection_lost(exc)

    def hurry(self) -> None:
        """The server stops."""
        self._timer.cancel()
        self._timer = self._loop.call_later(_STOP_WITHIN_S, self._transport.close)

    def _look(self) -> None:
        if not self._transport.get_write_buffer_size():  # else the client has yet to read, which others watch
            self._looks += 1
            if self._bytes == self._bytes_before or self._looks == _MOST_LOOKS:
                self._transport.close()
                return
            self._bytes_before = self._bytes
        self._timer = self._loop.call_later(self._silent_s, self._look)
