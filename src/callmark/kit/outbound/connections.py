"""Connections of `kit.outbound`: looked up, let through the gate, opened, and kept for a moment."""

import asyncio
import contextlib
import ssl
from collections.abc import Sequence
from functools import cache
from typing import NamedTuple, cast

import aiohappyeyeballs
import structlog

from callmark.kit.outbound.addresses import Network, refusal, refusal_of_host
from callmark.kit.outbound.http_answer import AnswerReader, NotHttp
from callmark.kit.outbound.name_lookup import SHARED, FoundAddress, NameResolver, NamesBusy

log = structlog.get_logger(__name__)

_KEPT_ALIVE_S = 10
_USED_FOR_S = 60
"""How long requests are sent on one connection. Then its host is looked up again: the name may lead elsewhere now."""
_NAMES_KEPT_S = 10
_NOT_PUBLIC = "the name {} has no public address, or cannot be looked up"
_MOST_NAMES_KEPT = 1000
_SECOND_ADDRESS_AFTER_S = 0.25


class Destination(NamedTuple):
    """Where a connection leads."""

    host: str
    port: int
    is_tls: bool


class AddressRefused(OSError):
    """The gate does not let this address pass."""


class NoAddress(OSError):
    """A name that leads nowhere, or to nothing that the gate lets pass."""


class Unfinished(TimeoutError):
    """An answer did not come to its end in time; `reader` has what had come."""

    def __init__(self, reader: AnswerReader) -> None:
        super().__init__()
        self.reader = reader


class ReceiverSilent(Unfinished):
    """Nothing came for as long as one may wait for data."""


class ReceiverTooSlow(Unfinished):
    """The whole call took too long."""


class ConnectionCut(OSError):
    """The connection ended before an answer had begun. `is_reset` tells how."""

    def __init__(self, *, is_reset: bool) -> None:
        super().__init__("connection reset" if is_reset else "the connection was closed without an answer")


class OutboundConnection(asyncio.Protocol):
    """One connection: `exchange` sends a request and gives the answer. Any bytes outside an answer end it."""

    def __init__(self) -> None:
        self.idle_since = 0.0
        self._loop = asyncio.get_running_loop()
        self.opened_at = self._loop.time()
        self._transport: asyncio.Transport | None = None
        self._reader: AnswerReader | None = None
        self._over: asyncio.Future[None] | None = None
        self._heard_at = self._read_s = self._deadline = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._looks_at = 0.0

    @property
    def is_open(self) -> bool:
        """Whether a request may be sent on it."""
        return self._transport is not None and not self._transport.is_closing()

    async def exchange(self, request: bytes, reader: AnswerReader, read_s: float, deadline: float) -> None:
        """Sends `request`, and returns when `reader` is done. The connection stays open only if the answer allows it.

        Raises ReceiverSilent, ReceiverTooSlow (`deadline` is of the loop's clock), NotHttp, and ConnectionCut
        when no answer had begun.
        """
        if self._transport is None:
            raise ConnectionCut(is_reset=False)
        self._reader, self._over = reader, self._loop.create_future()
        self._heard_at = self._loop.time()
        self._read_s, self._deadline = read_s, deadline
        self._watch()
        self._transport.write(request)
        try:
            await self._over
        except BaseException:
            self._transport.abort()
            raise
        finally:
            self._reader = self._over = None
        if not reader.may_keep:
            self._transport.abort()

    def close(self) -> None:
        """Ends it at once."""
        if self._transport:
            self._transport.abort()

    # asyncio's calls --------------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The connection is open: requests can be written to it."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Gives the bytes to the reader of the present answer; closes the connection when none is expected."""
        if self._reader is None or self._over is None or self._over.done():
            self.close()
            return
        self._heard_at = self._loop.time()
        try:
            if self._reader.feed(data):
                self._over.set_result(None)
        except NotHttp as exc:
            self._over.set_exception(exc)

    def connection_lost(self, exc: Exception | None) -> None:
        """Ends the present answer: complete when its reader says so, else cut."""
        if self._timer:
            self._timer.cancel()
        if self._reader is None or self._over is None or self._over.done():
            return
        self._reader.end()
        if self._reader.is_done:
            self._over.set_result(None)
        else:
            self._over.set_exception(ConnectionCut(is_reset=isinstance(exc, ConnectionError)))

    def _watch(self) -> None:
        """Sees to it that the clock is read when the first of both limits may be over.

        Neither data nor the end of an exchange moves the timer: one that looks early enough is left as it is.
        """
        at = min(self._heard_at + self._read_s, self._deadline)
        if self._timer and self._looks_at <= at:
            return
        if self._timer:
            self._timer.cancel()
        self._looks_at = at
        self._timer = self._loop.call_at(at, self._look)

    def _look(self) -> None:
        self._timer = None
        if self._reader is None or self._over is None or self._over.done():
            return
        now = self._loop.time()
        if now >= self._deadline:
            self._over.set_exception(ReceiverTooSlow(self._reader))
        elif now >= self._heard_at + self._read_s:
            self._over.set_exception(ReceiverSilent(self._reader))
        else:
            self._watch()


class OutboundConnections:
    """Opens connections through the gate, and keeps those whose answer allowed it for a few seconds."""

    def __init__(self, allowed: Sequence[Network], names: NameResolver | None, tls: ssl.SSLContext | None) -> None:
        self._allowed = allowed
        self._names = names or SHARED
        self._tls = tls
        self._idle: dict[Destination, list[OutboundConnection]] = {}
        self._known: dict[tuple[str, int], tuple[float, Sequence[FoundAddress]]] = {}
        self._asked: dict[tuple[str, int], asyncio.Task[Sequence[FoundAddress]]] = {}
        self._sweep: asyncio.TimerHandle | None = None

    def take(self, place: Destination) -> OutboundConnection | None:
        """A connection that was kept, the newest, or None."""
        idle = self._idle.get(place)
        while idle:
            if (connection := idle.pop()).is_open:
                return connection
        return None

    def keep(self, place: Destination, connection: OutboundConnection) -> None:
        """Keeps a connection, if it is open and not old, for the next request to the same place."""
        loop = asyncio.get_running_loop()
        now = loop.time()
        if now - connection.opened_at >= _USED_FOR_S:
            connection.close()
        if connection.is_open:
            connection.idle_since = now
            self._idle.setdefault(place, []).append(connection)
            self._sweep = self._sweep or loop.call_later(_KEPT_ALIVE_S, self._close_old)

    async def open(self, place: Destination) -> OutboundConnection:
        """A new connection. Raises AddressRefused, NoAddress, and other errors of the system."""
        found = await self._addresses(place.host, place.port)
        made = await aiohappyeyeballs.start_connection(  # pyright: ignore[reportUnknownMemberType] - its type of addresses is bare
            self._let_through(place.host, found), happy_eyeballs_delay=_SECOND_ADDRESS_AFTER_S, interleave=1
        )
        try:
            _, connection = await asyncio.get_running_loop().create_connection(
                OutboundConnection,
                sock=made,
                ssl=(self._tls or _default_tls()) if place.is_tls else None,
                server_hostname=place.host.rstrip(".") if place.is_tls else None,
            )
        except BaseException:
            made.close()
            raise
        return connection

    async def close(self) -> None:
        """Ends what is idle, and looking up."""
        if self._sweep:
            self._sweep.cancel()
        for connections in self._idle.values():
            for connection in connections:
                connection.close()
        self._idle.clear()
        for task in self._asked.values():
            task.cancel()
        await asyncio.sleep(0)  # so that what was aborted has let go of its socket

    def _close_old(self) -> None:
        loop = asyncio.get_running_loop()
        oldest = loop.time() - _KEPT_ALIVE_S
        for place, connections in list(self._idle.items()):
            for connection in connections:
                if connection.idle_since <= oldest:
                    connection.close()
            if left := [one for one in connections if one.is_open]:
                self._idle[place] = left
            else:
                del self._idle[place]
        self._sweep = loop.call_later(_KEPT_ALIVE_S / 2, self._close_old) if self._idle else None

    def _let_through(self, host: str, found: Sequence[FoundAddress]) -> list[FoundAddress]:
        """The gate: what may be connected to, of what a name leads to at this moment.

        Of a name that leads inside no more is said than of one that leads nowhere, or anybody could ask for the names
        and addresses of our network; the log has both for the operator.
        """
        refused = [(str(one[4][0]), refusal(str(one[4][0]), self._allowed)) for one in found]
        if passed := [one for one, (_, why) in zip(found, refused, strict=True) if why is None]:
            return passed
        address, why = refused[0]
        log.info("outbound_address_refused", host=host, address=address, reason=why)
        if refusal_of_host(host, self._allowed):
            raise AddressRefused(f"the address {host} is not called: {why}")
        raise NoAddress(_NOT_PUBLIC.format(host))

    async def _addresses(self, host: str, port: int) -> Sequence[FoundAddress]:
        """Of a name looked up within the last seconds what was found; calls at once share one look-up."""
        loop, key = asyncio.get_running_loop(), (host, port)
        until, known = self._known.get(key, (0.0, ()))
        if known and loop.time() < until:
            return known
        if (task := self._asked.get(key)) is None:
            task = self._asked[key] = asyncio.create_task(self._look_up(host, port))
            task.add_done_callback(lambda done: self._noted(key, done))
        return await asyncio.shield(task)

    async def _look_up(self, host: str, port: int) -> Sequence[FoundAddress]:
        try:
            found = await self._names.resolve(host, port)
        except NamesBusy:
            raise
        except OSError as exc:
            raise NoAddress(_NOT_PUBLIC.format(host)) from exc
        if not found:
            raise NoAddress(_NOT_PUBLIC.format(host))
        return found

    def _noted(self, key: tuple[str, int], done: asyncio.Task[Sequence[FoundAddress]]) -> None:
        self._asked.pop(key, None)
        if done.cancelled() or done.exception():
            return
        now = asyncio.get_running_loop().time()
        if len(self._known) >= _MOST_NAMES_KEPT:
            self._known = {one: kept for one, kept in self._known.items() if kept[0] > now}
        self._known[key] = (now + _NAMES_KEPT_S, done.result())


@cache
def _default_tls() -> ssl.SSLContext:
    context = ssl.create_default_context()
    with contextlib.suppress(NotImplementedError):  # an OpenSSL without ALPN: the receiver chooses
        context.set_alpn_protocols(["http/1.1"])
    return context
