"""Where requests wait (`surfaces.api.waiting`): a number of places, and each client's line, by which it may leave."""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import asynccontextmanager, contextmanager
from datetime import datetime, timedelta

from starlette.types import Receive, Scope

from callmark.domain.ids import AccountId
from callmark.kit.errors import TooManyRequests, Unavailable
from callmark.kit.tasks import end
from callmark.surfaces.http import connection_of

MOST_OF_ACCOUNT, MOST = 20, 500
"""Requests that wait in one process at once: of one account, and of all."""

AGAIN_AFTER = timedelta(seconds=1)


class WaitingRoom:
    """The places for requests that wait in one process."""

    def __init__(self) -> None:
        self._taken: Counter[AccountId] = Counter()

    @contextmanager
    def place(self, account_id: AccountId) -> Generator[None]:
        """A place within the block. Raises TooManyRequests or Unavailable when there is none."""
        if self._taken[account_id] >= MOST_OF_ACCOUNT:
            raise TooManyRequests(AGAIN_AFTER)
        if self._taken.total() >= MOST:
            raise Unavailable("api: too many requests are waiting")
        self._taken[account_id] += 1
        try:
            yield
        finally:
            self._taken[account_id] -= 1
            self._taken += Counter()  # drops accounts of which none waits


class ClientLine:
    """The connection of a client that waits: whether the client has left it, or the server is about to."""

    def __init__(self, scope: Scope, receive: Receive, room: WaitingRoom) -> None:
        self.room = room
        self._connection = connection_of(scope)
        self._receive = receive
        self.is_left = False
        self.waits_since: datetime | None = None
        """When the request began to wait; None for one that was answered at once."""

    @property
    def is_closing(self) -> bool:
        """Whether the server stops, or the client had closed its side before the wait began."""
        return any(map(self._connection.get, ("is_stopping", "is_half_closed")))

    @asynccontextmanager
    async def watched(self, wake: Callable[[], None]) -> AsyncGenerator[None]:
        """Within the block `wake` is called when the client leaves or the server stops."""
        self._connection.update(on_shutdown=wake, is_watched=True)
        watch = asyncio.create_task(self._watch(wake))
        try:
            yield
        finally:
            self._connection["is_watched"] = False
            await end([watch])

    async def _watch(self, wake: Callable[[], None]) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self.is_left = True
        wake()
