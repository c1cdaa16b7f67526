"""What is wrong with a row of a file, as the server would say now; and the record that a good row is."""

import re
from collections.abc import Mapping
from datetime import UTC, timedelta, tzinfo
from functools import lru_cache, partial

import click
from msgspec import Struct

from callmark.client.cli.reading import FileField, FileOptions, FileRow
from callmark.client.records import CallRecord
from callmark.client.reprs import SafeRepr
from callmark.instants import is_day, is_doubtful, read_instant, to_ms
from callmark.record_rules import fields
from callmark.record_rules.fields import Fault, Faulty, Field, FieldRules, NewRecord, RecordValues
from callmark.record_rules.placeholders import placeholder_in
from callmark.record_rules.words import FAULT_WORDS, text_hint
from callmark.tables.phones import read_phone
from callmark.tables.plans import fits_country
from callmark.tables.sheet_errors import NO_VALUE_HINT, is_marked, shown
from callmark.zone_data import find_zone, zone_names

UNREADABLE = "unreadable"
FILE_FIELDS: Mapping[Field, FileField] = {
    Field.CALLER: FileField.CALLER,
    Field.RECEIVER: FileField.RECEIVER,
    Field.LABEL_ID: FileField.LABEL_ID,
    Field.LABEL_NAME: FileField.NAME,
    Field.CALL_REASON: FileField.REASON,
    Field.STARTS_AT: FileField.STARTS_AT,
    Field.ENDS_AT: FileField.ENDS_AT,
}
_DURATION = re.compile(r"(?:(\d{1,4})d)?(?:(\d{1,5})h)?(?:(\d{1,6})m)?(?:(\d{1,7})s)?")
_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_LONG_AGO_S = 100_000_000_000
"""More seconds since 1970 than any instant of use has, and fewer milliseconds."""
_DIGITS_OF_DATES = (8, 12, 14)
"""Of 20260131, 202601311800 and 20260131180000, as other programs export dates."""


class RowFault(SafeRepr, Struct, frozen=True):
    """One thing that is wrong with a row; `field` None if the row as a whole cannot be read."""

    field: FileField | None
    code: str
    message: str
    value: str = ""
    hint: str = ""


class ValidatedRow(SafeRepr, Struct, frozen=True):
    """A row with its record, or with its faults."""

    row: FileRow
    receiver: str
    record: CallRecord | None
    faults: list[RowFault]


@lru_cache(maxsize=4096)
def read_duration(text: str) -> timedelta | None:
    """How long `2h`, `90m`, `1d` or `1h30m` is; None for anything else."""
    found = _DURATION.fullmatch(text.strip().lower().replace(" ", ""))
    if not found or not any(found.groups()):
        return None
    days, hours, minutes, seconds = (int(part or 0) for part in found.groups())
    return timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)


def zone_of(text: str) -> tzinfo:
    """A time zone by its name; UTC also where no others are known. Raises UsageError."""
    if text == "UTC":
        return UTC
    zone = find_zone(text)
    if zone is None:
        why = "not a time zone that is known here, such as Asia/Kolkata"
        if not zone_names():
            why = "this machine knows no time zones; `pip install tzdata` brings them"
        raise click.UsageError(f"--time-zone {text}: {why}")
    return zone


def doubtful_hint(time_zone: str) -> str:
    """What to do about a time without an offset for which `instants.is_doubtful`."""
    return f"clocks in {time_zone} skip this time or show it twice; write its offset"


NO_COUNTRY_HINT = "if the country code is missing, or has a 0 behind it, give --region"


class CountryCheck:
    """Finds numbers that fit no country: they may lack their country code, or have a 0 behind it.

    With a region each has been read by its plan. Without the plans (the extra `files`) nothing is found.
    """

    def __init__(self, region: str) -> None:
        self._fits = lru_cache(maxsize=4096)(fits_country) if not region else None

    def strange(self, record: CallRecord) -> dict[FileField, str]:
        """The numbers of a good record that no country could have."""
        numbers = {FileField.CALLER: record.caller, FileField.RECEIVER: record.receiver} if self._fits else {}
        return {file_field: number for file_field, number in numbers.items() if self._fits and not self._fits(number)}


def placeholders_of(record: CallRecord) -> dict[FileField, str]:
    """The texts of a good record that look as if a program had not filled them in: what looks so in each."""
    texts = {FileField.NAME: record.name, FileField.REASON: record.reason}
    return {file_field: found for file_field, text in texts.items() if text and (found := placeholder_in(text))}


class RowValidator:
    """Validates rows. `labels` are the ids that the account has; None if nobody has asked."""

    def __init__(self, options: FileOptions, labels: frozenset[str] | None = None) -> None:
        self._options = options
        self._labels = labels
        self._zone = zone_of(options.time_zone)
        self._phone = lru_cache(maxsize=4096)(partial(read_phone, region=options.region))
        self._rules = FieldRules(
            partial(fields.phone, field=Field.CALLER, parse=self._number),
            partial(fields.phone, field=Field.RECEIVER, parse=self._number),
            self._label,
            partial(fields.label_name, shortest=fields.SHORTEST_LABEL_NAME, empty_is_absent=True),
        )

    def validate(self, row: FileRow, now_ms: int) -> ValidatedRow:
        """The row's record if it has no fault at that instant. A start that is left out is that instant."""
        if row.fault:
            return ValidatedRow(row, "", None, [RowFault(None, UNREADABLE, row.fault)])
        texts = row.values
        start = self._instant(texts.starts_at) if texts.starts_at else now_ms
        new = NewRecord(
            caller=texts.caller or self._options.caller,
            receiver=texts.receiver,
            label_id=texts.label_id or self._options.label_id,
            label_name=texts.name or None,
            call_reason=texts.reason or None,
            starts_at=start,
            ends_at=self._end(start if isinstance(start, int) else now_ms, texts.ends_at, texts.expires_in),
        )
        try:
            return ValidatedRow(row, texts.receiver, self._record(new, now_ms), [])
        except Faulty:
            found = fields.all_faults(new, self._rules, now_ms)
        return ValidatedRow(row, shown(texts.receiver), None, [self._told(bad, new, row) for bad in found])

    def _record(self, new: NewRecord, now_ms: int) -> CallRecord:
        rules = self._rules
        caller, receiver = str(rules.caller(new.caller)), str(rules.receiver(new.receiver))
        rules.label(new)
        rules.name(new.label_name)
        reason = fields.call_reason(new.call_reason)
        start, end = fields.window(new.starts_at, new.ends_at, now_ms)
        label = str(new.label_id) if new.label_id else None
        name = str(new.label_name) if new.label_name else None
        return CallRecord(caller, receiver, label, name, reason, start, end)

    def _number(self, text: str) -> str | None:
        found = self._phone(text)
        return found if isinstance(found, str) else None

    def _label(self, new: RecordValues) -> str:
        text = str(new.label_id or "")
        if not text:
            if new.label_name:
                return ""  # the account's default label, if it has one: the server knows
            raise Faulty(Field.LABEL_ID, Fault.REQUIRED)
        if not _UUID.fullmatch(text):
            raise Faulty(Field.LABEL_ID, Fault.INVALID)
        if self._labels is not None and text.lower() not in self._labels:
            raise Faulty(Field.LABEL_ID, Fault.LABEL)
        return text

    def _instant(self, text: str, *, is_end: bool = False) -> object:
        found = read_instant(text, self._zone, is_end=is_end)
        return to_ms(found) if found else text

    def _end(self, start: int, ends: str, lasts: str) -> object:
        """The end in milliseconds, what is no instant as it is written, or None. Both at once are no instant.

        A start that is no instant is a fault of its own, and not one of the duration after it.
        """
        if ends and lasts:
            return f"{shown(ends)}, {shown(lasts)}"
        if ends:
            return self._instant(ends, is_end=True)
        text = lasts or self._options.expires_in
        duration = read_duration(text) if text else None
        if duration is None:
            return text or None
        return start + duration // timedelta(milliseconds=1)

    def _told(self, bad: Faulty, new: NewRecord, row: FileRow) -> RowFault:
        file_field = FILE_FIELDS[bad.field]
        value = getattr(new, bad.field)
        text: str = value if isinstance(value, str) else getattr(row.values, file_field)
        if bad.field is Field.ENDS_AT and row.values.expires_in:
            file_field = FileField.EXPIRES_IN
        hint = NO_VALUE_HINT if is_marked(text) else self._hint(bad, text)
        return RowFault(file_field, bad.fault, f"{file_field} {FAULT_WORDS[bad.fault]}", shown(text)[:100], hint)

    def _hint(self, bad: Faulty, text: str) -> str:
        match bad.fault:
            case Fault.PHONE:
                found = self._phone(text)
                return "" if isinstance(found, str) else found.why
            case Fault.INVALID if bad.field in (Field.STARTS_AT, Field.ENDS_AT):
                return self._time_hint(text, "" if bad.field is Field.STARTS_AT else ", or a duration such as 2h")
            case Fault.TOO_LONG if is_day(text):
                return "a day lasts until its end; add the time, as in 2026-01-31T18:00"
            case Fault.INVALID:
                return "write the id of a label: callmark labels list"
            case Fault.LABEL:
                return "callmark labels list shows this account's labels"
            case _:
                return text_hint(bad.fault, text)

    def _time_hint(self, text: str, or_duration: str) -> str:
        if is_doubtful(text, self._zone):
            return doubtful_hint(self._options.time_zone)
        return _time_hint(text, or_duration)


def _time_hint(text: str, or_duration: str) -> str:
    if text.isascii() and text.isdigit():
        if len(text) in _DIGITS_OF_DATES:
            return "if this is a date, write it as 2026-01-31T18:00"
        if int(text[:20]) < _LONG_AGO_S:
            return f"this looks like seconds; write milliseconds{or_duration}"
    if ", " in text:
        return "give ends_at or expires_in, not both"
    return f"write 2026-01-31T18:00 or epoch milliseconds{or_duration}"
