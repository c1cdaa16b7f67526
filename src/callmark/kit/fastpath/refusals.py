"""The answers of `http_protocol` to requests that no application gets to see."""

from collections.abc import Callable, Iterable
from http import HTTPStatus
from typing import Protocol

from callmark.kit.errors import AppError
from callmark.kit.ids import new_id


class Refusal(Protocol):
    """The answer to a request that no application gets to see."""

    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes


RenderRefusal = Callable[[AppError], Refusal]


def written(answer: Refusal, default_headers: Iterable[tuple[bytes, bytes]]) -> bytes:
    """The bytes of a refusal, the last answer of its connection."""
    headers = [
        *default_headers,
        *answer.headers,
        (b"content-length", str(len(answer.body)).encode()),
        (b"x-request-id", str(new_id()).encode()),
        (b"connection", b"close"),
    ]
    head = b"".join(b"%s: %s\r\n" % header for header in headers)
    status = f"HTTP/1.1 {answer.status} {HTTPStatus(answer.status).phrase}\r\n"
    return status.encode() + head + b"\r\n" + answer.body
