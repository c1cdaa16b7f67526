"""Rows of a text: cells by delimiter and quotes, each row with the line that it begins on as an editor counts lines.

`csv` reads the cells; what it would do silently is reported here: a quotation mark that is never closed swallows the
rest of a file, so such a line is read unchanged and reported. So is a row with marks of which it is not clear whether
they end a cell (`quoting`).
"""

import csv
import re
from collections import Counter, deque
from collections.abc import Iterable, Iterator
from itertools import islice

from msgspec import Struct

from callmark.tables.model import Line, LongRows, TableError
from callmark.tables.phones import looks_like_phone
from callmark.tables.quoting import ESCAPE, UNCLEAR, forms

DELIMITERS = {"comma": ",", "semicolon": ";", "tab": "\t", "bar": "|"}
"""What is found out, or chosen by these names. Of two that divide alike, the first here."""
MOST_LINES = 1_000_000
_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+")
_SEP = re.compile(r'\s*"?sep=(.)"?\s*', re.IGNORECASE)
_MOST_LINES_OF_A_ROW = 50
_MOST_UNCLOSED = 100
_SAMPLE_ROWS = 50
UNCLOSED = "an opening quotation mark here has no closing one"
TOO_LONG = "a quoted cell here is too long to be read"
_NUMBER = re.compile(r"\+?[0-9 ().\-/]{7,}")
"""What may be a phone number: in any country, so that no plan is needed."""
_FEWEST_DIGITS = 7
_LONGEST_CELL = 500
_MOST_CELLS = 200
"""Cells of a row in which numbers are looked for to find the delimiter: to see whether one has any takes a while."""
_DATE = re.compile(r"[0-9]{1,4}[-./][0-9]{1,2}[-./][0-9]{1,4}")


class Rows(Struct, frozen=True):
    """The rows of a text that are not empty, what divides their cells, and which rows span several lines."""

    lines: list[Line]
    delimiter: str
    long_rows: LongRows


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
    reader = _Reader(iter(physical[start:]), delimiter, start)
    return Rows([line for line in reader if any(line.cells) or line.fault], delimiter, reader.long_rows)


def stream(physical: Iterable[str], delimiter: str) -> Iterator[Line]:
    """The rows of a text of any length, line by line, those that are not empty."""
    for line in _Reader(iter(physical), delimiter):
        if any(line.cells) or line.fault:
            yield line


def long_rows(physical: Iterable[str], delimiter: str) -> LongRows:
    """Which rows of a text of any length span several lines."""
    reader = _Reader(iter(physical), delimiter)
    deque(reader, maxlen=0)
    return reader.long_rows


def first_beyond_ascii(lines: Iterable[Line]) -> str:
    """The first cell that has more than ASCII; empty if none has."""
    return next((cell for line in lines for cell in line.cells if not cell.isascii()), "")


def _delimiter(physical: list[str]) -> str:
    """The one that divides most of the first rows into the same number of cells, more than one; of several the widest.

    A list has numbers: where that one gives no cell with any, another that divides as many rows is taken if it gives
    most of them one. That is never the comma, which stands within numbers and texts.
    """
    found = {one: list(islice(stream(physical, one), _SAMPLE_ROWS)) for one in DELIMITERS.values()}
    scores = {one: _evenness(sample) for one, sample in found.items()}
    best = max(scores, key=lambda one: scores[one])
    share = scores[best][0]
    others = [one for one in scores if share and scores[one][0] == share and one not in (best, ",")]
    if not others or any(len(line.cells) > _MOST_CELLS for line in found[best]) or _with_number(found[best]):
        return best
    holding = [one for one in others if 2 * _with_number(found[one]) >= max(len(found[one]) - 1, 1)]
    return max(holding, key=lambda one: scores[one], default=best)


def _evenness(sample: list[Line]) -> tuple[float, int]:
    """The largest share of rows with the same number of cells, and that number; 0 where each is one cell."""
    widths = Counter(len(line.cells) for line in sample if line.fault not in (UNCLOSED, UNCLEAR))
    width, count = max(widths.items(), key=lambda one: (one[0] > 1, one[1]), default=(1, 0))
    return (count / len(sample), width) if width > 1 else (0.0, 1)


def _with_number(sample: list[Line]) -> int:
    """How many rows have a cell with a phone number, or several, in any spelling that is read."""
    return sum(any(map(_has_number, line.cells[:_MOST_CELLS])) for line in sample)


def _has_number(cell: str) -> bool:
    return len(cell) <= _LONGEST_CELL and (_may_be_phone(cell) or looks_like_phone(cell))


def _cells(line: str, delimiter: str) -> list[str]:
    """The cells of one line."""
    bare = line.rstrip("\r\n")
    return _leniently(bare, delimiter) or bare.split(delimiter)


def _leniently(bare: str, delimiter: str) -> list[str]:
    """The cells of one line, whatever stands behind a mark that ends one; none if a cell is too long for `csv`."""
    if '"' not in bare:
        return bare.split(delimiter)
    try:
        return next(csv.reader([bare], delimiter=delimiter, skipinitialspace=True), list[str]())
    except csv.Error:
        return []


def _may_be_phone(cell: str) -> bool:
    plain = cell.strip()
    has_digits = sum(map(str.isdigit, plain)) >= _FEWEST_DIGITS
    return has_digits and bool(_NUMBER.fullmatch(plain)) and not _DATE.fullmatch(plain)


class _Unclosed(Exception):
    """A row was too long, or the text ended inside it."""


class _Reader:
    """Reads row by row, and goes back behind a line whose quotation mark is never closed."""

    def __init__(self, physical: Iterator[str], delimiter: str, start: int = 0) -> None:
        self.at = start
        self.delimiter = delimiter
        self.long_rows = LongRows()
        self._source = physical
        self._ahead: deque[str] = deque()
        self._row: list[str] = []
        self._unclosed = 0
        self._widths: set[int] = set()
        self._csv = csv.reader(self._feed(), delimiter=delimiter, skipinitialspace=True, strict=True)
        self._forms = forms(delimiter)
        self._escaped = self._csv
        if self._forms.escaped:
            self._escaped = csv.reader(
                self._feed(), delimiter=delimiter, skipinitialspace=True, strict=True, escapechar=ESCAPE
            )

    def _feed(self) -> Iterator[str]:
        return _Feed(self)

    def take(self) -> str:
        """The next line for the row that is being read."""
        if len(self._row) >= _MOST_LINES_OF_A_ROW:
            raise _Unclosed
        line = self._next()
        if line is None:
            raise _Unclosed if self._row else StopIteration
        self._row.append(line)
        return line

    def _next(self) -> str | None:
        return self._ahead.popleft() if self._ahead else next(self._source, None)

    def __iter__(self) -> Iterator[Line]:
        ahead, source = self._ahead, self._source
        while (line := ahead.popleft() if ahead else next(source, None)) is not None:
            if '"' in line:
                ahead.appendleft(line)
                yield self._quoted()
            else:
                self.at += 1
                cells = tuple(cell.strip() for cell in line.rstrip("\r\n").split(self.delimiter))
                self._widths.add(len(cells))
                yield Line(self.at, cells)

    def _quoted(self) -> Line:
        self._row = []
        try:
            cells = next(self._csv)
        except (_Unclosed, csv.Error) as exc:
            is_never_closed = isinstance(exc, _Unclosed)
            escaped = self._escaped_row()
            return self._whole(*escaped) if escaped else self._as_it_stands(is_never_closed=is_never_closed)
        text = "".join(self._row)
        if '"' in "".join(cells) or '\\"' in text:
            return self._doubtful(cells, text.rstrip("\r\n"))
        return self._whole(cells, len(self._row))

    def _whole(self, cells: list[str], line_count: int, fault: str = "") -> Line:
        """As many lines as one row."""
        self._take_again(line_count)
        start = self.at
        self.at += line_count
        self._widths.add(len(cells))
        if len(self._row) > 1:
            self._note_long_row(start + 1)
            fault = fault or self._swallowed(start + 1, cells)
        return Line(start + 1, tuple(cell.strip() for cell in cells), fault)

    def _doubtful(self, cells: list[str], text: str) -> Line:
        """A row that `csv` could read and that has marks within its cells, or behind a backslash."""
        escaped = self._escaped_row()
        is_doubled = self._forms.doubled.fullmatch(text) is not None
        if escaped and not is_doubled:
            return self._whole(*escaped)
        is_clear = self._forms.ends_alike(text) if escaped else is_doubled or self._forms.plain.fullmatch(text)
        return self._whole(cells, len(self._row), "" if is_clear else UNCLEAR)

    def _escaped_row(self) -> tuple[list[str], int] | None:
        """The cells of the row if it has marks behind a backslash and is clear with them, and of how many lines."""
        taken = self._row
        if self._escaped is self._csv or not any('\\"' in line for line in taken):
            return None
        self._take_again(0)
        try:
            next(self._escaped)
            cells = self._forms.unescaped("".join(self._row).rstrip("\r\n"))
        except (_Unclosed, csv.Error):
            cells = None
        line_count = len(self._row)
        self._take_again(len(taken))
        return None if cells is None else (cells, line_count)

    def _take_again(self, line_count: int) -> None:
        """The row has as many lines, whatever it had before."""
        if len(self._row) != line_count:
            self._ahead.extendleft(reversed(self._row))
            self._row = list(islice(iter(self._next, None), line_count))

    def _note_long_row(self, first: int) -> None:
        found = self.long_rows
        if not found.count:
            found.first, found.last = first, self.at
        found.count += 1

    def _swallowed(self, first: int, row: list[str]) -> str:
        """What is wrong with a row of several lines if one of them is a row too; empty when none is.

        That is one with as many cells as a row before, and a number where the row has one, or has nothing.
        """
        for line in self._row[1:]:
            cells = _cells(line, self.delimiter)
            if 1 < len(cells) in self._widths and any(
                _may_be_phone(cell) and (at >= len(row) or _may_be_phone(row[at])) for at, cell in enumerate(cells)
            ):
                return (
                    f"lines {first} to {self.at} are one row between two quotation marks, and seem to be several rows"
                )
        return ""

    def _as_it_stands(self, *, is_never_closed: bool) -> Line:
        """The line alone: `"Acme" Ltd` is read leniently, a mark that stays open is reported."""
        line, *others = self._row
        self._ahead.extendleft(reversed(others))
        self.at += 1
        is_open = is_never_closed or line.count('"') % 2 == 1
        self._unclosed += is_open
        if self._unclosed > _MOST_UNCLOSED:
            raise TableError(f"more than {_MOST_UNCLOSED} lines have an opening quotation mark without a closing one")
        bare = line.rstrip("\r\n")
        read = [] if is_open else _leniently(bare, self.delimiter)
        unsure = "" if self._forms.plain.fullmatch(bare) else UNCLEAR
        fault = UNCLOSED if is_open else unsure if read else TOO_LONG
        return Line(self.at, tuple(cell.strip() for cell in read or bare.split(self.delimiter)), fault)


class _Feed:
    """The lines that `csv` asks for."""

    def __init__(self, reader: _Reader) -> None:
        self._reader = reader

    def __iter__(self) -> "_Feed":
        return self

    def __next__(self) -> str:
        return self._reader.take()
