"""The WebSocket server's direct paths, for thousands of frames a second.

uvicorn hands each frame from a client to a task through a queue, and takes each frame to a client through websockets'
state machine. A handset's stream asks (by the scope's extension `callmark.frames`) to get whole text frames as they are
read and to write text frames at once. Whatever is unusual (fragments, control frames, a slow reader, a close) goes
uvicorn's way.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.exceptions import InvalidState
from websockets.frames import Frame, apply_mask  # pyright: ignore[reportPrivateImportUsage] - in C where it can be
from websockets.http11 import Request
from websockets.protocol import OPEN
from websockets.streams import StreamReader

Take = Callable[[bytes], bool]
"""Gets a text frame's payload as it is read; False when it must go the ordinary way."""

_SHORT, _MEDIUM = 126, 1 << 16
_TEXT = b"\x81"  # a whole text frame
_WHOLE_TEXT = _TEXT[0]
_MASKED = 0x80
_HEAD = 6
"""Bytes before the payload of a short frame from a client: what it is, its size, its mask."""
_BETWEEN_FRAMES: Any = StreamReader.at_eof.__code__
"""What websockets' parser waits in when it has read the last frame to its end."""


class Frames:
    """A stream's frames, past the queue and the tasks. `take` is for the application to set."""

    __slots__ = ("protocol", "take")

    def __init__(self, protocol: "WebSocketProtocol") -> None:
        self.protocol = protocol
        self.take: Take | None = None

    @property
    def client_closed(self) -> bool:
        """Whether the client sent a close frame, or a proxy in its name. This server sends 1012 when it ends."""
        return self.protocol.conn.close_rcvd is not None

    def write(self, payload: bytes) -> bool:
        """Writes a text frame at once; False, and nothing is written, when the client has to be waited for."""
        protocol = self.protocol
        if protocol.close_sent or protocol.disconnected or not protocol.writable.is_set():
            return False
        size = len(payload)
        if size < _SHORT:
            protocol.transport.write(_TEXT + bytes((size,)) + payload)
        elif size < _MEDIUM:
            protocol.transport.write(_TEXT + b"\x7e" + size.to_bytes(2, "big") + payload)
        else:
            return False
        return True


class WebSocketProtocol(WebSocketsSansIOProtocol):
    """uvicorn's, with `Frames` for the application that asks for them, and with what stands before a fault."""

    _frames: Frames | None = None
    _is_between = False
    """Whether the next byte begins a frame that websockets' parser would take for a message of its own."""

    def gives_back_to(self, before: asyncio.Protocol) -> bool:
        """Whether the head of its handshake cannot be parsed: then the connection is again that of `before`.

        Nothing was answered, and nothing can be: this would fail when the server stops.
        """
        if self.conn.handshake_exc is None or self.handshake_initiated:
            return False
        self.connections.remove(self)
        self.connections.add(before)  # pyright: ignore[reportArgumentType] - one of uvicorn's, too
        self.transport.set_protocol(before)
        return True

    def data_received(self, data: bytes) -> None:
        """What the client sends. Frames that came before a fault count, also when all of it came at once.

        Whole texts that are short are handed on as they are; the rest goes websockets' way.
        """
        at = self._hand_on(data) if self._is_between else 0
        if at == len(data):
            return
        self.conn.receive_data(data[at:] if at else data)
        self._is_between = self._frames is not None and self._waits_for_frame()
        with suppress(InvalidState):  # a text before the fault that is not UTF-8 is one more reason to close
            self.handle_events()
        if self.conn.parser_exc is not None and not self.close_sent:
            self.handle_parser_exception()

    def _waits_for_frame(self) -> bool:
        waiting: Any = self.conn.parser
        while waiting.gi_yieldfrom is not None:
            waiting = waiting.gi_yieldfrom
        return waiting.gi_code is _BETWEEN_FRAMES and self.conn.current_size is None

    def _hand_on(self, data: bytes) -> int:
        """Where the first frame begins that is not short, not a whole text, not wanted, or not all there yet."""
        take = self._frames and self._frames.take
        at, end = 0, len(data)
        if not take or self.close_sent or self.conn.state is not OPEN or not self.queue.empty():
            return 0
        while end - at > _HEAD and data[at] == _WHOLE_TEXT:
            size, begin = data[at + 1] - _MASKED, at + _HEAD
            if size == _SHORT and end - at > _HEAD + 2:
                size, begin = int.from_bytes(data[at + 2 : at + 4], "big"), begin + 2
            elif not 0 <= size < _SHORT:
                break
            if end < begin + size or not take(apply_mask(data[begin : begin + size], data[begin - 4 : begin])):
                break
            at = begin + size
        return at

    def handle_connect(self, event: Request) -> None:
        """A handshake: the application gets its scope."""
        super().handle_connect(event)
        if hasattr(self, "scope"):
            self._frames = Frames(self)
            extensions: dict[str, Any] = self.scope["extensions"]  # pyright: ignore[reportTypedDictNotRequiredAccess] - uvicorn sets it
            extensions["callmark.frames"] = self._frames

    def handle_text(self, event: Frame) -> None:
        """A text frame, or the first part of one. In its turn: not while earlier ones wait."""
        take = self._frames and self._frames.take
        if take and event.fin and not self.close_sent and self.queue.empty() and take(bytes(event.data)):
            return
        super().handle_text(event)
