"""Waiting for what happens in an engine or another process, which sends a test no signal."""

import asyncio
from collections.abc import Awaitable, Callable


async def until(condition: Callable[[], Awaitable[object]], within_s: float = 5) -> None:
    """Returns when `condition` gives something true; TimeoutError when it does not in time."""
    async with asyncio.timeout(within_s):
        while not await condition():  # noqa: ASYNC110 - nobody could set an event for it
            await asyncio.sleep(0.01)
