"""Calls the addresses of businesses: one POST at a time is an outcome, never an exception, and passes the gate.

The gate stands where a socket is made, so that it sees the address really connected to: whatever a name resolves to at
that moment, and however the address was written. Redirects are not followed, so nothing leads around it.
"""

import asyncio
import math
import socket
import ssl
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from callmark.kit.addresses import LOOPBACK, Network, parse_networks, refusal
from callmark.kit.settings import Settings

KEPT_BYTES = 4096
"""How much of an answer's body, and of its headers, is kept."""

_OPENED: ContextVar[list[str]] = ContextVar("opened")
"""The addresses that the POST of this task has opened a connection to; none when it took one that was kept."""

_NAME_THREADS = 32
"""Names looked up at once; a server of names that hangs keeps these waiting, not the whole process."""

_KEPT_ALIVE_S = 10
_ADDRESS_CACHE_S = 10


@dataclass(frozen=True)
class Patience:
    """How long one POST may take, in seconds of the real clock. Source: contract, section 9.2."""

    connect_s: float = 20
    read_s: float = 20
    total_s: float = 60


@dataclass(frozen=True, slots=True)
class Answered:
    """An answer came. `headers` and `body` are its beginnings, `note` says when the body could not be read whole."""

    status: int
    retry_after: str | None
    headers: str
    body: bytes
    note: str | None = None


@dataclass(frozen=True, slots=True)
class Unreachable:
    """No answer; why, in words."""

    error: str


class AddressRefused(OSError):
    """The gate does not let this address pass."""


def allowed_networks(settings: Settings) -> tuple[Network, ...]:
    """The networks that may be called though they are not public: those of the setting; the emulator adds loopback."""
    return parse_networks(settings.outgoing_networks) + (LOOPBACK if settings.emulator else ())


class Outbound:
    """`async with Outbound(…) as outbound:` keeps connections to reuse for as long as the block lasts."""

    def __init__(
        self,
        allowed: Sequence[Network],
        *,
        patience: Patience | None = None,
        resolver: AbstractResolver | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._allowed = allowed
        self._patience = patience or Patience()
        self._resolver = resolver
        self._tls = tls
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        connector = aiohttp.TCPConnector(
            limit=0,  # how much goes out at once is for the caller to bound
            resolver=self._resolver or _Names(),
            ttl_dns_cache=_ADDRESS_CACHE_S,
            keepalive_timeout=_KEPT_ALIVE_S,
            socket_factory=self._socket,
            ssl=self._tls or True,
        )
        wait = self._patience
        self._session = aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            skip_auto_headers=("Accept", "Accept-Encoding", "User-Agent"),
            timeout=aiohttp.ClientTimeout(
                total=wait.total_s,
                connect=wait.connect_s,
                sock_connect=wait.connect_s,
                sock_read=wait.read_s,
                ceil_threshold=math.inf,  # else long time-outs are rounded up to whole seconds
            ),
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._session:
            await self._session.close()

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Answered | Unreachable:
        """What became of one POST of `body` to exactly `url`; raises nothing but cancellation."""
        try:
            target = URL(url, encoded=True)
            while True:
                opened: list[str] = []
                _OPENED.set(opened)
                try:
                    return await self._exchange(target, body, headers)
                except aiohttp.ClientConnectorError:  # none was made (a name without an address opens nothing)
                    raise
                except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError):
                    if opened:  # else the receiver had closed a connection that was kept, which says nothing
                        raise
        except TimeoutError as exc:
            return Unreachable(self._what_took_long(exc))
        except (aiohttp.ClientError, OSError, ValueError) as exc:
            return Unreachable(in_words(exc))

    async def _exchange(self, target: URL, body: bytes, headers: Mapping[str, str]) -> Answered | Unreachable:
        assert self._session  # noqa: S101 - used inside its block
        async with self._session.post(target, data=body, headers=headers, allow_redirects=False) as answer:
            kept, note = await self._beginning(answer.content)
            return Answered(
                answer.status, answer.headers.get("Retry-After"), _lines(answer.raw_headers), bytes(kept), note
            )

    async def _beginning(self, content: aiohttp.StreamReader) -> tuple[bytearray, str | None]:
        """Up to `KEPT_BYTES` of the body; a body that breaks off or takes too long does not undo the answer."""
        kept = bytearray()
        try:
            while len(kept) < KEPT_BYTES and (part := await content.read(KEPT_BYTES - len(kept))):
                kept += part
        except TimeoutError as exc:
            return kept, f"the body was not read to its end: {self._what_took_long(exc)}"
        except (aiohttp.ClientError, OSError) as exc:
            return kept, f"the body was not read to its end: {in_words(exc)}"
        return kept, None

    def _what_took_long(self, exc: TimeoutError) -> str:
        wait = self._patience
        match exc:
            case aiohttp.ConnectionTimeoutError():
                return f"no connection within {wait.connect_s:g} s"
            case aiohttp.SocketTimeoutError():
                return f"the answer took longer than {wait.read_s:g} s"
            case _:
                return f"not finished within {wait.total_s:g} s"

    def _socket(self, info: tuple[Any, ...]) -> socket.socket:
        family, kind, protocol, _, address = info
        _OPENED.get().append(address[0])
        if why := refusal(address[0], self._allowed):
            raise AddressRefused(f"the address {address[0]} is not called: {why}")
        return socket.socket(family, kind, protocol)


class _Names(AbstractResolver):
    """The system's look-up of names, on threads of its own."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(_NAME_THREADS, thread_name_prefix="names")

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """All addresses of `host`. Raises OSError when it has none."""
        loop = asyncio.get_running_loop()
        found = await loop.run_in_executor(
            self._threads, lambda: socket.getaddrinfo(host, port, family=family, type=socket.SOCK_STREAM)
        )
        numeric = socket.AI_NUMERICHOST | socket.AI_NUMERICSERV
        return [
            ResolveResult(
                hostname=host,
                host=str(address[0]),
                port=int(address[1]),
                family=found_family,
                proto=protocol,
                flags=numeric,
            )
            for found_family, _, protocol, _, address in found
        ]

    async def close(self) -> None:
        """Ends the threads that are idle; one that hangs ends with its look-up."""
        self._threads.shutdown(wait=False, cancel_futures=True)


def in_words(exc: Exception) -> str:
    """A failed call in words for the business."""
    match exc:
        case aiohttp.ClientConnectorCertificateError():
            words = f"the certificate is not valid: {getattr(exc.certificate_error, 'verify_message', '') or 'refused'}"
        case aiohttp.ClientConnectorDNSError():
            words = f"the name {exc.host} has no address"
        case aiohttp.ClientSSLError():
            words = f"no TLS connection: {exc.os_error.strerror or exc.os_error}"
        case aiohttp.ServerDisconnectedError():
            words = "the connection was closed without an answer"
        case aiohttp.ClientConnectorError():
            words = _os_error_in_words(exc.os_error)
        case aiohttp.ClientPayloadError():
            words = "the answer broke off"
        case aiohttp.ClientResponseError():
            words = "the answer is not HTTP"
        case ValueError():  # aiohttp's InvalidURL is one
            words = "the address cannot be called"
        case OSError():
            words = _os_error_in_words(exc)
        case _:
            words = str(exc) or type(exc).__name__
    return words


def _os_error_in_words(exc: OSError) -> str:
    match exc:
        case ConnectionRefusedError():
            return "connection refused"
        case ConnectionResetError() | BrokenPipeError():
            return "connection reset"
        case _:
            return (exc.strerror or str(exc) or type(exc).__name__).strip()


def _lines(headers: Sequence[tuple[bytes, bytes]]) -> str:
    """Headers as lines, as far as they are kept."""
    whole = "\n".join(f"{name.decode('latin-1')}: {value.decode('latin-1')}" for name, value in headers)
    return whole[:KEPT_BYTES].replace("\0", "")
