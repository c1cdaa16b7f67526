"""The phone numbers of a file: which columns hold them, what each line gives, and everything that was not used."""

import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

from msgspec import Struct
from msgspec.structs import replace

from callmark.tables.columns import (
    PHONE_NAMES,
    WEAK_PHONE_NAMES,
    first_lines,
    key,
    place_of,
    says_dial_code,
    says_other,
    says_phone,
)
from callmark.tables.model import Line, Table, TableError, Unread
from callmark.tables.phones import NoNumber, has_code, looks_like_phone, read_parts, read_phones
from callmark.tables.plans import fits_country, is_valid
from callmark.tables.reader import Reading, read_table

_LOOKED_AT = 200
"""Rows that decide which column holds numbers, where they are not very wide."""
_MOST_OF_THEM = 0.5
"""A column with a larger share of numbers is one of numbers."""
_PHONE_NAMES = PHONE_NAMES | WEAK_PHONE_NAMES
_MOST_OF_A_ROW = 10
_MOST_NAMED = 100
_LONGEST_SHOWN = 100
_SHOWN = 3
_ELSEWHERE = "stands in another column; write it before the number, or choose the country"
_INSIDE = re.compile(r"\+?[0-9][0-9 ().-]{5,}[0-9]")
"""What may be a phone number among words."""


class NumberFile(Struct, frozen=True):
    """The numbers of a file, each once, in its order, in digits with their country code.

    `unread` are lines that gave none; `duplicate_count` how often a number came again; `columns` where the numbers
    stand, `unused` the names of the other columns; `skipped` the lines above the header.
    """

    table: Table
    columns: tuple[int, ...]
    numbers: list[str]
    unread: list[Unread]
    duplicate_count: int

    @property
    def unused(self) -> list[str]:
        """Columns that have something in them and are not read."""
        return [self.table.name(at) for at in sorted(self.table.filled_columns() - set(self.columns))]

    @property
    def skipped(self) -> list[str]:
        """Lines above the header, such as a title."""
        return [f"line {line.number}: {line.text}" for line in self.table.before]

    @property
    def column_names(self) -> list[str]:
        """Where the numbers stand, if the file names its columns or has several."""
        return [self.table.name(at) for at in self.columns] if self.table.names or len(self.columns) > 1 else []


def how_it_was_read(
    columns: Sequence[str], unused: Sequence[str], skipped: Sequence[str], notes: Sequence[str]
) -> list[str]:
    """Lines for a person: where the numbers were found, what of the file was not used, and what else was noticed."""
    return [
        *([f"Numbers from: {_first_of(columns)}."] if columns else []),
        *([f"Columns that were not used: {_first_of(unused)}."] if unused else []),
        *(f"Not used: {line}" for line in skipped),
        *notes,
    ]


def read_numbers(data: bytes, *, column: str = "", reading: Reading | None = None) -> NumberFile:
    """What a file lists. `column` is the name, or the place from 1, of the column with the numbers.

    Raises TableError for what cannot be read, and about `column` when it is not clear which one holds the numbers.
    """
    reading = reading or Reading()
    table = read_table(data, _known, reading)
    columns = _chosen(table, column) if column else number_columns(table, reading.region)
    return _read(table, columns, reading.region)


def _known(name: str) -> int:
    return 2 if key(name) in _PHONE_NAMES else int(says_phone(name))


def _read(table: Table, columns: tuple[int, ...], region: str) -> NumberFile:
    numbers: dict[str, None] = {}
    unread: list[Unread] = list(table.faults)
    count = 0
    code = dial_code_column(table)
    is_read = frozenset(columns)
    for line in table.lines:
        for one in _of_line(line, columns, code, region):
            if isinstance(one, Unread):
                unread.append(one)
            else:
                numbers[one] = None
                count += 1
        if table.names is None:
            unread += _left_over(line, is_read, region)
    unread.sort(key=lambda one: one.line)
    table = table if region else table.noting(*without_plan(numbers))
    return NumberFile(table, columns, list(numbers), unread, count - len(numbers))


def _of_line(line: Line, columns: tuple[int, ...], code: int | None, region: str) -> Iterator[str | Unread]:
    """Each number of a line, or what is wrong with it. A line may have many: its text is put together once."""
    text = ""
    for cell in _cells(line, columns):
        read = read_parts(cell, region)
        if isinstance(read, NoNumber):
            yield Unread(line.number, (cell or line.text)[:_LONGEST_SHOWN], read.why)
            continue
        for number, part in read:
            if why := not_under(line, code, number, "" if region else part):
                text = text or line.text[:_LONGEST_SHOWN]
                yield Unread(line.number, text, why)
            else:
                yield number


def _cells(line: Line, columns: tuple[int, ...]) -> list[str]:
    """A line's cell in the one column, empty or not; of several, which ascend, the cells that have something in them.

    Columns behind the end of the line are not gone through: one wide line can stand among many short ones.
    """
    if len(columns) == 1:
        return [line.cells[columns[0]] if columns[0] < len(line.cells) else ""]
    within = columns[: bisect_left(columns, len(line.cells))]
    return [cell for at in within if (cell := line.cells[at])]


def _left_over(line: Line, columns: frozenset[int], region: str) -> list[Unread]:
    """Cells among a list's other cells that have a number and words: `please add 918040001234`."""
    return [
        Unread(
            line.number, cell[:_LONGEST_SHOWN], "a number among other words is not read; write it on a line of its own"
        )
        for at, cell in enumerate(line.cells)
        if at not in columns and any(map(str.isalpha, cell))
        if any(looks_like_phone(one, region) for one in _INSIDE.findall(cell))
    ]


def dial_code_column(table: Table) -> int | None:
    """The column that holds the country codes of the numbers in another one; None when there is none."""
    return next((at for at, name in enumerate(table.names or ()) if says_dial_code(name)), None)


def not_under(line: Line, code: int | None, number: str, written: str) -> str:
    """What is wrong with a number whose row names another country code (in column `code`); empty when nothing is.

    `written` is what it was read from without a country, else empty. A number that begins with the code and is one of
    its plan is what it says. What is none, and begins with the code by chance, lacks it: 9123456789 under 91.
    """
    said = line.cells[code][:_LONGEST_SHOWN] if code is not None and code < len(line.cells) else ""
    digits = said.removesuffix(".0").lstrip("+0 ")
    if not (digits.isascii() and digits.isdigit()):
        return ""
    if number.startswith(digits) and (is_valid(number) or not _lacks(digits, number, written)):
        return ""
    return f"its country code, {said}, {_ELSEWHERE}"


def _lacks(code: str, number: str, written: str) -> bool:
    """Whether a number that is none is one with the code before it, and was not written with + or 00."""
    longer = code + number
    return bool(written) and is_valid(longer) and fits_country(longer) and not has_code(written)


NOT_UNDER = f"its country code {_ELSEWHERE}"
"""The same without the code, for those who count rows by what is wrong with them."""


def without_plan(numbers: Iterable[str], most: int | None = _LOOKED_AT) -> list[str]:
    """A note on those of the first `most` numbers that no country has: they may lack their country code.

    Or they have it and the 0 as well that is dialled within the country.
    """
    looked_at = list(islice(numbers, most))
    strange = [number for number in looked_at if not fits_country(number)]
    if not strange:
        return []
    shown = ", ".join(f"+{number}" for number in strange[:_SHOWN])
    among = f" of the first {len(looked_at)}" if len(looked_at) == most else ""
    count = "1 number fits" if len(strange) == 1 else f"{len(strange)}{among} numbers fit"
    return [f"{count} no country: {shown}. If the country code is missing, or has a 0 behind it, choose the country."]


def _chosen(table: Table, column: str) -> tuple[int, ...]:
    if column == "all":
        return tuple(range(table.width))
    named = [at for at in range(table.width) if key(table.name(at)) == key(column) and key(column)]
    if not named and (place := place_of(column, table.width + 1)):
        named = [place - 1]
    if len(named) != 1:
        raise TableError(f"the file has no column {column!r}; its columns are: {_names(table)}", "column", table=table)
    return (named[0],)


def number_columns(table: Table, region: str = "") -> tuple[int, ...]:
    """Where the numbers are. Raises TableError about `column` when that is not clear."""
    lines = first_lines(table.lines, _LOOKED_AT)
    shares = [_share(lines, at, region) for at in range(table.width)]
    if table.names is None:
        return _without_header(table, lines, shares, region)
    strong = [at for at, name in enumerate(table.names) if says_phone(name)]
    weak = [at for at, name in enumerate(table.names) if key(name) in WEAK_PHONE_NAMES]
    for named in (strong, weak):
        holding = [at for at in named if shares[at]]
        if len(named) == 1 or len(holding) == 1:
            return ((holding if len(holding) == 1 else named)[0],)
        if named:
            raise _unclear(table, "several columns seem to contain phone numbers", named)
    if len(table.names) == 1 and not says_other(table.names[0]) and shares[:1] > [_MOST_OF_THEM]:
        return (0,)
    raise TableError(
        f"no column seems to contain phone numbers; the columns are: {_names(table)}", "column", table=table
    )


def with_numbers(table: Table, columns: Iterable[int], region: str = "") -> list[int]:
    """Those of the columns that have a phone number in their first rows."""
    lines = first_lines(table.lines, _LOOKED_AT)
    return [at for at in columns if _share(lines, at, region)]


def _without_header(table: Table, lines: Sequence[Line], shares: list[float], region: str) -> tuple[int, ...]:
    """By the cells of the first `lines`: the one column that has numbers; all where nothing but numbers is in any.

    Or all of a single line that has more numbers than a row of a table: what else is in it has no number.
    """
    if table.width <= 1:
        return (0,) if table.width else ()
    holding = [at for at, share in enumerate(shares) if share]
    are_wide = len(lines) < min(len(table.lines), _LOOKED_AT)  # a later one may have more numbers
    filled = sorted((replace(table, lines=lines) if are_wide else table).filled_columns())
    if len(holding) == 1 and shares[holding[0]] > _MOST_OF_THEM:
        return (holding[0],)
    is_line = len(table.lines) == 1
    is_list = is_line or len({len([*filter(None, line.cells)]) for line in table.lines}) > 1
    is_full = holding == filled and (is_list or _are_alike(lines, holding, region))
    if is_full or (is_line and len(holding) > _MOST_OF_A_ROW):
        return tuple(sorted(table.filled_columns()))
    if holding:
        raise _unclear(table, "several columns seem to contain phone numbers", holding)
    first = table.lines[0]
    raise TableError(
        f"no column seems to contain phone numbers; line {first.number} contains {first.text[:_LONGEST_SHOWN]!r}",
        "column",
        table=table,
    )


def _are_alike(lines: Sequence[Line], columns: list[int], region: str) -> bool:
    """Whether numbers of every column begin alike, so that none is a column of other figures."""
    starts: list[set[str]] = []
    for at in columns:
        read = [read_phones(line.cells[at], region) for line in lines if at < len(line.cells)]
        starts.append({number[:2] for one in read if not isinstance(one, NoNumber) for number in one})
    return all(one == starts[0] for one in starts)


def _share(lines: Sequence[Line], column: int, region: str) -> float:
    """How many of a column's first cells that are not empty are phone numbers, from 0 to 1."""
    cells = [line.cells[column] for line in lines if column < len(line.cells) and line.cells[column]]
    return sum(looks_like_phone(cell, region) for cell in cells) / len(cells) if cells else 0.0


def _unclear(table: Table, what: str, columns: list[int]) -> TableError:
    return TableError(f"{what}: {_names(table, columns)}; choose one", "column", table=table)


def _names(table: Table, columns: Sequence[int] | None = None) -> str:
    """The names of some or all columns."""
    return _first_of([table.name(at) for at in (range(table.width) if columns is None else columns)]) or "none"


def _first_of(names: Sequence[str]) -> str:
    """Names, the first of many."""
    more = [f"{len(names) - _MOST_NAMED:,} more"] if len(names) > _MOST_NAMED else []
    return ", ".join([*names[:_MOST_NAMED], *more])
