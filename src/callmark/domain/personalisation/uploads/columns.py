"""Which column of an uploaded file is which field of a record. Pure.

Columns are known by their names: those of the wire (v2), and others that people use. `name` is none of them: in
people's files it is the customer's, and must not become the verified name on a phone. What is found is shown, and may
be changed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

from callmark.domain.personalisation.uploads.model import LONGEST_CELL, MOST_ROWS, UploadRow
from callmark.domain.personalisation.validation import Field
from callmark.kit.errors import InvalidInput
from callmark.tables.columns import key, match, nearest, says_phone
from callmark.tables.model import Line, Table, TableError
from callmark.tables.numbers import dial_code_column, not_under, number_columns
from callmark.tables.phones import read_phone
from callmark.tables.reader import Reading, read_table

COLUMNS: dict[Field, tuple[str, ...]] = {
    Field.CALLER: ("caller_number", "caller", "from", "business_number", "caller_id", "did", "calling_number"),
    Field.RECEIVER: (
        "receiver_number",
        "receiver",
        "to",
        "recipient",
        "recipient_number",
        "customer_number",
        "customer_phone",
        "customer_mobile",
        "phone",
        "phone_number",
        "phone_no",
        "mobile",
        "mobile_number",
        "mobile_no",
        "msisdn",
        "contact_no",
        "contact_number",
        "telephone",
        "telephone_number",
        "tel",
        "cell",
        "cell_phone",
        "number",
    ),
    Field.LABEL_ID: ("label_id", "label"),
    Field.LABEL_NAME: ("dynamic_label_name", "label_name", "display_name", "name_shown"),
    Field.CALL_REASON: ("dynamic_call_reason", "call_reason", "reason", "reason_for_call"),
    Field.STARTS_AT: ("starts_at", "start", "start_time", "valid_from"),
    Field.ENDS_AT: ("ends_at", "end", "end_time", "valid_until", "valid_to", "expires_at"),
}
"""The names of a field's column, the wire's own first; case, spaces and signs do not matter."""

_KNOWN = {key(name) for name in chain.from_iterable(COLUMNS.values())}
NOWHERE = -1
_RECEIVER = list(Field).index(Field.RECEIVER)


@dataclass(frozen=True)
class UnusedColumn:
    """A column that no field takes; `meant` is the known name that it is probably meant to be, or empty."""

    column: int
    name: str
    meant: str


def read_file(file: bytes, reading: Reading) -> Table:
    """What a file holds. Raises InvalidInput about `file`, `encoding` or `sheet`."""
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
    """Where each field stands: as chosen (a place from 0, empty for nowhere), else by the columns' names.

    A name that is there twice stands for nothing until it is chosen. Without a header a single column of numbers is the
    receivers'.
    """
    by_name = match(table.names or (), {one.value: COLUMNS[one] for one in Field})
    found = {one: places[0] if len(places := by_name.get(one, [])) == 1 else NOWHERE for one in Field}
    if table.names is None:
        found[Field.RECEIVER] = _only_numbers(table, region)
    elif not by_name.get(Field.RECEIVER):
        found[Field.RECEIVER] = _only_phones(table.names, set(found.values()))
    for one, text in chosen.items():
        is_place = text.isascii() and text.isdigit() and int(text[:6]) < table.width
        found[one] = int(text) if is_place else NOWHERE
    return found


def _only_numbers(table: Table, region: str) -> int:
    try:
        places = number_columns(table, region)
    except TableError:
        return NOWHERE
    return places[0] if len(places) == 1 else NOWHERE


def _not_under(line: Line, code: int, receiver: str, region: str) -> str:
    number = read_phone(receiver, region)
    return not_under(line, code, number) if isinstance(number, str) else ""


def _only_phones(names: Sequence[str], taken: set[int]) -> int:
    """The one column left whose name says phone number in other words (`Telefon`, `Phone 1 - Value`)."""
    places = [at for at, name in enumerate(names) if at not in taken and says_phone(name)]
    return places[0] if len(places) == 1 else NOWHERE


def unused_columns(table: Table, columns: Mapping[Field, int]) -> list[UnusedColumn]:
    """Columns that hold something and that no field takes."""
    free = [name for one in Field if columns[one] == NOWHERE for name in COLUMNS[one]]
    return [
        UnusedColumn(at, table.name(at), nearest(table.name(at), free) if table.names else "")
        for at in range(table.width)
        if at not in columns.values() and any(at < len(line.cells) and line.cells[at] for line in table.lines)
    ]


def rows_of(table: Table, columns: Mapping[Field, int], region: str = "") -> list[UploadRow]:
    """The rows in the order of the file, values in that of `Field`; those that cannot be read have a fault.

    So has one whose country code stands in a column of its own and not before the receiver's number.
    """
    places = [columns[one] for one in Field]
    code = dial_code_column(table)
    good: list[UploadRow] = []
    for line in table.lines:
        values = [line.cells[at][:LONGEST_CELL] if 0 <= at < len(line.cells) else "" for at in places]
        why = "" if code is None else _not_under(line, code, values[_RECEIVER], region)
        good.append(UploadRow(line.number, values, f"{why}: {line.text}" if why else ""))
    faulty = [UploadRow(one.line, [""] * len(places), f"{one.why}: {one.text}") for one in table.faults]
    return sorted([*good, *faulty], key=lambda row: row.line)
