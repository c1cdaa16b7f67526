"""Connections for statements that come by the thousand (`kit.postgres.statement_batcher`): kept open, taken at once.

asyncpg's pool makes a task, a proxy and three timers each time one is taken and given back: 40 µs, where a short
statement takes 10 (docs/performance.md). Single statements need none of its other services.
"""

import asyncio
from contextlib import AbstractAsyncContextManager, suppress
from types import TracebackType

import asyncpg

from callmark.kit.errors import AppError, Unavailable
from callmark.kit.postgres.database import (
    ACQUIRE_TIMEOUT_S,
    STATEMENT_TIMEOUT_S,
    DatabaseConnection,
)
from callmark.kit.postgres.faults import name_when_lost
from callmark.kit.postgres.known_types import PostgresConnection
from callmark.kit.postgres.primary import LOST, Primary
from callmark.kit.postgres.session import KEPT, begin, server_settings
from callmark.kit.tasks import ends_within

TRUSTED_S = 300.0
"""How long a connection may rest: something on the way may have dropped one that rested longer, without a word."""

CLOSED_WITHIN_S = 2.0
"""How long a process that ends waits for statements under way."""

_USELESS_AFTER = (TimeoutError, asyncio.CancelledError, asyncpg.InterfaceError, asyncpg.InternalClientError)
"""After these a statement may be running still, or asyncpg is out of step with the server."""


class KeptConnections:
    """At most `size` connections, made as they are needed, each for one statement after the other.

    They keep plans: a statement is planned once for each connection and not for the values of each run. For statements
    whose plan does not depend on them; over partitions, planning costs more than running. They never read a table from
    end to end where an index leads to the rows: a plan that is made while a table is small, or its statistics are of
    another hour, would keep doing so when it is large.
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
        self._settings = server_settings(name)
        self._size = size
        self._places = self._primary.places(size)
        self._resting: list[tuple[PostgresConnection, float]] = []
        self._busy: set[PostgresConnection] = set()
        self._closing = False

    def connection(self) -> AbstractAsyncContextManager[DatabaseConnection]:
        """A connection for single statements. Raises Unavailable when PostgreSQL cannot be reached."""
        self._check_open()
        return _Held(self)

    def _check_open(self) -> None:
        if self._closing:
            raise Unavailable("postgresql: this process is ending")

    async def take(self) -> PostgresConnection:
        """One that rests, or a new one, once fewer than `size` are in use. Raises what asyncpg raises."""
        await self._places.take(self._connected_within_s, however_busy=True)
        try:
            self._check_open()
            held = self._rested() or await self._connect()
            if self._closing:
                held.terminate()
            self._check_open()
        except BaseException:
            self._places.give_back()
            raise
        self._busy.add(held)
        return held

    def give_back(self, held: PostgresConnection) -> None:
        """It rests until it is taken again."""
        self._busy.discard(held)
        self._resting.append((held, asyncio.get_running_loop().time()))
        self._places.give_back()

    def named(self, exc: BaseException) -> AppError | None:
        """The error in our words, if it is one of a lost engine: then the next connection may go to another server."""
        named = name_when_lost(exc)
        if isinstance(named, Unavailable):
            self._primary.failed(exc)
        elif isinstance(exc, Unavailable):
            self._primary.failed(exc.__cause__)
        return named

    async def close(self) -> None:
        """Closes the connections; those still busy after `CLOSED_WITHIN_S` are cut."""
        self._closing = True
        self._places.close()
        if not await ends_within(self._close_resting(), CLOSED_WITHIN_S):
            for held in (*self._busy, *(held for held, _ in self._resting)):
                held.terminate()

    async def _close_resting(self) -> None:
        for _ in range(self._size):
            await self._places.take(CLOSED_WITHIN_S, however_busy=True)
        for held, _ in self._resting:
            with suppress(*LOST):
                await held.close()

    def _rested(self) -> PostgresConnection | None:
        """The connection that was used last; None when none can be trusted."""
        while self._resting:
            held, since = self._resting.pop()
            if not held.is_closed() and asyncio.get_running_loop().time() - since < TRUSTED_S:
                return held
            held.terminate()
        return None

    async def _connect(self) -> PostgresConnection:
        made = await self._primary.connect(
            timeout=self._connected_within_s,
            command_timeout=STATEMENT_TIMEOUT_S,
            server_settings=self._settings,
        )
        made.places = self._places
        await begin(made, KEPT, self._connected_within_s)
        return made


class _Held:
    """A connection within a block. A class, because every statement enters it: generators take 8 µs longer."""

    __slots__ = ("_connections", "_held")

    def __init__(self, connections: KeptConnections) -> None:
        self._connections = connections
        self._held: PostgresConnection

    async def __aenter__(self) -> DatabaseConnection:
        try:
            self._held = await self._connections.take()
        except Exception as exc:
            if (named := self._connections.named(exc)) is None:
                raise
            raise named from exc
        return self._held

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if isinstance(exc, _USELESS_AFTER):
                self._held.cut()
        finally:
            self._connections.give_back(self._held)
        if exc is not None and (named := self._connections.named(exc)):
            raise named from exc
