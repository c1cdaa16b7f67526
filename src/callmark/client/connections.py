"""The client of httpx behind a client of ours and its copies.

One that was given is used as it is. One of ours is replaced in a child process that was forked, and in another event
loop: neither can use what the first one opened.
"""

import asyncio
import threading
import weakref
from collections.abc import Callable
from contextlib import suppress

import httpx
from anyio.lowlevel import RunVar

from callmark.client.errors import CallmarkError
from callmark.client.forks import NotCopied, keep_to_one_process
from callmark.client.request_tasks import RequestTasks

_OF_PARENT: list[httpx.Client | httpx.AsyncClient] = []
"""What a child must neither use, close nor collect: its parent is using those sockets."""
_CLOSED = "the client is closed: create another one, or use it inside its `with` block"
_GIVEN_CLOSED = "the http_client of this client is closed"
_OTHER_LOOP = (
    "the http_client of this client has connections of another event loop: create one, and the client, in each loop, "
    "or leave http_client out"
)


class Connections(NotCopied):
    """Connections that threads share."""

    def __init__(self, given: httpx.Client | None, make: Callable[[], httpx.Client]) -> None:
        self.is_ours = given is None
        self._make = make
        self._http: httpx.Client | None = make() if given is None else given
        self._is_closed = False
        self._lock = threading.Lock()
        keep_to_one_process(self)

    def http(self) -> httpx.Client:
        """What sends requests of this process. Raises CallmarkError if these are closed."""
        with self._lock:
            if self._is_closed:
                raise CallmarkError(_CLOSED)
            if self._http is None:
                self._http = self._make()
            return self._http

    def close(self) -> None:
        """Closes them, if they are ours."""
        if self.is_ours:
            self._is_closed = True
            if self._http:
                self._http.close()

    @property
    def asks_proxies(self) -> bool:
        """Whether the proxies of the environment are asked; of a client of httpx that was given, nobody knows."""
        return self.is_ours and bool(self._http and self._http.trust_env)

    def why_unusable(self) -> str:
        """What is wrong if httpx raised RuntimeError; empty if it is something else."""
        if self._is_closed:
            return _CLOSED
        return _GIVEN_CLOSED if self._http and self._http.is_closed else ""

    def leave_to_parent(self) -> None:
        """In a child that was forked."""
        self._lock = threading.Lock()
        if self.is_ours and self._http:
            _OF_PARENT.append(self._http)
            self._http = None


class AsyncConnections(NotCopied):
    """Connections that the tasks of an event loop share; other loops have others."""

    def __init__(self, given: httpx.AsyncClient | None, make: Callable[[], httpx.AsyncClient]) -> None:
        self._given = given
        self._make = make
        self._unused = make() if given is None else None
        """For the first loop: what is wrong with the environment is said when the client is made."""
        self._by_loop: weakref.WeakKeyDictionary[_Loop, httpx.AsyncClient] = weakref.WeakKeyDictionary()
        self.tasks = RequestTasks()
        self._loops = 0
        self._is_closed = False
        self._lock = threading.Lock()
        keep_to_one_process(self)

    def http(self) -> httpx.AsyncClient:
        """What sends requests of the present event loop. Raises CallmarkError if these are closed."""
        with self._lock:
            if self._is_closed:
                raise CallmarkError(_CLOSED)
            loop = _present_loop()
            found = self._by_loop.get(loop)
            if found is None:
                for over in [one for one in self._by_loop if one.is_over]:  # its connections keep it alive
                    del self._by_loop[over]
                found = self._by_loop[loop] = self._given or self._unused or self._make()
                self._unused = None
                self._loops += 1
            return found

    async def close(self) -> None:
        """Closes them, if they are ours: those of the present loop, for nobody can close another's."""
        if self._given is None:
            self._is_closed = True
            await self.tasks.close()
            with suppress(KeyError):
                await self._by_loop.pop(_present_loop()).aclose()

    @property
    def asks_proxies(self) -> bool:
        """Whether the proxies of the environment are asked; of a client of httpx that was given, nobody knows."""
        http = self._by_loop.get(_present_loop())
        return self._given is None and bool(http and http.trust_env)

    def why_unusable(self) -> str:
        """What is wrong if httpx raised RuntimeError; empty if it is something else."""
        if self._is_closed:
            return _CLOSED
        if self._given and self._given.is_closed:
            return _GIVEN_CLOSED
        return _OTHER_LOOP if self._given and self._loops > 1 else ""

    def leave_to_parent(self) -> None:
        """In a child that was forked."""
        self._lock = threading.Lock()
        if self._given is None:
            _OF_PARENT.extend(self._by_loop.values())
            self._by_loop = weakref.WeakKeyDictionary()


class _Loop:
    """An event loop of asyncio or trio."""

    def __init__(self) -> None:
        self._of_asyncio: weakref.ref[asyncio.AbstractEventLoop] | None = None
        with suppress(RuntimeError):  # it is trio's
            self._of_asyncio = weakref.ref(asyncio.get_running_loop())

    @property
    def is_over(self) -> bool:
        """Whether it was closed; one of trio is collected then."""
        if self._of_asyncio is None:
            return False
        loop = self._of_asyncio()
        return loop is None or loop.is_closed()


_LOOP: RunVar[_Loop] = RunVar("callmark_loop")


def _present_loop() -> _Loop:
    loop = _LOOP.get(None)
    if loop is None:
        loop = _Loop()
        _LOOP.set(loop)
    return loop
