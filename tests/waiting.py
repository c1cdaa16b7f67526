"""Waiting: for what this process sees come in, and for what an engine or another process does without a signal."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Self, TypeVar

_T = TypeVar("_T")


class Growing(list[_T]):
    """A list that a test waits for while others append to it."""

    def __init__(self) -> None:
        super().__init__()
        self._grown = asyncio.Event()

    def append(self, one: _T) -> None:
        """As a list's, and whoever waits looks again."""
        super().append(one)
        self._grown.set()

    async def until(self, condition: Callable[[Self], bool], within_s: float = 60) -> None:
        """Returns when `condition` holds for the list; TimeoutError when it does not in time."""
        async with asyncio.timeout(within_s):
            while not condition(self):
                self._grown.clear()
                await self._grown.wait()


async def until(condition: Callable[[], Awaitable[object]], within_s: float = 60) -> None:
    """Returns when `condition` gives something true; TimeoutError when it does not in time."""
    async with asyncio.timeout(within_s):
        while not await condition():  # noqa: ASYNC110 - nobody could set an event for it
            await asyncio.sleep(0.01)


def in_task(callback: Callable[..., Coroutine[None, None, None]]) -> Callable[..., None]:
    """`callback` as a plain function: each call runs it in a task of its own."""
    running: set[asyncio.Task[None]] = set()

    def start(*args: object) -> None:
        task = asyncio.get_running_loop().create_task(callback(*args))
        running.add(task)
        task.add_done_callback(running.discard)

    return start
