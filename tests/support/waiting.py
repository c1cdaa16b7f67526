"""Waiting: for what this process sees come in, and for what an engine or another process does without a signal."""

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any, LiteralString, Self, TypeVar

from callmark.kit.errors import Unavailable
from callmark.kit.fabric.client import Fabric
from callmark.kit.postgres.database import Database
from callmark.kit.tasks import end

_T = TypeVar("_T")

FIRST_PAUSE_S, LONGEST_PAUSE_S, GROWS = 0.01, 0.2, 1.2
"""A look may cost two processes milliseconds: who waits for seconds looks less and less often."""
_LOCKED = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"


class Growing(list[_T]):
    """A list that a test waits for while others append to it."""

    def __init__(self) -> None:
        super().__init__()
        self._grown = asyncio.Event()

    def append(self, one: _T) -> None:
        """As a list's, and whoever waits looks again."""
        super().append(one)
        self._grown.set()

    async def until(self, condition: Callable[[Self], bool], within_s: float = 60) -> None:
        """Returns when `condition` holds for the list; TimeoutError when it does not in time."""
        async with asyncio.timeout(within_s):
            while not condition(self):
                self._grown.clear()
                await self._grown.wait()


async def until(condition: Callable[[], Awaitable[object]], within_s: float = 60) -> None:
    """Returns when `condition` gives something true; TimeoutError when it does not in time."""
    pause_s = FIRST_PAUSE_S
    async with asyncio.timeout(within_s):
        while not await condition():
            await asyncio.sleep(pause_s)
            pause_s = min(pause_s * GROWS, LONGEST_PAUSE_S)


async def until_connected(fabric: Fabric) -> None:
    """Returns when it is connected: to open it takes two seconds at most, and goes on without a connection then."""

    async def is_connected() -> bool:
        return fabric.connected

    await until(is_connected)


async def open_connected(*fabrics: Fabric) -> None:
    """Opens them, and waits until they are connected."""
    await asyncio.gather(*(fabric.open() for fabric in fabrics))
    await asyncio.gather(*map(until_connected, fabrics))


async def until_locked(db: Database, count: int) -> None:
    """Returns when so many statements, or more, wait for a lock."""

    async def are_waiting() -> bool:
        async with db.connection() as tx:
            return await tx.fetchval(_LOCKED) >= count

    await until(are_waiting)


async def begin_in_turn(db: Database, *works: Coroutine[Any, Any, object]) -> list[asyncio.Task[object]]:
    """They are all begun, and wait for a lock, the first one for longest. When one does not, all of them are over."""
    begun: list[asyncio.Task[object]] = []
    try:
        for work in works:
            begun.append(asyncio.create_task(work))
            await until_locked(db, len(begun))
    except BaseException:
        await end(begun)
        close_unbegun(*works)
        raise
    return begun


def close_unbegun(*works: Coroutine[Any, Any, object]) -> None:
    """For a test that has failed: Python would complain of those that were never awaited in a later one."""
    for work in works:
        if inspect.getcoroutinestate(work) == inspect.CORO_CREATED:
            work.close()


async def one_after_the_other(
    db: Database,
    rows: Sequence[LiteralString],
    first: Coroutine[Any, Any, object],
    then: Coroutine[Any, Any, object],
) -> asyncio.Future[object]:
    """The second, which is over, and had begun before the first was done.

    Statements in `rows` hold what both wait for. Who waits for a row first gets it first.
    """
    try:
        async with db.transaction() as tx:
            for held in rows:
                await tx.execute(held)
            begun, second = await begin_in_turn(db, first, then)
    finally:
        close_unbegun(first, then)
    await asyncio.wait([second])
    await begun
    return second


async def patiently(work: Callable[[], Awaitable[_T]], within_s: float = 60) -> _T:
    """What `work` gives; done again while PostgreSQL does not answer, as on a machine that is busy."""
    async with asyncio.timeout(within_s):
        while True:
            try:
                return await work()
            except Unavailable:
                await asyncio.sleep(LONGEST_PAUSE_S)


def in_task(callback: Callable[..., Coroutine[None, None, None]]) -> Callable[..., None]:
    """`callback` as a plain function: each call runs it in a task of its own."""
    running: set[asyncio.Task[None]] = set()

    def start(*args: object) -> None:
        task = asyncio.get_running_loop().create_task(callback(*args))
        running.add(task)
        task.add_done_callback(running.discard)

    return start
