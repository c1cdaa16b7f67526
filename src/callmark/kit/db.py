"""PostgreSQL through asyncpg: one pool per process, transactions, and the place where a lost engine gets its name."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Iterable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from datetime import timedelta
from typing import Any, Protocol, cast

import asyncpg

from callmark.kit.errors import Unavailable

Row = Any
"""A row of a result: fields by name or position (an asyncpg Record)."""

ACQUIRE_TIMEOUT_S = 2.0
STATEMENT_TIMEOUT_S = 15.0

_untyped: Any = asyncpg  # it ships without types; what we take from it is typed here

_LOST = (
    OSError,  # a time-out is one too
    asyncpg.PostgresConnectionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.OperatorInterventionError,
    asyncpg.ReadOnlySQLTransactionError,
    asyncpg.LockNotAvailableError,  # not within the `lock_timeout` that the transaction set itself
    asyncpg.InternalClientError,  # an engine that crashed spoke out of turn; the connection is of no more use
)
"""What asyncpg raises when the engine is away, going down, crashed, not yet up, full, demoted or too busy."""


class Tx(Protocol):
    """A connection inside (or, for single statements, outside) a transaction."""

    async def execute(self, query: str, *args: object) -> str:
        """Runs a statement; its command tag."""
        ...

    async def fetch(self, query: str, *args: object) -> list[Row]:
        """All rows."""
        ...

    async def fetchrow(self, query: str, *args: object) -> Row | None:
        """The first row, or None."""
        ...

    async def fetchval(self, query: str, *args: object) -> Any:  # noqa: ANN401 - the statement decides
        """The first column of the first row, or None."""
        ...

    async def copy_records_to_table(
        self, table_name: str, *, records: Iterable[Sequence[object]], columns: Sequence[str]
    ) -> str:
        """Binary COPY of `records` into `columns` of the table."""
        ...

    async def copy_from_query(
        self,
        query: str,
        *args: object,
        output: Callable[[bytes], Awaitable[None]],
        format: str,  # noqa: A002 - asyncpg's own parameter
        delimiter: str | None = None,
        quote: str | None = None,
    ) -> str:
        """Hands the result of a query, written by COPY, to `output` piece by piece."""
        ...


class Connection(Tx, Protocol):
    """A connection of its own, see `connect`."""

    def transaction(self) -> AbstractAsyncContextManager[None]:
        """A transaction: committed at the end of the block, rolled back by an exception."""
        ...

    async def close(self, *, timeout: float | None = None) -> None:  # noqa: ASYNC109 - asyncpg's own parameter
        """Closes it."""
        ...


class Database:
    """A pool of connections. Every way in raises `Unavailable` when PostgreSQL cannot be reached."""

    def __init__(self, pool: Any) -> None:  # noqa: ANN401 - asyncpg has no types
        self._pool = pool

    @classmethod
    async def open(cls, dsn: str, *, size: int, name: str = "callmark", keeps_plans: bool = False) -> "Database":
        """A pool of at most `size` connections, made as they are needed (the engine may be away at this moment).

        With `keeps_plans` a statement is planned once for each connection and not for the values of each run: for
        statements whose plan does not depend on them. Over partitions, planning costs more than running.
        """
        plans = {"plan_cache_mode": "force_generic_plan"} if keeps_plans else {}
        pool = await _untyped.create_pool(
            dsn,
            min_size=0,
            max_size=size,
            command_timeout=STATEMENT_TIMEOUT_S,
            timeout=5.0,
            reset=_keep_session,
            server_settings={"application_name": name, "timezone": "UTC", "jit": "off", **plans},
        )
        return cls(pool)

    @asynccontextmanager
    async def connection(self) -> AsyncGenerator[Tx]:
        """A connection for single statements, each its own transaction."""
        with _named_when_lost():
            async with self._pool.acquire(timeout=ACQUIRE_TIMEOUT_S) as held:
                yield cast("Tx", held)

    @asynccontextmanager
    async def transaction(self) -> AsyncGenerator[Tx]:
        """A transaction: committed at the end of the block, rolled back by an exception."""
        with _named_when_lost():
            async with self._pool.acquire(timeout=ACQUIRE_TIMEOUT_S) as held, held.transaction():
                yield cast("Tx", held)

    async def close(self) -> None:
        """Closes the connections; those still busy after two seconds are cut."""
        try:
            await asyncio.wait_for(self._pool.close(), 2)
        except TimeoutError:
            self._pool.terminate()


class Joined(Database):
    """A database whose every use is part of one transaction: what several use cases do is committed together."""

    def __init__(self, tx: Tx) -> None:
        super().__init__(None)
        self._tx = cast("Connection", tx)

    @asynccontextmanager
    async def connection(self) -> AsyncGenerator[Tx]:
        """The transaction's connection."""
        yield self._tx

    @asynccontextmanager
    async def transaction(self) -> AsyncGenerator[Tx]:
        """A savepoint of the transaction: an exception rolls back what was done since."""
        async with self._tx.transaction():
            yield self._tx

    async def close(self) -> None:
        """Nothing of its own to close."""


@asynccontextmanager
async def connect(dsn: str, *, within: timedelta = timedelta(seconds=10)) -> AsyncGenerator[Connection]:
    """One connection outside any pool, for migrations, engines and checks. Raises `Unavailable` as the pool does."""
    with _named_when_lost():
        held: Connection = await _untyped.connect(dsn, timeout=within.total_seconds())
        try:
            yield held
        finally:
            await held.close(timeout=2)


@contextmanager
def _named_when_lost() -> Generator[None]:
    """Turns what a lost engine raises into `Unavailable`.

    asyncpg's InterfaceError is both: a connection that closed under us, and our own misuse, which stays a bug.
    """
    try:
        yield
    except asyncpg.InterfaceError as exc:
        if "clos" not in str(
            exc
        ):  # "connection is closed", "connection was closed in the middle of …", "pool is closing"
            raise
        raise Unavailable(f"postgresql: {exc}") from exc
    except _LOST as exc:
        raise Unavailable(f"postgresql: {exc or type(exc).__name__}") from exc


async def _keep_session(_: object) -> None:
    """We never change session state, so a connection goes back without the usual reset's round trip."""
