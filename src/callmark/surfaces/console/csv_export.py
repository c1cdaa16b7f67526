"""CSV for people: what a spreadsheet would take for a formula stays a text."""

import csv
import io
import re
from collections.abc import Iterable, Sequence

_FORMULA = re.compile(r"[=@\t\r]|[+-](?![\d ]*$)")
"""How a formula begins; a signed number, as people write phone numbers, is none."""


def sheet(rows: Iterable[Sequence[object]]) -> str:
    """Rows as lines of CSV. A text that begins like a formula gets an apostrophe before it."""
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows([_cell(cell) for cell in row] for row in rows)
    return out.getvalue()


def _cell(value: object) -> object:
    return f"'{value}" if isinstance(value, str) and _FORMULA.match(value) else value
