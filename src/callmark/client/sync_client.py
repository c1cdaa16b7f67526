"""The client for programs with threads."""

from collections.abc import Generator, Iterable
from datetime import timedelta
from types import TracebackType
from typing import Self

import httpx

from callmark.client import extensions, pushing
from callmark.client.connections import Connections
from callmark.client.extensions import CheckReport, Resolution
from callmark.client.forks import NotCopied
from callmark.client.making import LazyResource, Parts, carried, make_parts
from callmark.client.options import Generation
from callmark.client.pushing import LongList, OnProgress
from callmark.client.records import CallRecord, Instant, RecordLike
from callmark.client.results import PushResult, RecordResult
from callmark.client.shells import Shell
from callmark.client.sync_resources import Batches, Calls, Events, FeatureSets, Labels, Logs, Numbers, Records
from callmark.client.token_stores import TokenStore


class Client(NotCopied):
    """Pushes call records, and reads everything about them. Threads may share it.

    What is left out comes from one place: the profile that is named, one of those that `callmark login` wrote; or
    `CALLMARK_BASE_URL`, `CALLMARK_ACCOUNT_ID`, `CALLMARK_KEY_ID`, `CALLMARK_API_KEY`, if one that is needed is set;
    or the default profile. `timeout` is in seconds (30) or an httpx.Timeout, for each wait, not for a whole answer;
    if it is left out, that of an `http_client` counts, unless it is the 5 s that httpx gives all. `max_retries` (2)
    counts after the first. `generation` (2) is the wire's: 1 without prefix, `/v2` or `/v3`; the library reads all
    three alike. `token_store` is shared by what is given the same one. Raises CallmarkError if something is missing,
    and for a proxy of the environment that httpx cannot use.
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
        http_client: httpx.Client | None = None,
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
        self._set_up(parts, Connections(http_client, parts.maker(httpx.Client)), closes_connections=True)

    def _set_up(self, parts: Parts, connections: Connections, *, closes_connections: bool) -> None:
        self._parts = parts
        self._connections = connections
        self._closes_connections = closes_connections
        self._core, self._shell = parts.core, Shell(connections, parts.core.options.timeout)

    @LazyResource
    def records(self) -> Records:
        """Single records: the outcome of each, and withdrawing it."""
        return Records(self._core, self._shell)

    @LazyResource
    def batches(self) -> Batches:
        """Batches: creating, reading, waiting for and withdrawing them."""
        return Batches(self._core, self._shell)

    @LazyResource
    def calls(self) -> Calls:
        """Calls that are announced before they ring."""
        return Calls(self._core, self._shell)

    @LazyResource
    def labels(self) -> Labels:
        """The account's labels, dynamic ones with their logos."""
        return Labels(self._core, self._shell)

    @LazyResource
    def numbers(self) -> Numbers:
        """The account's numbers: listing, publishing, delisting."""
        return Numbers(self._core, self._shell)

    @LazyResource
    def feature_sets(self) -> FeatureSets:
        """The account's feature sets."""
        return FeatureSets(self._core, self._shell)

    @LazyResource
    def logs(self) -> Logs:
        """Logs of Call Me Back and User Feedback, as downloads."""
        return Logs(self._core, self._shell)

    @LazyResource
    def events(self) -> Events:
        """The account's events, without a webhook."""
        return Events(self._core, self._shell)

    def __repr__(self) -> str:
        if not hasattr(self, "_core"):  # a traceback shows one that could not be made
            return f"{type(self).__name__}()"
        options = self._core.options
        return f"{type(self).__name__}({options.base_url!r}, generation={options.generation})"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Closes the connections; an `http_client` that was handed over stays open."""
        if self._closes_connections:
            self._connections.close()

    def with_options(
        self,
        *,
        base_url: str | None = None,
        account_id: str | None = None,
        key_id: str | None = None,
        api_key: str | None = None,
        timeout: float | httpx.Timeout | None = None,
        max_retries: int | None = None,
        http_client: httpx.Client | None = None,
        token_store: TokenStore | None = None,
        generation: Generation | None = None,
    ) -> Self:
        """A changed copy, `client.with_options(timeout=5, generation=3)`: same connections, same tokens.

        None leaves an option as it is. The original closes what they share. A copy of a client for this machine whose
        server is elsewhere, or the other way round, has connections of its own: close it too.
        """
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
            connections = Connections(http_client, parts.maker(httpx.Client))
        else:
            connections = self._connections
        copy = object.__new__(type(self))
        vars(copy).update(carried(self))
        copy._set_up(parts, connections, closes_connections=is_apart)
        return copy

    def push(
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
        """Shows one receiver who calls and why; returns when the handset was reached or not, within 3 s.

        Numbers are country code and digits. Times are aware datetimes or epoch milliseconds; `starts_at` is now if left
        out, and exactly one of `ends_at` and `expires_in` is given, at most 24 hours later. A receiver that cannot be
        reached is a result (`status` `error`); a fault of the record raises InvalidRecord. Retries carry one
        `Idempotency-Key`; pass your own to repeat a push later, within 24 hours (docs/extensions.md). It needs
        `starts_at`: now would be another instant then, and the server refuses a key with other values.
        """
        record = CallRecord(caller, receiver, label_id, name, reason, starts_at, ends_at, expires_in)
        return self._shell.run(pushing.push(self._core, record, idempotency_key))

    def push_many(
        self, records: Iterable[RecordLike], *, on_progress: OnProgress | None = None, wait: bool = True
    ) -> Generator[RecordResult]:
        """Pushes any number of dicts or CallRecords; yields a result for each, in order, in constant memory.

        Sends 500 a request at the pace that the server allows, at most 4,000 ahead of the results. A record that is at
        fault is a result (`status` `invalid`, `field`, `message`). With `wait=False` results come as soon as the server
        has the records, `pending`. Nothing is sent until you iterate. An error (server gone, key revoked, your own
        iterable) is raised after all that is known has been yielded, and nothing is waited for: records without an
        outcome are `pending` with their `batch_id`; those without a result were not sent, or their fate is not known.
        """
        long_list = LongList(self._core, on_progress, wait=wait)
        return self._shell.iterate(long_list.run(iter(records)))

    def resolve(self, caller: str, receiver: str) -> Resolution:
        """What the receiver would see if the caller rang now, and why."""
        return self._shell.run(extensions.resolve(self._core, caller, receiver))

    def check(self, records: Iterable[RecordLike]) -> CheckReport:
        """Every fault of every record, without sending any (a dry run)."""
        return self._shell.run(extensions.check(self._core, records))
