"""Waiting for what happens in an engine or another process, which sends a test no signal."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine


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
