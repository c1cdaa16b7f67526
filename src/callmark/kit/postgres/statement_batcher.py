"""Gathers concurrent small statements into few (group commit at the application, and the same for look-ups).

A statement that takes many items is named by its function. Callers hand in their items and wait; while one gathered
statement runs, the next callers' items collect, so under load the number of round trips and commits follows the engine
and the disk, not the requests, and a lone caller does not wait.

They run on separate connections (`kit/postgres/kept_connections.py`) that keep plans: each is looked up by keys, so
that no other plan could be better, and planning over partitions was measured to cost twice as much as running
(docs/performance.md).
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from typing import Any, TypeVar

import structlog

from callmark.kit import patience
from callmark.kit.clock import Clock
from callmark.kit.errors import Unavailable
from callmark.kit.postgres.database import DatabaseConnection
from callmark.kit.postgres.faults import momentary
from callmark.kit.postgres.kept_connections import KeptConnections
from callmark.kit.telemetry.metrics import GATHERED_ITEMS

log = structlog.get_logger(__name__)

Item = TypeVar("Item")
Result = TypeVar("Result")
Statement = Callable[[DatabaseConnection, Sequence[Item]], Awaitable[Sequence[Result] | None]]
"""Does all items in one SQL statement, of all callers; gives a result for each, in order, or None at all.

It gets a connection outside a transaction, and opens one where one statement is not enough.
"""

_Waiting = list[tuple[Sequence[Any], int, asyncio.Future[Sequence[Any]]]]
"""Callers' items, how much they weigh, and where their results go."""

GATHER_CONNECTIONS = 8
"""Of a process. There are more gathered statements than that; one that finds all of them busy waits a moment."""

MOST_WEIGHT = 4000
"""Of the items in one gathered statement: enough to amortise a commit, few enough to keep its latency small."""


class _Line:
    """Those waiting for one statement, in order of arrival."""

    def __init__(self, statement: Statement[Any, Any]) -> None:
        self.statement = statement
        self.waiting: _Waiting = []
        self.is_running = False
        self.items = GATHERED_ITEMS.labels(statement.__name__)


class StatementBatcher:
    """Runs statements over gathered items, of each statement one run at a time."""

    def __init__(self, connections: KeptConnections) -> None:
        self._connections = connections
        self._lines: dict[Statement[Any, Any], _Line] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def __call__(
        self, statement: Statement[Item, Result], items: Sequence[Item], *, weight: int | None = None
    ) -> Sequence[Result]:
        """The results of `items` once they are committed; raises what the statement raised.

        Empty for a statement that gives none. They weigh one each, if nothing else is said: the rows that an item reads
        or writes where these are many. Raises `Unavailable` without PostgreSQL.
        """
        line = self._lines.get(statement) or self._lines.setdefault(statement, _Line(statement))
        loop = asyncio.get_running_loop()
        done: asyncio.Future[Sequence[Any]] = loop.create_future()
        line.waiting.append((items, len(items) if weight is None else weight, done))
        if not line.is_running:
            line.is_running = True
            task = loop.create_task(self._drain(line))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        try:
            return await patience.wait_for(done)  # afterwards items that no statement has begun with are dropped
        except TimeoutError as exc:
            raise Unavailable("postgresql: no answer in time") from exc

    async def until_done(
        self,
        statement: Statement[Item, Result],
        items: Callable[[], Sequence[Item]],
        *,
        real_clock: Clock,
        again_after: timedelta,
        late: str,
    ) -> Sequence[Result]:
        """As a call, however long PostgreSQL is away, for what no one would ask again; `late` goes to the log once.

        `items` makes them for each try.
        """
        is_late = False
        with patience.endless():  # it outlives whatever request it came in with
            while True:
                try:
                    return await self(statement, items())
                except Unavailable as exc:
                    if not is_late:
                        log.warning(late, error=exc.detail)
                    is_late = True
                    await real_clock.sleep(again_after)

    async def _drain(self, line: _Line) -> None:
        try:
            with patience.endless():  # the first caller's would bind all others
                while taken := _take(line):
                    await self._commit(line, taken)
        finally:
            line.is_running = False

    async def _commit(self, line: _Line, taken: _Waiting, *, again: bool = False) -> None:
        try:
            async with self._connections.connection() as tx:
                results = await line.statement(tx, [item for items, _, _ in taken for item in items])
        except Exception as exc:  # noqa: BLE001 - whatever it is belongs to the callers
            if momentary(exc.__cause__) and not again:
                if left := _wanted(taken):
                    await self._commit(line, left, again=True)
            elif len(taken) == 1 or isinstance(exc, Unavailable):
                _fail(taken, exc)
            else:  # one caller's item may have spoilt it for all: each on its own
                for one in taken:
                    if left := _wanted([one]):
                        await self._commit(line, left)
        else:
            line.items.observe(sum(len(items) for items, _, _ in taken))
            _resolve(taken, results or ())


def _wanted(waiting: _Waiting) -> _Waiting:
    """Without those whose callers have given up."""
    return [one for one in waiting if not one[2].done()]


def _take(line: _Line) -> _Waiting:
    line.waiting = _wanted(line.waiting)
    count = size = 0
    for _, weight, _ in line.waiting:
        if count and size + weight > MOST_WEIGHT:
            break
        count, size = count + 1, size + weight
    taken, line.waiting = line.waiting[:count], line.waiting[count:]
    return taken


def _resolve(taken: _Waiting, results: Sequence[Any]) -> None:
    at = 0
    for items, _, done in taken:
        if not done.done():  # else its caller was cancelled; the items are done anyway
            done.set_result(results[at : at + len(items)])
        at += len(items)


def _fail(taken: _Waiting, failure: Exception) -> None:
    for _, _, done in taken:
        if not done.done():
            done.set_exception(failure)
