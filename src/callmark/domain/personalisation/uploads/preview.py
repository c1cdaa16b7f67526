"""What an uploaded file would push: what its columns mean, the first rows, and what is wrong with the others."""

from asyncio import to_thread
from collections.abc import Mapping, Sequence

from msgspec import Struct

from callmark.domain.deps import Deps
from callmark.domain.ids import AccountId
from callmark.domain.labels.model import Label
from callmark.domain.personalisation.known import known_to
from callmark.domain.personalisation.uploads import columns as file_columns, model
from callmark.domain.personalisation.uploads.model import RowDefaults, UploadRow
from callmark.domain.personalisation.uploads.parts import MOST_LEFT_OUT
from callmark.domain.personalisation.validation import (
    GoodRecord,
    KnownLabels,
    Rules,
    all_faults,
    console_rules,
    validate,
)
from callmark.instants import to_ms
from callmark.record_rules.columns import COLUMNS, NOWHERE, UnusedColumn, unused_columns
from callmark.record_rules.fields import Fault, Faulty, Field, NewRecord
from callmark.record_rules.placeholders import PLACEHOLDER_HINT, placeholder_in
from callmark.tables.model import Table
from callmark.tables.numbers import without_plan
from callmark.tables.phones import NoNumber, read_phone
from callmark.tables.reader import Reading
from callmark.tables.sheet_errors import NO_VALUE_HINT, is_marked, shown

_SAMPLES = 3
_EXAMPLES = 5


class PreviewOptions(Struct, frozen=True):
    """How a file is to be read and what it leaves out; `chosen` are columns that a person chose (`find_columns`)."""

    reading: Reading
    defaults: RowDefaults
    chosen: Mapping[Field, str]


class FaultKind(Struct, frozen=True):
    """A fault that rows have: how many, and the first of them as (line, what it says, the reason if known)."""

    field: Field | None
    fault: str
    count: int
    examples: list[tuple[int, str, str]]


class PreviewedRow(Struct, frozen=True):
    """One of the first rows: the record that would be pushed with its label, or its faults."""

    row: UploadRow
    record: GoodRecord | None
    label: Label | None
    faults: list[Faulty]


class UploadPreview(Struct, frozen=True):
    """What would happen. `rows` are what `submit_upload` takes; `good_count` of them would be pushed."""

    table: Table
    columns: dict[Field, int]
    unused: list[UnusedColumn]
    rows: list[UploadRow]
    samples: list[PreviewedRow]
    faults: list[FaultKind]
    good_count: int

    @property
    def has_receivers(self) -> bool:
        """Whether it is known which column holds the receivers; nothing is pushed before."""
        return self.columns[Field.RECEIVER] != NOWHERE

    @property
    def row_count(self) -> int:
        """Rows of the file that are not empty, below the header."""
        return len(self.rows)


async def preview_upload(deps: Deps, account_id: AccountId, file: bytes, options: PreviewOptions) -> UploadPreview:
    """The preview, as of now. Raises InvalidInput about `file`, `encoding` or `sheet`."""
    rules = console_rules(options.reading.region)
    table, columns, rows, records = await to_thread(_read, file, options)
    allow_foreign = deps.settings.foreign_callers == "allow"
    async with deps.db.connection() as tx:
        known = await known_to(tx, account_id, rules, records, allow_foreign=allow_foreign)
    now_ms = to_ms(deps.clock.now())
    validator = _RowValidator(rules, known, now_ms, options.reading.region)
    return await to_thread(_previewed, table, columns, rows, validator)


def _read(file: bytes, options: PreviewOptions) -> tuple[Table, dict[Field, int], list[UploadRow], list[NewRecord]]:
    table = file_columns.read_file(file, options.reading)
    columns = file_columns.find_columns(table, options.chosen, options.reading.region)
    rows = [model.filled(row, options.defaults) for row in file_columns.rows_of(table, columns, options.reading.region)]
    if not options.reading.region:  # with one, each number is read by the plan of its country
        table = table.noting(*without_plan(file_columns.receivers_of(rows)))
    records = [model.as_record(row.values) for row in rows if not row.fault]
    return table.noting(*_unfilled(rows), *_left_out(len(rows) - len(records))), columns, rows, records


def _left_out(count: int) -> list[str]:
    """A note on lines that cannot be read where there are more of them than are kept."""
    if count <= MOST_LEFT_OUT:
        return []
    return [f"{count:,} lines cannot be read. The results will name the first {MOST_LEFT_OUT:,} of them."]


def _unfilled(rows: Sequence[UploadRow]) -> list[str]:
    """A note on names and one on reasons that look as if a program had not filled them in."""
    notes: list[str] = []
    for field, one, many in (
        (Field.LABEL_NAME, "name has", "names have"),
        (Field.CALL_REASON, "reason has", "reasons have"),
    ):
        texts = ((row.line, getattr(row.values, field)) for row in rows)
        found = [(line, part) for line, text in texts if text and (part := placeholder_in(text))]
        if found:
            count = f"1 {one}" if len(found) == 1 else f"{len(found):,} {many}"
            (line, part), *_ = found
            notes.append(
                f"{count} what looks like a placeholder: {part}, the first in line {line}; {PLACEHOLDER_HINT}."
            )
    return notes


class _RowValidator(Struct, frozen=True):
    rules: Rules
    known: KnownLabels
    now_ms: int
    region: str

    def faults_of(self, row: UploadRow) -> list[Faulty]:
        """Everything wrong with a row's record; most have nothing, which is found out sooner."""
        record = model.as_record(row.values)
        try:
            validate(record, self.rules, self.known, self.now_ms)
        except Faulty:
            return all_faults(record, self.rules, self.known, self.now_ms)
        return []

    def sample(self, row: UploadRow) -> PreviewedRow:
        """The row as a phone would show it."""
        faults = [] if row.fault else self.faults_of(row)
        if row.fault or faults:
            return PreviewedRow(row, None, None, faults)
        record = validate(model.as_record(row.values), self.rules, self.known, self.now_ms)
        labels = (*self.known.by_text.values(), self.known.default)
        return PreviewedRow(row, record, next(one for one in labels if one and one.id == record.label_id), [])


def _previewed(
    table: Table, columns: dict[Field, int], rows: Sequence[UploadRow], validator: _RowValidator
) -> UploadPreview:
    kinds: dict[tuple[Field | None, str], FaultKind] = {}
    good_count = 0
    for row in rows:
        if row.fault:
            why, _, text = row.fault.partition(": ")
            _count(kinds, None, why, (row.line, text, ""))
            continue
        faults = validator.faults_of(row)
        good_count += not faults
        for one in faults:
            text: str = getattr(row.values, one.field)
            _count(kinds, one.field, one.fault, (row.line, shown(text), _reason(one, text, validator.region)))
    samples = [validator.sample(row) for row in rows[:_SAMPLES]]
    ordered = sorted(kinds.values(), key=lambda kind: -kind.count)
    unused = unused_columns(table, columns, COLUMNS)
    return UploadPreview(table, columns, unused, list(rows), samples, ordered, good_count)


def _count(
    kinds: dict[tuple[Field | None, str], FaultKind], field: Field | None, fault: str, example: tuple[int, str, str]
) -> None:
    kind = kinds.get((field, fault)) or FaultKind(field, fault, 0, [])
    examples = [*kind.examples, example] if len(kind.examples) < _EXAMPLES else kind.examples
    kinds[field, fault] = FaultKind(field, fault, kind.count + 1, examples)


def _reason(fault: Faulty, text: str, region: str) -> str:
    """Why a text is no phone number, or nothing at all."""
    if is_marked(text):
        return NO_VALUE_HINT
    read = read_phone(text, region) if fault.fault is Fault.PHONE else ""
    return read.why if isinstance(read, NoNumber) else ""
