"""A file's bytes as a table: the one way in, for text and workbooks."""

from collections import Counter
from collections.abc import Callable

from msgspec import Struct
from msgspec.structs import replace

from callmark.tables import rows, text, workbook
from callmark.tables.columns import find_header, skip_titles
from callmark.tables.model import Line, Table, TableError, Unread
from callmark.tables.phones import looks_like_phone

WIDER = "has more cells than the header has names"
ABOVE = "stands above the header, so it is not read"
MOST_COLUMNS = 16_384
"""As many as spreadsheets have. Each is read to find out which one holds numbers."""
MOST_IN_ONE_LINE = 100_000
"""Cells of a text that is one line, such as a pasted list of numbers: nothing is below them to read."""
_SHOWN = 3
_PARTS = {"encoding": "text", "delimiter": "text", "sheet": "workbook"}
"""Of how a file may be read, each with the kind of file that it is for."""


class Reading(Struct, frozen=True):
    """How a person wants a file to be read; empty parts are found out."""

    encoding: str = ""
    sheet: str = ""
    delimiter: str = ""
    region: str = ""


def kind_of(data: bytes) -> str:
    """`workbook` or `text`."""
    return "workbook" if workbook.is_workbook(data) else "text"


def misplaced(kind: str, **given: str) -> str:
    """Which of `encoding`, `delimiter` and `sheet` is given and means nothing for a file of that kind, if any."""
    return next((part for part, of in _PARTS.items() if given.get(part) and kind != of), "")


def read_table(data: bytes, known: Callable[[str], int], reading: Reading | None = None) -> Table:
    """The table that a file holds, whatever its name ends in. Raises TableError for what is no table.

    `known` says how well a name is known that a header may have (`columns.find_header`). Rows that have more cells than
    the header are `faults`, as are those whose quotation marks are not closed, and those above the header that have a
    number.
    """
    reading = reading or Reading()
    table = _of_workbook(data, reading) if kind_of(data) == "workbook" else _of_text(data, reading)
    table = _with_header(table, known, reading.region)
    return _judged(_joined(table) if table.names and len(table.names) == 1 and table.delimiter else table)


def _of_workbook(data: bytes, reading: Reading) -> Table:
    found = workbook.read(data, reading.sheet)
    return Table(found.lines, sheet=found.name, sheets=found.sheets, noticed=tuple(found.notes))


def _of_text(data: bytes, reading: Reading) -> Table:
    decoded = text.decode(data, reading.encoding)
    found = rows.split(decoded.text, reading.delimiter)
    most = MOST_COLUMNS if len(found.lines) > 1 else MOST_IN_ONE_LINE
    for line in found.lines:
        if len(line.cells) > most:
            raise TableError(
                f"line {line.number} has {len(line.cells):,} columns, and at most {most:,} are read. Write each entry"
                " on a line of its own"
            )
    table = Table(found.lines, encoding=decoded.encoding, delimiter=found.delimiter, long_rows=found.long_rows)
    notes: list[str] = []
    if decoded.encoding == "cp1252" and not reading.encoding:
        notes.append(text.guessed(rows.first_beyond_ascii(found.lines)))
    spoiled = [line.number for line in found.lines if any("\ufffd" in cell for cell in line.cells)]
    if spoiled:
        notes.append(f"{_lines(spoiled)} characters that {decoded.encoding} does not have, shown as \ufffd.")
    return table.noting(*notes)


def _lines(numbers: list[int]) -> str:
    shown = ", ".join(map(str, numbers[:_SHOWN]))
    more = f" and {len(numbers) - _SHOWN} more" if len(numbers) > _SHOWN else ""
    return f"Line {shown} has" if len(numbers) == 1 else f"Lines {shown}{more} have"


def _with_header(table: Table, known: Callable[[str], int], region: str) -> Table:
    def is_value(cell: str) -> bool:
        return looks_like_phone(cell, region)

    lines = table.lines
    at = find_header(lines, known, is_value)
    if at < 0:
        skipped = skip_titles(lines, is_value)
        return replace(table, lines=lines[skipped:], before=lines[:skipped])
    names = list(lines[at].cells)
    while names and not names[-1]:
        names.pop()
    doubled = [name for name, count in Counter(filter(None, names)).items() if count > 1]
    titles = [line for line in lines[:at] if not any(map(is_value, line.cells))]
    above = [replace(line, fault=ABOVE) for line in lines[:at] if line not in titles]
    below = [*above, *lines[at + 1 :]]
    made = replace(table, lines=below, names=tuple(names), before=titles, header=lines[at].number)
    return made.noting(*([_doubled(doubled)] if doubled else []))


def _doubled(names: list[str]) -> str:
    if len(names) == 1:
        return f"Several columns are named {names[0]!r}."
    more = [f"{len(names) - _SHOWN:,} more names"] if len(names) > _SHOWN else []
    *first, last = [*map(repr, names[:_SHOWN]), *more]
    return f"Several columns have the same name: {', '.join(first)} and {last}."


def _joined(table: Table) -> Table:
    """A table of one column has no delimiter: what looked like one belongs to the cell (`918040001234,0`)."""
    divider = table.delimiter if table.delimiter != "\t" else " "
    lines = [Line(one.number, (divider.join(one.cells).rstrip(divider),), one.fault) for one in table.lines]
    return replace(table, lines=lines, delimiter="")


def _judged(table: Table) -> Table:
    """The table with what is wrong with whole rows; those rows are taken out of it."""
    width = len(table.names) if table.names else 0
    faults: list[Unread] = []
    good: list[Line] = []
    for line in table.lines:
        fault = line.fault or (WIDER if width and any(line.cells[width:]) else "")
        if fault:
            faults.append(Unread(line.number, line.text[:100], fault))
        else:
            good.append(line)
    return replace(table, lines=good, faults=faults)
