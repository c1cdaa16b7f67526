"""CSV for people: what a spreadsheet would take for a formula stays a text."""

import csv
import io
import unicodedata
from collections.abc import Iterable, Sequence
from urllib.parse import quote

from callmark.tables.formulas import guarded

_LONGEST_OWNER = 50
"""In a file's name, of which systems take 255 bytes."""


def sheet(rows: Iterable[Sequence[object]]) -> str:
    """Rows as lines of CSV. What begins like a formula, at the beginning of a text or within, gets an apostrophe."""
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows([_cell(cell) for cell in row] for row in rows)
    return out.getvalue()


def _cell(value: object) -> object:
    return guarded(value) if isinstance(value, str) else value


def headers_of(name: str, owner: str) -> dict[str, str]:
    """What makes browsers save a file as `name-owner.csv`, with letters and digits of whatever script in `owner`."""
    plain = "".join(c if unicodedata.category(c)[0] in "LMN" else " " for c in owner)[:_LONGEST_OWNER]
    full = "-".join([name, *plain.split()]) + ".csv"
    if full.isascii():
        return {"Content-Disposition": f'attachment; filename="{full}"'}
    return {"Content-Disposition": f"attachment; filename=\"{name}.csv\"; filename*=UTF-8''{quote(full)}"}
