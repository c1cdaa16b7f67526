"""One wait that serves all who came before it began."""

import asyncio
from collections.abc import Awaitable, Callable


class SharedRounds:
    """Runs `make` for those who wait, one run at a time: who comes during a run waits for the next one.

    So what a caller did before `next` is done before the run that it waits for begins.
    """

    def __init__(self, make: Callable[[], Awaitable[object]]) -> None:
        self._make = make
        self._now = asyncio.Lock()
        self._next: asyncio.Task[None] | None = None

    async def next(self) -> None:
        """Returns when a run that began after this call has ended. Raises what `make` raised."""
        if self._next is None:
            self._next = asyncio.get_running_loop().create_task(self._run())
            self._next.add_done_callback(_take_note)
        await asyncio.shield(self._next)  # one who gives up leaves the others their run

    async def _run(self) -> None:
        async with self._now:
            self._next = None
            await self._make()


def _take_note(run: "asyncio.Task[None]") -> None:
    """Nobody may be waiting for it by now; its failure is no news then."""
    if not run.cancelled():
        run.exception()
