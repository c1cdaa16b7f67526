"""Streams that may have missed something and are synced again, a few at a time, however many hear of it at once."""

from collections.abc import Awaitable, Callable, Coroutine, Iterable
from datetime import timedelta
from typing import Generic, Protocol, TypeVar

import structlog

from callmark.kit.clock import Clock
from callmark.kit.errors import AppError

log = structlog.get_logger(__name__)

SYNCED_AT_ONCE = 8
"""Of one process, so that streams which come meanwhile are served too."""

AGAIN_AFTER = timedelta(seconds=1)


class Closable(Protocol):
    """A stream; one that is closing need not be synced."""

    @property
    def closing(self) -> object:
        """Something true once it is being closed."""
        ...


_S = TypeVar("_S", bound=Closable)


class Resyncs(Generic[_S]):
    """Those of one gateway. `sync` does one stream, `run` begins a task."""

    def __init__(
        self,
        real_clock: Clock,
        sync: Callable[[_S], Awaitable[None]],
        run: Callable[[Coroutine[None, None, None]], object],
    ) -> None:
        self._clock, self._sync, self._run = real_clock, sync, run
        self._waiting: dict[_S, None] = {}
        self._tasks = 0

    def add(self, streams: Iterable[_S]) -> None:
        """These are synced when it is their turn: one that waits already once, one that is being synced once more."""
        self._waiting.update(dict.fromkeys(streams))
        for _ in range(min(SYNCED_AT_ONCE - self._tasks, len(self._waiting))):
            self._tasks += 1
            self._run(self._work())

    async def _work(self) -> None:
        try:
            while self._waiting:
                stream = next(iter(self._waiting))
                del self._waiting[stream]
                await self._sync_whole(stream)
        finally:
            self._tasks -= 1

    async def _sync_whole(self, stream: _S) -> None:
        while not stream.closing:
            try:
                await self._sync(stream)
            except AppError as exc:
                log.warning("handset_not_synced", error=exc.detail)
                await self._clock.sleep(AGAIN_AFTER)
            except Exception:  # a fault of ours with one must not end the turn of the others
                log.exception("handset_not_synced")
                return
            else:
                return
