"""The rows of a file as they are stored and read again: no part and no piece is long, whatever is uploaded."""

from collections.abc import Sequence

import msgspec
from tests.domain.personalisation.taken_uploads import run, take
from tests.support.factories import make_cast, phone

from callmark.domain.deps import Deps
from callmark.domain.personalisation.model import Outcome
from callmark.domain.personalisation.uploads import service as uploads
from callmark.domain.personalisation.uploads.columns import find_columns, read_file, rows_of
from callmark.domain.personalisation.uploads.model import RowTexts, UploadRow
from callmark.domain.personalisation.uploads.parts import MOST_LEFT_OUT, PartReader, parts_of
from callmark.tables.reader import Reading

PIECE_ROWS = 1_000
"""Of the shortest rows that there are."""
WHY = 'has more cells than the header has names: 1, },{"line":2},{, \\, },{'
"""With what looks as if the next row began there."""


def wide(count: int, since: int = 2) -> list[UploadRow]:
    return [UploadRow(line, RowTexts(), WHY) for line in range(since, since + count)]


def as_kept(rows: Sequence[UploadRow]) -> str:
    return msgspec.json.encode(rows).decode()


def test_every_part_has_something_to_submit() -> None:
    text = "to,x\n" + "".join(f"1,2,3\n{n},\n" for n in range(1_200)) + "1,2,3\n"
    table = read_file(text.encode(), Reading())
    parts = parts_of(rows_of(table, find_columns(table, {})))
    assert [sum(not row.fault for row in part) for part in parts] == [500, 500, 200]
    assert sum(map(len, parts)) == 2_401


def test_of_rows_that_cannot_be_read_the_first_are_kept() -> None:
    good = [UploadRow(line, RowTexts(receiver="1")) for line in (2, 60_000)]
    (part,) = parts_of([good[0], *wide(MOST_LEFT_OUT + 5, 3), good[1]])
    assert [row.line for row in part] == [*range(2, MOST_LEFT_OUT + 3), 60_000]
    assert parts_of(wide(MOST_LEFT_OUT + 5)) == []


async def test_a_long_part_of_an_earlier_version_is_submitted_and_read_in_short_pieces(deps: Deps) -> None:
    cast = await make_cast(deps)
    receivers = [phone(), phone()]
    upload = await take(deps, cast, "\n".join(["to", *receivers]))
    async with deps.db.transaction() as tx:
        (first, last), *_ = [
            msgspec.json.decode(await tx.fetchval("SELECT rows FROM upload_part"), type=list[UploadRow])
        ]
        rows = [first, *wide(20_000, 3), UploadRow(20_003, last.values)]
        await tx.execute("UPDATE upload_part SET rows = $2 WHERE upload_id = $1", upload.id, as_kept(rows))
    await run(deps)
    pieces = [piece async for piece in uploads.each_result(deps, cast.account.id, upload.id)]
    assert [one.row.line for piece in pieces for one in piece] == list(range(2, 20_004))
    assert max(map(len, pieces)) < PIECE_ROWS
    records = [(one.row.line, one.record) for piece in pieces for one in piece if one.record]
    assert [(line, record.key.receiver_number, record.outcome) for line, record in records] == [
        (2, receivers[0], Outcome.PENDING),
        (20_003, receivers[1], Outcome.PENDING),
    ]


def read_all(reader: PartReader, texts: Sequence[tuple[str, str]]) -> list[int]:
    """The lines that a reader gives of a part whose version and text are these, window by window, then the last."""
    found: list[int] = []
    left = list(texts)
    while not reader.is_over:
        version, text = left[0]
        left = left[1:] or left
        window = text[reader.start - 1 : reader.start - 1 + reader.window]
        found += [row.line for rows in reader.read(version, window) for row in rows]
    return found


def test_a_part_is_read_whole_in_windows_of_any_length() -> None:
    text = as_kept(wide(2_000))
    for window in (1_000, 40_001, len(text), len(text) + 1):
        assert read_all(PartReader(window), [("1", text)]) == list(range(2, 2_002)), window
    assert read_all(PartReader(), [("1", "[]")]) == []


def test_a_part_that_changes_while_it_is_read_gives_each_row_once() -> None:
    """As an erasure changes it, also several times."""
    before, after = as_kept(wide(2_000)), as_kept([UploadRow(row.line, row.values, "left out") for row in wide(2_000)])
    texts = [("1", before), ("1", before), ("2", after), ("2", after), ("3", before), ("3", before)]
    assert read_all(PartReader(50_000), texts) == list(range(2, 2_002))
