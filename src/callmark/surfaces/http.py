"""What every HTTP surface shares: reading a body within its limit, answers, and errors in the Family A envelope."""

import re
from asyncio import sleep
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from datetime import timedelta
from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType, field
from starlette.types import Receive, Scope, Send

from callmark.kit.errors import (
    AppError,
    Conflict,
    InvalidInput,
    MethodNotAllowed,
    PayloadTooLarge,
    RequestCutOff,
    StillRunning,
    TooManyRequests,
    Unauthenticated,
    Unavailable,
    UnsupportedEncoding,
    UnsupportedMedia,
)
from callmark.kit.telemetry import logs

Header = tuple[bytes, bytes]
JSON: Header = (b"content-type", b"application/json")
NO_STORE: Header = (b"cache-control", b"no-store")
"""On every answer of ours in JSON: tokens, links and numbers of people are for who asked, not for caches on the way."""
CHALLENGE: Header = (b"www-authenticate", b'Bearer realm="callmark"')
"""On every 401 in JSON (RFC 9110, 15.5.2); some clients raise where it lacks. Browsers ask nobody for a Bearer."""
ERROR_PAGES = "/docs/errors/"
"""Where each error has a page of its own, under its slug."""
_SECOND = timedelta(seconds=1)

_ANNOUNCED = "callmark.announced_bytes"
_BY_NAME = "callmark.headers"

_LENGTH_DIGITS = 20
"""No body is so long that its length has more."""

EACH_WAIT_S = 8.0
"""How long a request waits for an engine each time: a page or an answer is better late than never, not without end."""


class Response(Struct):
    """An answer that is sent in one piece."""

    status: int
    body: bytes = b""
    headers: list[Header] = field(default_factory=lambda: [JSON, NO_STORE])

    async def send(self, send: Send, extra: Sequence[Header] = ()) -> None:
        """Writes the answer, with `extra` headers, to the client."""
        length = (b"content-length", str(len(self.body)).encode())
        await send({"type": "http.response.start", "status": self.status, "headers": [*self.headers, length, *extra]})
        await send({"type": "http.response.body", "body": self.body})


class StreamedResponse(Response, kw_only=True):
    """An answer that is written while it is made; what goes wrong meanwhile ends the connection, and not the answer."""

    parts: AsyncGenerator[bytes]

    async def send(self, send: Send, extra: Sequence[Header] = ()) -> None:
        """Writes part after part, as the client reads them; others have a turn after each, as with `Streaming`."""
        await send({"type": "http.response.start", "status": self.status, "headers": [*self.headers, *extra]})
        async with aclosing(self.parts) as parts:
            async for part in parts:
                await send({"type": "http.response.body", "body": part, "more_body": True})
                await sleep(0)
        await send({"type": "http.response.body", "body": b""})


class ErrorBody(msgspec.Struct):
    """What most errors look like (contract, section 1.6: Family A)."""

    slug: Annotated[str, Meta(description="The cause, for machines.")]
    message: Annotated[str, Meta(description="The cause, for people.")]
    field: Annotated[str | UnsetType, Meta(description="The field at fault.")] = UNSET


def render(value: object, status: int = 200) -> Response:
    """A JSON answer."""
    return Response(status, msgspec.json.encode(value))


def help_link(slug: str) -> Header:
    """The header that leads from an error answer to the page about the error."""
    return b"link", f'<{ERROR_PAGES}{slug}>; rel="help"'.encode()


def retry_after_s(error: TooManyRequests) -> int:
    """What the answer's `Retry-After` says: whole seconds, at least one, and not too few."""
    return max(-(-error.retry_after // _SECOND), 1)


def render_error(error: AppError, *, with_field: bool = False) -> Response:
    """The Family A answer of an error, with the headers it calls for; `with_field` names the field that it is about."""
    slug, message = (error.slug, error.message) if type(error) is not AppError else (AppError.slug, "internal error")
    field = error.field if with_field and isinstance(error, (InvalidInput, Conflict)) else ""
    answer = render(ErrorBody(slug, message, field or UNSET), error.status)
    answer.headers.append(help_link(slug))
    if isinstance(error, TooManyRequests):
        answer.headers.append((b"retry-after", str(retry_after_s(error)).encode()))
    elif isinstance(error, (Unavailable, StillRunning)):
        answer.headers.append((b"retry-after", b"1"))
    elif isinstance(error, Unauthenticated):
        answer.headers.append(CHALLENGE)
    elif isinstance(error, MethodNotAllowed):
        answer.headers.append((b"allow", ", ".join(_with_head(error.allowed)).encode()))
    elif isinstance(error, UnsupportedEncoding):
        answer.headers.append((b"accept-encoding", b"identity"))
    return answer


def _with_head(methods: Sequence[str]) -> list[str]:
    """The methods, and HEAD where GET is one: it is answered wherever GET is (contract D57)."""
    named = list(dict.fromkeys(methods))
    return [*named, "HEAD"] if "GET" in named and "HEAD" not in named else named


def note_reason(error: AppError) -> None:
    """The request's line in the log says what was not available; the answer does not."""
    if isinstance(error, Unavailable):
        logs.bind(error=error.detail)


def internal_error() -> Response:
    """The answer to a bug of ours (contract D42)."""
    return render_error(AppError("internal error"))


def _by_name(scope: Scope) -> dict[bytes, bytes]:
    """The first value of each header; made once, because a request is asked for a dozen of them."""
    known: dict[bytes, bytes] | None = scope.get(_BY_NAME)
    if known is None:
        known = scope[_BY_NAME] = dict(reversed(scope["headers"]))
    return known


def header(scope: Scope, name: bytes) -> str | None:
    """A request header by its lower-case name, None when not sent."""
    value = _by_name(scope).get(name)
    return None if value is None else value.decode("latin-1")


def header_values(scope: Scope, name: bytes) -> list[bytes]:
    """Every value of a request header by its lower-case name."""
    return [value for key, value in scope["headers"] if key == name] if name in _by_name(scope) else []


def accepts_gzip(accept_encoding: str) -> bool:
    """Whether the header's value allows gzip; a weight of 0 forbids it (RFC 9110, 12.5.3)."""
    for one in accept_encoding.lower().split(","):
        coding, *parameters = (part.strip() for part in one.split(";"))
        if coding == "gzip":
            return not any(re.fullmatch(r"q\s*=\s*0(\.0*)?", parameter) for parameter in parameters)
    return False


def is_held(if_none_match: str, tag: str) -> bool:
    """Whether the header's value names the tag of the answer: compared weakly, as a list (RFC 9110, 13.1.2)."""
    return tag in (one.strip().removeprefix("W/") for one in if_none_match.split(","))


def bearer(scope: Scope) -> str:
    """The bearer token of the request, empty when there is none or another scheme."""
    scheme, _, token = (header(scope, b"authorization") or "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def check_media_type(scope: Scope) -> None:
    """Raises UnsupportedMedia when a content type other than JSON is sent; none is accepted."""
    sent = header(scope, b"content-type")
    if sent is not None and sent.partition(";")[0].strip().lower() != "application/json":
        raise UnsupportedMedia


def address_of(scope: Scope) -> str:
    """Where a request comes from; empty where nobody can know (a socket without addresses)."""
    return client[0] if (client := scope["client"]) else ""


def connection_of(scope: Scope) -> dict[str, Any]:
    """What an answer may ask of the client's connection, and tell it (`HttpProtocol`); empty under another server."""
    return scope.get("extensions", {}).get("callmark.connection", {})


def announced_bytes(scope: Scope) -> int:
    """The length of the body as its head tells it, of any number of digits; 0 where it tells none."""
    known: int | None = scope.get(_ANNOUNCED)
    if known is None:
        told = (header(scope, b"content-length") or "").lstrip("0")
        known = scope[_ANNOUNCED] = int(told[:_LENGTH_DIGITS]) if told.isascii() and told.isdigit() else 0
    return known


async def read_body(scope: Scope, receive: Receive, limit_bytes: int) -> bytes:
    """The whole body. Raises PayloadTooLarge as soon as it is known to pass the limit, RequestCutOff for a part."""
    if announced_bytes(scope) > limit_bytes:
        raise PayloadTooLarge(limit_bytes)
    message = await receive()
    if message["type"] == "http.disconnect":
        raise RequestCutOff
    body = message.get("body", b"")
    if not message.get("more_body", False):
        if len(body) > limit_bytes:
            raise PayloadTooLarge(limit_bytes)
        return body
    parts, size = [body], len(body)
    while message.get("more_body", False):
        message = await receive()
        if message["type"] == "http.disconnect":
            raise RequestCutOff
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > limit_bytes:
            raise PayloadTooLarge(limit_bytes)
    return b"".join(parts)
