"""What a file would push, on standard error: its columns, the first rows as they will show, and its faults."""

from collections.abc import Mapping

import click
from msgspec import Struct, field

from callmark.client.cli.progress import counted, meter
from callmark.client.cli.reading import FileField, RecordFile
from callmark.client.cli.validation import (
    NO_COUNTRY_HINT,
    CountryCheck,
    RowFault,
    RowValidator,
    ValidatedRow,
    placeholders_of,
)
from callmark.client.records import CallRecord, from_ms
from callmark.instants import iso_ms
from callmark.record_rules.columns import NOWHERE
from callmark.record_rules.placeholders import PLACEHOLDER_HINT
from callmark.terminal import printable

_FIRST = 3
_LONGEST_SHOWN = 100


class Preview(Struct):
    """What reading the whole file once says."""

    count: int = 0
    good: int = 0
    first: list[ValidatedRow] = field(default_factory=list[ValidatedRow])
    faults: dict[str, tuple[int, int, RowFault]] = field(default_factory=dict[str, tuple[int, int, RowFault]])
    """By what is wrong: how often, and the first line of it."""
    strange: dict[FileField, tuple[int, int, str]] = field(default_factory=dict[FileField, tuple[int, int, str]])
    """Of good rows, numbers that fit no country: how many, and the first with its line."""
    strange_count: int = 0
    """Rows that have such a number."""
    unfilled: dict[FileField, tuple[int, int, str]] = field(default_factory=dict[FileField, tuple[int, int, str]])
    """Of good rows, texts that have what looks like a placeholder: how many, and the first with its line."""
    unfilled_count: int = 0
    """Rows that have such a text."""

    @property
    def question(self) -> str:
        """What is pushed, for the question whether to do it."""
        among = [
            f", {count:,} with {what}"
            for count, what in (
                (self.strange_count, "a number that fits no country"),
                (self.unfilled_count, "what looks like a placeholder"),
            )
            if count
        ]
        return f"{self.good:,} records{''.join(among)}{',' if among else ''}"


def previewed(file: RecordFile, validator: RowValidator, now_ms: int) -> Preview:
    """Reads and validates every row."""
    found, countries = Preview(), CountryCheck(file.options.region)
    with meter("Reading rows") as shown:
        for row in counted(file.rows(), shown):
            validated = validator.validate(row, now_ms)
            found.count += 1
            found.good += not validated.faults
            if len(found.first) < _FIRST:
                found.first.append(validated)
            for fault in validated.faults:
                times, line, example = found.faults.get(fault.message, (0, row.line, fault))
                found.faults[fault.message] = (times + 1, line, example)
            if validated.record:
                strange, unfilled = countries.strange(validated.record), placeholders_of(validated.record)
                found.strange_count += bool(strange)
                found.unfilled_count += bool(unfilled)
                _count(found.strange, strange, row.line)
                _count(found.unfilled, unfilled, row.line)
    return found


def _count(counts: dict[FileField, tuple[int, int, str]], of_row: Mapping[FileField, str], line: int) -> None:
    for file_field, text in of_row.items():
        times, first, example = counts.get(file_field, (0, line, text))
        counts[file_field] = (times + 1, first, example)


def show(file: RecordFile, preview: Preview, labels: Mapping[str, str]) -> None:
    """Prints it. `labels` are names by id."""
    table = file.table
    how = ", ".join(part for part in (file.file.kind, table.encoding, table.sheet) if part)
    _say(f"{file.name}: {how}, {preview.count:,} row{'s' * (preview.count != 1)}")
    _show_columns(file)
    for line in table.before:
        _say(f"  not used   line {line.number}, above {table.top}: {line.text[:_LONGEST_SHOWN]!r}")
    for note in table.notes:
        _say(f"  {note}")
    for file_field, (times, line, number) in preview.strange.items():
        count = f"1 {file_field} fits" if times == 1 else f"{times:,} {file_field}s fit"
        _say(f"  {count} no country: +{number}, the first in row {line}; {NO_COUNTRY_HINT}")
    for file_field, (times, line, part) in preview.unfilled.items():
        count = f"1 {file_field} has" if times == 1 else f"{times:,} {file_field}s have"
        _say(f"  {count} what looks like a placeholder: {part!r}, the first in row {line}; {PLACEHOLDER_HINT}")
    if preview.first:
        _say("First rows:")
    for validated in preview.first:
        _say(f"  row {validated.row.line}: {_as_shown(validated, labels)}")
    if preview.faults:
        bad = preview.count - preview.good
        _say(f"{bad:,} {'row is' if bad == 1 else 'rows are'} at fault and will not be pushed:")
    for times, line, example in sorted(preview.faults.values(), key=lambda one: -one[0]):
        hint = f" ({example.hint})" if example.hint else ""
        value = f": {example.value!r}" if example.value else ""
        _say(f"  {times:,} x {example.message}; the first in row {line}{value}{hint}")


def _show_columns(file: RecordFile) -> None:
    for file_field in FileField:
        place = file.columns[file_field]
        given = _given(file, file_field)
        if place != NOWHERE:
            _say(f"  {file_field:<10} column {file.table.name(place)!r}{f', else {given}' if given else ''}")
        elif given:
            _say(f"  {file_field:<10} {given}")
    for one in file.unused:
        _say(f"  not used   column {one.name!r}{one.hint}")


def _given(file: RecordFile, file_field: FileField) -> str:
    options = file.options
    return {
        FileField.CALLER: options.caller,
        FileField.LABEL_ID: options.label_id,
        FileField.EXPIRES_IN: options.expires_in,
    }.get(file_field, "")


def _as_shown(validated: ValidatedRow, labels: Mapping[str, str]) -> str:
    if validated.record is None:
        return "; ".join(fault.message for fault in validated.faults)
    record: CallRecord = validated.record
    name = record.name or labels.get((record.label_id or "").lower()) or "the account's default label"
    start, end = from_ms(record.starts_at), from_ms(record.ends_at)
    window = f"{iso_ms(start)} to {iso_ms(end)}" if start and end else ""
    reason = f", {record.reason!r}" if record.reason else ""
    return f"{record.caller} rings {record.receiver}: {name!r}{reason}, {window}"


def _say(line: str) -> None:
    click.echo(printable(line), err=True)
