"""Lists of numbers as people have them: a file's column or pasted lines. Source: contract D24.

`callmark.tables` reads it; here its errors become ours, and its digits phone numbers.
"""

from typing import Any

from msgspec import Struct, field

from callmark.kit.errors import InvalidInput
from callmark.kit.phone import PhoneNumber, parse_digits
from callmark.tables.model import Table, TableError, Unread
from callmark.tables.numbers import read_numbers
from callmark.tables.phones import NoNumber, read_phone
from callmark.tables.reader import Reading
from callmark.tables.rows import DELIMITERS, MOST_LINES

__all__ = [
    "MOST_LINES",
    "ListReading",
    "NumberList",
    "Rejected",
    "Table",
    "asked_number",
    "known_region",
    "read_list",
    "read_number",
    "regions",
    "table_of",
]

Rejected = Unread
"""A line that gives no number."""


class ListReading(Struct, frozen=True):
    """How a list is to be read; an empty part is found out.

    `region` says where numbers without a country code are dialled; `column` is the name or the place, from 1, of the
    one with the numbers; `encoding` one of `tables.text.ENCODINGS`; `sheet` a workbook's; `delimiter` a text's, by its
    name in `tables.rows.DELIMITERS`.
    """

    region: str = ""
    column: str = ""
    encoding: str = ""
    sheet: str = ""
    delimiter: str = ""


class NumberList(Struct, frozen=True):
    """The numbers of a list, each once, in its order, and what was not used.

    `rejected` are the lines that gave none; `duplicate_count` is how often a number came again; `columns` name where
    the numbers stand (`column_places`, from 1), `unused` the other columns; `skipped` are the lines above a header;
    `notes` tell what else was noticed.
    """

    numbers: list[PhoneNumber]
    rejected: list[Rejected]
    duplicate_count: int
    columns: list[str] = field(default_factory=list[str])
    unused: list[str] = field(default_factory=list[str])
    skipped: list[str] = field(default_factory=list[str])
    notes: list[str] = field(default_factory=list[str])
    table: Table | None = None
    column_places: tuple[int, ...] = ()


def known_region(text: str) -> str:
    """The ISO 3166 code of a region that has numbers, in upper case; empty stays empty. Raises InvalidInput."""
    import phonenumbers

    region = text.strip().upper()
    if region and region not in phonenumbers.SUPPORTED_REGIONS:
        raise InvalidInput(f"{text} is not a two-letter country code, such as IN or SE", field="region")
    return region


def regions() -> list[tuple[str, int]]:
    """Every region's ISO 3166 code and the country code it dials under, by the former."""
    import phonenumbers

    known: Any = phonenumbers.SUPPORTED_REGIONS
    return [(region, phonenumbers.country_code_for_region(region)) for region in sorted(known)]


def read_list(listed: bytes | str, reading: ListReading | None = None) -> NumberList:
    """What a file or a pasted text lists. Raises InvalidInput about a part of `ListReading`, or `list`."""
    reading = reading or ListReading()
    delimiter = DELIMITERS.get(reading.delimiter, "")
    how = Reading(reading.encoding, reading.sheet, delimiter, known_region(reading.region))
    data = listed if isinstance(listed, bytes) else listed.encode(errors="replace")
    try:
        found = read_numbers(data, column=reading.column, reading=how)
    except TableError as exc:
        raise InvalidInput(exc.message, field="list" if exc.about == "file" else exc.about) from exc
    return NumberList(
        [number for text in found.numbers if (number := parse_digits(text))],
        found.unread,
        found.duplicate_count,
        found.column_names,
        found.unused,
        found.skipped,
        list(found.table.notes),
        found.table,
        tuple(at + 1 for at in found.columns),
    )


def table_of(refused: InvalidInput) -> Table | None:
    """The table that a refused list holds, where it could be read so far."""
    return refused.__cause__.table if isinstance(refused.__cause__, TableError) else None


def read_number(text: str, region: str = "") -> PhoneNumber | None:
    """The number that a person wrote, in any format; None when it is none. `region` as in `ListReading`."""
    found = read_phone(text, region)
    return None if isinstance(found, NoNumber) else parse_digits(found)


def asked_number(text: str, region: str = "") -> PhoneNumber:
    """The number that a person asks for, in any format. Raises InvalidInput about `number`, with the reason."""
    found = read_phone(text, known_region(region))
    number = parse_digits(found) if isinstance(found, str) else None
    if number is None:
        why = f": {found.why}" if isinstance(found, NoNumber) and found.why != "not a phone number" else ""
        raise InvalidInput(f"{text!r} is not a phone number{why}", field="number")
    return number
