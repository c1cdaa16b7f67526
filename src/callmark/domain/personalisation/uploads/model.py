"""Files of call records as people have them, and the uploads made of them. Pure.

What a file leaves out (label, window) is taken from the form. Numbers come in human formats, times as ISO 8601 or as
epoch milliseconds. Which column is which stands in `columns`.
"""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache
from typing import NamedTuple

import msgspec
from msgspec import Struct, field

from callmark.domain.ids import AccountId, BatchId, UploadId
from callmark.instants import is_doubtful, iso_ms, read_instant, to_ms
from callmark.record_rules.fields import NewRecord
from callmark.record_rules.same_names import in_small
from callmark.tables.phones import read_phone
from callmark.tables.sheet_errors import shown

MOST_ROWS = 50_000
LARGEST_BYTES = 16 * 1024 * 1024
LONGEST_CELL = 500
_LONGEST_NUMBER = 100
"""Characters of a number as people write it. Longer texts are none, and are not kept in memory."""


class RowTexts(NamedTuple):
    """A row's values as they are stored, by the names and in the order of `Field`; empty where it has none.

    A new field comes last: rows that were stored before it have it empty.
    """

    caller: str = ""
    receiver: str = ""
    label_id: str = ""
    label_name: str = ""
    call_reason: str = ""
    starts_at: str = ""
    ends_at: str = ""


class UploadRow(msgspec.Struct, frozen=True):
    """A row of a file: its line (from 1), and its values."""

    line: int
    values: RowTexts
    fault: str = ""
    """Why the row could not be read as a record; it is left out then."""

    @property
    def shown(self) -> RowTexts:
        """The values as the file has them, for people."""
        return RowTexts._make(map(shown, self.values))


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
    """Some rows of an upload (`parts`), and the batch they were submitted as; None before."""

    number: int
    batch_id: BatchId | None


class RowDefaults(Struct, frozen=True):
    """What replaces columns and cells that a file leaves empty; an empty text stands for nothing."""

    caller: str = ""
    label_id: str = ""
    call_reason: str = ""
    starts_at: datetime | None = None
    lasts: timedelta = timedelta(hours=4)
    labels: Mapping[str, str] = field(default_factory=dict[str, str])
    zone: tzinfo = UTC


def labels_by_name(labels: Iterable[tuple[str, str]]) -> dict[str, str]:
    """The id of each label (name, id) by its name (`in_small`); of a name that several have, a text that says so.

    That is no label's id, so validation refuses it: a wrong guess would show another logo and name.
    """
    found: dict[str, str] = {}
    for name, label_id in labels:
        of_several = f"{name} (several labels have this name; write the id of one)"
        found[in_small(name)] = label_id if in_small(name) not in found else of_several
    return found


def filled(row: UploadRow, defaults: RowDefaults) -> UploadRow:
    """The row with what it leaves empty, a label's name turned into its id, and times as ISO 8601."""
    if row.fault:
        return row
    texts = row.values
    label = texts.label_id or defaults.label_id
    start = read_instant(texts.starts_at, defaults.zone) if texts.starts_at else defaults.starts_at
    whole = texts._replace(
        caller=texts.caller or defaults.caller,
        label_id=defaults.labels.get(in_small(label), label),
        call_reason=texts.call_reason or defaults.call_reason,
        starts_at=_as_iso(texts.starts_at, defaults.starts_at, defaults.zone),
        ends_at=_as_iso(texts.ends_at, _end(start, defaults.lasts), defaults.zone, is_end=True),
    )
    return UploadRow(row.line, whole)


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


def _with_e164(texts: RowTexts, region: str) -> RowTexts:
    return texts._replace(caller=_as_e164(texts.caller, region), receiver=_as_e164(texts.receiver, region))


def _as_e164(text: str, region: str) -> str:
    return _short_as_e164(text, region) if len(text) <= _LONGEST_NUMBER else text


@lru_cache(maxsize=1024)
def _short_as_e164(text: str, region: str) -> str:
    """Digits alone stay: they are found, and read in every region as they were here."""
    read = read_phone(text, region)
    if not isinstance(read, str) or read == text:
        return text
    return kept if read_phone(kept := f"+{read}", region) == read else text


def last_end(rows: Iterable[UploadRow]) -> datetime | None:
    """When the last of the rows' windows ends; None where no row has an end."""
    found = (read_instant(row.values.ends_at, UTC) for row in rows)
    return max((end for end in found if end), default=None)


def as_record(texts: RowTexts) -> NewRecord:
    """A row's values for validation; an empty one was not sent."""
    sent = NewRecord._make(text or None for text in texts)
    return sent._replace(starts_at=_ms(texts.starts_at), ends_at=_ms(texts.ends_at))


def _ms(text: str) -> object:
    found = read_instant(text, UTC) if text else None
    return to_ms(found) if found else text or None


def as_sent(texts: RowTexts) -> bytes:
    """As JSON under the names of `Field`, empty ones left out; instants in milliseconds, as on the wire."""
    return msgspec.json.encode({name: value for name, value in as_record(texts)._asdict().items() if value})
