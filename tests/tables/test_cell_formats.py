"""Numbers of workbooks whose country code or 0 is in the format of their cells."""

import io
from datetime import datetime, time
from typing import Any

import openpyxl
import pytest

from callmark.tables.cell_formats import as_shown
from callmark.tables.numbers import read_numbers
from callmark.tables.reader import Reading, read_table
from callmark.tables.sheet_errors import NO_VALUE


def formatted(number: object, number_format: str) -> bytes:
    """A workbook with one number."""
    made: Any = openpyxl.Workbook()
    made.active.append(["Phone"])
    made.active.append([number])
    made.active["A2"].number_format = number_format
    out = io.BytesIO()
    made.save(out)
    return out.getvalue()


@pytest.mark.parametrize(
    "number_format",
    [
        '"+49 "0',
        r"\+49\ 0",
        "[$+49 ]0",
        '[Blue]"+49"0',
        '"+49 "General',
        '"+49 "000\\ 00000000',
        '"+49 "#,##0',
        "+49 0",
    ],
)
@pytest.mark.parametrize("number", [15112345678, 15112345678.0])
def test_a_country_code_of_the_format_is_read(number: float, number_format: str) -> None:
    assert read_numbers(formatted(number, number_format)).numbers == ["4915112345678"]


@pytest.mark.parametrize("number_format", ['"0"#', "00000000000", '"0"0000-000-000', "[$0-407]0"])
def test_a_zero_of_the_format_is_read(number_format: str) -> None:
    found = read_numbers(formatted(8040001234, number_format))
    assert (found.numbers, [one.why for one in found.unread]) == ([], ["starts with 0; choose its country"])
    in_india = read_numbers(formatted(8040001234, number_format), reading=Reading(region="IN"))
    assert in_india.numbers == ["918040001234"]


@pytest.mark.parametrize(
    "number_format", ['0#" "##" "##" "##" "##', r"0#\ ##\ ##\ ##\ ##", "0?-??-??-??-??", "0#########"]
)
def test_places_behind_a_zero_show_zeros_too(number_format: str) -> None:
    found = read_numbers(formatted(612345678, number_format))
    assert (found.numbers, [one.why for one in found.unread]) == ([], ["starts with 0; choose its country"])
    in_france = read_numbers(formatted(612345678, number_format), reading=Reading(region="FR"))
    assert in_france.numbers == ["33612345678"]
    assert read_numbers(formatted(33612345678, number_format)).numbers == ["33612345678"]


@pytest.mark.parametrize(
    "number_format",
    [
        "General",
        "0",
        "@",
        "#,##0",
        "0.00",
        "0000-0000",
        "(000) 000-0000",
        '0;"+49 "0',
        '"tel "0',
        "0.00E+00",
        '0" EUR"',
    ],
)
def test_a_format_that_adds_no_digits_changes_nothing(number_format: str) -> None:
    assert read_numbers(formatted(918040001234, number_format)).numbers == ["918040001234"]


@pytest.mark.parametrize(("number", "shown"), [(9123456, "9123456"), (9123456789, "+91 91234 56789")])
def test_a_format_can_depend_on_the_number(number: int, shown: str) -> None:
    assert as_shown(number, '[<=9999999]000-0000;"+91 "00000\\ 00000') == shown


@pytest.mark.parametrize("number_format", ["0" * 100, '"+4' + "9" * 100 + '"0', "[$" * 100_000])
def test_a_format_longer_than_any_number_gives_no_value(number_format: str) -> None:
    assert as_shown(918040001234, number_format) == NO_VALUE


@pytest.mark.parametrize(
    ("value", "number_format", "shown"),
    [
        (0.5, "0%", "0.5"),
        (1, "0%", "1"),
        (0.125, "0.0%", "0.125"),
        (12.1, "0.00", "12.1"),
        (12, "0.00", "12"),
        (12.345, "0.00", "12.345"),
        (12.5, "0", "12.5"),
        (12.5, "General", "12.5"),
        (918040001234.5, "0.00", "918040001234.5"),
        (46023.999999, "yyyy-mm-dd hh:mm", "2026-01-02 00:00:00"),
        (46023.416657, "yyyy-mm-dd hh:mm", "2026-01-01 09:59:59"),
        (datetime.fromisoformat("9999-12-31T23:59:59.900"), "yyyy-mm-dd hh:mm", "9999-12-31 23:59:59"),
        (time(9, 59, 59, 600_000), "hh:mm", "10:00:00"),
    ],
)
def test_percentages_and_places_are_left_alone_and_times_are_to_the_second(
    value: object, number_format: str, shown: str
) -> None:
    (line,) = read_table(formatted(value, number_format), lambda _: 2).lines
    assert line.cells == (shown,)
