"""What a handset does beside reading its stream."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterable

from websockets.exceptions import ConnectionClosed

from callmark.kit.errors import AppError

Job = Callable[[], Awaitable[None]]


class StreamJobs:
    """Jobs that run until they are done or the stream ends."""

    __slots__ = ("_tasks",)

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    def run(self, job: Job, *, after: Job | None = None) -> None:
        """Starts one, `after` another."""
        task = asyncio.create_task(_quietly([after, job] if after else [job]))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def end(self) -> None:
        """Ends all of them."""
        for task in self._tasks:
            task.cancel()


async def _quietly(jobs: Iterable[Job]) -> None:
    """A stream that ends under a job is the reader's to notice."""
    with contextlib.suppress(ConnectionClosed, AppError):
        for job in jobs:
            await job()
