"""Runs a command's coroutine so that SIGTERM and Ctrl-C end it in an orderly way."""

import asyncio
import signal
from collections.abc import Coroutine
from typing import Any


def run_until_stopped(main: Coroutine[Any, Any, None]) -> None:
    """Runs `main`; the first SIGTERM or SIGINT cancels it, so that its blocks clean up, and counts as a clean end.

    Further signals are ignored: cleaning up is bounded, and cutting it short would leave processes behind.
    """
    asyncio.run(_guarded(main))


async def _guarded(main: Coroutine[Any, Any, None]) -> None:
    loop = asyncio.get_running_loop()
    task = asyncio.create_task(main)
    stopped = asyncio.Event()

    def stop() -> None:
        if not stopped.is_set():
            stopped.set()
            task.cancel()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    try:
        await task
    except asyncio.CancelledError:
        if not stopped.is_set():
            raise
