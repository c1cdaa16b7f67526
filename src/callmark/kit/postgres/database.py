"""PostgreSQL through asyncpg: one pool per process, and transactions."""

import asyncio
import math
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Iterable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from datetime import timedelta
from time import perf_counter
from typing import TYPE_CHECKING, Any, Literal, LiteralString, Protocol, Self, TypeVar, cast

import asyncpg
import structlog
from msgspec import Struct

from callmark.kit import patience
from callmark.kit.errors import Unavailable
from callmark.kit.postgres.faults import momentary, named_when_lost
from callmark.kit.postgres.known_types import PostgresConnection
from callmark.kit.postgres.places import Places
from callmark.kit.postgres.primary import LOST, Primary
from callmark.kit.postgres.session import POOLED, READ_COMMITTED, begin, server_settings
from callmark.kit.tasks import ends_within
from callmark.kit.telemetry.metrics import histogram

if TYPE_CHECKING:
    PooledConnection = asyncpg.pool.PoolConnectionProxy[asyncpg.Record]

_T = TypeVar("_T")

log = structlog.get_logger(__name__)

AfterCommit = Callable[[], Awaitable[object]]

Row = Any
"""A row of a result: fields by name or position (an asyncpg Record)."""

_POOL_WAIT = histogram(
    "callmark_pool_wait_seconds",
    "How long it took to get a database connection from the pool, or to be refused one.",
    buckets=(0.001, 0.005, 0.025, 0.1, 0.5, 1, 2.5),
)

ACQUIRE_TIMEOUT_S = 2.0
STATEMENT_TIMEOUT_S = 15.0


class Tx(Protocol):
    """What queries take: a connection, inside a transaction or (for single statements) outside one.

    A statement is a `LiteralString`: put together from constants of our code and never from what someone sent, which
    the type checker enforces. That is why these are not asyncpg's own types, which take any text. Names that are only
    known at run time go through `own_names`.
    """

    async def execute(
        self,
        query: LiteralString,
        *args: object,
        timeout: float | None = None,
    ) -> str:
        """Runs a statement; its command tag. `timeout` (seconds) is for one that may take longer than others."""
        ...

    async def fetch(
        self,
        query: LiteralString,
        *args: object,
        timeout: float | None = None,
    ) -> list[Row]:
        """Runs a statement; all rows that it returns. `timeout` as above."""
        ...

    async def fetchrow(self, query: LiteralString, *args: object) -> Row | None:
        """Runs a statement; its first row, or None."""
        ...

    async def fetchval(self, query: LiteralString, *args: object) -> Any:  # noqa: ANN401 - the statement decides
        """Runs a statement; the first column of its first row, or None."""
        ...

    async def copy_records_to_table(
        self, table_name: str, *, records: Iterable[Sequence[object]], columns: Sequence[str]
    ) -> str:
        """Binary COPY of `records` into `columns` of the table."""
        ...

    async def copy_to_table(
        self,
        table_name: str,
        *,
        source: Any,  # noqa: ANN401 - a memoryview, which asyncpg's stubs forget; it takes bytes for the name of a file
        columns: Sequence[str],
        format: Literal["binary"],
    ) -> str:
        """COPY of rows that are encoded already (`kit.postgres.copy_format`)."""
        ...

    async def copy_from_query(
        self,
        query: LiteralString,
        *args: object,
        output: Callable[[bytes], Coroutine[Any, Any, None]],
        format: Literal["csv"],
        delimiter: str | None = None,
        quote: str | None = None,
    ) -> str:
        """Hands the result of a query, written by COPY, to `output` piece by piece."""
        ...


class DatabaseConnection(Tx, Protocol):
    """A connection outside the pool: what `connect` gives, and what gathered statements get."""

    def transaction(self) -> AbstractAsyncContextManager[None]:
        """A transaction: committed at the end of the block, rolled back by an exception."""
        ...

    def cut(self) -> None:
        """Ends the connection without waiting, and what it does in the server."""
        ...


async def fetch_one(tx: Tx, query: LiteralString, *args: object) -> Row:
    """The row of a statement that always has one: an aggregate, an upsert, a row that the migration wrote."""
    row = await tx.fetchrow(query, *args)
    if row is None:
        raise LookupError(f"no row: {query}")
    return row


def affected(tag: str) -> int:
    """How many rows a statement wrote, by its command tag."""
    return int(tag.rsplit(" ", 1)[-1])


def own_names(statement: str) -> LiteralString:
    """The statement as one of ours: the caller guarantees that all names in it are ours (a day's partition)."""
    return cast("LiteralString", statement)


class Transaction:
    """An open transaction: what a use case takes that is part of a larger change.

    What others must learn of the change (a wake-up, an announcement) waits for the commit in `after_commit`; a
    rolled back transaction announces nothing.
    """

    def __init__(self, connection: Tx) -> None:
        self._after: list[AfterCommit] = []
        self.execute = connection.execute
        self.fetch = connection.fetch
        self.fetchrow = connection.fetchrow
        self.fetchval = connection.fetchval
        self.copy_records_to_table = connection.copy_records_to_table
        self.copy_to_table = connection.copy_to_table
        self.copy_from_query = connection.copy_from_query

    def after_commit(self, announce: AfterCommit) -> None:
        """Runs `announce` once the transaction is committed, in the order of the calls.

        By then the work is done, so its faults are logged and not raised: it must not be the only way to learn a fact.
        """
        self._after.append(announce)

    async def committed(self) -> None:
        """Makes the announcements. For `Database`, which commits."""
        for announce in self._after:
            try:
                await announce()
            except Exception:
                log.exception("announcement_failed")


class PoolState(Struct, frozen=True):
    """The connections of a pool, and how many callers wait for one."""

    most: int
    in_use: int
    idle: int
    waiting: int


class Database:
    """A pool of connections. Every way in raises `Unavailable` when PostgreSQL cannot be reached."""

    def __init__(
        self,
        pool: "asyncpg.Pool[asyncpg.Record]",
        primary: Primary,
        places: Places,
        connected_within_s: float,
    ) -> None:
        self._pool = pool
        self._primary = primary
        self._places = places
        self._connected_within_s = connected_within_s
        self._waiting = 0

    @classmethod
    async def open(
        cls,
        dsn: str,
        *,
        size: int,
        name: str = "callmark",
        primary: Primary | None = None,
        connected_within_s: float = ACQUIRE_TIMEOUT_S,
    ) -> Self:
        """A pool of at most `size` connections, made as they are needed (the engine may be away at this moment).

        `primary` is what the process's other connections share with them. Who gets none in time is refused.
        """
        primary = primary or Primary(dsn)
        places = primary.places(size)

        async def connect(dsn: str | None = None, **options: Any) -> PostgresConnection:
            made = await primary.connect(dsn, **options)
            made.places = places
            await begin(made, POOLED)
            return made

        with named_when_lost():
            pool = await asyncpg.create_pool(
                dsn,
                min_size=0,
                max_size=size,
                command_timeout=STATEMENT_TIMEOUT_S,
                timeout=max(5.0, connected_within_s),
                connect=connect,
                connection_class=PostgresConnection,
                reset=_keep_session,
                server_settings=server_settings(name),
            )
        return cls(pool, primary, places, connected_within_s)

    @asynccontextmanager
    async def connection(self) -> AsyncGenerator[Tx]:
        """A connection for single statements, each its own transaction."""
        async with self._held() as held, _cut_when_useless(held):
            yield held

    @asynccontextmanager
    async def transaction(self) -> AsyncGenerator[Transaction]:
        """A transaction: committed at the end of the block, rolled back by an exception."""
        async with self._held() as held:
            tx = Transaction(held)
            async with held.transaction(), _cut_when_useless(held):
                yield tx
        await tx.committed()

    async def in_transaction(self, work: Callable[[Transaction], Awaitable[_T]], *, tries: int = 2) -> _T:
        """What `work` gives, in a transaction; begun up to `tries` times where that helps (`momentary`)."""
        while True:
            tries -= 1
            try:
                async with self.transaction() as tx:
                    return await work(tx)
            except Unavailable as exc:
                if tries < 1 or not momentary(exc.__cause__):
                    raise

    def pool_state(self) -> PoolState:
        """How many connections are open, busy, idle and waited for, as of now; one that is being ended is busy."""
        idle = self._pool.get_idle_size()
        in_use = self._pool.get_size() - idle + self._places.ending
        return PoolState(self._pool.get_max_size(), in_use, idle, self._waiting)

    async def close(self) -> None:
        """Closes the connections; those still busy after two seconds are cut."""
        self._places.close()
        try:
            is_over = await ends_within(self._pool.close(), 2)
        except LOST:  # one was lost meanwhile, and asyncpg has cut the others
            return
        if not is_over:
            self._pool.terminate()

    @asynccontextmanager
    async def _held(self) -> AsyncGenerator["PooledConnection"]:
        """A connection from the pool, cut when the caller's patience ends."""
        late = False

        def cut(connection: "PooledConnection") -> None:
            nonlocal late
            late = True
            _cut(connection)

        try:
            with named_when_lost(), patience.waiting() as left_s:
                loop = asyncio.get_running_loop()
                ends_at = loop.time() + left_s
                held = await self._acquire(min(self._connected_within_s, left_s))
                timer = None if math.isinf(ends_at) else loop.call_at(ends_at, cut, held)
                try:
                    yield held
                finally:
                    if timer:
                        timer.cancel()
                    await self._release(held)
        except Unavailable as exc:
            self._primary.failed(exc.__cause__)
            if late:
                raise Unavailable("postgresql: no answer in time") from exc
            raise

    async def _acquire(self, within_s: float) -> "PooledConnection":
        began = perf_counter()
        self._waiting += 1
        try:
            await self._places.take(within_s)
            try:
                return await self._pool.acquire(timeout=max(0, within_s - (perf_counter() - began)))
            except BaseException:
                self._places.give_back()
                raise
        finally:
            self._waiting -= 1
            _POOL_WAIT.observe(perf_counter() - began)

    async def _release(self, held: "PooledConnection") -> None:
        try:
            await self._pool.release(held)
        finally:
            self._places.give_back()


@asynccontextmanager
async def connect(dsn: str, *, within: timedelta = timedelta(seconds=10)) -> AsyncGenerator[DatabaseConnection]:
    """One connection outside any pool, for migrations, engines and checks. Raises `Unavailable` as the pool does."""
    with named_when_lost():
        held = await Primary(dsn).connect(timeout=within.total_seconds())
        try:
            await held.execute(READ_COMMITTED, timeout=within.total_seconds())
            yield held
        finally:
            with suppress(TimeoutError):  # it is cut by then, and what was done with it is done
                await held.close(timeout=2)


async def dsn_of_primary(dsn: str) -> str:
    """The DSN with the server that takes writes as its only host. Raises as `connect`."""
    with named_when_lost():
        return await Primary(dsn).dsn_of_server()


@asynccontextmanager
async def _cut_when_useless(held: "PooledConnection | DatabaseConnection") -> AsyncGenerator[None]:
    """Cuts a connection that would not even roll back.

    A statement had no answer in time; or the server said that it ends the connection, which puts asyncpg out of step
    until the end arrives.
    """
    try:
        yield
    except (TimeoutError, asyncpg.InternalClientError):
        _cut(held)
        raise


def _cut(held: "PooledConnection | DatabaseConnection") -> None:
    connection: Any = held  # the pool's stands for one of ours
    connection.cut()


@asynccontextmanager
async def transaction_on(connection: DatabaseConnection) -> AsyncGenerator[None]:
    """A transaction of statements that are gathered (`StatementBatcher`); an exception rolls back or cuts."""
    async with connection.transaction(), _cut_when_useless(connection):
        yield


async def _keep_session(_: object) -> None:
    """Uses never change session state, so a connection goes back without the usual reset's round trip."""
