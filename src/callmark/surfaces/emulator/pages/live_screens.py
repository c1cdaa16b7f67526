"""The live part of the pages: what handsets show goes out as server-sent events, a person's gestures come in by POST.

The handsets run in the farm's process. A page may be served by any HTTP process, which asks the farm for what shows
(`farm_api.Show`), again when the farm announces that it has changed, and every second: so it is right also when an
announcement was lost, and says so when there is no farm.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from functools import partial

import msgspec
import structlog
from starlette.requests import Request
from starlette.routing import BaseRoute

from callmark.domain.deps import Deps
from callmark.instants import to_ms
from callmark.kit import patience
from callmark.kit.errors import AppError, NotFound, Unavailable
from callmark.kit.phone import PhoneNumber
from callmark.surfaces.emulator.control_api import wire
from callmark.surfaces.emulator.control_api.routing import json_route
from callmark.surfaces.emulator.handsets import farm_api
from callmark.surfaces.emulator.handsets.audience import WALL
from callmark.surfaces.emulator.handsets.gestures import Gesture
from callmark.surfaces.emulator.handsets.view_model import HandsetGlimpse
from callmark.surfaces.gateway.wire import FEEDBACK_BODY_BYTES
from callmark.surfaces.http import Response, connection_of, render
from callmark.surfaces.streaming import Streaming, event_of, event_stream

log = structlog.get_logger(__name__)

PATH = "/emulator/live"
ASKED_EVERY_S = 1.0
ANSWERED_WITHIN = timedelta(seconds=3)
HEARTBEAT_S = 5.0
AT_MOST_EVERY_S, WALL_AT_MOST_EVERY_S = 0.05, 0.5
"""Changes that come faster are shown together."""

MOST_STREAMS = 200
"""Of one process: a page that is not read holds its stream."""


class GestureOut(msgspec.Struct, frozen=True):
    """What the person must correct first, in their words; None when it is done."""

    problem: str | None


class _ScreenReader:
    """One page's stream."""

    def __init__(self) -> None:
        self.wake = asyncio.Event()
        self.is_over = False

    def end(self) -> None:
        """The server stops."""
        self.is_over = True
        self.wake.set()


class _ScreenFeed:
    """What shows of one handset, or of all, kept current while pages read it. `latest` is empty before it is known."""

    def __init__(self, read: Callable[[bytes], Awaitable[bytes]], at_most_every_s: float) -> None:
        self._at_most_every_s = at_most_every_s
        self.latest = b""
        self.readers: set[_ScreenReader] = set()
        self._read = read
        self._hint = asyncio.Event()
        with patience.endless():  # it outlives the request that starts it
            self._task = asyncio.create_task(self._keep_current())

    def hint(self) -> None:
        """It has changed."""
        self._hint.set()

    def wake(self) -> None:
        """Sends every page its state again."""
        for reader in self.readers:
            reader.wake.set()

    def close(self) -> None:
        """Stops following the farm, because no reader is left."""
        self._task.cancel()

    async def _keep_current(self) -> None:
        while self.readers:  # not until it is cancelled: a cancellation that comes with an answer is lost
            self._hint.clear()
            try:
                latest = await self._read(self.latest)
            except Exception:
                log.exception("feed_failed")
                latest = self.latest
            if latest != self.latest:
                self.latest = latest
                self.wake()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(ASKED_EVERY_S):
                    await self._hint.wait()
            await asyncio.sleep(self._at_most_every_s)


class Live:
    """The streams and gestures of one HTTP process."""

    def __init__(self, deps: Deps) -> None:
        self._deps = deps
        self._feeds: dict[PhoneNumber, _ScreenFeed] = {}
        self._streams = 0
        self.routes: list[BaseRoute] = [
            json_route(PATH, GET=self.watch_wall),
            json_route(PATH + "/{phone}", GET=self.watch, POST=self.gesture),
        ]

    async def start(self) -> None:
        """Listens to the farm, and to moves of the clock."""
        await self._deps.fabric.listen(farm_api.CHANGED, self._on_change)
        await self._deps.fabric.listen(farm_api.CLOCK_MOVED, self._on_clock)

    async def watch(self, request: Request) -> Streaming:
        """What one handset shows, as events."""
        return self._stream(request, wire.path_phone(request))

    async def watch_wall(self, request: Request) -> Streaming:
        """What all handsets show, as events."""
        return self._stream(request, WALL)

    async def gesture(self, request: Request) -> Response:
        """A person does something with a handset."""
        receiver = wire.path_phone(request)
        gesture = await wire.read(request, Gesture, largest_bytes=FEEDBACK_BODY_BYTES)
        perform = farm_api.Perform(receiver, gesture)
        performed = await farm_api.ask(self._deps, perform, farm_api.Performed)
        return render(GestureOut(performed.problem or None))

    # streams ----------------------------------------------------------------------------------------------------------

    def _stream(self, request: Request, phone: PhoneNumber) -> Streaming:
        if self._streams >= MOST_STREAMS:
            raise Unavailable("emulator: too many pages are open")
        reader = _ScreenReader()
        connection_of(request.scope).update(on_shutdown=reader.end, is_watched=True)
        return event_stream(self._events(phone, reader))

    async def _events(self, phone: PhoneNumber, reader: _ScreenReader) -> AsyncIterator[bytes]:
        """Everything at first, then what is new; the clock each time, which is the heartbeat too.

        A page that reads slowly gets fewer events: each has what shows by then.
        """
        feed = self._join(phone, reader)
        sent = b""
        try:
            while not reader.is_over:
                reader.wake.clear()
                clock, latest = event_of("clock", to_ms(self._deps.clock.now())), feed.latest
                yield clock if latest == sent else clock + latest
                sent = latest
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(HEARTBEAT_S):
                        await reader.wake.wait()
        finally:
            self._leave(phone, reader)

    def _join(self, phone: PhoneNumber, reader: _ScreenReader) -> _ScreenFeed:
        self._streams += 1
        if (feed := self._feeds.get(phone)) is None:
            at_most_every_s = WALL_AT_MOST_EVERY_S if phone == WALL else AT_MOST_EVERY_S
            feed = self._feeds[phone] = _ScreenFeed(partial(self._read, phone), at_most_every_s)
        feed.readers.add(reader)
        return feed

    def _leave(self, phone: PhoneNumber, reader: _ScreenReader) -> None:
        self._streams -= 1
        feed = self._feeds[phone]
        feed.readers.discard(reader)
        if not feed.readers:
            feed.close()
            del self._feeds[phone]

    async def _read(self, phone: PhoneNumber, before: bytes) -> bytes:
        """What shows now, as an event; `before` is the one of the last time."""
        try:
            if phone == WALL:
                return event_of("handsets", await self._survey())
            shown = await farm_api.ask(self._deps, farm_api.Show(phone), farm_api.HandsetPageShown, ANSWERED_WITHIN)
            return event_of("handset", shown.view)
        except NotFound as exc:
            was_there = before.startswith(b"event: handset")
            gone = event_of("gone", "this handset was removed" if was_there else exc.message)
            return before if before.startswith(b"event: gone") else gone
        except AppError as exc:
            log.info("farm_away", error=exc.detail)
            return event_of("away", "their process does not answer")

    async def _survey(self) -> list[HandsetGlimpse]:
        """All handsets, in as many messages as they take."""
        glimpses, more = list[HandsetGlimpse](), True
        while more:
            next_ones = farm_api.Survey(glimpses[-1].phone_number if glimpses else PhoneNumber(""))
            surveyed = await farm_api.ask(self._deps, next_ones, farm_api.Surveyed, ANSWERED_WITHIN)
            glimpses += surveyed.handsets
            more = surveyed.more
        return glimpses

    # announcements ----------------------------------------------------------------------------------------------------

    async def _on_change(self, message: bytes) -> None:
        for phone in (WALL, *msgspec.json.decode(message, type=list[PhoneNumber])):
            if feed := self._feeds.get(phone):
                feed.hint()

    async def _on_clock(self, _: bytes) -> None:
        for feed in self._feeds.values():
            feed.wake()
