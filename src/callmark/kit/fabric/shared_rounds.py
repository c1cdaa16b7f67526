"""Runs of one piece of work, each shared by all callers that asked for it before it began."""

import asyncio
from collections.abc import Awaitable, Callable

from callmark.kit.tasks import failure_of


class SharedRounds:
    """Runs `make` for its callers, one run at a time. A call during a run waits for the run after it.

    So the run that a caller waits for begins after everything that the caller did before `next`.
    """

    def __init__(self, make: Callable[[], Awaitable[object]]) -> None:
        self._make = make
        self._now = asyncio.Lock()
        self._next: asyncio.Task[None] | None = None

    async def next(self) -> None:
        """Returns when a run that began after this call has ended. Raises what `make` raised."""
        if self._next is None:
            self._next = asyncio.get_running_loop().create_task(self._run())
            self._next.add_done_callback(failure_of)  # perhaps nobody waits for it by then
        await asyncio.shield(self._next)  # one who gives up leaves the others their run

    async def _run(self) -> None:
        async with self._now:
            self._next = None
            await self._make()
