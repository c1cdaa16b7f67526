"""Calls addresses that others name: one request at a time is an outcome, never an exception, and passes the gate.

The gate is where a socket is made, so that it sees the address really connected to: whatever a name resolves to at
that moment, and however the address was written. Redirects are not followed, so nothing leads around it. Answers are
read by `kit.outbound.http_answer`, which takes what a strict client refuses (docs/decisions/0016-reading-answers.md).
"""

import asyncio
import re
import ssl
from base64 import b64encode
from collections.abc import Mapping, Sequence
from functools import lru_cache
from types import TracebackType
from typing import NamedTuple, Self
from urllib.parse import unquote_to_bytes, urlsplit

from msgspec import Struct
from msgspec.structs import replace

from callmark.kit.outbound.addresses import LOOPBACK, Network, parse_networks
from callmark.kit.outbound.connections import (
    AddressRefused,
    ConnectionCut,
    Destination,
    OutboundConnection,
    OutboundConnections,
    ReceiverTooSlow,
    Unfinished,
)
from callmark.kit.outbound.encodings import unpacked
from callmark.kit.outbound.http_answer import KEPT_BYTES, AnswerReader, NotHttp
from callmark.kit.outbound.name_lookup import NameResolver
from callmark.kit.settings import Settings
from callmark.kit.settings.rules import THIS_MACHINE

__all__ = [
    "AddressRefused",
    "Answered",
    "Outbound",
    "Patience",
    "Unreachable",
    "allowed_networks",
    "in_words",
    "networks_to",
]

_URL = re.compile(r"(https?)://([^/?#]+)([^#]*)", re.IGNORECASE)
_PORTS = {"http": 80, "https": 443}
_SUCCESS = range(200, 300)


class Patience(Struct, frozen=True):
    """How long one request may take, in seconds of the real clock. Source: contract, section 9.2, D48."""

    connect_s: float = 20
    read_s: float = 20
    total_s: float = 60


class Answered(Struct, frozen=True):
    """An answer came. `headers` and `body` are its beginnings, `note` says what was odd about it.

    `error` is set when it did not come to its end in time: then it is no success, whatever its status (contract D48).
    """

    status: int
    retry_after: str | None
    headers: str
    body: bytes
    note: str | None = None
    error: str | None = None

    @property
    def is_success(self) -> bool:
        """Whether the receiver has said yes (contract D19)."""
        return self.status in _SUCCESS and self.error is None


class Unreachable(Struct, frozen=True):
    """No answer; why, in words."""

    error: str


def allowed_networks(settings: Settings) -> tuple[Network, ...]:
    """The networks that may be called though they are not public: those of the setting; the emulator adds loopback."""
    return parse_networks(settings.outgoing_networks) + (LOOPBACK if settings.emulator else ())


def networks_to(url: str, settings: Settings) -> tuple[Network, ...]:
    """The same for an address that the operator has set: this machine too, where the address names it."""
    return allowed_networks(settings) + (LOOPBACK if urlsplit(url).hostname in THIS_MACHINE else ())


class _Request(NamedTuple):
    """A request, as it is sent."""

    place: Destination
    sent: bytes


class _Address(NamedTuple):
    """What a request says of the address that it is for."""

    place: Destination
    target: str
    host: str
    authorization: str


class Outbound:
    """`async with Outbound(…) as outbound:` keeps connections to reuse for as long as the block lasts."""

    def __init__(
        self,
        allowed: Sequence[Network],
        *,
        patience: Patience | None = None,
        resolver: NameResolver | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._patience = patience or Patience()
        self._connections = OutboundConnections(allowed, resolver, tls)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._connections.close()

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Answered | Unreachable:
        """The outcome of one POST of `body` to exactly `url`; raises nothing but cancellation."""
        return await self._call(url, headers, body)

    async def get(self, url: str, most_bytes: int) -> Answered | Unreachable:
        """The outcome of one GET of exactly `url`; raises nothing but cancellation.

        The answer's body is whole, or `error` says that it is longer than `most_bytes` or did not come to its end. One
        that is encoded although we ask for none is unpacked, within the same limit.
        """
        headers = {"Accept": "*/*", "Accept-Encoding": "identity", "User-Agent": "Callmark"}
        return await self._call(url, headers, None, most_bytes)

    async def _call(
        self, url: str, headers: Mapping[str, str], body: bytes | None, most_bytes: int | None = None
    ) -> Answered | Unreachable:
        deadline = asyncio.get_running_loop().time() + self._patience.total_s
        try:
            request = _request(url, headers, body)
            reader = await self._exchange(request, deadline, most_bytes)
            return _answered(reader) if most_bytes is None else _whole(reader, most_bytes)
        except Unfinished as exc:
            return self._unfinished(exc)
        except TimeoutError:
            return Unreachable(f"no connection within {self._patience.connect_s:g} s")
        except (OSError, ValueError) as exc:
            return Unreachable(in_words(exc))

    async def _exchange(self, request: _Request, deadline: float, most_bytes: int | None) -> AnswerReader:
        while True:
            kept = self._connections.take(request.place)
            connection = kept or await self._open(request.place, deadline)
            reader = AnswerReader(most_bytes)
            try:
                await connection.exchange(request.sent, reader, self._patience.read_s, deadline)
            except (ConnectionCut, NotHttp):
                # The receiver had closed a connection that was kept, or more of its last answer came late: that says
                # nothing about this request.
                if not kept:
                    raise
            else:
                self._connections.keep(request.place, connection)
                return reader

    async def _open(self, place: Destination, deadline: float) -> OutboundConnection:
        wait_s = min(self._patience.connect_s, deadline - asyncio.get_running_loop().time())
        async with asyncio.timeout(wait_s):
            return await self._connections.open(place)

    def _unfinished(self, exc: Unfinished) -> Answered | Unreachable:
        wait, reader = self._patience, exc.reader
        reader.stop()
        whole = isinstance(exc, ReceiverTooSlow)
        if reader.status is None:
            limit = (
                f"not finished within {wait.total_s:g} s" if whole else f"the answer took longer than {wait.read_s:g} s"
            )
            return Unreachable(limit)
        why = (
            f"was not complete after {wait.total_s:g} s"
            if whole
            else f"stopped, and nothing came for {wait.read_s:g} s"
        )
        return _answered(reader, f"the answer began with {reader.status} and {why}")


def _answered(reader: AnswerReader, error: str | None = None) -> Answered:
    assert reader.status is not None  # noqa: S101 - the answer has begun
    return Answered(
        reader.status,
        reader.header("retry-after"),
        "\n".join(f"{name}: {value}" for name, value in reader.headers)[:KEPT_BYTES].replace("\0", ""),
        bytes(reader.body),
        "; ".join(reader.notes) or None,
        error,
    )


def _whole(reader: AnswerReader, most_bytes: int) -> Answered:
    """The answer to a GET, with its body as it is in no encoding."""
    if not reader.is_whole:
        return _answered(reader, "; ".join(reader.notes))
    try:
        plain = unpacked(bytes(reader.body), reader.header("content-encoding") or "", most_bytes)
    except ValueError as exc:
        return _answered(reader, str(exc))
    return replace(_answered(reader), body=plain)


def _request(url: str, headers: Mapping[str, str], body: bytes | None) -> _Request:
    """The request to exactly `url`, without its fragment: a POST of `body`, or a GET where there is none.

    Raises ValueError for what cannot be called.
    """
    address = _address_of(url)
    lines = [f"{'GET' if body is None else 'POST'} {address.target} HTTP/1.1", f"Host: {address.host}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    if address.authorization:
        lines.append(f"Authorization: {address.authorization}")
    if body is not None:
        lines.append(f"Content-Length: {len(body)}")
    head = "\r\n".join([*lines, "", ""])
    return _Request(address.place, head.encode() + (body or b""))


@lru_cache(maxsize=1000)
def _address_of(url: str) -> _Address:
    """The parts of an address, which most often is called again and again. Raises ValueError."""
    found = _URL.fullmatch(url.partition("#")[0])
    if not found or not url.isascii() or not url.isprintable() or " " in url:
        raise ValueError(url)
    parts = urlsplit(url)
    scheme = found[1].lower()
    if not parts.hostname or parts.port == 0:
        raise ValueError(url)
    place = Destination(parts.hostname, parts.port or _PORTS[scheme], scheme == "https")
    target = found[3] if found[3].startswith("/") else f"/{found[3]}"
    authorization = ""
    if parts.username is not None:
        pair = unquote_to_bytes(parts.username) + b":" + unquote_to_bytes(parts.password or "")
        authorization = f"Basic {b64encode(pair).decode()}"
    return _Address(place, target, _host(place), authorization)


def _host(place: Destination) -> str:
    host = f"[{place.host}]" if ":" in place.host else place.host
    return host if place.port == _PORTS["https" if place.is_tls else "http"] else f"{host}:{place.port}"


def in_words(exc: Exception) -> str:
    """A failed call in words for the business."""
    match exc:
        case ssl.SSLCertVerificationError():
            words = f"the certificate is not valid: {exc.verify_message or 'refused'}"
        case ssl.SSLError():
            words = f"no TLS connection: {(exc.reason or exc.strerror or str(exc)).replace('_', ' ').lower()}"
        case NotHttp():
            words = "the answer is not HTTP"
        case ValueError():  # also a host that no look-up takes
            words = "the address cannot be called"
        case ConnectionRefusedError():
            words = "connection refused"
        case ConnectionResetError() | BrokenPipeError():
            words = "connection reset"
        case OSError():
            words = (exc.strerror or str(exc) or type(exc).__name__).strip()
        case _:
            words = str(exc) or type(exc).__name__
    return words
