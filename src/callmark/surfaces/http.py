"""What every HTTP surface shares: reading a body within its limit, answers, and errors in the Family A envelope."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Annotated

import msgspec
from msgspec import Meta
from starlette.types import Receive, Scope, Send

from callmark.kit.errors import (
    AppError,
    MethodNotAllowed,
    PayloadTooLarge,
    StillRunning,
    TooManyRequests,
    Unavailable,
    UnsupportedMedia,
)

Header = tuple[bytes, bytes]
NOT_JSON = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What decoding raises for a body that is not JSON, or is nested past any use; a ValidationError is a DecodeError."""
JSON: Header = (b"content-type", b"application/json")
_SECOND = timedelta(seconds=1)


@dataclass(slots=True)
class Response:
    """An answer, whole."""

    status: int
    body: bytes = b""
    headers: list[Header] = field(default_factory=lambda: [JSON])

    async def send(self, send: Send, extra: Sequence[Header] = ()) -> None:
        """Writes the answer, with `extra` headers, to the client."""
        length = (b"content-length", str(len(self.body)).encode())
        await send({"type": "http.response.start", "status": self.status, "headers": [*self.headers, length, *extra]})
        await send({"type": "http.response.body", "body": self.body})


class ErrorBody(msgspec.Struct):
    """What most errors look like (contract, section 1.6: Family A)."""

    slug: Annotated[str, Meta(description="The cause, for machines.")]
    message: Annotated[str, Meta(description="The cause, for people.")]


def render(value: object, status: int = 200) -> Response:
    """A JSON answer."""
    return Response(status, msgspec.json.encode(value))


def render_error(error: AppError) -> Response:
    """The Family A answer of an error, with the headers it calls for."""
    slug, message = (error.slug, error.message) if type(error) is not AppError else (AppError.slug, "internal error")
    answer = render(ErrorBody(slug, message), error.status)
    if isinstance(error, TooManyRequests):
        seconds = max(-(-error.retry_after // _SECOND), 1)
        answer.headers.append((b"retry-after", str(seconds).encode()))
    elif isinstance(error, (Unavailable, StillRunning)):
        answer.headers.append((b"retry-after", b"1"))
    elif isinstance(error, MethodNotAllowed):
        answer.headers.append((b"allow", ", ".join(error.allowed).encode()))
    return answer


def internal_error() -> Response:
    """The answer to a bug of ours (contract D42)."""
    return render_error(AppError("internal error"))


def header(scope: Scope, name: bytes) -> str | None:
    """A request header by its lower-case name, None when not sent."""
    for key, value in scope["headers"]:
        if key == name:
            return value.decode("latin-1")
    return None


def bearer(scope: Scope) -> str:
    """The bearer token of the request, empty when there is none or another scheme."""
    scheme, _, token = (header(scope, b"authorization") or "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def check_media_type(scope: Scope) -> None:
    """Raises UnsupportedMedia when a content type other than JSON is sent; none is accepted."""
    sent = header(scope, b"content-type")
    if sent is not None and sent.partition(";")[0].strip().lower() != "application/json":
        raise UnsupportedMedia


async def read_body(scope: Scope, receive: Receive, limit_bytes: int) -> bytes:
    """The whole body. Raises PayloadTooLarge as soon as it is known to pass the limit."""
    announced = header(scope, b"content-length")
    if announced is not None and announced.isdigit() and int(announced) > limit_bytes:
        raise PayloadTooLarge(limit_bytes)
    message = await receive()
    body = message.get("body", b"")
    if not message.get("more_body", False):
        if len(body) > limit_bytes:
            raise PayloadTooLarge(limit_bytes)
        return body
    parts, size = [body], len(body)
    while message.get("more_body", False):
        message = await receive()
        if message["type"] == "http.disconnect":
            break
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > limit_bytes:
            raise PayloadTooLarge(limit_bytes)
    return b"".join(parts)
