"""Country codes of the numbers in files: in a column of their own, missing, or with a 0 behind them."""

import pytest

from callmark.record_rules.columns import RowReader
from callmark.tables.numbers import NumberFile, read_numbers
from callmark.tables.reader import Reading, read_table

ONE, TWO = "918040005001", "918040005002"


def told(found: NumberFile) -> list[tuple[int, str]]:
    """Each line that gave no number."""
    return [(one.line, one.why) for one in found.unread]


@pytest.mark.parametrize("code", ["91", "+91", "0091", "91.0"])
def test_a_country_code_in_another_column_is_never_passed_over(code: str) -> None:
    file = f"Country Code,Phone\n{code},8040005001\n{code},{TWO}\n".encode()
    found = read_numbers(file)
    assert found.numbers == [TWO]
    assert told(found) == [
        (
            2,
            f"its country code, {code}, stands in another column; write it before the number, or choose the country",
        )
    ]
    assert read_numbers(file, reading=Reading(region="IN")).numbers == [ONE, TWO]


def test_numbers_that_no_country_has_are_told() -> None:
    found = read_numbers(f"phone\n{ONE}\n8040005001\n".encode())
    assert found.numbers == [ONE, "8040005001"]
    assert "1 number fits no country: +8040005001. If the country code is missing, or has a 0" in found.table.notes[0]
    assert read_numbers(f"phone\n{ONE}\n".encode()).table.notes == ()


@pytest.mark.parametrize(
    ("code", "written"),
    [
        ("91", "9123456789"),
        ("91", "9.123456789E+09"),
        ("91", "91987 65432"),
        ("+55", "55991234567"),
        ("39", "3911234567"),
        ("47", "47161746"),
    ],
)
def test_a_number_that_begins_with_the_digits_of_its_country_code_by_chance_lacks_it(code: str, written: str) -> None:
    found = read_numbers(f"Country Code,Phone\n{code},{written}\n91,{TWO}\n".encode())
    assert found.numbers == [TWO]
    assert [line for line, why in told(found) if why.startswith(f"its country code, {code}, stands in another")] == [2]


def test_each_number_of_a_cell_is_judged_as_it_is_written() -> None:
    found = read_numbers(b"Country Code,Phone\n91,9123456789 / +91 98400 12345\n91,+9123456789\n")
    assert (found.numbers, [line for line, _ in told(found)]) == (["919840012345", "9123456789"], [2])


@pytest.mark.parametrize(
    ("code", "number"),
    [
        ("1", "12025550123"),
        ("44", "447911123456"),
        ("7", "79161234567"),
        ("91", "911171366"),
        ("62", "628123456789"),
        ("62", "62211234567"),
        ("49", "4915112345678"),
        ("49", "491701234567"),
        ("49", "49511123456"),
        ("49", "4921123456"),
        ("383", "38344123456"),
        ("39", "390692471234"),
        ("46", "46812345678"),
    ],
)
def test_a_number_that_has_its_country_code_is_read(code: str, number: str) -> None:
    assert read_numbers(f"Country Code,Phone\n{code},{number}\n".encode()).numbers == [number]


@pytest.mark.parametrize("before", ["00", "tel:00", "Tel. 00", '="00', "[00", "<00", "\u2022 00", "> 00", "+", "tel:+"])
def test_a_number_that_is_written_with_its_country_code_is_read(before: str) -> None:
    after = {"=": '"', "[": "]", "<": ">"}.get(before[0], "")
    for number in ("4915112345678", "4921123457"):
        cell = f"{before}{number}{after}".replace('"', '""')
        assert read_numbers(f'Country Code,Phone\n49,"{cell}"\n'.encode()).numbers == [number]


def test_a_receiver_that_begins_with_its_country_code_by_chance_is_refused() -> None:
    table = read_table(b"Country Code,Phone\n91,9123456789\n91,919123456789\n", lambda _: 2, Reading())
    row_reader = RowReader.of(table, [1], 0, "", 100)
    wrong, right = (row_reader.fault(line, row_reader.values(line)) for line in table.lines)
    assert (wrong.startswith("its country code, 91, stands in another column"), right) == (True, "")


@pytest.mark.parametrize(
    ("written", "region", "is_meant"),
    [("4407911123456", "GB", "447911123456"), ("9109840012345", "IN", "919840012345"), ("4901511234567", "DE", "")],
)
def test_a_zero_behind_the_country_code_is_reported(written: str, region: str, is_meant: str) -> None:
    found = read_numbers(f"phone\n{ONE}\n{written}\n".encode())
    assert found.numbers == [ONE, written]
    assert (
        f"1 number fits no country: +{written}. If the country code is missing, or has a 0 behind it"
        in (found.table.notes[0])
    )
    if is_meant:
        assert read_numbers(written.encode(), reading=Reading(region=region)).numbers == [is_meant]


@pytest.mark.parametrize("number", ["390612345678", "393123456789", "5491112345678", "525512345678", "2250707123456"])
def test_a_number_that_its_country_writes_so_is_not_reported(number: str) -> None:
    found = read_numbers(f"phone\n{number}\n".encode())
    assert (found.numbers, found.table.notes) == ([number], ())
