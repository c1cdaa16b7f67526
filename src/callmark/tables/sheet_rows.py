"""The cells of a workbook's sheet, row by row, as texts.

The XML is taken apart as openpyxl does it, but not by its sheets for reading: these leave out a row that stands below
one with a higher number, and a cell behind the last one of its row, without a word.
"""

import re
from collections.abc import Callable, Iterator
from datetime import date, datetime, time, timedelta
from importlib import import_module
from typing import Any
from xml.etree.ElementTree import Element

from callmark.tables.cell_formats import as_shown
from callmark.tables.model import TableError
from callmark.tables.sheet_errors import NO_VALUE

_ESCAPED = re.compile("_x(005F|00[01][0-9A-Fa-f])_")
"""Control characters, which XML cannot have, and the `_` before a text that looks like one of them.

openpyxl takes that `_` away where sheets share a text: there a cell that says `_x000D_` itself loses it.
"""
_SHOWN = 30
_TEXT_RESULT = "str"
"""The type of a formula's cell whose result is a text; without a value it is the empty one."""
_NO_PART = re.compile(r'\[[^\]]*\]|"[^"]*"|\\.')
"""Of a cell's format: colours, languages and words in it."""
_OF_TIME = re.compile("[hs]", re.IGNORECASE)


def rows_of(sheet: object) -> Iterator[tuple[str, ...]]:
    """The cells of each row from the first, also of rows that the sheet leaves out.

    Raises TableError where a row or a cell would be lost.
    """
    formats = _Formats(_inner(sheet)["parent"])
    last = 0
    for number, cells in _parsed(sheet):
        if number <= last:
            raise _damaged(f"row {number} {f'stands below row {last}' if number < last else 'is there twice'}")
        for _ in range(last + 1, number):
            yield ()
        last = number
        yield _row(number, cells, formats)


def _parsed(sheet: object) -> Iterator[tuple[int, list[dict[str, Any]]]]:
    """The rows with their numbers, in the order of the XML."""
    its = _inner(sheet)
    book: Any = its["parent"]
    inner = _inner(book)
    reader: Any = import_module("openpyxl.worksheet._reader")
    with inner["_archive"].open(its["_worksheet_path"]) as source:
        parser: Any = reader.WorkSheetParser(
            source,
            its["_shared_strings"],
            data_only=True,
            epoch=book.epoch,
            date_formats=inner["_date_formats"],
            timedelta_formats=inner["_timedelta_formats"],
        )
        parser.parse_cell = _whole(parser.parse_cell, reader.FORMULA_TAG)
        for _, element in reader.iterparse(source):
            if element.tag == reader.ROW_TAG:
                yield parser.parse_row(element)
                element.clear()


def _inner(thing: object) -> dict[str, Any]:
    """The attributes of something of openpyxl, which gives no other way to them."""
    return vars(thing)


def _whole(parse_cell: Callable[[Element], dict[str, Any]], formula: str) -> Callable[[Element], dict[str, Any]]:
    """Reads a cell, a formula's without its result as `NO_VALUE`. Raises TableError for one whose text is not read."""

    def parse(element: Element) -> dict[str, Any]:
        cell = parse_cell(element)
        if cell["value"] is not None:
            return cell
        if element.find(formula) is not None:
            cell["value"] = None if cell["data_type"] == _TEXT_RESULT else NO_VALUE
        elif text := "".join(element.itertext()).strip():
            raise _damaged(f"row {cell['row']} has {text[:_SHOWN]!r} in a cell of another kind")
        return cell

    return parse


def _row(number: int, cells: list[dict[str, Any]], formats: "_Formats") -> tuple[str, ...]:
    """The texts of the cells at their places, from which the XML may differ in its order."""
    found = [""] * max((cell["column"] for cell in cells), default=0)
    if len({cell["column"] for cell in cells}) < len(cells):
        raise _damaged(f"row {number} has several cells in one column")
    for cell in cells:
        if cell["row"] != number:
            raise _damaged(f"row {number} has a cell of row {cell['row']}")
        if cell["value"] is not None:
            found[cell["column"] - 1] = _text(_value(cell["value"], formats, cell["style_id"]))
    return tuple(found)


def _damaged(why: str) -> TableError:
    return TableError(f"this workbook is damaged: {why}; save it again, or as CSV")


class _Formats(dict[int, str]):
    """The format of each style of a workbook's cells."""

    def __init__(self, book: object) -> None:
        its = _inner(book)
        self._styles: Any = its["_cell_styles"]
        self._own: Any = its["_number_formats"]
        self._numbers: Any = import_module("openpyxl.styles.numbers")

    def __missing__(self, style: int) -> str:
        try:
            its_format = int(self._styles[style].numFmtId)
            own = its_format - self._numbers.BUILTIN_FORMATS_MAX_SIZE
            self[style] = self._numbers.BUILTIN_FORMATS.get(its_format, "General") if own < 0 else str(self._own[own])
        except IndexError:  # a format that the workbook has not, or not where openpyxl looks
            self[style] = "General"
        return self[style]


def _value(value: object, formats: _Formats, style: int) -> object:
    """What a cell holds: a whole number as it is shown, of a day that it shows without a time only the day.

    Percentages and fixed places are left alone, whole or not: a column is read alike, and an id of 12.00 stays 12.
    """
    if isinstance(value, int | float) and not isinstance(value, bool):
        return as_shown(int(value), formats[style]) if value == value // 1 else value
    if not isinstance(value, datetime) or value.time() != time():
        return value
    return value if _OF_TIME.search(_NO_PART.sub("", formats[style])) else value.date()


def _text(value: object) -> str:
    """A cell as people would type it: dates as ISO 8601, to the second, which their fractions of a day hit nearly."""
    if isinstance(value, str):
        return _ESCAPED.sub(lambda found: chr(int(found[1], 16)), value).strip()
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, datetime):
        return _to_the_second(value).isoformat(sep=" ")
    if isinstance(value, time):
        return _to_the_second(datetime.combine(date(2000, 1, 1), value)).time().isoformat()
    return value.isoformat() if isinstance(value, date) else str(value)


def _to_the_second(value: datetime) -> datetime:
    """The nearest one that there is."""
    whole = value.replace(microsecond=0)
    try:
        return whole + timedelta(seconds=value - whole >= timedelta(milliseconds=500))
    except OverflowError:
        return whole
