"""Rows of an Excel workbook (.xlsx), read by openpyxl; every other kind of workbook is refused by its name.

A workbook is a zip of XML: its size unpacked is counted before anything is read, so that a small file cannot fill the
memory.
"""

import io
import warnings
from collections.abc import Collection, Iterator
from importlib import import_module
from typing import Any

from msgspec import Struct, field

from callmark.tables.model import Line, TableError
from callmark.tables.sheet_rows import rows_of
from callmark.tables.workbook_parts import DAMAGED, Merged, Package, WorkbookParts, look_inside

MOST_ROWS = 1_000_000
MOST_CELLS = 5_000_000
MOST_COLUMNS = 1_000
_LAST_ROW = 1 << 20
"""Of a sheet that Excel opens."""
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_ZIP = (b"PK\x03\x04", b"PK\x05\x06")


class Sheet(Struct, frozen=True):
    """A sheet's rows that are not empty, by their row numbers; `sheets` are the names of all that can be read."""

    name: str
    sheets: tuple[str, ...]
    lines: list[Line]
    notes: list[str] = field(default_factory=list[str])


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
    book = _opened(data)
    try:
        every: list[Any] = list(book.worksheets)
        visible = [one for one in every if one.sheet_state == "visible"] or every
        names = tuple(str(one.title) for one in every)
        if wanted and wanted not in names:
            raise TableError(f"the workbook has no sheet {wanted!r}; its sheets are: {', '.join(names)}", "sheet")
        for one in [one for one in every if one.title == wanted] if wanted else visible:
            merged = _merged_in(one, parts)
            lines = _lines(rows_of(one), merged)
            is_summary = _is_summary(lines) and not wanted
            if (lines and not is_summary) or one is visible[-1]:
                hidden = ["Hidden rows of the workbook were read as well."] if parts.has_hidden_rows and lines else []
                filled = ["Merged cells were read as if each of their rows had the value."] if merged and lines else []
                return Sheet(str(one.title), names, lines, [*_other_sheets(str(one.title), names), *hidden, *filled])
        return Sheet(wanted, names, [])
    finally:
        book.close()


def _opened(data: bytes) -> Any:  # noqa: ANN401 - a workbook of openpyxl, which has no types
    """What decides about cells. Properties and the theme are left out, which programs write in many ways."""
    openpyxl: Any = import_module("openpyxl.reader.excel")
    reader: Any = openpyxl.ExcelReader(io.BytesIO(data), read_only=True, data_only=True, keep_links=False)
    warnings.filterwarnings("ignore", module="openpyxl")
    reader.archive = Package(io.BytesIO(data))
    reader.read_manifest()
    reader.read_strings()
    reader.read_workbook()
    openpyxl.apply_stylesheet(reader.archive, reader.wb)
    reader.read_worksheets()
    return reader.wb


def _is_summary(lines: list[Line]) -> bool:
    """Whether a sheet is the one that Apple's Numbers puts before the tables that it saves."""
    return bool(lines) and lines[0].text.startswith("This document was exported from Numbers")


def _merged_in(sheet: object, parts: WorkbookParts) -> set[Merged]:
    return parts.merged.get(vars(sheet)["_worksheet_path"], set[Merged]())


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
