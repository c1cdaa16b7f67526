"""Rows of an Excel workbook (.xlsx), read by openpyxl; every other kind of workbook is refused by its name.

A workbook is a zip of XML: its size unpacked is counted before anything is read, so that a small file cannot fill the
memory.
"""

import io
import re
import warnings
from collections.abc import Collection, Iterator
from datetime import date, datetime, time
from importlib import import_module
from typing import Any, Protocol

from msgspec import Struct, field

from callmark.tables.cell_formats import as_shown
from callmark.tables.model import Line, TableError
from callmark.tables.sheet_errors import NO_VALUE
from callmark.tables.workbook_parts import DAMAGED, Merged, Package, WorkbookParts, look_inside

MOST_ROWS = 1_000_000
MOST_CELLS = 5_000_000
MOST_COLUMNS = 1_000
_LAST_ROW = 1 << 20
"""Of a sheet that Excel opens."""
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_ZIP = (b"PK\x03\x04", b"PK\x05\x06")
_ESCAPED = re.compile("_x(005F|00[01][0-9A-Fa-f])_")
"""Control characters, which XML cannot have, and the `_` before a text that looks like one of them.

openpyxl takes that `_` away where sheets share a text: there a cell that says `_x000D_` itself loses it.
"""
_TEXT_RESULT = "str"
"""The type of a formula's cell whose result is a text; without a value it is the empty one."""
_NO_PART = re.compile(r'\[[^\]]*\]|"[^"]*"|\\.')
"""Of a cell's format: colours, languages and words in it."""
_OF_TIME = re.compile("[hs]", re.IGNORECASE)


class Sheet(Struct, frozen=True):
    """A sheet's rows that are not empty, by their row numbers; `sheets` are the names of all that can be read."""

    name: str
    sheets: tuple[str, ...]
    lines: list[Line]
    notes: list[str] = field(default_factory=list[str])


class _Cell(Protocol):
    """What is used of a cell of openpyxl, which has no types."""

    value: object
    data_type: str
    number_format: str


class _Sheet(Protocol):
    """What is used of a sheet."""

    def reset_dimensions(self) -> None: ...

    def iter_rows(self) -> Iterator[tuple[Any, ...]]: ...


def is_workbook(data: bytes) -> bool:
    """Whether the file is one by its content, whatever its name says."""
    return data.startswith((_OLE, *_ZIP))


def read(data: bytes, sheet: str = "") -> Sheet:
    """The sheet of that name, else the first visible one that has rows. Raises TableError."""
    if data.startswith(_OLE):
        raise TableError(
            "this is an old (.xls) or a password-protected workbook; save it as .xlsx without a password, or as CSV"
        )
    try:
        return _read(data, sheet, look_inside(data))
    except TableError:
        raise
    except ModuleNotFoundError as exc:
        raise TableError("an Excel workbook needs `pip install 'callmark[files]'`; or save it as CSV") from exc
    except (MemoryError, RecursionError):
        raise TableError("this workbook is too large; save the sheet as CSV") from None
    except Exception as exc:
        raise TableError(DAMAGED) from exc


def _read(data: bytes, wanted: str, parts: WorkbookParts) -> Sheet:
    reader: Any = import_module("openpyxl.reader.excel").ExcelReader(io.BytesIO(data), read_only=True, data_only=True)
    warnings.filterwarnings("ignore", module="openpyxl")
    reader.archive = Package(io.BytesIO(data))
    reader.read()
    book: Any = reader.wb
    try:
        every: list[Any] = list(book.worksheets)
        visible = [one for one in every if one.sheet_state == "visible"] or every
        names = tuple(str(one.title) for one in every)
        if wanted and wanted not in names:
            raise TableError(f"the workbook has no sheet {wanted!r}; its sheets are: {', '.join(names)}", "sheet")
        for one in [one for one in every if one.title == wanted] if wanted else visible:
            merged = _merged_in(one, parts)
            lines = _lines(_calculated(one) if parts.has_formulas else _plain(one), merged)
            if lines or one is visible[-1]:
                hidden = ["Hidden rows of the workbook were read as well."] if parts.has_hidden_rows and lines else []
                filled = ["Merged cells were read as if each of their rows had the value."] if merged and lines else []
                return Sheet(str(one.title), names, lines, [*_other_sheets(str(one.title), names), *hidden, *filled])
        return Sheet(wanted, names, [])
    finally:
        book.close()


def _merged_in(sheet: object, parts: WorkbookParts) -> set[Merged]:
    return parts.merged.get(_inner(sheet)["_worksheet_path"], set[Merged]())


def _inner(thing: object) -> dict[str, Any]:
    """The attributes of something of openpyxl, which gives no other way to a sheet's place in the zip."""
    return vars(thing)


def _other_sheets(name: str, names: tuple[str, ...]) -> list[str]:
    others = [repr(one) for one in names if one != name]
    return [f"Only the sheet {name!r} is read, not {', '.join(others)}."] if others else []


def _lines(rows: Iterator[tuple[str, ...]], merged: Collection[Merged]) -> list[Line]:
    """The rows that have values, each to its last value: an empty cell with a format may stand anywhere."""
    found: list[Line] = []
    left = MOST_CELLS
    for number, row in enumerate(_filled(rows, merged) if merged else rows, 1):
        left -= len(row)
        cells = row[: next((end for end in range(len(row), 0, -1) if row[end - 1]), 0)]
        if number > (MOST_ROWS if cells else _LAST_ROW) or len(cells) > MOST_COLUMNS or left < 0:
            raise TableError(
                f"a sheet can have at most {MOST_ROWS:,} rows, {MOST_COLUMNS:,} columns and {MOST_CELLS:,} cells;"
                " save the list in a file of its own"
            )
        if cells:
            found.append(Line(number, cells))
    return found


def _filled(rows: Iterator[tuple[str, ...]], merged: Collection[Merged]) -> Iterator[tuple[str, ...]]:
    """The rows, merged cells with their value in each row that has something of its own.

    A row that has nothing else is a part of a tall one. Of cells merged across columns the first keeps the value.
    """
    starting: dict[int, list[Merged]] = {}
    for one in merged:
        starting.setdefault(one.first, []).append(one)
    values: dict[int, tuple[int, str]] = {}
    for number, row in enumerate(rows, 1):
        if values and any(row):
            values = {at: (last, value) for at, (last, value) in values.items() if last >= number}
            cells = [*row, *[""] * (max(values, default=0) + 1 - len(row))]
            for at, (_, value) in values.items():
                cells[at] = cells[at] or value
            yield tuple(cells)
        else:
            yield row
        values |= {
            one.column: (one.last, row[one.column]) for one in starting.get(number, ()) if any(row[one.column :])
        }


def _plain(sheet: _Sheet) -> Iterator[tuple[str, ...]]:
    """The cells of each row."""
    sheet.reset_dimensions()
    for row in sheet.iter_rows():
        yield tuple(_text(_value(cell)) for cell in row)


def _value(cell: _Cell) -> object:
    """What a cell holds: a whole number as it is shown, of a day that it shows without a time only the day."""
    value = cell.value
    if isinstance(value, int | float) and not isinstance(value, bool) and value == value // 1:
        return as_shown(int(value), _format_of(cell))
    if not isinstance(value, datetime) or value.time() != time():
        return value
    return value if _OF_TIME.search(_NO_PART.sub("", cell.number_format)) else value.date()


def _format_of(cell: _Cell) -> str:
    try:
        return cell.number_format
    except IndexError:  # a format that the workbook has not, or not where openpyxl looks
        return "General"


def _calculated(sheet: _Sheet) -> Iterator[tuple[str, ...]]:
    """The cells of each row of a sheet that may have formulas."""
    sheet.reset_dimensions()
    formulas = _formulas(sheet)
    at, places = next(formulas, (0, set[int]()))
    for number, row in enumerate(sheet.iter_rows(), 1):
        while 0 < at < number:
            at, places = next(formulas, (0, set[int]()))
        here = places if at == number else ()
        yield tuple(_result(cell, has_formula=column in here) for column, cell in enumerate(row))


def _formulas(sheet: _Sheet) -> Iterator[tuple[int, set[int]]]:
    """Each row of a sheet by its number, with the columns that have a formula, which is not read.

    openpyxl writes a formula that cells share again for each of them, however long it is.
    """
    its = _inner(sheet)
    with _inner(its["parent"])["_archive"].open(its["_worksheet_path"]) as source:
        parser: Any = import_module("openpyxl.worksheet._reader").WorkSheetParser(source, its["_shared_strings"])
        parser.parse_formula = _unread
        for number, cells in parser.parse():
            yield number, {cell["column"] - 1 for cell in cells if cell["data_type"] == "f"}


def _unread(_: object) -> str:
    return "="


def _result(cell: _Cell, *, has_formula: bool) -> str:
    is_missing = has_formula and cell.value is None and cell.data_type != _TEXT_RESULT
    return NO_VALUE if is_missing else _text(_value(cell))


def _text(value: object) -> str:
    """A cell as people would type it: whole numbers without a fraction, dates as ISO 8601."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, float) and value.is_integer():
        return f"{value:.0f}"
    if isinstance(value, datetime):
        return value.isoformat(sep=" ", timespec="seconds")
    if isinstance(value, date | time):
        return value.isoformat()
    return _ESCAPED.sub(lambda found: chr(int(found[1], 16)), str(value)).strip()
