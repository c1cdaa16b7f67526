"""Files of call records as people have them: CSV with names in a header. Pure.

Columns are found by their names: those of the wire (v2), and others that people use. What a file leaves out (label,
window) is taken from the form. Numbers come in human formats, times as ISO 8601 or as epoch milliseconds.
"""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, tzinfo
from functools import partial

import msgspec

from callmark.domain.ids import AccountId, BatchId, UploadId
from callmark.domain.numbers.lists import read_number
from callmark.domain.personalisation.judge import Field, NewRecord, Rules
from callmark.kit.clock import EPOCH, from_ms, iso_ms, to_ms
from callmark.kit.errors import InvalidInput

MOST_ROWS = 50_000
LARGEST_BYTES = 16_000_000
ROWS_A_PART = 500
_LONGEST_CELL = 500
_SHORTEST_MS = 12
"""Digits of epoch milliseconds since 1973; shorter numbers are not taken for instants."""

COLUMNS: dict[Field, tuple[str, ...]] = {
    Field.CALLER: ("caller_number", "caller", "from", "business_number", "caller_id"),
    Field.RECEIVER: (
        "receiver_number",
        "receiver",
        "to",
        "phone",
        "phone_number",
        "mobile",
        "msisdn",
        "customer_number",
        "number",
    ),
    Field.LABEL_ID: ("label_id", "label"),
    Field.LABEL_NAME: ("dynamic_label_name", "label_name", "name", "display_name"),
    Field.CALL_REASON: ("dynamic_call_reason", "call_reason", "reason"),
    Field.STARTS_AT: ("starts_at", "start", "start_time", "valid_from"),
    Field.ENDS_AT: ("ends_at", "end", "end_time", "valid_until", "valid_to", "expires_at"),
}
"""The names of a field's column, the wire's own first; case, spaces and `-` do not matter."""


class Row(msgspec.Struct, frozen=True):
    """A row of a file: its line (from 1), and its values in the order of `Field`, empty where it has none."""

    line: int
    values: list[str]


@dataclass(frozen=True)
class Sheet:
    """What a file holds; `given` are the fields that have a column."""

    rows: list[Row]
    given: frozenset[Field]
    unknown: list[str]


@dataclass(frozen=True)
class Upload:
    """A file that was taken. `submitted_count` rows of it are in batches."""

    id: UploadId
    account_id: AccountId
    file_name: str
    region: str
    row_count: int
    submitted_count: int
    created_by_email: str
    created_at: datetime


@dataclass(frozen=True)
class Part:
    """Some rows of an upload, and the batch they were submitted as; None before."""

    number: int
    rows: list[Row]
    batch_id: BatchId | None


@dataclass(frozen=True)
class Defaults:
    """What stands in for columns and cells that a file leaves empty; an empty text stands for nothing."""

    caller: str = ""
    label_id: str = ""
    call_reason: str = ""
    starts_at: datetime | None = None
    lasts: timedelta = timedelta(hours=4)
    labels: Mapping[str, str] = field(default_factory=dict[str, str])
    zone: tzinfo = UTC


def read_sheet(text: str) -> Sheet:
    """The rows of a CSV with a header; empty lines are passed over. Raises InvalidInput about `file`."""
    text = text.removeprefix("\ufeff")
    if "\0" in text:
        raise InvalidInput("this is not a text file; save the sheet as CSV first", field="file")
    first = text.split("\n", 1)[0]
    lines = csv.reader(io.StringIO(text, newline=""), delimiter=max(",;\t", key=first.count))
    try:
        return _sheet(lines)
    except csv.Error as exc:
        raise InvalidInput(f"this is not a CSV file: {exc}", field="file") from exc


def _sheet(lines: Iterable[list[str]]) -> Sheet:
    reading = iter(lines)
    header: list[str] = next(reading, list[str]())
    columns, unknown = _columns(header)
    rows: list[Row] = []
    for line, cells in enumerate(reading, 2):
        if not any(cell.strip() for cell in cells):
            continue
        if len(rows) == MOST_ROWS:
            raise InvalidInput(f"a file has at most {MOST_ROWS:,} records; divide it", field="file")
        values = [cells[at].strip()[:_LONGEST_CELL] if 0 <= at < len(cells) else "" for at in columns]
        rows.append(Row(line, values))
    if not rows:
        raise InvalidInput("the file has no records below its header", field="file")
    return Sheet(rows, frozenset(one for one, at in zip(Field, columns, strict=True) if at >= 0), unknown)


def _columns(header: Sequence[str]) -> tuple[list[int], list[str]]:
    """Where each field's column is (-1: nowhere), and the names of columns that are none's."""
    names = ["_".join(cell.strip().casefold().replace("-", " ").replace("_", " ").split()) for cell in header]
    places: list[int] = []
    for one in Field:
        found = [names.index(name) for name in COLUMNS[one] if name in names]
        places.append(found[0] if found else -1)
    if places[1] < 0:
        raise InvalidInput(
            "the first line must name the columns; there is none named receiver_number (or receiver, phone, mobile …)",
            field="file",
        )
    return places, [cell.strip() for i, cell in enumerate(header) if i not in places and cell.strip()]


def filled(row: Row, defaults: Defaults) -> Row:
    """The row with what it leaves empty, a label's name turned into its id, and times as ISO 8601."""
    caller, receiver, label, name, reason, starts, ends = row.values
    label = label or defaults.label_id
    start = read_instant(starts, defaults.zone) if starts else defaults.starts_at
    return Row(
        row.line,
        [
            caller or defaults.caller,
            receiver,
            defaults.labels.get(label.casefold(), label),
            name,
            reason or defaults.call_reason,
            _as_iso(starts, defaults.starts_at, defaults.zone),
            _as_iso(ends, start + defaults.lasts if start else None, defaults.zone),
        ],
    )


def _as_iso(text: str, default: datetime | None, zone: tzinfo) -> str:
    """An instant as it is kept; what is none stays as it was written, for the judge to refuse."""
    found = default if not text else read_instant(text, zone)
    return iso_ms(found) if found else text


def read_instant(text: str, zone: tzinfo) -> datetime | None:
    """An instant in ISO 8601 (without an offset: in `zone`) or in epoch milliseconds; None for anything else."""
    if text.isascii() and text.isdigit():
        return from_ms(int(text)) if _SHORTEST_MS <= len(text) <= _SHORTEST_MS + 3 else None
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    aware = found if found.tzinfo else found.replace(tzinfo=zone)
    try:
        instant = aware.astimezone(UTC)
    except OverflowError:
        return None
    return instant if instant >= EPOCH else None


def rules_for(region: str) -> Rules:
    """How the console judges: as v2, with numbers as people write them."""
    parse = partial(read_number, region=region)
    return Rules(parse, 3, empty_label_name_is_absent=True, label_may_be_absent=True)


def as_record(values: Sequence[str]) -> NewRecord:
    """A row's values for the judge; an empty one was not sent."""
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
