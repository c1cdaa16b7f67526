"""Rows as CSV, for everything that we write for people: what a spreadsheet would take for a formula stays a text."""

import csv
from collections.abc import Iterable, Sequence
from typing import Any

from callmark.tables.formulas import guarded


class _Lines:
    """A file whose `write` gives the line back, and with it `writerow` of the `csv` module."""

    def write(self, line: str) -> str:
        return line


def as_csv(rows: Iterable[Sequence[object]]) -> str:
    """Rows as lines of CSV. What begins like a formula, at the beginning of a text or within, gets an apostrophe.

    Lines are written with both characters of a line's end, of which one is taken away again: before 3.11.9, 3.12.3 and
    3.13 Python puts only those in quotes that its own lines end with, and readers end a line at either
    (https://github.com/python/cpython/issues/67044).
    """
    writer: Any = csv.writer(_Lines(), lineterminator="\r\n")
    return "".join(writer.writerow([_cell(cell) for cell in row])[:-2] + "\n" for row in rows)


def _cell(value: object) -> object:
    return guarded(value) if isinstance(value, str) else value
