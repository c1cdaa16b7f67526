"""Rows of a text: cells by delimiter and quotes, each row with the line that it begins on as an editor counts lines.

`csv` reads the cells; what it would do silently is reported here: a quotation mark that is never closed swallows the
rest of a file, so such a line is read unchanged and reported.
"""

import csv
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from callmark.tables.model import Line, TableError

DELIMITERS = (",", ";", "\t", "|")
MOST_LINES = 1_000_000
_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+")
_SEP = re.compile(r'\s*"?sep=(.)"?\s*', re.IGNORECASE)
_MOST_LINES_OF_A_ROW = 50
_MOST_UNCLOSED = 100
_SAMPLE_ROWS = 50
UNCLOSED = "an opening quotation mark here has no closing one"


@dataclass(frozen=True)
class Rows:
    """The rows of a text that are not empty, what divides their cells, and which rows span several lines."""

    lines: list[Line]
    delimiter: str
    long_rows: list[tuple[int, int]]


def split(text: str, delimiter: str = "", most: int = MOST_LINES) -> Rows:
    """The rows of a text. Raises TableError for one with more than `most` lines."""
    physical = _LINE.findall(text.removeprefix("\ufeff"))
    if len(physical) > most:
        raise TableError(f"a list can have at most {most:,} lines; split it into several files")
    first = next((at for at, line in enumerate(physical) if line.strip()), len(physical))
    start = 0
    if first < len(physical) and (said := _SEP.fullmatch(physical[first])):
        delimiter, start = delimiter or said[1], first + 1
    delimiter = delimiter or _delimiter(physical[start:])
    reader = _Reader(physical, start, delimiter)
    return Rows([line for line in reader if any(line.cells) or line.fault], delimiter, reader.long_rows)


def _delimiter(physical: list[str]) -> str:
    """The one that divides most of the first rows into the same number of cells, more than one."""
    sample = [line for line in physical[: _SAMPLE_ROWS * 4] if line.strip()][:_SAMPLE_ROWS]

    def score(delimiter: str) -> tuple[float, int]:
        widths = Counter(len(_cells(line, delimiter)) for line in sample)
        width, count = max(widths.items(), key=lambda one: (one[0] > 1, one[1]), default=(1, 0))
        return (count / len(sample), width) if width > 1 else (0.0, 1)

    return max(DELIMITERS, key=score) if sample else ","


def _cells(line: str, delimiter: str) -> list[str]:
    """The cells of one line."""
    bare = line.rstrip("\r\n")
    if '"' not in bare:
        return bare.split(delimiter)
    try:
        return next(csv.reader([bare], delimiter=delimiter, skipinitialspace=True), list[str]())
    except csv.Error:
        return bare.split(delimiter)


class _Unclosed(Exception):
    """A row went on for too long, or the text ended inside it."""


class _Reader:
    """Reads row by row, and goes back behind a line whose quotation mark is never closed."""

    def __init__(self, physical: list[str], start: int, delimiter: str) -> None:
        self.physical = physical
        self.at = start
        self.delimiter = delimiter
        self.long_rows: list[tuple[int, int]] = []
        self._row_start = start
        self._unclosed = 0
        self._csv = csv.reader(self._feed(), delimiter=delimiter, skipinitialspace=True, strict=True)

    def _feed(self) -> Iterator[str]:
        return _Feed(self)

    def take(self) -> str:
        """The next line for the row that is being read."""
        inside = self.at - self._row_start
        if self.at >= len(self.physical):
            raise _Unclosed if inside else StopIteration
        if inside >= _MOST_LINES_OF_A_ROW:
            raise _Unclosed
        self.at += 1
        return self.physical[self.at - 1]

    def __iter__(self) -> Iterator[Line]:
        while self.at < len(self.physical):
            self._row_start = self.at
            line = self.physical[self.at]
            yield self._plain(line) if '"' not in line else self._quoted()

    def _plain(self, line: str) -> Line:
        self.at += 1
        return Line(self.at, tuple(cell.strip() for cell in line.rstrip("\r\n").split(self.delimiter)))

    def _quoted(self) -> Line:
        start = self._row_start
        try:
            cells = next(self._csv)
        except (_Unclosed, csv.Error):
            return self._as_it_stands(start)
        if self.at - start > 1:
            self.long_rows.append((start + 1, self.at))
        return Line(start + 1, tuple(cell.strip() for cell in cells))

    def _as_it_stands(self, start: int) -> Line:
        """The line alone: `"Acme" Ltd` is read leniently, a mark that stays open is reported."""
        self.at = start + 1
        line = self.physical[start]
        is_open = line.count('"') % 2 == 1
        self._unclosed += is_open
        if self._unclosed > _MOST_UNCLOSED:
            raise TableError(f"more than {_MOST_UNCLOSED} lines have an opening quotation mark without a closing one")
        cells = line.rstrip("\r\n").split(self.delimiter) if is_open else _cells(line, self.delimiter)
        return Line(start + 1, tuple(cell.strip() for cell in cells), UNCLOSED if is_open else "")


class _Feed:
    """The lines that `csv` asks for."""

    def __init__(self, reader: _Reader) -> None:
        self._reader = reader

    def __iter__(self) -> "_Feed":
        return self

    def __next__(self) -> str:
        return self._reader.take()
