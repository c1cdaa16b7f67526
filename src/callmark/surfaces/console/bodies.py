"""Reads what a form sends. A file over its page's limit is read past, so that the fields beside it are not lost.

Starlette's parsers read bytes that are not UTF-8 as Latin-1, or put U+FFFD in their place, without a word; a form with
such fields is refused instead, as such a body is everywhere (contract D55). A `charset` beside `multipart/form-data`
says nothing (RFC 7578, 5.1.2); Starlette would read the fields in it. Files are as they are. A form without files
is read here, because Starlette takes seconds for a long one.
"""

from asyncio import to_thread
from urllib.parse import unquote_to_bytes

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import parse_options_header
from starlette.datastructures import FormData, Headers, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request
from starlette.types import Message

from callmark.kit.errors import InvalidInput, PayloadTooLarge
from callmark.surfaces.bodies import check_encoding
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
_NOT_UTF8 = "The form has text that is not UTF-8. Submit it again."
_NO_FORM = "The form could not be read. Submit it again."


class LargeFile(UploadFile):
    """A file over the limit, of which not all was kept."""


async def read_form(request: Request, largest_bytes: int, *, is_trusted: bool) -> FormData:
    """The fields and files of a form; a file of over `largest_bytes` is given as LargeFile.

    Of someone who is not signed in (`is_trusted`), `largest_bytes` bound the whole body. Raises PayloadTooLarge for
    a body that is too large to be read past, UnsupportedEncoding for a compressed one, InvalidInput for fields that are
    no text and for what is no form.
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
        super().__init__(
            _without_charset(request.headers), request.stream(), max_files=20, max_part_size=LARGEST_TEXT_BYTES + 1
        )
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
            self._text_bytes += end - start
            if self._text_bytes > LARGEST_TEXT_BYTES:
                raise PayloadTooLarge(LARGEST_TEXT_BYTES)
        else:
            self._file_bytes += end - start
            if self._file_bytes > self._largest:
                return
        super().on_part_data(data, start, end)

    def on_header_end(self) -> None:
        _check(self._current_partial_header_value)  # whole: a character may come in two pieces
        super().on_header_end()

    def on_part_end(self) -> None:
        if self._current_part.file is None:
            _check(bytes(self._current_part.data))
        super().on_part_end()
        name, value = self.items[-1]
        if isinstance(value, UploadFile) and self._file_bytes > self._largest:
            self.items[-1] = name, LargeFile(value.file, filename=value.filename, headers=value.headers)

    def on_end(self) -> None:
        self._is_whole = True


def _without_charset(headers: Headers) -> Headers:
    """The kind of a form with files, of whose parameters the boundary counts."""
    _, parameters = parse_options_header(headers["content-type"])
    kind = _MULTIPART
    if boundary := parameters.get(b"boundary"):
        quoted = boundary.decode("latin-1").replace("\\", "\\\\").replace('"', '\\"')
        kind = f'{_MULTIPART}; boundary="{quoted}"'
    return Headers({"content-type": kind})


def _check(text: bytes) -> None:
    """Raises InvalidInput for bytes that are not UTF-8."""
    try:
        text.decode()
    except UnicodeDecodeError as exc:
        raise InvalidInput(_NOT_UTF8) from exc


def _fields(body: bytes, most: int) -> FormData:
    """The fields of a form without files, at most `most`. Raises InvalidInput."""
    if body.count(b"&") >= most:
        raise InvalidInput(_NO_FORM)
    pairs = [pair.partition(b"=") for pair in body.split(b"&") if pair]
    try:
        return FormData([(_text_of(name), _text_of(value)) for name, _, value in pairs])
    except UnicodeDecodeError as exc:
        raise InvalidInput(_NOT_UTF8) from exc


def _text_of(sent: bytes) -> str:
    return unquote_to_bytes(sent.replace(b"+", b" ")).decode()


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
