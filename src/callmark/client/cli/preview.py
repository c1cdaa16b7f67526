"""What a file would push, on standard error: its columns, the first rows as they will show, and its faults."""

from collections.abc import Mapping

import click
from msgspec import Struct, field

from callmark.client.cli.progress import counted, meter
from callmark.client.cli.reading import RecordFile, Role
from callmark.client.cli.validation import NO_COUNTRY_HINT, CountryCheck, RowFault, RowValidator, ValidatedRow
from callmark.client.records import CallRecord, from_ms
from callmark.instants import iso_ms
from callmark.record_rules.columns import NOWHERE

_FIRST = 3
_LONGEST_SHOWN = 100


class Preview(Struct):
    """What reading the whole file once says."""

    count: int = 0
    good: int = 0
    first: list[ValidatedRow] = field(default_factory=list[ValidatedRow])
    faults: dict[str, tuple[int, int, RowFault]] = field(default_factory=dict[str, tuple[int, int, RowFault]])
    """By what is wrong: how often, and the first line of it."""
    strange: dict[Role, tuple[int, int, str]] = field(default_factory=dict[Role, tuple[int, int, str]])
    """Of good rows, numbers that fit no country: how many, and the first with its line."""
    strange_count: int = 0
    """Rows that have such a number."""

    @property
    def question(self) -> str:
        """What is pushed, for the question whether to do it."""
        among = f", {self.strange_count:,} with a number that fits no country," if self.strange_count else ""
        return f"{self.good:,} records{among}"


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
            strange = countries.strange(validated.record) if validated.record else {}
            found.strange_count += bool(strange)
            for role, number in strange.items():
                times, line, example = found.strange.get(role, (0, row.line, number))
                found.strange[role] = (times + 1, line, example)
    return found


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
    for role, (times, line, number) in preview.strange.items():
        count = f"1 {role} fits" if times == 1 else f"{times:,} {role}s fit"
        _say(f"  {count} no country: +{number}, the first in row {line}; {NO_COUNTRY_HINT}")
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
    for role in Role:
        place = file.columns[role]
        given = _given(file, role)
        if place != NOWHERE:
            _say(f"  {role:<10} column {file.table.name(place)!r}{f', else {given}' if given else ''}")
        elif given:
            _say(f"  {role:<10} {given}")
    for one in file.unused:
        _say(f"  not used   column {one.name!r}{one.hint}")


def _given(file: RecordFile, role: Role) -> str:
    options = file.options
    return {
        Role.CALLER: options.caller,
        Role.LABEL_ID: options.label_id,
        Role.EXPIRES_IN: options.expires_in,
    }.get(role, "")


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
    click.echo(line, err=True)
