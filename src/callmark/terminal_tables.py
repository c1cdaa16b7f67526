"""Texts drawn as tables, by Rich."""

import re
from collections.abc import Mapping, Sequence

from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

_NOTHING = "-"
_PAINT_AT_END = re.compile(r"\x1b\[[0-9;]*m$")
_BETWEEN = 2
"""Blanks behind a column."""
_LEAST_WIDTH = 16
"""Of a column whose texts are folded."""
_LONGEST_WHOLE = 40
"""Words up to this are not broken: ids, phone numbers, instants and addresses of email are copied."""


def table_lines(rows: Sequence[Mapping[str, str]], columns: Sequence[str], width: int) -> list[str]:
    """A table whose longer texts are folded; a line a column for each row where not even that fits into `width`."""
    widths = _widths(rows, columns, width)
    if not widths:
        lists = [list_lines({column: row[column] for column in columns}) for row in rows]
        return [line for one in lists for line in ("", *one)][1:]
    table = Table(box=None, padding=(0, _BETWEEN, 0, 0), header_style="dim")
    for column, each in zip(columns, widths, strict=True):
        table.add_column(_heading(column), width=each, overflow="fold")
    for row in rows:
        table.add_row(*(_drawn(row[column]) for column in columns))
    return _lines(table, sum(widths) + _BETWEEN * len(widths))


def _widths(rows: Sequence[Mapping[str, str]], columns: Sequence[str], width: int) -> list[int]:
    """The width of each column, folded as little as it has to be; empty where the least ones do not fit."""
    room = width - _BETWEEN * (len(columns) - 1)
    texts = [[_heading(column), *(row[column] or _NOTHING for row in rows)] for column in columns]
    widest = [max(map(cell_len, each)) for each in texts]
    words = [[cell_len(word) for text in each for word in text.split()] for each in texts]
    longest = [max((one for one in each if one <= _LONGEST_WHOLE), default=0) for each in words]
    least = [max(each, min(most, _LEAST_WIDTH)) for each, most in zip(longest, widest, strict=True)]
    for limit in range(min(max(widest), room), 0, -1):
        widths = [max(low, min(most, limit)) for low, most in zip(least, widest, strict=True)]
        if sum(widths) <= room:
            return widths
    return []


def list_lines(item: Mapping[str, str]) -> list[str]:
    """A line for each key, with its text."""
    table = Table(box=None, pad_edge=False, padding=(0, _BETWEEN, 0, 0), show_header=False)
    table.add_column(style="dim")
    table.add_column()
    for key, text in item.items():
        table.add_row(_heading(key), _drawn(text))
    return _lines(table, sum(max(map(cell_len, each), default=0) + _BETWEEN for each in (item, item.values())))


def _heading(key: str) -> str:
    return key.replace("_", " ")


def _drawn(text: str) -> Text:
    """The text as it is: nothing in it is taken for markup."""
    return Text(text) if text else Text(_NOTHING, style="dim")


def _lines(table: Table, width: int) -> list[str]:
    console = Console(width=width, height=1, highlight=False)  # without a height Rich takes 80 columns at TERM=dumb
    with console.capture() as capture:
        console.print(table)
    return [_trimmed(line) for line in capture.get().splitlines()]


def _trimmed(line: str) -> str:
    """Without the blanks that fill its columns, also painted ones: behind a terminal's edge they are a line more."""
    paint = ""
    while found := _PAINT_AT_END.search(line := line.rstrip(" ")):
        line, paint = line[: found.start()], found[0] + paint
    return line + paint
