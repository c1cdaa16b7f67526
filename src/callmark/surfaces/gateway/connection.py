"""One open stream: what waits to be written to it, and which pushes wait for its acknowledgement.

An idle connection has no task but its reader's. Frames are written by a task that runs only while frames wait, so
that a handset that reads slowly delays only itself.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Generator, MutableMapping
from contextlib import contextmanager
from typing import Any
from uuid import UUID

import msgspec

from callmark.domain.handsets.model import Registration
from callmark.domain.personalisation.handset_messages import Withdraw, traceparent_in
from callmark.kit.ids import new_id
from callmark.kit.phone import shorten
from callmark.kit.telemetry import tracing
from callmark.kit.telemetry.tracing import SpanKind, TracedSpan
from callmark.surfaces.gateway import metrics, wire

Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
"""The ASGI server's way out."""

WriteNow = Callable[[bytes], bool]
"""Writes a text frame at once; False when the handset has to be waited for."""

MOST_WAITING = 1000
"""Frames that may wait for a slow handset before its stream is closed with 1013."""

MOST_REPLIES = 1000
"""Pushes that may wait for this handset's acknowledgement; older ones are acknowledged to the database instead."""

CLOSE_WITHIN_S = 5.0
"""How long a close frame may take to get out before the stream is given up."""

_withdrawals = msgspec.json.Decoder(Withdraw)


class HandsetConnection:
    """A handset's stream, as the rest of the gateway sees it."""

    __slots__ = (
        "_closing",
        "_opened",
        "_reader",
        "_replies",
        "_send",
        "_spans",
        "_timer",
        "_waiting",
        "_watchers",
        "_withdrawn",
        "_write_now",
        "_writer",
        "abandoned",
        "faults",
        "frames_in",
        "frames_out",
        "registration",
        "stream",
    )

    def __init__(
        self,
        registration: Registration,
        send: Send,
        reader: "asyncio.Task[Any] | None",
        write_now: WriteNow | None = None,
    ) -> None:
        self.registration = registration
        self.stream = new_id().hex
        self.faults = 0
        self.frames_in = 0
        self.frames_out = 0
        self._withdrawn: set[UUID] | None = None
        self._watchers = 0
        self.abandoned = False
        self._send = send
        self._write_now = write_now
        self._reader = reader
        self._waiting: deque[str] | None = None
        self._writer: asyncio.Task[None] | None = None
        self._replies: dict[str, str] | None = None
        self._spans: dict[str, TracedSpan] | None = None
        self._closing: tuple[int, str] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._opened = False

    # out --------------------------------------------------------------------------------------------------------------

    def open(self, welcome: wire.Welcome) -> None:
        """Writes the welcome first, then what has come in since the subscription."""
        self._opened = True
        if self._waiting is None:
            self._waiting = deque()
        self._waiting.appendleft(wire.encode(welcome).decode())
        self._write()

    def put(self, frame: bytes) -> None:
        """Writes a frame, or queues it; a handset that leaves too many unread is closed with 1013."""
        if self._closing:
            return
        if self._opened and not self._writer and self._write_now and self._write_now(frame):
            self.frames_out += 1
            return
        if self._waiting is None:
            self._waiting = deque()
        if len(self._waiting) >= MOST_WAITING:
            self.close(1013, "too many frames wait to be read")
            return
        self._waiting.append(frame.decode())
        if self._opened:
            self._write()

    def close(self, code: int, reason: str) -> None:
        """Drops what waits and closes; the reader ends when the server says so, at the latest after five seconds."""
        if self._closing:
            return
        self._closing = (code, reason)
        if self._waiting:
            self._waiting.clear()
        self._timer = asyncio.get_running_loop().call_later(CLOSE_WITHIN_S, self._abandon)
        self._write()

    @property
    def closing(self) -> tuple[int, str] | None:
        """Code and reason once we have decided to close."""
        return self._closing

    async def drained(self) -> None:
        """Returns when everything queued so far has been written."""
        if self._writer:
            await asyncio.wait({self._writer})

    def end(self) -> None:
        """Lets go of timers and tasks once the reader has ended."""
        self._closing = self._closing or (1005, "")
        if self._timer:
            self._timer.cancel()
        if self._writer:
            self._writer.cancel()
        for key in list(self._spans or ()):
            self._end_span(key, "the stream ended")

    def _write(self) -> None:
        if self._writer is None:
            self._writer = asyncio.get_running_loop().create_task(self._write_all())

    async def _write_all(self) -> None:
        try:
            while self._waiting:
                await self._send({"type": "websocket.send", "text": self._waiting.popleft()})
                self.frames_out += 1
            if self._closing:
                code, reason = self._closing
                await self._send({"type": "websocket.close", "code": code, "reason": reason})
        except (
            OSError,
            RuntimeError,
        ):  # it has gone (RuntimeError: the server closed it first); the reader hears of it
            self._waiting = None
        finally:
            self._writer = None

    def _abandon(self) -> None:
        self.abandoned = True
        if self._reader:
            self._reader.cancel()

    # pushes -----------------------------------------------------------------------------------------------------------

    def push(self, key: str, reply: str, payload: bytes) -> None:
        """Passes a push on, untouched, and remembers where its acknowledgement goes."""
        if reply:
            if self._replies is None:
                self._replies = {}
            elif len(self._replies) >= MOST_REPLIES:
                oldest = next(iter(self._replies))
                del self._replies[oldest]
                self._end_span(oldest, "no answer")
            self._replies[key] = reply
            if tracing.is_on():
                self._begin_span(key, payload)
            metrics.IDENTITIES_OUT.add()
        else:
            if self._withdrawn is not None:
                self._withdrawn.add(_withdrawals.decode(payload).record.id)
            metrics.WITHDRAWALS_OUT.inc()
        self.put(payload)

    @contextmanager
    def withdrawn_meanwhile(self) -> Generator[set[UUID]]:
        """The records whose withdrawal passes while the block runs: what it read before must not bring them back."""
        if self._withdrawn is None:
            self._withdrawn = set()
        self._watchers += 1
        try:
            yield self._withdrawn
        finally:
            self._watchers -= 1
            if not self._watchers:
                self._withdrawn = None

    def take_reply(self, token: str) -> str | None:
        """Where the acknowledgement of a pushed record goes, by its key's token; None when no push of it waits."""
        if self._spans:
            self._end_span(token)
        return self._replies.pop(token, None) if self._replies else None

    def _begin_span(self, key: str, payload: bytes) -> None:
        """The way of a traced push from here to its acknowledgement."""
        if parent := traceparent_in(payload):
            if self._spans is None:
                self._spans = {}
            phone = shorten(self.registration.phone_number)
            self._spans[key] = tracing.begin("handset", SpanKind.CLIENT, parent=parent, receiver=phone)

    def _end_span(self, key: str, trouble: str = "") -> None:
        span = self._spans.pop(key, None) if self._spans else None
        if span and trouble:
            span.fail(trouble)
        if span:
            span.end()
