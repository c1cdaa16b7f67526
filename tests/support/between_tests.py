"""What outlives a test in its process: the event loop, and connections to PostgreSQL that rest between tests.

For a new connection the server starts a process that knows no catalog. That takes longer than most tests ask of it. One
that rests belongs to its database: who gets that database next, emptied, gets the connection too.
"""

import asyncio
import select
from collections import defaultdict
from collections.abc import Callable
from selectors import BaseSelector, SelectorKey
from socket import socket
from typing import Any, Final
from weakref import WeakSet

import asyncpg

from callmark.kit.postgres.known_types import PostgresConnection
from callmark.kit.postgres.primary import Primary

_MOST = 3
"""That rest with the same database and settings. The server takes 400 in all."""
_WORN_AT = 40_000
"""Statements. A pool gives up a connection that has had 50,000."""


class LastingLoop(asyncio.SelectorEventLoop):
    """For one test after the other: to close it makes it forget what a test left in it. `end` closes it."""

    _asyncgens_shutdown_called: bool
    _default_executor: object
    _executor_shutdown_called: bool
    _ready: Any
    _scheduled: Any
    _selector: BaseSelector
    _signal_handlers: dict[int, object]
    _ssock: socket

    def __init__(self) -> None:
        super().__init__()
        self._left: list[SelectorKey] = []
        self._forgotten: list[BaseException] = []
        self._started: WeakSet[Any] = WeakSet()

    def create_task(self, coro: Any, **options: Any) -> Any:
        """As asyncio's."""
        task = super().create_task(coro, **options)
        self._started.add(task)
        return task

    def close(self) -> None:
        """Forgets timers, callbacks, signal handlers, open files, and what tasks failed with that nobody awaited.

        A task would fail the test in which it is collected, some time later.
        """
        self.run_until_complete(asyncio.sleep(0))  # what the test closed gets to its end
        for signal in list(self._signal_handlers):
            self.remove_signal_handler(signal)
        self._ready.clear()
        self._scheduled.clear()
        self._asyncgens_shutdown_called = self._executor_shutdown_called = False
        self._default_executor = None
        expected = {self._ssock.fileno(), *(one.socket.fileno() for one in _all_resting() if not one.is_closed())}
        self._left += [key for key in self._selector.get_map().values() if key.fd not in expected]
        for key in self._left:
            self._selector.unregister(key.fd)
        self._forgotten += [one.exception() for one in self._started if one._log_traceback]  # noqa: SLF001 - what warns of it
        self._started.clear()

    def check(self) -> None:
        """Raises AssertionError if a test had left a file open, or had a task fail that nobody awaited.

        Not in `close`: pytest could run no further test.
        """
        left, self._left = self._left, []
        forgotten, self._forgotten = self._forgotten, []
        assert not left, f"left open: {left}"
        assert not forgotten, f"nobody awaited: {forgotten}"

    def end(self) -> None:
        """Closes it and the connections that rest."""
        for connection in _all_resting():
            connection.terminate()
        _resting.clear()
        self.run_until_complete(asyncio.sleep(0))  # closes their sockets
        super().close()


LOOP: Final = LastingLoop()


class RestingConnection(PostgresConnection):
    """Rests when it is closed in good order, with nothing that its session was set to.

    Nor with its statements: a plan that was made for an empty table would run for minutes in the test of a large one.
    """

    rests_as: tuple[str, str]
    """The database's address, and the session's settings."""
    server_pid: int
    """Known also when it was ended."""
    _cleanup: Callable[[], None]
    _protocol: Any
    _transport: asyncio.Transport

    async def close(self, *, timeout: float | None = None) -> None:
        """As asyncpg's, unless it rests."""
        is_fit = not self.is_closed() and not self.is_in_transaction() and self._protocol.queries_count < _WORN_AT
        resting = _resting[self.rests_as]
        if is_fit and len(resting) < _MOST:
            try:
                await self.reset(timeout=timeout)
            except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError):
                self.terminate()  # the server has ended it, which was not read yet
        if self.is_closed() or not is_fit or len(resting) >= _MOST:  # a pool closes all of its connections at once
            await super().close(timeout=timeout)
            return
        self._cleanup()
        resting.append(self)

    def get_reset_query(self) -> str:
        """As asyncpg's, and for its statements."""
        return f"{super().get_reset_query()}\nDEALLOCATE ALL;"

    @property
    def socket(self) -> socket:
        """Its socket."""
        return self._transport.get_extra_info("socket")

    @property
    def is_awake(self) -> bool:
        """Whether it is open, and the server said nothing while it rested: that would be its end."""
        return not self.is_closed() and not select.select([self.socket], [], [], 0)[0]


_resting: defaultdict[tuple[str, str], list[RestingConnection]] = defaultdict(list)


def _all_resting() -> list[RestingConnection]:
    return [one for some in _resting.values() for one in some]


def resting_on(dsn: str) -> list[int]:
    """The server's processes for connections that rest with that database. From any thread."""
    return [one.server_pid for (of, _), some in list(_resting.items()) if of == dsn for one in list(some)]


class RestedPrimary(Primary):
    """Takes a connection that rests before it makes one: in the loop that lasts, and elsewhere as its base does."""

    def __init__(self, dsn: str) -> None:
        super().__init__(dsn)
        self._rests_with = dsn

    async def connect(self, dsn: str | None = None, *, timeout: float = 10.0, **options: Any) -> PostgresConnection:
        """As its base."""
        if asyncio.get_running_loop() is not LOOP:
            return await super().connect(dsn, timeout=timeout, **options)
        rests_as = self._rests_with, repr(sorted(options["server_settings"].items()))
        while _resting[rests_as]:
            rested = _resting[rests_as].pop()
            if rested.is_awake:
                return rested
            rested.terminate()
        made: Any = await super().connect(dsn, timeout=timeout, **options | {"connection_class": RestingConnection})
        made.rests_as, made.server_pid = rests_as, made.get_server_pid()
        return made
