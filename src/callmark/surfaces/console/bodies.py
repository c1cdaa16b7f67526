"""Reads what a form sends. A file over its page's limit is read past, so that the fields beside it are not lost."""

from starlette.datastructures import FormData, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request
from starlette.types import Message

from callmark.kit.errors import InvalidInput, PayloadTooLarge

LARGEST_TEXT_BYTES = 8 * 1024 * 1024
"""Of all fields of a form together: beyond what any field may hold, so that the field itself says what it may."""
_READ_PAST_BYTES = 128 * 1024 * 1024
"""How much of files that are too large is read and dropped, for the sake of the other fields."""
_FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")
_MULTIPART = "multipart/form-data"


class LargeFile(UploadFile):
    """A file over the limit, of which not all was kept."""


async def read_form(request: Request, largest_bytes: int, *, is_trusted: bool) -> FormData:
    """The fields and files of a form; a file of over `largest_bytes` is given as LargeFile.

    Of somebody who is not signed in (`is_trusted`), `largest_bytes` bound the whole body. Raises PayloadTooLarge for
    a body that is too large to be read past, InvalidInput for one that is no form.
    """
    kind = request.headers.get("content-type", "")
    if not kind.startswith(_FORMS):
        return FormData()
    is_multipart = kind.startswith(_MULTIPART)
    most = largest_bytes
    if is_trusted:
        most = _READ_PAST_BYTES if is_multipart else max(largest_bytes, LARGEST_TEXT_BYTES)
    bounded = _bounded(request, most)
    if not is_multipart:
        return await bounded.form(max_part_size=most)
    try:
        return await _Parser(bounded, largest_bytes).parse()
    except MultiPartException as exc:
        raise InvalidInput("The form arrived damaged. Please send it again.") from exc


class _Parser(MultiPartParser):
    """As its base, but for files over the limit, and with one limit for all text."""

    def __init__(self, request: Request, largest_bytes: int) -> None:
        super().__init__(request.headers, request.stream(), max_files=20, max_part_size=LARGEST_TEXT_BYTES + 1)
        self._largest, self._text_bytes, self._file_bytes = largest_bytes, 0, 0

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

    def on_part_end(self) -> None:
        super().on_part_end()
        name, value = self.items[-1]
        if isinstance(value, UploadFile) and self._file_bytes > self._largest:
            self.items[-1] = name, LargeFile(value.file, filename=value.filename, headers=value.headers)


def _bounded(request: Request, most: int) -> Request:
    """The request, whose body raises PayloadTooLarge as soon as it passes `most` bytes, or announces that it will."""
    announced = request.headers.get("content-length", "")
    if announced.isascii() and announced.isdigit() and int(announced) > most:
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
