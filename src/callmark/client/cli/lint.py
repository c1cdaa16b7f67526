"""`callmark lint`: everything that is wrong in a file of call records; nothing is sent."""

from collections.abc import Collection, Iterator
from typing import Any

import click
import msgspec

from callmark.client.cli.file_options import file_options, read_options
from callmark.client.cli.progress import counted, meter
from callmark.client.cli.reading import FileField, RecordFile, opened
from callmark.client.cli.session import SOME_FAILED, CommandSession, WrongUse, command, end
from callmark.client.cli.validation import (
    NO_COUNTRY_HINT,
    CountryCheck,
    RowValidator,
    ValidatedRow,
    placeholders_of,
)
from callmark.client.environment import Environment
from callmark.record_rules.columns import NOWHERE
from callmark.record_rules.placeholders import PLACEHOLDER_HINT
from callmark.terminal import echo_json, printable

UNKNOWN_COLUMN, NO_COLUMN, ABOVE_HEADER, NO_COUNTRY = "unknown_column", "no_column", "above_header", "no_country"
PLACEHOLDER = "placeholder"
_LONGEST_VALUE = 100


@click.command
@file_options
@command
def lint(session: CommandSession, file: str, **options: Any) -> None:
    """Find everything that is wrong in a file of call records, and send nothing.

    FILE is CSV, NDJSON, Parquet, an Excel workbook, or - for standard input. Each finding has row, column, field, code,
    reason and a hint. The exit code is 1 if a row is at fault.
    """
    with opened(file, read_options(**options)) as records:
        for note in records.table.notes:
            click.echo(printable(note), err=True)
        linting = _Linting(records)
        _print(linting.findings(), as_json=session.output.as_json)
        click.echo(f"{linting.count:,} row{'s' * (linting.count != 1)}, {linting.faulty:,} at fault", err=True)
        if not linting.count:
            raise WrongUse(f"{records.name} has no rows")
    if linting.faulty or linting.is_incomplete:
        end(SOME_FAILED)


class _Linting:
    """Finds faults row by row, and counts."""

    def __init__(self, records: RecordFile) -> None:
        self._records = records
        self.count = self.faulty = 0
        self.is_incomplete = self._has_named_option = False
        self._countries = CountryCheck(records.options.region)

    def findings(self) -> Iterator[dict[str, object]]:
        """Of the file as a whole, then of each row. Fields that nothing gives are one finding, not one of each row."""
        header = self._records.table.header or None
        for one in self._records.unused:
            yield _finding(header, one.name, None, UNKNOWN_COLUMN, f"{one.name} is not used", one.meant)
        for line in self._records.table.before:
            why = f"is above {self._records.table.top} and is not used"
            yield _finding(line.number, None, None, ABOVE_HEADER, why, "", line.text[:_LONGEST_VALUE])
        missing = self._records.missing()
        for file_field, way in missing.items():
            self.is_incomplete = True
            yield _finding(header, None, file_field, NO_COLUMN, f"no column has {file_field}", f"use {way}")
        validator = RowValidator(self._records.options)
        now_ms = int(Environment().now() * 1000)
        with meter("Reading rows", beside_output=True) as shown:
            for row in counted(self._records.rows(), shown):
                yield from self._of_row(validator.validate(row, now_ms), missing)

    def _of_row(self, row: ValidatedRow, missing: Collection[FileField]) -> Iterator[dict[str, object]]:
        """Its faults; and placeholders and numbers that fit no country, which are none.

        A number of an option is named once.
        """
        line, self.count = row.row.line, self.count + 1
        faults = [fault for fault in row.faults if fault.field not in missing]
        self.faulty += bool(faults)
        for fault in faults:
            column = self._column(fault.field)
            yield _finding(line, column, fault.field, fault.code, fault.message, fault.hint, fault.value)
        for file_field, part in (placeholders_of(row.record) if row.record else {}).items():
            reason = f"{file_field} has what looks like a placeholder"
            yield _finding(line, self._column(file_field), file_field, PLACEHOLDER, reason, PLACEHOLDER_HINT, part)
        for file_field, number in (self._countries.strange(row.record) if row.record else {}).items():
            column = self._column(file_field)
            if column or not self._has_named_option:
                reason = f"{file_field} fits no country"
                yield _finding(
                    line if column else None, column, file_field, NO_COUNTRY, reason, NO_COUNTRY_HINT, f"+{number}"
                )
            self._has_named_option = self._has_named_option or not column

    def _column(self, field: FileField | None) -> str | None:
        place = self._records.columns[field] if field else NOWHERE
        return self._records.table.name(place) if place != NOWHERE else None


def _finding(
    row: int | None, column: str | None, field: FileField | None, code: str, reason: str, hint: str, value: str = ""
) -> dict[str, object]:
    return {"row": row, "column": column, "field": field, "code": code, "reason": reason, "value": value, "hint": hint}


def _print(findings: Iterator[dict[str, object]], *, as_json: bool) -> None:
    """As they are found, because there may be millions: an array, or a line each."""
    if as_json:
        click.echo("[", nl=False)
        for number, finding in enumerate(findings):
            echo_json(("," if number else "") + "\n" + msgspec.json.encode(finding).decode(), nl=False)
        click.echo("\n]")
        return
    for finding in findings:
        where = f"row {finding['row']}" if finding["row"] else "file"
        column = f", column {finding['column']!r}" if finding["column"] else ""
        value = f": {finding['value']!r}" if finding["value"] else ""
        hint = f" ({finding['hint']})" if finding["hint"] else ""
        click.echo(printable(f"{where}{column}: {finding['code']}: {finding['reason']}{value}{hint}"))
