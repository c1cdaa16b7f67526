"""An uploaded file and its columns. Pure; which name means which field is in `record_rules.columns`."""

from collections.abc import Iterable, Iterator, Mapping

from callmark.domain.personalisation.uploads.model import LONGEST_CELL, MOST_ROWS, RowTexts, UploadRow
from callmark.kit.errors import InvalidInput
from callmark.record_rules.columns import COLUMNS, NOWHERE, RowReader, by_names, known_names
from callmark.record_rules.fields import Field
from callmark.tables.columns import key, place_of
from callmark.tables.model import Table, TableError
from callmark.tables.numbers import NOT_UNDER
from callmark.tables.phones import read_phone
from callmark.tables.reader import Reading, read_table

_KNOWN = known_names(COLUMNS)
_NO_TEXTS = RowTexts()
_RECEIVER = list(Field).index(Field.RECEIVER)


def read_file(file: bytes, reading: Reading) -> Table:
    """What a file holds. Raises InvalidInput about `file`, `encoding` or `sheet`."""
    if not file.strip():
        raise InvalidInput("the file is empty", field="file")
    try:
        table = read_table(file, lambda name: 2 if key(name) in _KNOWN else 0, reading)
    except TableError as exc:
        raise InvalidInput(exc.message, field=exc.about) from exc
    if not (table.lines or table.faults):
        raise InvalidInput("the file has no records below its header row", field="file")
    if len(table.lines) > MOST_ROWS:
        raise InvalidInput(f"a file can have at most {MOST_ROWS:,} records; split it into several files", field="file")
    return table


def find_columns(table: Table, chosen: Mapping[Field, str], region: str = "") -> dict[Field, int]:
    """Where each field is: as chosen (a place from 0, empty for nowhere), else by the columns' names."""
    places = {one: place_of(text, table.width) for one, text in chosen.items()}
    places = {one: NOWHERE if place is None else place for one, place in places.items()}
    return by_names(table, COLUMNS, Field.RECEIVER, region, places.values()) | places


def rows_of(table: Table, columns: Mapping[Field, int], region: str = "") -> list[UploadRow]:
    """The rows in the order of the file; those that cannot be read have a fault."""
    reader = RowReader.of(table, (columns[one] for one in Field), _RECEIVER, region, LONGEST_CELL)
    good: list[UploadRow] = []
    for line in table.lines:
        values = reader.values(line)
        why = reader.fault(line, values)
        # Faults are counted by their text; the line has the code.
        good.append(UploadRow(line.number, RowTexts._make(values), f"{NOT_UNDER}: {line.text}" if why else ""))
    faulty = [UploadRow(one.line, _NO_TEXTS, f"{one.why}: {one.text}") for one in table.faults]
    return sorted([*good, *faulty], key=lambda row: row.line)


def receivers_of(rows: Iterable[UploadRow]) -> Iterator[str]:
    """The numbers of the receivers, of the rows that have one."""
    for row in rows:
        number = read_phone(row.values.receiver)
        if isinstance(number, str):
            yield number
