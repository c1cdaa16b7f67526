"""The two shells: they do what operations ask for, with httpx.Client or httpx.AsyncClient, and decide nothing."""

import asyncio
import logging
import re
import sys
import time
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Generator, Iterable, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from enum import Enum, auto
from functools import partial
from itertools import islice
from typing import Any, TypeVar, assert_never

import anyio
import httpx

from callmark.client.connections import AsyncConnections, Connections
from callmark.client.errors import APIConnectionError, APITimeoutError, CallmarkError
from callmark.client.flow import (
    Answer,
    Apart,
    Effect,
    Emit,
    Failure,
    Flow,
    Pause,
    Request,
    Save,
    Send,
    Stream,
    Take,
    resume,
)
from callmark.client.proxies import proxies_to
from callmark.client.reprs import SecretBytes, without_frames
from callmark.client.token_tasks import TOKEN_TASKS

T = TypeVar("T")
DOWNLOAD_TIMEOUT_S = 120.0
"""Who opens a link first waits until the file is written: some 10 s for a million events (docs/logs.md)."""
_ERROR = 300
_NOT_REACHED = httpx.ConnectError, httpx.UnsupportedProtocol, httpx.InvalidURL, httpx.ProxyError, UnicodeError


class Shell:
    """Runs operations in this thread."""

    def __init__(self, connections: Connections, timeout: float | httpx.Timeout) -> None:
        self._connections = connections
        self._timeout = timeout

    def run(self, flow: Flow[T]) -> T:
        """The operation's result; its errors are raised."""
        try:
            effect = next(flow)
            while True:
                effect = resume(flow, self._outcome(effect))
        except StopIteration as done:
            return done.value
        finally:
            flow.close()

    def iterate(self, flow: Stream[T]) -> Generator[T]:
        """The operation's items, as they come."""
        try:
            effect = next(flow)
            while True:
                if isinstance(effect, Emit):
                    yield effect.item
                    effect = flow.send(None)
                else:
                    effect = resume(flow, self._outcome(effect))
        except StopIteration:
            return
        finally:
            flow.close()

    def _outcome(self, effect: Effect) -> object:
        """The result, or the Failure: any, because users hand over iterators and files."""
        try:
            return self._do(effect)
        except Exception as exc:  # noqa: BLE001 - the operation decides when to raise it
            return Failure(exc)

    def _do(self, effect: Effect) -> object:
        match effect:
            case Send():
                return self._send(effect.request)
            case Pause():
                TOKEN_TASKS.give_up_unfinished()
                return time.sleep(effect.seconds)
            case Take():
                if not isinstance(effect.source, Iterator):
                    raise TypeError("an asynchronous iterator needs callmark.AsyncClient")
                return list(islice(effect.source, effect.count))
            case Save():
                return self._save(effect)
            case Apart():
                return self.run(effect.flow)
            case _:
                assert_never(effect)

    def _send(self, request: Request) -> Answer:
        with _explained(self._connections, origin(request.url)), _hidden(_Hidden.QUERY):
            got = self._connections.http().request(
                request.method, request.url, headers=request.headers, content=request.body, timeout=self._timeout
            )
        return Answer(got.status_code, got.headers, SecretBytes(got.content))

    def _save(self, effect: Save) -> Answer:
        effect.file.seek(0)
        effect.file.truncate()
        timeout = _of_download(self._timeout)
        explained, hidden = _explained(self._connections, origin(effect.url)), _hidden(_Hidden.ALL_BUT_HOST)
        with explained, hidden, self._connections.http().stream("GET", effect.url, timeout=timeout) as got:
            if got.status_code >= _ERROR:
                return Answer(got.status_code, got.headers, got.read())
            for chunk in got.iter_bytes():
                effect.file.write(chunk)
        return Answer(got.status_code, got.headers, b"")


class AsyncShell:
    """Runs operations as part of the present task."""

    def __init__(self, connections: AsyncConnections, timeout: float | httpx.Timeout) -> None:
        self._connections = connections
        self._timeout = timeout

    async def run(self, flow: Flow[T]) -> T:
        """The operation's result; its errors are raised."""
        try:
            first = next(flow)
        except StopIteration as done:
            return done.value
        return await self._run_from(flow, first)

    async def _run_from(self, flow: Flow[T], effect: Effect) -> T:
        """The result of an operation that has begun with that effect."""
        try:
            while True:
                effect = resume(flow, await self._outcome(effect))
        except StopIteration as done:
            return done.value
        finally:
            flow.close()

    async def iterate(self, flow: Stream[T]) -> AsyncGenerator[T]:
        """The operation's items, as they come."""
        try:
            effect = next(flow)
            while True:
                if isinstance(effect, Emit):
                    yield effect.item
                    effect = flow.send(None)
                else:
                    effect = resume(flow, await self._outcome(effect))
        except StopIteration:
            return
        finally:
            flow.close()

    async def _outcome(self, effect: Effect) -> object:
        """The result, or the Failure: any, because users hand over iterators and files."""
        try:
            return await self._do(effect)
        except Exception as exc:  # noqa: BLE001 - the operation decides when to raise it
            return Failure(exc)

    async def _do(self, effect: Effect) -> object:
        match effect:
            case Send():
                return await self._connections.tasks.run(partial(self._send, effect.request))
            case Pause():
                TOKEN_TASKS.give_up_unfinished()
                return await anyio.sleep(effect.seconds)
            case Take():
                return await _taken(effect)
            case Save():
                return await self._connections.tasks.run(partial(self._save, effect))
            case Apart():
                return await self._run_apart(effect.flow)
            case _:
                assert_never(effect)

    async def _run_apart(self, flow: Flow[Any]) -> object:
        """In a task of its own, once it has to wait; cancelled with its caller under trio, which has only nurseries."""
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            return await self.run(flow)
        # A task that is cancelled before its first step runs nothing, and a flow that is not begun cleans up nothing.
        try:
            first = next(flow)
        except StopIteration as done:
            return done.value
        task = loop.create_task(self._run_from(flow, first))
        TOKEN_TASKS.keep(task, flow)
        return await self._connections.tasks.result_of(task)

    async def _send(self, request: Request) -> Answer:
        with _explained(self._connections, origin(request.url)), _hidden(_Hidden.QUERY):
            got = await self._connections.http().request(
                request.method,
                request.url,
                headers=request.headers,
                content=request.body,
                timeout=self._timeout,
                extensions={"trace": self._connections.tasks.trace},
            )
        return Answer(got.status_code, got.headers, SecretBytes(got.content))

    async def _save(self, effect: Save) -> Answer:
        effect.file.seek(0)
        effect.file.truncate()
        with _explained(self._connections, origin(effect.url)), _hidden(_Hidden.ALL_BUT_HOST):
            stream = self._connections.http().stream("GET", effect.url, timeout=_of_download(self._timeout))
            async with stream as got:
                if got.status_code >= _ERROR:
                    return Answer(got.status_code, got.headers, await got.aread())
                async for chunk in got.aiter_bytes():
                    if self._connections.tasks.is_given_up():
                        break
                    effect.file.write(chunk)
        return Answer(got.status_code, got.headers, b"")


def _of_download(timeout: float | httpx.Timeout) -> httpx.Timeout:
    """As of other requests, but for the answer: its file may have to be written first."""
    given = httpx.Timeout(timeout)
    read = None if given.read is None else max(given.read, DOWNLOAD_TIMEOUT_S)
    return httpx.Timeout(read=read, connect=given.connect, write=given.write, pool=given.pool)


async def _taken(effect: Take) -> list[Any]:
    """The next items of a plain or an asynchronous iterator."""
    if isinstance(effect.source, Iterator):
        return list(islice(effect.source, effect.count))
    items: list[Any] = []
    async for item in effect.source:
        items.append(item)
        if len(items) == effect.count:
            break
    return items


@contextmanager
def _explained(connections: Connections | AsyncConnections, where: str) -> Generator[None]:
    """Raises the errors of our tree for those of httpx, which raises RuntimeError for what is closed.

    UnicodeError is of a host that cannot be looked up: the server's link, or a redirect, leads there.
    """
    handled = sys.exception()
    try:
        yield
    except (httpx.HTTPError, httpx.InvalidURL, UnicodeError) as exc:
        raise connection_error(exc, where, asks_proxies=connections.asks_proxies) from without_frames(exc, handled)
    except RuntimeError as exc:
        if why := connections.why_unusable():
            raise CallmarkError(why) from without_frames(exc, handled)
        raise


def origin(url: str) -> str:
    """What may be said of an address: neither path nor query, nor who asks."""
    scheme, _, rest = url.partition("://")
    host = re.split(r"[/?#]", rest, maxsplit=1)[0]
    return f"{scheme}://{host.rpartition('@')[2]}/"


def connection_error(exc: Exception, where: str, *, asks_proxies: bool) -> APIConnectionError:
    """The error of our tree for one of httpx, with advice. `where` is an `origin`."""
    why = str(exc) or _kind(exc)
    if isinstance(exc, httpx.TimeoutException):
        return APITimeoutError(f"{where} did not answer in time ({_kind(exc)}). Try again, or raise `timeout`")
    if isinstance(exc, _NOT_REACHED):
        proxies = proxies_to(where) if asks_proxies else ""
        also = f". The proxy that {proxies} names is tried first: check it too" if proxies else ""
        told = f"cannot reach {where}: {why}. Check the base URL, and that the server is running{also}"
        return APIConnectionError(told)
    return APIConnectionError(f"the answer of {where} was cut off or cannot be read: {why}")


def _kind(exc: Exception) -> str:
    return type(exc).__name__


class _Hidden(Enum):
    """What httpx must not log of an address."""

    NOTHING = auto()
    """It is none of ours: other parts of the program use httpx too."""
    QUERY = auto()
    """It may be a phone number."""
    ALL_BUT_HOST = auto()
    """It is a link that needs no token."""


_present: ContextVar[_Hidden] = ContextVar("callmark_hidden", default=_Hidden.NOTHING)


@contextmanager
def _hidden(what: _Hidden) -> Generator[None]:
    """Of each request of this thread or task meanwhile, also those that redirects lead to."""
    before = _present.set(what)
    try:
        yield
    finally:
        with suppress(ValueError):  # a task of a loop that was closed is collected in another context
            _present.reset(before)


class _WithoutSecrets(logging.Filter):
    """httpx logs the address of every request."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Never drops a line; shortens the address in it."""
        hidden = _present.get()
        if hidden is not _Hidden.NOTHING and isinstance(record.args, tuple):
            record.args = tuple(_shortened(one, hidden) if isinstance(one, httpx.URL) else one for one in record.args)
        return True


def _shortened(url: httpx.URL, hidden: _Hidden) -> httpx.URL:
    known = url.copy_with(query=None, fragment=None)
    return known.copy_with(path="/...") if hidden is _Hidden.ALL_BUT_HOST else known


def hide_queries() -> None:
    """Keeps phone numbers and download links out of httpx's own log lines; once a process."""
    logger = logging.getLogger("httpx")
    if not any(isinstance(one, _WithoutSecrets) for one in logger.filters):
        logger.addFilter(_WithoutSecrets())


def iterator_of(source: Iterable[T] | AsyncIterable[T]) -> Iterator[T] | AsyncIterator[T]:
    """What `Take` of an asynchronous client reads from."""
    return aiter(source) if isinstance(source, AsyncIterable) else iter(source)
