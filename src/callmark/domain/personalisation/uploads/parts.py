"""Rows of a file as they are stored: in parts, each of which becomes a batch, read in pieces of a few hundred rows.

A part of an earlier version may have any number of rows that could not be read: 97 MB of them were seen.
"""

from collections.abc import AsyncGenerator, Iterator, Sequence

import msgspec

from callmark.domain.deps import Deps
from callmark.domain.ids import UploadId
from callmark.domain.personalisation.uploads import queries
from callmark.domain.personalisation.uploads.model import UploadPart, UploadRow
from callmark.kit.long_lists import ListCutter

ROWS_A_PART = 500
"""Rows to submit of a part: as many as a batch has records."""
MOST_LEFT_OUT = 10_000
"""Rows of a file that could not be read and are kept, the first; of the others there is their count."""
WINDOW = 8 * 1024 * 1024
"""Characters of a part that are in memory at once. For each PostgreSQL reads the part from its beginning."""
_LINE = "line"
"""The first member of each row."""
_rows = msgspec.json.Decoder(list[UploadRow])


def encoded(rows: Sequence[UploadRow]) -> list[str]:
    """The rows in parts as JSON; none when there is nothing to submit."""
    return [msgspec.json.encode(part).decode() for part in parts_of(rows)]


def parts_of(rows: Sequence[UploadRow]) -> list[list[UploadRow]]:
    """The rows in parts that have 1 to `ROWS_A_PART` to submit each; none when there is nothing to submit."""
    parts: list[list[UploadRow]] = [[]]
    count, left_out = 0, 0
    for row in rows:
        left_out += bool(row.fault)
        if row.fault and left_out > MOST_LEFT_OUT:
            continue
        if not row.fault and count == ROWS_A_PART:
            parts.append([])
            count = 0
        count += not row.fault
        parts[-1].append(row)
    return parts if count else []


class PartReader:
    """Reads a part window by window; one that was changed meanwhile from its beginning, without what it gave before."""

    def __init__(self, window: int = WINDOW) -> None:
        self.window = window
        self.start = 1
        self.is_over = False
        self._version = ""
        self._given = 0
        self._again = 0
        self._cutter = ListCutter(_LINE)

    def read(self, version: str, text: str) -> Iterator[list[UploadRow]]:
        """The rows of the next window, in pieces."""
        if self.start > 1 and version != self._version:
            self.start, self._again, self._given = 1, max(self._given, self._again), 0
            self._cutter = ListCutter(_LINE)
            return
        self._version = version
        self.start += len(text)
        self.is_over = len(text) < self.window
        for piece in self._cutter.add(text, is_end=self.is_over):
            rows = _rows.decode(piece)
            known = max(self._again - self._given, 0)
            self._given += len(rows)
            if new := rows[known:]:
                yield new


async def each_piece(deps: Deps, upload_id: UploadId, part: UploadPart) -> AsyncGenerator[list[UploadRow]]:
    """The rows of the part, in their order. A connection for each window, so that a slow reader holds none."""
    reader = PartReader()
    while not reader.is_over:
        async with deps.db.connection() as tx:
            found = await queries.select_text(tx, upload_id, part.number, reader.start, reader.window)
        if found is None:
            return
        for rows in reader.read(*found):
            yield rows
