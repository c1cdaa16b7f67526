"""Reads what a form sends. A file over its page's limit is read past, so that the fields beside it are not lost.

Starlette's parsers read bytes that are not UTF-8 as Latin-1, or put U+FFFD in their place, without a word; a form with
such fields is refused instead, as such a body is everywhere (contract D55). A `charset` beside `multipart/form-data`
says nothing (RFC 7578, 5.1.2); Starlette would read the fields in it. Files are as they are. A form without files
is read here, because Starlette takes seconds for a long one.
"""

import re
from asyncio import to_thread
from collections.abc import AsyncGenerator
from urllib.parse import unquote_to_bytes

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import parse_options_header
from starlette.datastructures import FormData, Headers, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request
from starlette.types import Message

from callmark.kit.errors import InvalidInput, PayloadTooLarge
from callmark.surfaces.bodies import NotUtf8, check_encoding, check_utf8
from callmark.surfaces.http import announced_bytes, read_body

LARGEST_TEXT_BYTES = 8 * 1024 * 1024
"""Of all fields of a form together: beyond what any field may hold, so that the field itself says what it may."""
_READ_PAST_BYTES = 128 * 1024 * 1024
"""How much of files that are too large is read and dropped, for the sake of the other fields."""
_MOST_FIELDS, _MOST_FIELDS_OF_STRANGERS = 20_000, 1_000
"""More than numbers can be chosen at once; of someone who is not signed in, more than any form has."""
_FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")
_MULTIPART = "multipart/form-data"
_AT_ONCE_BYTES = 64 * 1024
"""A longer form is read in a thread."""
_ESCAPE = re.compile(rb"%[0-9A-Fa-f]{2}")
_NO_FORM = "The form could not be read. Submit it again."


class LargeFile(UploadFile):
    """A file over the limit, of which not all was kept."""


async def read_form(request: Request, largest_bytes: int, *, is_trusted: bool) -> FormData:
    """The fields and files of a form; a file of over `largest_bytes` is given as LargeFile.

    Of someone who is not signed in (`is_trusted`), `largest_bytes` bound the whole body. Raises PayloadTooLarge for
    a body that is too large to be read past, UnsupportedEncoding for a compressed one, NotUtf8 for fields that are no
    text, InvalidInput for what is no form.
    """
    kind = request.headers.get("content-type", "")
    if not kind.startswith(_FORMS):
        return FormData()
    check_encoding(request.scope)
    is_multipart = kind.startswith(_MULTIPART)
    most = largest_bytes
    if is_trusted:
        most = _READ_PAST_BYTES if is_multipart else max(largest_bytes, LARGEST_TEXT_BYTES)
    if is_multipart:
        try:
            return await _Parser(_bounded(request, most), largest_bytes).parse()
        except (MultiPartException, FormParserError) as exc:
            raise InvalidInput(_NO_FORM) from exc
    body = await read_body(request.scope, request.receive, most)
    most_fields = _MOST_FIELDS if is_trusted else _MOST_FIELDS_OF_STRANGERS
    if len(body) <= _AT_ONCE_BYTES:
        return _fields(body, most_fields)
    return await to_thread(_fields, body, most_fields)


class _Parser(MultiPartParser):
    """As its base, but for files over the limit, with one limit for all text, and refusing a form that is cut off."""

    def __init__(self, request: Request, largest_bytes: int) -> None:
        stream = self._counted(request.stream())
        super().__init__(_without_charset(request.headers), stream, max_files=20, max_part_size=LARGEST_TEXT_BYTES + 1)
        self._fed, self._text_at, self._value_at = 0, 0, 0
        self._largest, self._text_bytes, self._file_bytes = largest_bytes, 0, 0
        self._is_whole = False

    async def parse(self) -> FormData:
        form = await super().parse()
        if not self._is_whole:
            for file in self._files_to_close_on_error:
                file.close()
            raise MultiPartException("The form has no end.")
        return form

    def on_part_begin(self) -> None:
        super().on_part_begin()
        self._file_bytes = 0

    def on_part_data(self, data: bytes, start: int, end: int) -> None:
        file = self._current_part.file
        if file is None:
            if not self._current_part.data:
                self._text_at = self._fed + start
            self._text_bytes += end - start
            if self._text_bytes > LARGEST_TEXT_BYTES:
                raise PayloadTooLarge(LARGEST_TEXT_BYTES)
        else:
            self._file_bytes += end - start
            if self._file_bytes > self._largest:
                return
        super().on_part_data(data, start, end)

    def on_header_value(self, data: bytes, start: int, end: int) -> None:
        if not self._current_partial_header_value:
            self._value_at = self._fed + start
        super().on_header_value(data, start, end)

    def on_header_end(self) -> None:
        _check(self._current_partial_header_value, self._value_at)  # whole: a character may come in two pieces
        super().on_header_end()

    def on_part_end(self) -> None:
        if self._current_part.file is None:
            _check(bytes(self._current_part.data), self._text_at)
        super().on_part_end()
        name, value = self.items[-1]
        if isinstance(value, UploadFile) and self._file_bytes > self._largest:
            self.items[-1] = name, LargeFile(value.file, filename=value.filename, headers=value.headers)

    def on_end(self) -> None:
        self._is_whole = True

    async def _counted(self, stream: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
        async for piece in stream:
            yield piece
            self._fed += len(piece)


def _without_charset(headers: Headers) -> Headers:
    """The kind of a form with files, of whose parameters the boundary counts."""
    _, parameters = parse_options_header(headers["content-type"])
    kind = _MULTIPART
    if boundary := parameters.get(b"boundary"):
        quoted = boundary.decode("latin-1").replace("\\", "\\\\").replace('"', '\\"')
        kind = f'{_MULTIPART}; boundary="{quoted}"'
    return Headers({"content-type": kind})


def _check(text: bytes, offset: int) -> None:
    try:
        check_utf8(text)
    except NotUtf8 as exc:
        raise NotUtf8(offset + exc.offset) from exc


def _fields(body: bytes, most: int) -> FormData:
    """The fields of a form without files, at most `most`. Raises InvalidInput, of which NotUtf8 is one."""
    check_utf8(body)
    if body.count(b"&") >= most:
        raise InvalidInput(_NO_FORM)
    pairs = [pair.partition(b"=") for pair in body.split(b"&") if pair]
    try:
        return FormData([(_text_of(name), _text_of(value)) for name, _, value in pairs])
    except UnicodeDecodeError as exc:
        raise NotUtf8(_escaped_fault(body)) from exc


def _text_of(sent: bytes) -> str:
    return unquote_to_bytes(sent.replace(b"+", b" ")).decode()


def _escaped_fault(body: bytes) -> int:
    """Where the `%` is whose byte, once it is no longer escaped, is the first that is not UTF-8."""
    try:
        check_utf8(unquote_to_bytes(body))
    except NotUtf8 as exc:
        before = sum(found.start() - 2 * count < exc.offset for count, found in enumerate(_ESCAPE.finditer(body)))
        return exc.offset + 2 * before
    raise AssertionError("each field is UTF-8 where the whole is")


def _bounded(request: Request, most: int) -> Request:
    """The request, whose body raises PayloadTooLarge as soon as it passes `most` bytes, or announces that it will."""
    if announced_bytes(request.scope) > most:
        raise PayloadTooLarge(most)
    receive, size = request.receive, 0

    async def counted() -> Message:
        nonlocal size
        message = await receive()
        size += len(message.get("body", b""))
        if size > most:
            raise PayloadTooLarge(most)
        return message

    return Request(request.scope, counted)
