"""Characters of a file: by its byte order mark, else as UTF-8, as UTF-16 by its zeros, or as Windows-1252.

Letter frequencies (charset-normalizer, chardet) are left out: lists of numbers and names are too short for them, and a
wrong guess shows people a wrong name. What was taken is shown and can be changed.
"""

import codecs
from collections.abc import Iterable
from itertools import chain

from msgspec import Struct

from callmark.tables.model import TableError

ENCODINGS = (
    "utf-8",
    "utf-16",
    "cp1252",
    "cp1250",
    "cp1251",
    "cp1253",
    "cp1254",
    "cp1255",
    "cp1256",
    "cp874",
    "iso8859-1",
    "iso8859-15",
    "koi8-r",
    "mac-roman",
    "shift_jis",
    "gb18030",
    "big5",
    "euc-kr",
)
"""Encodings that may be chosen, by Python's names."""
GUESSED = ("utf-8", "cp1252")
"""What texts are in that neither a mark nor zeros tell from others."""

_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_OTHER_FILES = (
    (b"%PDF", "a PDF"),
    (b"\x1f\x8b", "compressed (gzip)"),
    (b"\x89PNG", "a picture"),
    (b"\xff\xd8\xff", "a picture"),
    (b"{\\rtf", "a text document (RTF)"),
    (b"7z\xbc\xaf", "compressed (7z)"),
    (b"Rar!", "compressed (RAR)"),
)
END_OF_FILE = "\x1a"
"""Of DOS, which some programs still write behind the last line."""
_PAGES = ("<!doctype html", "<html", "<table", "<?xml")
_SAMPLE = 65_536
_SHOWN = 60
_FEW = 8
_MOST_CONTROLS = 0.02


def guessed(example: str) -> str:
    """A note on a text that was read as Windows-1252, because it is no Unicode: any file can be read as that."""
    return f"Texts are read as cp1252, such as {example[:_SHOWN]!r}. If they look wrong, choose the encoding."


class Text(Struct, frozen=True):
    """A file's characters and the encoding they were read by. Bytes that it has no character for became U+FFFD."""

    text: str
    encoding: str


def decode(data: bytes, encoding: str = "") -> Text:
    """The characters of a file, by the encoding given or by the one it seems to have. Raises TableError."""
    for start, what in _OTHER_FILES:
        if data.startswith(start):
            raise TableError(f"this file is {what}, not a list; save it as CSV or as an Excel workbook (.xlsx)")
    found = _by_name(data, encoding) if encoding else _detect(data)
    whole = found.text.rstrip(END_OF_FILE)
    _check_is_text(whole)
    return Text(whole, found.encoding)


def _by_name(data: bytes, encoding: str) -> Text:
    if encoding not in ENCODINGS:
        raise TableError(f"encoding must be one of {', '.join(ENCODINGS)}", "encoding")
    return Text(data.decode(codec_of(data, encoding), errors="replace"), encoding)


def _detect(data: bytes) -> Text:
    codec = codec_of(data)
    encoding = "utf-16" if codec.startswith("utf-16") else codec.removesuffix("-sig")
    return Text(data.decode(codec, errors="replace"), encoding)


def line_ends(data: bytes, encoding: str = "") -> list[bytes]:
    """How a file that begins so, or is in the encoding, may write the end of a line; both may be in one file."""
    codec = codec_of(data, encoding)
    if codec.startswith(("utf-16", "utf-32")):
        is_big = codec.endswith("be") or data.startswith((codecs.BOM_UTF16_BE, codecs.BOM_UTF32_BE))
        codec = f"{codec[:6]}-{'be' if is_big else 'le'}"
        return [end.encode(codec) for end in "\r\n"]
    return [b"\r", b"\n"]


def codec_of(data: bytes, encoding: str = "") -> str:
    """Python's name of the codec that reads a file: of the encoding given, or the one that it seems to have.

    That is found from all of it or from its beginning up to a line's end.
    """
    if encoding:
        return "utf-8-sig" if encoding == "utf-8" else encoding
    for mark, name in _MARKS:
        if data.startswith(mark):
            return name
    return _utf16_without_mark(data) or by_characters([data])


def _utf16_without_mark(data: bytes) -> str:
    """Digits, commas and line ends of UTF-16 have a zero as every second byte; empty for other texts."""
    sample = data[:_SAMPLE]
    even, odd = sample[::2].count(0), sample[1::2].count(0)
    if not even + odd or max(even, odd) * _FEW < len(sample) // 2 or min(even, odd) * _FEW > max(even, odd):
        return ""
    return "utf-16-le" if odd > even else "utf-16-be"


def by_characters(chunks: Iterable[bytes]) -> str:
    """Whether a file in chunks is `utf-8` or `cp1252`: the former if not more bytes spoil it than it has characters.

    Those of ASCII do not count, as they are the same in both.
    """
    decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
    spoiled = beyond_ascii = 0
    for chunk in chain(chunks, [None]):
        text = decoder.decode(chunk or b"", final=chunk is None)
        if not text.isascii():
            whole = text.encode(errors="ignore").decode()
            spoiled += len(text) - len(whole)
            beyond_ascii += len(whole) - len(whole.encode("ascii", errors="ignore"))
    return "utf-8" if beyond_ascii >= spoiled else "cp1252"


def _check_is_text(text: str) -> None:
    sample = text[:_SAMPLE]
    controls = sum(one < " " and one not in "\t\n\r\v\f" for one in sample)
    if controls > max(1, len(sample) * _MOST_CONTROLS):
        raise TableError("this is not a text file; save the list as CSV or as an Excel workbook (.xlsx)")
    if sample.lstrip("\ufeff \t\r\n").lower().startswith(_PAGES):
        raise TableError("this is a web page or an XML file, whatever its name says; save the list as CSV or .xlsx")
