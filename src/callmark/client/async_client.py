"""The client for programs with asyncio or trio: the same methods as Client, to be awaited."""

from collections.abc import AsyncGenerator, AsyncIterable, Iterable
from datetime import timedelta
from types import TracebackType
from typing import Self

import httpx

from callmark.client import extensions, pushing
from callmark.client.async_resources import (
    AsyncBatches,
    AsyncCalls,
    AsyncEvents,
    AsyncFeatureSets,
    AsyncLabels,
    AsyncLogs,
    AsyncNumbers,
    AsyncRecords,
)
from callmark.client.connections import AsyncConnections
from callmark.client.extensions import CheckReport, Resolution
from callmark.client.forks import NotCopied
from callmark.client.making import LazyResource, Parts, carried, make_parts
from callmark.client.options import Generation
from callmark.client.pushing import LongList, OnProgress
from callmark.client.records import CallRecord, Instant, RecordLike
from callmark.client.results import PushResult, RecordResult
from callmark.client.shells import AsyncShell, iterator_of
from callmark.client.token_stores import TokenStore


class AsyncClient(NotCopied):
    """As Client, with coroutines: `await client.push(…)`, `async for result in client.push_many(…)`.

    Tasks may share it. Arguments are those of Client; `http_client` is an httpx.AsyncClient.
    """

    def __init__(
        self,
        *,
        base_url: str | None = None,
        account_id: str | None = None,
        key_id: str | None = None,
        api_key: str | None = None,
        timeout: float | httpx.Timeout | None = None,
        max_retries: int | None = None,
        http_client: httpx.AsyncClient | None = None,
        token_store: TokenStore | None = None,
        generation: Generation | None = None,
        profile: str | None = None,
    ) -> None:
        parts = make_parts(
            base_url=base_url,
            account_id=account_id,
            key_id=key_id,
            api_key=api_key,
            timeout=timeout,
            max_retries=max_retries,
            http_client=http_client,
            token_store=token_store,
            generation=generation,
            profile=profile,
        )
        self._set_up(parts, AsyncConnections(http_client, parts.maker(httpx.AsyncClient)), closes_connections=True)

    def _set_up(self, parts: Parts, connections: AsyncConnections, *, closes_connections: bool) -> None:
        self._parts = parts
        self._connections = connections
        self._closes_connections = closes_connections
        self._core, self._shell = parts.core, AsyncShell(connections, parts.core.options.timeout)

    @LazyResource
    def records(self) -> AsyncRecords:
        """Single records: the outcome of each, and withdrawing it."""
        return AsyncRecords(self._core, self._shell)

    @LazyResource
    def batches(self) -> AsyncBatches:
        """Batches: creating, reading, waiting for and withdrawing them."""
        return AsyncBatches(self._core, self._shell)

    @LazyResource
    def calls(self) -> AsyncCalls:
        """Calls that are announced before they ring."""
        return AsyncCalls(self._core, self._shell)

    @LazyResource
    def labels(self) -> AsyncLabels:
        """The account's labels, dynamic ones with their logos."""
        return AsyncLabels(self._core, self._shell)

    @LazyResource
    def numbers(self) -> AsyncNumbers:
        """The account's numbers: listing, publishing, delisting."""
        return AsyncNumbers(self._core, self._shell)

    @LazyResource
    def feature_sets(self) -> AsyncFeatureSets:
        """The account's feature sets."""
        return AsyncFeatureSets(self._core, self._shell)

    @LazyResource
    def logs(self) -> AsyncLogs:
        """Logs of Call Me Back and User Feedback, as downloads."""
        return AsyncLogs(self._core, self._shell)

    @LazyResource
    def events(self) -> AsyncEvents:
        """The account's events, without a webhook."""
        return AsyncEvents(self._core, self._shell)

    def __repr__(self) -> str:
        if not hasattr(self, "_core"):  # a traceback shows one that could not be made
            return f"{type(self).__name__}()"
        options = self._core.options
        return f"{type(self).__name__}({options.base_url!r}, generation={options.generation})"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Closes the connections; an `http_client` that was handed over stays open."""
        if self._closes_connections:
            await self._connections.close()

    def with_options(
        self,
        *,
        base_url: str | None = None,
        account_id: str | None = None,
        key_id: str | None = None,
        api_key: str | None = None,
        timeout: float | httpx.Timeout | None = None,
        max_retries: int | None = None,
        http_client: httpx.AsyncClient | None = None,
        token_store: TokenStore | None = None,
        generation: Generation | None = None,
    ) -> Self:
        """As Client.with_options."""
        parts = self._parts.changed(
            http_client,
            token_store,
            base_url=base_url,
            account_id=account_id,
            key_id=key_id,
            api_key=api_key,
            timeout=timeout,
            max_retries=max_retries,
            generation=generation,
        )
        if is_apart := (http_client is not None or parts.needs_other_http(self._parts)):
            connections = AsyncConnections(http_client, parts.maker(httpx.AsyncClient))
        else:
            connections = self._connections
        copy = object.__new__(type(self))
        vars(copy).update(carried(self))
        copy._set_up(parts, connections, closes_connections=is_apart)
        return copy

    async def push(
        self,
        *,
        caller: str,
        receiver: str,
        label_id: str | None = None,
        name: str | None = None,
        reason: str | None = None,
        starts_at: Instant | None = None,
        ends_at: Instant | None = None,
        expires_in: timedelta | None = None,
        idempotency_key: str | None = None,
    ) -> PushResult:
        """As Client.push."""
        record = CallRecord(caller, receiver, label_id, name, reason, starts_at, ends_at, expires_in)
        return await self._shell.run(pushing.push(self._core, record, idempotency_key))

    def push_many(
        self,
        records: Iterable[RecordLike] | AsyncIterable[RecordLike],
        *,
        on_progress: OnProgress | None = None,
        wait: bool = True,
    ) -> AsyncGenerator[RecordResult]:
        """As Client.push_many; also takes an asynchronous iterable. A plain one is read in this task."""
        long_list = LongList(self._core, on_progress, wait=wait)
        return self._shell.iterate(long_list.run(iterator_of(records)))

    async def resolve(self, caller: str, receiver: str) -> Resolution:
        """What the receiver would see if the caller rang now, and why."""
        return await self._shell.run(extensions.resolve(self._core, caller, receiver))

    async def check(self, records: Iterable[RecordLike]) -> CheckReport:
        """Every fault of every record, without sending any (a dry run)."""
        return await self._shell.run(extensions.check(self._core, records))
