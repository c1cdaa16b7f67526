r"""Quotation marks that programs do not write alike: which rows can be read in one way only, and how.

Within a quoted cell a mark is doubled (RFC 4180). Databases write `\"` instead, and some programs leave it as it is:
`csv` then ends the cell too early and reads a wrong text without a word.
"""

import re
from functools import lru_cache

from msgspec import Struct

UNCLEAR = "it is not clear which quotation marks here end a cell: write each one within a cell as two"
ESCAPE = "\\"
_ESCAPED = re.compile(r'""|\\(["\\\r\n])')


class Forms(Struct, frozen=True):
    """The forms that a row's text may have, for one delimiter."""

    doubled: re.Pattern[str]
    """Marks are doubled, and there are none but in quoted cells."""
    doubled_cell: re.Pattern[str]
    escaped: re.Pattern[str] | None
    """The same with a backslash before a mark."""
    escaped_cell: re.Pattern[str]
    plain: re.Pattern[str]
    """No other form is likely: `5" pipe`, `"Acme" Ltd`. What ends like a quoted cell begins like one.

    Or it has whole pairs of marks around words, or behind a `=`: `Cafe "Mitte"`, `="4915112345678"`.
    """

    def ends_alike(self, row: str) -> bool:
        """Whether the cells of a row end at the same places, be its marks doubled or behind a backslash."""
        doubled, escaped = (
            [found.span(1) for found in one.finditer(row)] for one in (self.doubled_cell, self.escaped_cell)
        )
        return doubled == escaped

    def unescaped(self, row: str) -> list[str] | None:
        """The cells of a row whose marks have a backslash before them; None if it is not clearly one."""
        if self.escaped is None or not self.escaped.fullmatch(row):
            return None
        cells = (found[1].strip() for found in self.escaped_cell.finditer(row))
        return [
            _ESCAPED.sub(lambda found: found[1] or '"', cell[1:-1]) if cell.startswith('"') else cell for cell in cells
        ]


@lru_cache(maxsize=16)
def forms(delimiter: str) -> Forms:
    """The forms of rows whose cells the delimiter divides."""
    end = re.escape(delimiter)
    blank = "" if delimiter == " " else " *+"
    bare = rf'[^"{end}\r\n]*+'
    doubled = rf'{blank}"(?:[^"]++|"")*+"{blank}'
    escaped = rf'{blank}"(?:[^"\\]++|""|\\.)*+"{blank}'
    sure = rf'{blank}"(?:[^"\\]++|""|\\(?!"))*+"{bare}'
    unquoted = rf'{blank}(?:[^"{end} \r\n][^{end}\r\n]*+)?'
    pair = rf'{bare}(?<=[ (=])"(?! )[^"{end}\r\n]++(?<! )"(?=[ ).{end}\r\n]|\Z)'
    paired = rf'{blank}(?=[^"{end} \r\n])(?:{pair})+{bare}'
    return Forms(
        _rows(doubled, bare, end),
        re.compile(rf"(?:^|{end})({doubled}|{bare})", re.DOTALL),
        _rows(escaped, bare, end) if delimiter != ESCAPE else None,
        re.compile(rf"(?:^|{end})({escaped}|{bare})", re.DOTALL),
        re.compile(
            rf'(?:{unquoted}{end})*+(?:{unquoted}|{sure}(?:{end}(?:{sure}|{paired}|{unquoted}(?<!")(?<!" )))*+)',
            re.DOTALL,
        ),
    )


def _rows(quoted: str, bare: str, end: str) -> re.Pattern[str]:
    return re.compile(rf"(?:{quoted}|{bare})(?:{end}(?:{quoted}|{bare}))*+", re.DOTALL)
