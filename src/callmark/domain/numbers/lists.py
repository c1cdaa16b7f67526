"""A list of numbers as people have it: a CSV column or pasted lines, in the formats they write. Source: contract D24.

Pure. The wire takes digits only (D25); here `phonenumbers` reads what people type.
"""

import codecs
import csv
from collections.abc import Iterator
from dataclasses import dataclass

import phonenumbers

from callmark.kit.errors import InvalidInput
from callmark.kit.phone import PhoneNumber, parse_digits, parse_loose

MOST_LINES = 1_000_000
_NAMES = frozenset({"phone", "phone number", "number", "numbers", "msisdn", "telephone", "mobile", "caller"})
"""Words that make a column the one with the numbers, in its header: lower case, `_` and `-` as spaces."""


@dataclass(frozen=True, slots=True)
class Rejected:
    """A line that gives no number; `line` counts from 1."""

    line: int
    text: str
    why: str


@dataclass(frozen=True)
class NumberList:
    """The numbers of a list, each once, in its order; the lines that gave none; how many gave one a second time."""

    numbers: list[PhoneNumber]
    rejected: list[Rejected]
    duplicate_count: int


def known_region(text: str) -> str:
    """The ISO 3166 code of a region that has numbers, in upper case; empty stays empty. Raises InvalidInput."""
    region = text.strip().upper()
    if region and region not in phonenumbers.SUPPORTED_REGIONS:
        raise InvalidInput(f"region {text!r} is no two-letter country code such as IN or SE", field="region")
    return region


def regions() -> list[tuple[str, int]]:
    """Every region's ISO 3166 code and the country code it dials under, by the former."""
    return [(region, phonenumbers.country_code_for_region(region)) for region in sorted(phonenumbers.SUPPORTED_REGIONS)]


def read_list(text: str, region: str = "") -> NumberList:
    """What a file or a pasted text lists: one number a line (the first column of a CSV, or the one its header names).

    `region` says where numbers without a country code are dialled; without it they are taken to begin with theirs. A
    header and empty lines are passed over. Raises InvalidInput for a region that does not exist, and over `MOST_LINES`.
    """
    region = known_region(region)
    numbers: dict[PhoneNumber, None] = {}
    rejected: list[Rejected] = []
    count = 0
    for line, cell in _cells(text):
        found = _read(cell, region)
        if isinstance(found, str) and (number := parse_digits(found)):
            numbers[number] = None
            count += 1
        else:
            rejected.append(Rejected(line, cell[:100], found.why if isinstance(found, _Fault) else "not a number"))
    return NumberList(list(numbers), rejected, count - len(numbers))


def decode(file: bytes) -> str:
    """A file's text: UTF-8, or UTF-16 where it says so; any other encoding agrees on digits."""
    if file.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return file.decode("utf-16", errors="replace")
    try:
        return file.decode()
    except UnicodeDecodeError:
        return file.decode("latin-1")


def read_number(text: str, region: str = "") -> PhoneNumber | None:
    """The number that a person wrote, in any format; None when it is none. `region` as in `read_list`."""
    found = _read(text.strip(), region)
    return parse_digits(found) if isinstance(found, str) else None


@dataclass(frozen=True, slots=True)
class _Fault:
    why: str


def _cells(text: str) -> Iterator[tuple[int, str]]:
    """Each line's number and the cell that holds a phone number; the header and empty lines left out."""
    text = text.removeprefix("\ufeff")
    column = 0
    lines = text.splitlines()
    if len(lines) > MOST_LINES:
        raise InvalidInput(f"a list has at most {MOST_LINES:,} lines", field="list")
    delimiter = _delimiter(lines)
    for line, raw in enumerate(lines, 1):
        cells = [cell.strip() for cell in _split(raw, delimiter)]
        if not any(cells):
            continue
        if line == 1 and _is_header(cells):
            column = next((i for i, cell in enumerate(cells) if _plain(cell) in _NAMES), 0)
            continue
        yield line, cells[column] if column < len(cells) else ""


def _delimiter(lines: list[str]) -> str:
    """What divides the columns: of comma, semicolon and tab the one that the first line has most of."""
    first = next((line for line in lines if line.strip()), "")
    return max(",;\t", key=first.count)


def _split(raw: str, delimiter: str) -> list[str]:
    if '"' not in raw:
        return raw.split(delimiter)
    return [cell for row in csv.reader([raw], delimiter=delimiter) for cell in row]


def _plain(cell: str) -> str:
    return cell.casefold().replace("_", " ").replace("-", " ").strip()


def _is_header(cells: list[str]) -> bool:
    """Whether a first line names its columns: it has letters and no cell that could be a number."""
    return not any(sum(map(str.isdigit, cell)) >= 5 for cell in cells) and any(  # noqa: PLR2004 - fewer digits are no number
        character.isalpha() for cell in cells for character in cell
    )


def _read(cell: str, region: str) -> str | _Fault:
    """The number that a cell writes, in digits, or what is wrong with it."""
    if not cell:
        return _Fault("no number on this line")
    if not region and (number := parse_loose(cell)):
        return number  # already as it is stored: no need to parse, and numbers of no known plan are taken too
    international = cell if cell.startswith("+") or region else "+" + cell.removeprefix("00")
    try:
        found = phonenumbers.parse(international, region or None)
    except phonenumbers.NumberParseException as exc:
        return _Fault(_WHY.get(exc.error_type, "not a phone number"))
    if found.extension:
        return _Fault("an extension cannot be listed")
    if phonenumbers.is_possible_number_with_reason(found) != phonenumbers.ValidationResult.IS_POSSIBLE:
        return _Fault("too short or too long for its country")
    return f"{found.country_code}{phonenumbers.national_significant_number(found)}"


_WHY = {
    phonenumbers.NumberParseException.INVALID_COUNTRY_CODE: "its country code does not exist",
    phonenumbers.NumberParseException.TOO_SHORT_NSN: "too short",
    phonenumbers.NumberParseException.TOO_SHORT_AFTER_IDD: "too short",
    phonenumbers.NumberParseException.TOO_LONG: "too long",
}
