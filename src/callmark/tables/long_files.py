"""Files of any length, row by row in constant memory: texts (CSV), a JSON object a line (NDJSON), Parquet.

What a file is, is found from its content. The first rows decide about encoding, delimiter and header, as for short
files. A workbook is read too, whole.
"""

import codecs
import json
import math
import re
from collections.abc import Callable, Iterator
from functools import partial
from importlib import import_module
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from callmark.tables import rows, text, workbook
from callmark.tables.model import Line, Table, TableError
from callmark.tables.reader import ABOVE, WIDER, Reading, read_table
from callmark.tables.sheet_errors import NEVER_VALID, NO_NUMBER

LONGEST_LINE = 1_000_000
"""Characters; what bounds the memory of one row."""
MOST_NAMES = 1_000
_HEAD = 1 << 18
_CHUNK = 1 << 20
_FIRST_ROWS = 200
_AROUND = 30
_PARQUET = b"PAR1"
_PARQUET_ROWS = 1_000
_EXACT_FLOAT = 1 << 24
"""A float of 32 bits has every whole number up to here."""
_HALF = re.compile("[\ud800-\udfff]")
_MOST_DIGITS = 1_000
_DAMAGED = "this Parquet file is damaged"
_NO_DELIMITER = "\x1f"
"""Divides nothing: each line is one cell."""


class LongFile(Struct, frozen=True):
    """A file, by its beginning (`table`), and a way to read all of its rows, again and again."""

    kind: str
    """`text`, `NDJSON`, `Parquet` or `workbook`."""
    table: Table
    lines: Callable[[], Iterator[Line]]
    """Every row but the header and titles above it, in order; one that cannot be read has a `fault`."""


def open_long_file(path: Path, known: Callable[[str], int], reading: Reading) -> LongFile:
    """What the file is. `known` says how well a name is known (`columns.find_header`). Raises TableError."""
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD)
    except OSError as exc:
        raise TableError(f"cannot read {path}: {exc.strerror}") from exc
    if head.startswith(_PARQUET):
        return _parquet(path)
    if workbook.is_workbook(head):
        return _workbook(path, known, reading)
    if not head:
        raise TableError("the file is empty")
    if len(head) == _HEAD:
        head = _whole_lines(head, reading.encoding)
    begin = head.decode("utf-8-sig", errors="replace").lstrip()
    if begin.startswith("{"):
        return _ndjson(path)
    if begin.startswith("["):
        raise TableError(f"this is one JSON array; write an object on each line: jq -c '.[]' {path}")
    return _text(path, head, known, reading)


def _whole_lines(head: bytes, encoding: str) -> bytes:
    """The beginning of a file up to the end of a line; all of it where there is none."""
    return head[: max(_behind_last(head, end) for end in text.line_ends(head, encoding))] or head


def _behind_last(head: bytes, end: bytes) -> int:
    """The place behind the last end of a line that is written so; 0 where there is none."""
    at = head.rfind(end)
    while at > 0 and at % len(end):  # half of one character and half of the next
        at = head.rfind(end, 0, at + len(end) - 1)
    return at + len(end) if at > 0 else 0


# texts --------------------------------------------------------------------------------------------------------------


def _text(path: Path, head: bytes, known: Callable[[str], int], reading: Reading) -> LongFile:
    codec = text.codec_of(head, reading.encoding)
    is_guessed = not reading.encoding and codec in text.GUESSED
    if is_guessed:
        codec = text.by_characters(_chunks(path))
        reading = replace(reading, encoding=codec)
    table = read_table(head, known, reading)
    if is_guessed and codec == "cp1252":
        example = rows.first_beyond_ascii(table.lines) or _beyond_utf8(path).decode(codec, "replace")
        table = table.noting(text.guessed(example))
    first = min((line.number for line in table.lines), default=1)
    start = table.header or min([first, *(one.line for one in table.faults)]) - 1
    above = {one.line for one in table.faults if one.line < table.header}
    width = len(table.names) if table.names else 0
    delimiter = table.delimiter or _NO_DELIMITER

    def lines() -> Iterator[Line]:
        with path.open(encoding=codec, errors="replace", newline="") as file:
            for line in rows.stream(_short_lines(file.readline), delimiter):
                if line.number > start:
                    yield _judged(line, width, table.encoding)
                elif line.number in above:
                    yield replace(line, fault=ABOVE)

    if len(head) < path.stat().st_size and any(b'"' in chunk for chunk in _chunks(path)):
        with path.open(encoding=codec, errors="replace", newline="") as file:
            table = replace(table, long_rows=rows.long_rows(_short_lines(file.readline), delimiter))
    return LongFile("text", table, lines)


def _chunks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            yield chunk


def _beyond_utf8(path: Path) -> bytes:
    """The first bytes that are not UTF-8, with some before and behind; none where all are."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        for chunk in _chunks(path):
            decoder.decode(chunk)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError as exc:
        around = exc.object[max(exc.start - _AROUND, 0) : exc.start + _AROUND]
        return next(line for line in around.splitlines() if not line.isascii())
    return b""


def _short_lines(read: Callable[[int], str]) -> Iterator[str]:
    while line := read(LONGEST_LINE):
        if len(line) == LONGEST_LINE:
            raise TableError(f"a line has more than {LONGEST_LINE:,} characters: this is no list")
        yield line.rstrip(text.END_OF_FILE) if line[-1] == text.END_OF_FILE else line


def _judged(line: Line, width: int, encoding: str) -> Line:
    fault = line.fault
    if not fault and width and any(line.cells[width:]):
        fault = WIDER
    if not fault and any("\ufffd" in cell for cell in line.cells):
        fault = f"has characters that {encoding} does not have"
    return replace(line, fault=fault) if fault else line


# NDJSON -------------------------------------------------------------------------------------------------------------


def _ndjson(path: Path) -> LongFile:
    names: dict[str, None] = {}
    for _, item in _objects(path):
        if isinstance(item, dict):
            names.update(dict.fromkeys(item))
            if len(names) > MOST_NAMES:
                raise TableError(f"the objects have more than {MOST_NAMES:,} different names: this is no list")

    def lines() -> Iterator[Line]:
        for number, item in _objects(path):
            if isinstance(item, dict):
                yield _judged(Line(number, tuple(_cell(item.get(name)) for name in names)), 0, "utf-8")
            else:
                yield Line(number, (item[:100],), "is not a JSON object")

    return LongFile("NDJSON", Table(list(islice(lines(), _FIRST_ROWS)), tuple(names), encoding="utf-8"), lines)


def _objects(path: Path) -> Iterator[tuple[int, dict[str, Any] | str]]:
    """Each object with its line; a line that is none as its text."""
    decode = msgspec.json.Decoder(dict[str, Any]).decode
    with path.open(encoding="utf-8-sig", errors="replace") as file:
        for number, line in enumerate(_short_lines(file.readline), 1):
            if line.strip():
                try:
                    yield number, decode(line)
                except RecursionError:
                    yield number, line.strip()
                except msgspec.DecodeError:
                    yield number, _spoiled(line) or line.strip()


def _spoiled(line: str) -> dict[str, Any] | None:
    """An object with values that no type of ours holds, each as what no field takes; None where it is none.

    These are halves of characters, from texts that were cut in an emoji, and numbers beyond all bounds, such as 1e999.
    """
    try:
        item: object = json.loads(line, parse_int=_integer, parse_constant=_no_constant)
        if isinstance(item, dict):
            return json.loads(_HALF.sub(NEVER_VALID, json.dumps(item, ensure_ascii=False)))
    except (ValueError, RecursionError):
        pass
    return None


def _integer(digits: str) -> float:
    return int(digits) if len(digits) <= _MOST_DIGITS else math.copysign(math.inf, float(f"{digits[0]}1"))


def _no_constant(name: str) -> None:
    raise ValueError(name)  # NaN and Infinity, which JSON has not


def _cell(value: object) -> str:
    """A value as a table would have it."""
    match value:
        case None:
            return ""
        case str():
            return value
        case bytes():
            return value.decode(errors="replace")
        case float():
            return _of_float(value)
        case bool() | int():
            return str(value)
        case _:
            return msgspec.json.encode(value, enc_hook=str).decode().strip('"')


def _of_float(value: float) -> str:
    if math.isnan(value):  # how Parquet has a missing value in a column of floats
        return ""
    if math.isinf(value):
        return NO_NUMBER
    return f"{value:.0f}" if value.is_integer() else str(value)


# Parquet, workbooks -------------------------------------------------------------------------------------------------


def _parquet(path: Path) -> LongFile:
    try:
        arrow: Any = import_module("pyarrow")
        parquet: Any = import_module("pyarrow.parquet")
    except ModuleNotFoundError as exc:
        raise TableError("a Parquet file needs `pip install 'callmark[parquet]'`; or save it as CSV") from exc

    opened = partial(parquet.ParquetFile, path, buffer_size=_CHUNK)  # not a whole row group at once

    def lines() -> Iterator[Line]:
        number = 0
        try:
            with opened() as file:
                for batch in file.iter_batches(batch_size=_PARQUET_ROWS):
                    for values in zip(*(_values(column, arrow) for column in batch.columns), strict=True):
                        number += 1
                        yield _judged(Line(number, tuple(map(_cell, values))), 0, "utf-8")
        except Exception as exc:
            raise TableError(_DAMAGED) from exc

    try:
        with opened() as file:
            names = tuple(map(str, file.schema_arrow.names))
    except Exception as exc:
        raise TableError(_DAMAGED) from exc

    return LongFile("Parquet", Table(list(islice(lines(), _FIRST_ROWS)), names), lines)


def _values(column: Any, arrow: Any) -> list[object]:  # noqa: ANN401 - pyarrow has no types
    """The values of a column, times to microseconds; numbers of which a short float has lost digits as `9.2E+11`.

    An instant that Python does not have, such as one of the year 12000, is a text.
    """
    kind, its = arrow.types, column.type
    if getattr(its, "unit", "") == "ns":
        if kind.is_timestamp(its):
            column = column.cast(arrow.timestamp("us", its.tz), safe=False)
        else:
            column = column.cast(arrow.time64("us") if kind.is_time(its) else arrow.duration("us"), safe=False)
    try:
        values: list[object] = column.to_pylist()
    except (ValueError, OverflowError):
        return column.cast(arrow.string()).to_pylist()
    if kind.is_float32(its) or kind.is_float16(its):
        return [f"{one:.1E}" if isinstance(one, float) and _EXACT_FLOAT < one < math.inf else one for one in values]
    return values


def _workbook(path: Path, known: Callable[[str], int], reading: Reading) -> LongFile:
    table = read_table(path.read_bytes(), known, reading)
    faulty = [Line(one.line, (one.text,), one.why) for one in table.faults]
    every = sorted([*table.lines, *faulty], key=lambda line: line.number)
    return LongFile("workbook", table, lambda: iter(every))
