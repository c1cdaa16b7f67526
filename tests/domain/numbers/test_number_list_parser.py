"""Lists of numbers as people have them. Source: contract D24."""

import pytest
from hypothesis import given, strategies as st

from callmark.domain.numbers.number_list_parser import MOST_LINES, ListReading, Rejected, read_list
from callmark.kit.errors import InvalidInput
from callmark.kit.phone import parse_digits
from callmark.tables import rows
from callmark.tables.model import TableError


def test_lines_in_any_format_become_numbers_in_their_order() -> None:
    found = read_list("+91 80 4000-1234\n918040001235\n0046 (8) 123 456 78\n\n+918040001234\n")
    assert found.numbers == ["918040001234", "918040001235", "46812345678"]
    assert (found.rejected, found.duplicate_count) == ([], 1)


def test_a_region_reads_numbers_as_they_are_dialled_there() -> None:
    found = read_list("080 4000 1234\n+46 8 123 456 78\n918040001235\n", ListReading(" in "))
    assert found.numbers == ["918040001234", "46812345678", "918040001235"]
    with pytest.raises(InvalidInput, match="not a two-letter country code"):
        read_list("1", ListReading("Europe"))


@pytest.mark.parametrize("header", ["Name,Phone Number,City", "name;phone_number;city", "NAME\tPhone-Number\tCITY"])
def test_a_header_names_the_column(header: str) -> None:
    divider = next(one for one in ",;\t" if one in header)
    line = divider.join(['"Ops, North"' if divider == "," else "Ops", '"+91 80 4000 1234"', "Pune"])
    assert read_list(f"{header}\r\n{line}\r\n").numbers == ["918040001234"]


@pytest.mark.parametrize("header", ["", "numbers,place\n", "\ufeffOur numbers\n", "Support phone (24 h),City\n"])
def test_without_a_known_name_the_only_column_of_numbers_counts(header: str) -> None:
    found = read_list(f"{header}918040001234,Pune\n")
    assert found.numbers == ["918040001234"]
    assert len(found.unused) == 1


@pytest.mark.parametrize("header", ["some column,another", "Customer ID,City"])
def test_a_header_that_names_no_numbers_stops_and_lists_its_names(header: str) -> None:
    with pytest.raises(
        InvalidInput, match=f"no column seems to contain phone numbers; the columns are: {header.replace(',', ', ')}"
    ) as no:
        read_list(f"{header}\n918040001234,Pune\n")
    assert no.value.field == "column"
    assert read_list(f"{header}\n918040001234,Pune\n", ListReading(column="1")).numbers == ["918040001234"]


def test_every_rejected_line_says_where_and_why() -> None:
    found = read_list(
        "phone\n918040001234\nhello\n+91 80 4000\n,Pune\n+999 12345678\n+918040001234 ext. 5\n12345678901234567\n"
    )
    assert found.numbers == ["918040001234"]
    assert found.rejected == [
        Rejected(3, "hello", "not a phone number"),
        Rejected(4, "+91 80 4000", "too short or too long for its country"),
        Rejected(5, ",Pune", "not a phone number"),
        Rejected(6, "+999 12345678", "its country code does not exist"),
        Rejected(7, "+918040001234 ext. 5", "an extension cannot be listed"),
        Rejected(8, "12345678901234567", "too short or too long for its country"),
    ]


def test_a_list_has_its_bound() -> None:
    assert [*rows.split("918040001234\n\n", most=2).lines[0].cells] == ["918040001234"]
    with pytest.raises(TableError, match="at most 1 lines"):
        rows.split("918040001234\n\n", most=1)
    with pytest.raises(InvalidInput, match="at most 1,000,000 lines"):
        read_list("\n" * (MOST_LINES + 1))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp1252"])
def test_a_file_of_any_usual_encoding_is_read(encoding: str) -> None:
    assert read_list("Télephone\n+91 80 4000 1234\n".encode(encoding)).numbers == ["918040001234"]


@given(st.text(max_size=200), st.sampled_from(["", "IN", "SE"]))
def test_whatever_is_pasted_gives_canonical_numbers_or_reasons(text: str, region: str) -> None:
    try:
        found = read_list(text, ListReading(region))
    except InvalidInput:
        return
    assert all(parse_digits(number) == number for number in found.numbers)
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    assert all(one.why and 1 <= one.line <= len(lines) for one in found.rejected)


@given(st.lists(st.integers(10**9, 10**10 - 1).map(lambda n: f"91{n}"), max_size=20))
def test_canonical_numbers_come_back_as_they_are(numbers: list[str]) -> None:
    found = read_list("\n".join(numbers))
    assert found.numbers == list(dict.fromkeys(numbers))
    assert found.duplicate_count == len(numbers) - len(found.numbers)


@pytest.mark.parametrize("column", ["1", "0" * 5000 + "1"])
def test_a_column_may_be_chosen_by_its_place(column: str) -> None:
    assert read_list("918040001234,918040001235\n", ListReading(column=column)).numbers == ["918040001234"]


@pytest.mark.parametrize("column", ["0", "3", "000001" + "1" * 5000, "²"])
def test_a_place_beyond_the_columns_is_refused(column: str) -> None:
    with pytest.raises(InvalidInput, match="has no column") as no:
        read_list("918040001234,918040001235\n", ListReading(column=column))
    assert no.value.field == "column"
