"""Runs a command's coroutine so that SIGTERM, Ctrl-C and a closed terminal end it in an orderly way."""

import asyncio
import signal
from collections.abc import Coroutine
from typing import Any, TypeVar

_T = TypeVar("_T")

_STOPS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1)
"""The last two are what log rotation sends to programs that write files; else they would end it at once."""


def run_until_stopped(main: Coroutine[Any, Any, _T]) -> _T | None:
    """What `main` gives; None if it was stopped: the first of `_STOPS` cancels it, so that its blocks clean up.

    SIGHUP stays ignored if it was at the start: `nohup` does that. A shell without job control does it with SIGINT for
    what it starts with `&`, which is to end nevertheless. Further ones are ignored: cleaning up is bounded, and cutting
    it short would leave processes behind.
    """
    return asyncio.run(_guarded(main))


async def _guarded(main: Coroutine[Any, Any, _T]) -> _T | None:
    loop = asyncio.get_running_loop()
    task = asyncio.create_task(main)
    stopped = asyncio.Event()

    def stop() -> None:
        if not stopped.is_set():
            stopped.set()
            task.cancel()

    for number in _STOPS:
        if number != signal.SIGHUP or signal.getsignal(number) is not signal.SIG_IGN:
            loop.add_signal_handler(number, stop)
    try:
        return await task
    except asyncio.CancelledError:
        if not stopped.is_set():
            raise
        return None
