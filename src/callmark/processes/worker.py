"""Runs a process's background work beside its admin port."""

import asyncio
from collections.abc import Coroutine
from typing import Any

from callmark.kit.tasks import end


async def run_beside(stop: asyncio.Event, work: Coroutine[Any, Any, None]) -> None:
    """Runs `work` until `stop` is set, then cancels it. Raises what it raises; RuntimeError when it ends on its own."""
    working = asyncio.create_task(work)
    stopping = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait({working, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if not stop.is_set():
            await working
            raise RuntimeError("the background work ended unexpectedly")
    finally:
        await end([stopping, working])
