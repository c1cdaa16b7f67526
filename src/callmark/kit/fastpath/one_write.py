"""An answer's way out of `http_protocol`."""

import asyncio
import socket
import struct
from typing import Protocol

from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

_END_OF_HEAD = b"\r\n"
_CHUNKED = b"transfer-encoding: chunked\r\n"


class OpenConnection(Protocol):
    """What an answer needs of its connection."""

    transport: asyncio.Transport
    answering: RequestResponseCycle

    def end(self) -> None:
        """Closes it when all has been written."""
        ...


class OneWrite:
    """An answer's way out: its head waits for the body until the turn of the event loop ends, and both leave at once.

    A write costs more than most of what is done for a small answer, and the client is woken once instead of twice.

    An answer that begins before its request's body is whole is the connection's last, and says so (RFC 9112, 9.3): its
    sender may stop within the body, and what it sends next would be taken for the rest of it. HAProxy 2.6 keeps such a
    connection and sends another visitor's request on it.

    To a client of HTTP/1.0 nothing is sent in chunks, which it would take for the body: the end of the connection,
    which uvicorn closes, is the body's (RFC 9112, 6.1 and 6.3). Until the body is whole that end is a reset, whatever
    brings it about: nginx speaks HTTP/1.0 by default, and a file that was cut off would be a whole one.
    """

    __slots__ = ("_connection", "_head", "_is_unframed")

    def __init__(self, connection: OpenConnection) -> None:
        self._connection = connection
        self._head: bytes | None = None
        self._is_unframed = False

    def write(self, data: bytes) -> None:
        """Takes the head, and then each part of the body; before the head, `100 Continue`."""
        if self._head is None:
            answering = self._connection.answering
            if answering.more_body:
                if not answering.response_started:
                    self._connection.transport.write(data)
                    return
                if answering.keep_alive:
                    answering.keep_alive = False
                    data = data.removesuffix(_END_OF_HEAD) + b"connection: close\r\n" + _END_OF_HEAD
            if answering.scope["http_version"] == "1.0" and data.endswith(_CHUNKED + _END_OF_HEAD):
                data, self._is_unframed = data.removesuffix(_CHUNKED + _END_OF_HEAD) + _END_OF_HEAD, True
                let_end_be_reset(self._connection.transport)
            self._head = data
            asyncio.get_running_loop().call_soon(self.write_head)
            return
        head, self._head = self._head, b""
        self._connection.transport.write(head + (_without_frame(data) if self._is_unframed else data))

    def write_head(self) -> None:
        """Lets out a head that has no body."""
        if self._head:
            head, self._head = self._head, b""
            self._connection.transport.write(head)

    def close(self) -> None:
        """Ends the connection behind the answer."""
        self.write_head()
        if self._is_unframed and not self.is_cut_off():
            let_end_be_reset(self._connection.transport, is_reset=False)
        self._connection.end()

    def is_cut_off(self) -> bool:
        """Whether the body has no frame and is not whole, so that nothing but a reset says so."""
        return self._is_unframed and not self._connection.answering.response_complete

    def is_closing(self) -> bool:
        """Whether the connection is being closed."""
        return self._connection.transport.is_closing()


def let_end_be_reset(transport: asyncio.Transport, *, is_reset: bool = True) -> None:
    """Whether its connection, once it ends, is reset instead of closed: what waits in the kernel is lost then."""
    linger = struct.pack("ii", is_reset, 0)
    transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)


def _without_frame(chunk: bytes) -> bytes:
    """What is in one chunk, the last of them behind it or not; nothing in what is none."""
    size, _, rest = chunk.partition(b"\r\n")
    return rest[: int(size or b"0", 16)]
