"""How browsers save files of CSV, and long ones in pieces."""

import unicodedata
from collections.abc import AsyncGenerator, Iterable, Sequence
from itertools import islice
from urllib.parse import quote

from callmark.tables.written import as_csv

_LONGEST_OWNER = 50
"""In a file's name, of which systems take 255 bytes."""
LINES_AT_ONCE = 200
"""What is written before others have a turn: a few milliseconds."""


def headers_of(name: str, owner: str) -> dict[str, str]:
    """What makes browsers save a file as `name-owner.csv`, with letters and digits of whatever script in `owner`."""
    plain = "".join(c if unicodedata.category(c)[0] in "LMN" else " " for c in owner)[:_LONGEST_OWNER]
    full = "-".join([name, *plain.split()]) + ".csv"
    if full.isascii():
        return {"Content-Disposition": f'attachment; filename="{full}"'}
    return {"Content-Disposition": f"attachment; filename=\"{name}.csv\"; filename*=UTF-8''{quote(full)}"}


async def csv_pieces(names: Sequence[str], rows: Iterable[Sequence[object]]) -> AsyncGenerator[str]:
    """A header and rows as CSV, for `Streaming`."""
    yield as_csv([names])
    left = iter(rows)
    while piece := list(islice(left, LINES_AT_ONCE)):
        yield as_csv(piece)
