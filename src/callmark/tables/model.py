"""What a file holds, as it was read."""

from collections.abc import Sequence
from itertools import compress

from msgspec import Struct, field
from msgspec.structs import replace


class TableError(ValueError):
    """A file that cannot be read, or not without an answer: `about` is `file`, `encoding`, `sheet` or `column`."""

    def __init__(self, message: str, about: str = "file", *, table: "Table | None" = None) -> None:
        super().__init__(message)
        self.message = message
        self.about = about
        self.table = table
        """What was read so far, so that the question can be asked beside it; None when nothing was."""


class Line(Struct, frozen=True):
    """A row: its first line from 1, as an editor counts (in a workbook its row), its cells, and what is wrong."""

    number: int
    cells: tuple[str, ...]
    fault: str = ""

    @property
    def text(self) -> str:
        """The cells beside each other, for messages."""
        return ", ".join(cell for cell in self.cells if cell)


class LongRows(Struct):
    """Rows that span several lines: the first and last line of the first one, and how many there are."""

    first: int = 0
    last: int = 0
    count: int = 0

    @property
    def notes(self) -> list[str]:
        """A note on them, if there are any."""
        more = f", and {self.count - 1} more" if self.count > 1 else ""
        note = f"A quoted cell has line breaks: lines {self.first} to {self.last} are one row{more}."
        return [note] if self.count else []


class Unread(Struct, frozen=True):
    """A line, or a cell of it, that gave nothing: where, what it says, and why."""

    line: int
    text: str
    why: str


class Table(Struct, frozen=True):
    """Rows that have something in them, in their order.

    `names` are the header's cells, None without a header; `header` is its line. `before` are lines above it, or without
    one above the first row (a title); those that have a number are `faults`.
    `encoding` and `delimiter` say how the text was read, `sheet` and `sheets` which part of a workbook. `noticed` is
    what else was, in sentences.
    """

    lines: Sequence[Line]
    names: tuple[str, ...] | None = None
    before: Sequence[Line] = ()
    encoding: str = ""
    delimiter: str = ""
    sheet: str = ""
    sheets: tuple[str, ...] = ()
    noticed: tuple[str, ...] = ()
    faults: Sequence[Unread] = field(default_factory=list[Unread])
    header: int = 0
    long_rows: LongRows = field(default_factory=LongRows)

    @property
    def notes(self) -> tuple[str, ...]:
        """What people should know of how the file was read."""
        return (*self.noticed, *self.long_rows.notes)

    @property
    def top(self) -> str:
        """What the lines `before` stand above, in words."""
        return "the first row" if self.names is None else "the header"

    @property
    def width(self) -> int:
        """How many columns the header or the widest row has."""
        return max(len(self.names or ()), max((len(line.cells) for line in self.lines), default=0))

    def name(self, column: int) -> str:
        """What people call a column: its name in the header, else its place."""
        names = self.names or ()
        return names[column] if column < len(names) and names[column] else f"column {column + 1}"

    def filled_columns(self) -> set[int]:
        """The columns that have something in them; each line is gone through once, however wide the table is."""
        found: set[int] = set()
        for line in self.lines:
            found.update(compress(range(len(line.cells)), line.cells))
        return found

    def noting(self, *notes: str) -> "Table":
        """The table with more notes."""
        return replace(self, noticed=(*self.noticed, *notes)) if notes else self
