"""What a request's head may be: one host."""

import re
from collections.abc import Iterable

import httptools

_HOST = re.compile(rb"[^\s/\\?#@,\x00-\x20\x7f]*").fullmatch
_OF_CLIENTS = (UnicodeError, httptools.HttpParserError)


class RefusedHeadError(Exception):
    """A head that is HTTP for the parser and not for us; the text says what is wrong with it."""


def check_host(headers: Iterable[tuple[bytes, bytes]], version: str) -> None:
    """Raises RefusedHeadError for a head without one valid `Host` (RFC 9112, 3.2)."""
    hosts = [value for name, value in headers if name == b"host"]
    if len(hosts) > 1:
        raise RefusedHeadError("request has more than one Host header")
    if not hosts and version == "1.1":
        raise RefusedHeadError("request has no Host header")
    if hosts and not _HOST(hosts[0]):
        raise RefusedHeadError("the Host header is invalid")


def failure_of(error: httptools.HttpParserError) -> BaseException | None:
    """What went wrong on our side while the parser told us what it read; None where the request is to blame."""
    if not isinstance(error, httptools.HttpParserCallbackError):
        return None
    cause = error.__context__
    return None if cause is None or isinstance(cause, (RefusedHeadError, *_OF_CLIENTS)) else cause
