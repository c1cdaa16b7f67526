"""Files of call records as people have them, and the uploads made of them. Pure.

What a file leaves out (label, window) is taken from the form. Numbers come in human formats, times as ISO 8601 or as
epoch milliseconds. Which column is which stands in `columns`.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache

import msgspec
from msgspec import Struct, field

from callmark.domain.ids import AccountId, BatchId, UploadId
from callmark.instants import is_doubtful, iso_ms, read_instant, to_ms
from callmark.record_rules.fields import Field, NewRecord
from callmark.tables.phones import read_phone
from callmark.tables.sheet_errors import shown

MOST_ROWS = 50_000
LARGEST_BYTES = 16 * 1024 * 1024
ROWS_A_PART = 500
LONGEST_CELL = 500
_LONGEST_NUMBER = 100
"""Characters of a number as people write it. Longer texts are none, and are not kept in memory."""


class UploadRow(msgspec.Struct, frozen=True):
    """A row of a file: its line (from 1), and its values in the order of `Field`, empty where it has none."""

    line: int
    values: list[str]
    fault: str = ""
    """Why the row could not be read as a record; it is left out then."""

    @property
    def shown(self) -> list[str]:
        """The values as the file has them, for people."""
        return [shown(text) for text in self.values]


class Upload(Struct, frozen=True):
    """A file that was taken. `submitted_count` of `row_count` rows are in batches; `left_out_count` more never are."""

    id: UploadId
    account_id: AccountId
    file_name: str
    region: str
    row_count: int
    submitted_count: int
    created_by_email: str
    created_at: datetime
    left_out_count: int = 0


class UploadPart(Struct, frozen=True):
    """Some rows of an upload, and the batch they were submitted as; None before."""

    number: int
    rows: list[UploadRow]
    batch_id: BatchId | None

    @property
    def records(self) -> list[UploadRow]:
        """The rows that are submitted, in the order of the batch."""
        return [row for row in self.rows if not row.fault]


def parts_of(rows: Sequence[UploadRow]) -> list[list[UploadRow]]:
    """The rows in parts that have 1 to `ROWS_A_PART` to submit each; none when there is nothing to submit."""
    parts: list[list[UploadRow]] = [[]]
    count = 0
    for row in rows:
        if not row.fault and count == ROWS_A_PART:
            parts.append([])
            count = 0
        count += not row.fault
        parts[-1].append(row)
    return parts if count else []


class RowDefaults(Struct, frozen=True):
    """What replaces columns and cells that a file leaves empty; an empty text stands for nothing."""

    caller: str = ""
    label_id: str = ""
    call_reason: str = ""
    starts_at: datetime | None = None
    lasts: timedelta = timedelta(hours=4)
    labels: Mapping[str, str] = field(default_factory=dict[str, str])
    zone: tzinfo = UTC


def filled(row: UploadRow, defaults: RowDefaults) -> UploadRow:
    """The row with what it leaves empty, a label's name turned into its id, and times as ISO 8601."""
    if row.fault:
        return row
    caller, receiver, label, name, reason, starts, ends = row.values
    label = label or defaults.label_id
    start = read_instant(starts, defaults.zone) if starts else defaults.starts_at
    return UploadRow(
        row.line,
        [
            caller or defaults.caller,
            receiver,
            defaults.labels.get(label.casefold(), label),
            name,
            reason or defaults.call_reason,
            _as_iso(starts, defaults.starts_at, defaults.zone),
            _as_iso(ends, _end(start, defaults.lasts), defaults.zone, is_end=True),
        ],
    )


def _end(start: datetime | None, lasts: timedelta) -> datetime | None:
    try:
        return start + lasts if start else None
    except OverflowError:  # a start in the last hours of the year 9999: without an end validation refuses it
        return None


def _as_iso(text: str, default: datetime | None, zone: tzinfo, *, is_end: bool = False) -> str:
    """An instant as it is kept; what is none stays as it was written, for validation to refuse.

    Validation knows no zone: a time that is none only there says so.
    """
    found = default if not text else read_instant(text, zone, is_end=is_end)
    if found:
        return _iso(found)
    return f"{text} ({zone} skips or repeats it)" if is_doubtful(text, zone) else text


_iso = lru_cache(maxsize=1024)(iso_ms)
"""Rows of a file share their instants."""


def as_kept(rows: Iterable[UploadRow], region: str) -> list[UploadRow]:
    """The rows with their numbers as E.164, so that an erasure finds them. What is no number stays as it was."""
    return [row if row.fault else UploadRow(row.line, _with_e164(row.values, region)) for row in rows]


def _with_e164(values: Sequence[str], region: str) -> list[str]:
    caller, receiver, *others = values
    numbers = [_as_e164(text, region) if len(text) <= _LONGEST_NUMBER else text for text in (caller, receiver)]
    return [*numbers, *others]


@lru_cache(maxsize=1024)
def _as_e164(text: str, region: str) -> str:
    """Digits alone stay: they are found, and read in every region as they were here."""
    read = read_phone(text, region)
    if not isinstance(read, str) or read == text:
        return text
    return kept if read_phone(kept := f"+{read}", region) == read else text


def last_end(rows: Iterable[UploadRow]) -> datetime | None:
    """When the last of the rows' windows ends; None where no row has an end."""
    found = (read_instant(row.values[-1], UTC) for row in rows)
    return max((end for end in found if end), default=None)


def as_record(values: Sequence[str]) -> NewRecord:
    """A row's values for validation; an empty one was not sent."""
    caller, receiver, label, name, reason, starts, ends = (text or None for text in values)
    return NewRecord(caller, receiver, label, name, reason, _ms(starts or ""), _ms(ends or ""))


def _ms(text: str) -> object:
    found = read_instant(text, UTC) if text else None
    return to_ms(found) if found else text or None


def as_sent(values: Sequence[str]) -> bytes:
    """As JSON under the names of `Field`, empty ones left out; instants in milliseconds, as on the wire."""
    *texts, starts, ends = values
    sent: list[object] = [*texts, _ms(starts), _ms(ends)]
    return msgspec.json.encode({one.value: value for one, value in zip(Field, sent, strict=True) if value})
