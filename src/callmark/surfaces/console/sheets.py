"""CSV for people: what a spreadsheet would take for a formula stays a text."""

import csv
import io
from collections.abc import Iterable, Sequence


def sheet(rows: Iterable[Sequence[object]]) -> str:
    """Rows as lines of CSV. A text that begins like a formula gets an apostrophe before it."""
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows([_cell(cell) for cell in row] for row in rows)
    return out.getvalue()


def _cell(value: object) -> object:
    return f"'{value}" if isinstance(value, str) and value[:1] in {"=", "+", "-", "@", "\t", "\r"} else value
