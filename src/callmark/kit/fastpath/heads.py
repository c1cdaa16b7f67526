"""What a request's head may be: one host, any method, and no protocol that we do not speak."""

import re
from collections.abc import Iterable
from typing import Any

import httptools

_HOST = re.compile(rb"[^\s/\\?#@,\x00-\x20\x7f]*").fullmatch
_FIRST_LINE = re.compile(rb"[\r\n]*([!#$%&'*+.^_`|~0-9A-Za-z-]{1,64}) [^\s]+ HTTP/1\.[01]\r\n").match
_KNOWN_METHOD = b"PURGE"
"""One that the parser knows and no route of ours has."""
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
    """What went wrong on our side while the parser handed us what it read; None where the request is to blame."""
    if not isinstance(error, httptools.HttpParserCallbackError):
        return None
    cause = error.__context__
    return None if cause is None or isinstance(cause, (RefusedHeadError, *_OF_CLIENTS)) else cause


def without_upgrade(method: bytes, url: bytes, version: str, headers: Iterable[tuple[bytes, bytes]]) -> bytes:
    """A head that was parsed, as if it asked for no other protocol."""
    lines = [b"%s %s HTTP/%s" % (method, url, version.encode())]
    lines += [b"%s: %s" % header for header in headers if header[0] != b"upgrade"]
    return b"\r\n".join([*lines, b"", b""])


def without_unknown_method(data: bytes, error: httptools.HttpParserError) -> tuple[str, bytes] | None:
    """The method that the parser does not know, and `data`, which begins with its request, with one that it knows.

    None where something else is wrong, or the first line is not whole. The parser has a list of methods; HTTP has none
    (RFC 9110, 9.1), and an application says which ones a path has.
    """
    found = _FIRST_LINE(data) if "method" in str(error) else None
    if found is None:
        return None
    begin, end = found.span(1)
    return found[1].decode(), data[:begin] + _KNOWN_METHOD + data[end:]


class Renamed:
    """What a parser calls in place of a connection: the same, but for the method of the head that comes first."""

    def __init__(self, connection: Any, method: str) -> None:  # noqa: ANN401 - http_protocol's, which imports this
        self._connection = connection
        self._method = method

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever the connection has
        return getattr(self._connection, name)

    def on_headers_complete(self) -> None:
        """The head is complete: its scope, which no application has read yet, gets the method."""
        self._connection.on_headers_complete()
        if self._method:
            self._connection.scope["method"], self._method = self._method, ""
