"""The gateway of one process: its routes, its open streams, and what ends or refreshes them from outside."""

import asyncio
import contextlib
from collections.abc import Coroutine, Mapping, Sequence
from datetime import timedelta
from functools import partial
from itertools import islice

import msgspec
import structlog
from starlette.routing import BaseRoute, Route, WebSocketRoute

from callmark.domain.deps import Deps
from callmark.domain.handsets import presence, service as handsets
from callmark.domain.handsets.model import COUNT, RECHECK, TAKEOVER, Registration, Takeover
from callmark.kit.errors import AppError
from callmark.kit.fabric.unconfirmed_numbers import MISSED, named_in
from callmark.kit.ids import new_id
from callmark.kit.phone import PhoneNumber
from callmark.kit.tasks import ends_within
from callmark.kit.workload import Workload
from callmark.surfaces.gateway import metrics
from callmark.surfaces.gateway.connection import HandsetConnection
from callmark.surfaces.gateway.http_verbs import HttpVerbs
from callmark.surfaces.gateway.resyncs import Resyncs
from callmark.surfaces.gateway.stream import Stream, sync_whole

log = structlog.get_logger(__name__)

RECHECK_EVERY = timedelta(seconds=30)
"""How long a stream may outlive its registration when the announcement of its end was lost."""

CHECKED_AT_ONCE = 1000
STOP_WITHIN_S = 2.0

FORGOTTEN = (4401, "the registration has ended")
SUPERSEDED = (4410, "the number was registered on another device")
REPLACED = (4409, "a newer stream with the same token took over")
RESTARTING = (1012, "the gateway restarts")


class Gateway:
    """Routes under `/handset/v1`, and the streams that came in through them."""

    def __init__(self, deps: Deps, load: Workload) -> None:
        self._deps = deps
        self.id = new_id()
        self._streams: dict[PhoneNumber, tuple[HandsetConnection, ...]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._refreshing: asyncio.Task[None] | None = None
        self._resyncs = Resyncs[HandsetConnection](deps.real_clock, partial(sync_whole, deps), self.run)
        self._stopping = False
        self.stream = Stream(deps, self)
        self.routes: list[BaseRoute] = [
            WebSocketRoute("/handset/v1/stream", self.stream, name="handset_stream"),
            Route("/handset/v1/{verb:path}", HttpVerbs(deps, load), name="handset"),
        ]

    async def start(self) -> None:
        """Listens for takeovers, and from now on keeps streams true to what the database says."""
        await self._deps.fabric.listen(TAKEOVER, self._on_takeover)
        await self._deps.fabric.listen(RECHECK, self._on_recheck)
        await self._deps.fabric.listen(COUNT, self._on_count)
        await self._deps.fabric.listen(MISSED, self._on_missed)
        self._deps.fabric.on_reconnect(self._on_reconnect)
        self.run(self._keep_checking())
        self.run(self._keep_beating())

    async def stop(self) -> None:
        """Closes every stream, so that handsets connect elsewhere; returns after two seconds at most."""
        self._stopping = True
        for task in self._tasks:
            task.cancel()
        for stream in self.streams():
            stream.close(*RESTARTING)
        with contextlib.suppress(AppError):
            await ends_within(self._leave(), STOP_WITHIN_S)

    async def _leave(self) -> None:
        await presence.note_gone(self._deps, self.id)
        await asyncio.gather(*(stream.drained() for stream in self.streams()))

    # the streams ------------------------------------------------------------------------------------------------------

    def streams(self) -> list[HandsetConnection]:
        """Every open stream of this process."""
        return [stream for streams in self._streams.values() for stream in streams]

    def add(self, stream: HandsetConnection) -> None:
        """Enters a stream, before its registration is checked, so that no announcement is missed."""
        number = stream.registration.phone_number
        self._streams[number] = (*self._streams.get(number, ()), stream)
        metrics.CONNECTED.inc()
        if self._stopping:
            stream.close(*RESTARTING)

    def remove(self, stream: HandsetConnection) -> None:
        """Takes a stream out when it has ended."""
        number = stream.registration.phone_number
        left = tuple(other for other in self._streams[number] if other is not stream)
        if left:
            self._streams[number] = left
        else:
            del self._streams[number]
        metrics.CONNECTED.dec()

    async def take_over(self, stream: HandsetConnection) -> None:
        """Closes what is older than a stream that has just come, here at once and on every other gateway."""
        mine = stream.registration
        self._apply(Takeover(mine.phone_number, mine.generation, stream=stream.stream))
        await handsets.announce_stream(self._deps, mine, stream.stream)

    def _apply(self, takeover: Takeover) -> None:
        for stream in self._streams.get(PhoneNumber(takeover.phone_number), ()):
            mine = stream.registration.generation
            if takeover.forgotten and mine <= takeover.generation:
                stream.close(*FORGOTTEN)
            elif mine < takeover.generation:
                stream.close(*SUPERSEDED)
            elif mine == takeover.generation and stream.stream < takeover.stream:
                stream.close(*REPLACED)

    # from outside -----------------------------------------------------------------------------------------------------

    async def _on_takeover(self, message: bytes) -> None:
        self._apply(msgspec.json.decode(message, type=Takeover))

    async def _on_recheck(self, _: bytes) -> None:
        with contextlib.suppress(AppError):  # the next round makes it good
            await self.close_ended(self.streams())

    async def _on_count(self, _: bytes) -> bytes:
        return str(len(self._streams)).encode()

    async def _on_missed(self, announcement: bytes) -> None:
        numbers = named_in(announcement)
        if numbers is None:
            await self._on_reconnect()
            return
        streams = [stream for number in numbers for stream in self._streams.get(PhoneNumber(number), ())]
        self._resyncs.add(streams)

    async def _on_reconnect(self) -> None:
        if self._refreshing:
            self._refreshing.cancel()
        self._refreshing = self.run(self._refresh())

    async def _keep_beating(self) -> None:
        """Notes that this gateway runs; first of all which others died, whose handsets can come back from now on."""
        found = False
        while True:
            try:
                await presence.beat(self._deps, self.id)
                if not found:
                    await presence.find_lost(self._deps)
                    found = True
            except AppError as exc:
                log.warning("gateway_beat_missed", error=exc.detail)
            except Exception:
                log.exception("gateway_beat_missed")
            await self._deps.real_clock.sleep(presence.BEAT_EVERY)

    async def _keep_checking(self) -> None:
        while True:
            await self._deps.real_clock.sleep(RECHECK_EVERY)
            try:
                await self.close_ended(self.streams())
            except AppError as exc:
                log.warning("handsets_not_checked", error=exc.detail)
            except Exception:
                log.exception("handsets_not_checked")

    async def close_ended(self, streams: Sequence[HandsetConnection]) -> None:
        """Closes those whose registration has ended."""
        rest = iter(streams)
        while some := list(islice(rest, CHECKED_AT_ONCE)):
            ended = await handsets.ended_among(self._deps, [stream.registration for stream in some])
            for stream in some:
                _close_if_ended(stream, ended)

    async def _refresh(self) -> None:
        """After a lost fabric, when pushes, withdrawals and takeovers may have passed by: syncs every stream again."""
        while True:
            try:
                await self.close_ended(self.streams())
                break
            except AppError:
                await self._deps.real_clock.sleep(timedelta(seconds=1))
            except Exception:
                log.exception("handsets_not_checked")
                await self._deps.real_clock.sleep(timedelta(seconds=1))
        self._resyncs.add(self.streams())

    def run(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        """Runs `work` beside the streams."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task


def _close_if_ended(stream: HandsetConnection, ended: Mapping[Registration, int | None]) -> None:
    mine: Registration = stream.registration
    if mine in ended:
        stream.close(*(FORGOTTEN if ended[mine] is None else SUPERSEDED))
