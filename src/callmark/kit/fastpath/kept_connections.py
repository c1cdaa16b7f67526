"""Connections for statements that come by the thousand (`kit.statement_batcher`): kept open, taken for nothing.

asyncpg's pool makes a task, a proxy and three timers each time one is taken and given back: 40 µs, where a short
statement takes 10 (docs/performance.md). Single statements need none of its other services.
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import asyncpg

from callmark.kit.db import ACQUIRE_TIMEOUT_S, STATEMENT_TIMEOUT_S, DatabaseConnection, named_when_lost, server_settings
from callmark.kit.errors import Unavailable
from callmark.kit.primary import Primary

TRUSTED_S = 300.0
"""How long a connection may rest: something on the way may have dropped one that rested longer, without a word."""

if TYPE_CHECKING:
    BareConnection = asyncpg.Connection[asyncpg.Record]


class KeptConnections:
    """At most `size` connections, made as they are needed, each for one statement after the other.

    They keep plans: a statement is planned once for each connection and not for the values of each run. For statements
    whose plan does not depend on them; over partitions, planning costs more than running. They never read a table from
    end to end where an index leads to the rows: a plan that is made while a table is small, or its statistics are of
    another hour, would go on to do so when it is large.
    """

    def __init__(
        self,
        dsn: str,
        *,
        size: int,
        name: str,
        primary: Primary | None = None,
        connected_within_s: float = ACQUIRE_TIMEOUT_S,
    ) -> None:
        self._primary = primary or Primary(dsn)
        self._connected_within_s = connected_within_s
        self._settings = server_settings(name) | {"plan_cache_mode": "force_generic_plan", "enable_seqscan": "off"}
        self._size = size
        self._slots = asyncio.Semaphore(size)
        self._resting: list[tuple[BareConnection, float]] = []
        self._busy: set[BareConnection] = set()
        self._closing = False

    @asynccontextmanager
    async def connection(self) -> AsyncGenerator[DatabaseConnection]:
        """A connection for single statements. Raises Unavailable when PostgreSQL cannot be reached."""
        if self._closing:
            raise Unavailable("postgresql: this process is ending")
        async with self._slots:
            try:
                with named_when_lost():
                    async with self._held() as held:
                        yield held
            except Unavailable as exc:
                self._primary.failed(exc.__cause__)
                raise

    @asynccontextmanager
    async def _held(self) -> AsyncGenerator["BareConnection"]:
        held = self._rested() or await self._connect()
        self._busy.add(held)
        try:
            yield held
        except (TimeoutError, asyncio.CancelledError):  # its statement may be running still
            held.terminate()
            raise
        finally:
            self._busy.discard(held)
            self._resting.append((held, asyncio.get_running_loop().time()))

    async def close(self) -> None:
        """Closes the connections; those still busy after two seconds are cut."""
        self._closing = True
        try:
            async with asyncio.timeout(2):
                for _ in range(self._size):
                    await self._slots.acquire()
                for held, _ in self._resting:
                    await held.close()
        except TimeoutError:
            for held in (*self._busy, *(held for held, _ in self._resting)):
                held.terminate()

    def _rested(self) -> "BareConnection | None":
        """The connection that was used last; None when none can be trusted."""
        while self._resting:
            held, since = self._resting.pop()
            if not held.is_closed() and asyncio.get_running_loop().time() - since < TRUSTED_S:
                return held
            held.terminate()
        return None

    async def _connect(self) -> "BareConnection":
        return await self._primary.connect(
            timeout=self._connected_within_s,
            command_timeout=STATEMENT_TIMEOUT_S,
            server_settings=self._settings,
        )
