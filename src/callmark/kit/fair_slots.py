"""Slots of one process that owners share fairly: the owner that holds the fewest is served first."""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from uuid import UUID


class FairSlots:
    """At most `most` at once. A free place goes to the owner that holds fewest, then to the one that came first."""

    def __init__(self, most: int) -> None:
        self._free = most
        self._held: Counter[UUID] = Counter()
        self._waiting: list[tuple[UUID, asyncio.Future[None]]] = []

    @asynccontextmanager
    async def place(self, owner: UUID) -> AsyncGenerator[None]:
        """A place for the time of the block, waited for."""
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((owner, turn))
        self._serve()
        try:
            await turn
        except asyncio.CancelledError:
            self._waiting = [one for one in self._waiting if one[1] is not turn]
            if turn.done() and not turn.cancelled():  # it was given at the same moment
                self._give_back(owner)
            raise
        try:
            yield
        finally:
            self._give_back(owner)

    def _give_back(self, owner: UUID) -> None:
        self._held[owner] -= 1
        if not self._held[owner]:
            del self._held[owner]
        self._free += 1
        self._serve()

    def _serve(self) -> None:
        while self._free and self._waiting:
            chosen = min(self._waiting, key=lambda one: self._held[one[0]])
            self._waiting.remove(chosen)
            owner, turn = chosen
            if not turn.done():
                self._free -= 1
                self._held[owner] += 1
                turn.set_result(None)
