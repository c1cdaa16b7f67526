"""Runs requests as tasks of their own: one whose caller is cancelled comes to its end nevertheless.

httpx does not get back the place of a connection whose request is cancelled at some of its steps. Once that has
happened to all of them, every request waits for a place in vain (https://github.com/encode/httpcore/issues/1093).
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

T = TypeVar("T")
_FIRST_STEPS = ("connect_tcp.started", "send_request_headers.started")
"""When a request that waited for a place has got it; an error of ours loses nothing there."""


class _GivenUp(Exception):
    """Nobody waits for this request any longer."""


class RequestTasks:
    """Those of one client of httpx that nobody waits for: until the answer, or until its `timeout` is over."""

    def __init__(self) -> None:
        self._given_up: set[asyncio.Task[Any]] = set()

    async def run(self, work: Callable[[], Awaitable[T]]) -> T:
        """What `work` gives. As part of the present task under trio, whose cancellations lose nothing."""
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            return await work()
        task: asyncio.Task[T] = loop.create_task(self._begin(work))
        return await self.result_of(task)

    async def result_of(self, task: "asyncio.Task[T]") -> T:
        """Its result, as with `asyncio.shield`; what it raises when nobody waits any longer is dropped."""
        try:
            await asyncio.wait({task})
        except asyncio.CancelledError:
            self._given_up.add(task)
            task.add_done_callback(self._drop)
            raise
        return task.result()

    def is_given_up(self) -> bool:
        """Whether the caller of the present task was cancelled, and may have closed its files."""
        try:
            return asyncio.current_task() in self._given_up
        except RuntimeError:
            return False

    async def trace(self, event: str, _: Any) -> None:  # noqa: ANN401 - httpx's own parameter
        """For httpx to call at each step of a request: one that was given up before is not sent."""
        if event.endswith(_FIRST_STEPS) and self.is_given_up():
            raise _GivenUp

    async def close(self) -> None:
        """Ends those of the present loop, whose connections are about to be closed."""
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            return
        ending = {task for task in list(self._given_up) if task.get_loop() is loop}  # other loops have other threads
        for task in ending:
            task.cancel()
        if ending:
            await asyncio.wait(ending)

    async def _begin(self, work: Callable[[], Awaitable[T]]) -> T:
        if self.is_given_up():  # before its first step: nothing was sent
            raise asyncio.CancelledError
        return await work()

    def _drop(self, task: "asyncio.Task[Any]") -> None:
        self._given_up.discard(task)
        if not task.cancelled():
            task.exception()
