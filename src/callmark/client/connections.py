"""The client of httpx behind a client of ours and its copies; in a child process that was forked it is another one."""

import threading
from collections.abc import Callable
from typing import Generic

import httpx

from callmark.client.forks import keep_to_one_process
from callmark.client.http_clients import HttpClient

_OF_PARENT: list[httpx.Client | httpx.AsyncClient] = []
"""What a child must neither use, close nor collect: its parent is using those sockets."""


class _Connections(Generic[HttpClient]):
    """One that was given is used as it is; without one, `make` makes ours."""

    def __init__(self, given: HttpClient | None, make: Callable[[], HttpClient]) -> None:
        self.is_ours = given is None
        self._make = make
        self._http: HttpClient | None = make() if given is None else given
        self._lock = threading.Lock()
        keep_to_one_process(self)

    def http(self) -> HttpClient:
        """What sends requests of this process."""
        with self._lock:
            if self._http is None:
                self._http = self._make()
            return self._http

    def leave_to_parent(self) -> None:
        """In a child that was forked."""
        self._lock = threading.Lock()
        if self.is_ours and self._http is not None and not self._http.is_closed:
            _OF_PARENT.append(self._http)
            self._http = None


class Connections(_Connections[httpx.Client]):
    """Connections that threads share."""

    def close(self) -> None:
        """Closes them, if they are ours."""
        if self.is_ours:
            self.http().close()


class AsyncConnections(_Connections[httpx.AsyncClient]):
    """Connections that tasks share."""

    async def close(self) -> None:
        """Closes them, if they are ours."""
        if self.is_ours:
            await self.http().aclose()
