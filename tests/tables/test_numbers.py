"""Lists of numbers in files: which column, which lines, and what was not used."""

import io
from collections.abc import Iterator
from datetime import datetime
from time import thread_time
from typing import Any

import openpyxl
import pytest
from tests.support.workbooks import book

from callmark.domain.numbers.imports import MOST_IN_LIST
from callmark.record_rules.columns import COLUMNS, by_names, unused_columns
from callmark.record_rules.fields import Field
from callmark.tables import columns, numbers, reader, workbook_parts
from callmark.tables.model import Line, Table, TableError
from callmark.tables.numbers import NumberFile, read_numbers
from callmark.tables.reader import MOST_COLUMNS, MOST_IN_ONE_LINE, Reading

ONE, TWO, THREE = "918040005001", "918040005002", "918040005003"


def told(found: NumberFile) -> list[tuple[int, str]]:
    """Each line that gave no number."""
    return [(one.line, one.why) for one in found.unread]


@pytest.mark.parametrize(
    "name",
    [
        "Mobile Number",
        "phone no.",
        "Contact No",
        "TELEPHONE",
        "tel",
        "DID",
        "Caller ID",
        "msisdn",
        "cell",
        "phoneNumber",
        "Number",
        "receiver",
        "Téléphone",
        "Phone #",
        "Support phone (24 h)",
        "Ph. No.",
        "Customer Mobile Number",
        "Mobile Number (with country code)",
        "CallerID Number",
        "Telefon-Nr.",
        "Handy",
        "Número de teléfono",
        "Номер телефона",
        "電話番号",
        "मोबाइल नंबर",
        "رقم الهاتف",
    ],
)
def test_the_column_is_known_by_its_name_and_the_other_is_told(name: str) -> None:
    found = read_numbers(f"Customer ID,{name}\n1000234,{ONE}\n".encode())
    assert (found.numbers, found.unused) == ([ONE], ["Customer ID"])


@pytest.mark.parametrize(
    "header", ["Customer ID,Account", "Customer ID", "Order number", "Phone model", "Customer Number"]
)
def test_a_file_without_a_column_of_numbers_stops(header: str) -> None:
    line = ",".join(["2000234567"] * (header.count(",") + 1))
    with pytest.raises(TableError, match="no column seems to contain phone numbers; the columns are: ") as stopped:
        read_numbers(f"{header}\n{line}\n".encode())
    assert stopped.value.about == "column"


def test_a_column_with_a_name_in_any_script_can_be_chosen_by_it() -> None:
    file = f"Имя,Куда звонить\nAsha,{ONE}\n".encode()
    with pytest.raises(TableError, match="the columns are: Имя, Куда звонить"):
        read_numbers(file)
    assert read_numbers(file, column="куда звонить").numbers == [ONE]


@pytest.mark.parametrize("line", [f"Mobile: {TWO} (Asha)", f"Phone {TWO}", f'{{"phone":"{TWO}"}}', f"tel:{TWO}?x=1"])
def test_a_first_line_with_a_number_is_no_header(line: str) -> None:
    found = read_numbers(f"{line}\n{ONE}\n".encode())
    assert (found.numbers, [at for at, _ in told(found)]) == ([ONE], [1])


def test_a_number_above_the_header_is_reported() -> None:
    found = read_numbers(f"Our numbers\n{ONE},Desk\n\nphone,name\n{TWO},Sales\n".encode())
    assert (found.numbers, found.skipped, told(found)) == ([TWO], ["line 1: Our numbers"], [(2, reader.ABOVE)])
    assert told(read_numbers(f"{ONE}\nphone\n{TWO}\n".encode())) == [(1, reader.ABOVE)]


def test_a_number_among_the_words_of_a_mail_is_reported() -> None:
    found = read_numbers(f"Hi,\n\nplease add {ONE}, {TWO}.\n\nThanks".encode())
    assert found.numbers == [TWO]
    assert told(found)[0] == (3, "a number among other words is not read; write it on a line of its own")


def test_a_number_that_may_lack_its_country_code_is_reported_and_makes_its_column_one_of_numbers() -> None:
    found = read_numbers(b"Asha,4915112345678\nBen,4916012345678\n", reading=Reading(region="DE"))
    assert (found.columns, found.numbers) == ((1,), [])
    assert [line for line, why in told(found) if "could be +49" in why] == [1, 2]


def test_two_columns_that_could_be_it_stop_until_one_is_chosen() -> None:
    file = f"mobile,landline\n{ONE},{TWO}\n".encode()
    with pytest.raises(TableError, match="several columns seem to contain phone numbers: mobile, landline"):
        read_numbers(file)
    assert read_numbers(file, column="Landline").numbers == [TWO]
    assert read_numbers(file, column="1").numbers == [ONE]
    with pytest.raises(TableError, match="the file has no column 'fax'; its columns are: mobile, landline"):
        read_numbers(file, column="fax")
    with pytest.raises(TableError, match="several columns"):  # ids that look like numbers of another country
        read_numbers(f"2000234567,{ONE}\n2000234568,{TWO}\n".encode())


@pytest.mark.parametrize("divider", [",", ", ", ";", " ", "\t", "/", " / ", "|"])
def test_numbers_on_one_line_are_all_read_whatever_divides_them(divider: str) -> None:
    found = read_numbers(divider.join([ONE, TWO, THREE]).encode())
    assert (found.numbers, found.unread) == ([ONE, TWO, THREE], [])


@pytest.mark.parametrize(
    "above", ["sep=;\n", "Our numbers of March\n", "\n \n", '"sep=;"\r\n', "\ufeffOur numbers;\n\n", "A;B\n;\n"]
)
def test_what_stands_above_a_header_is_passed_over_and_lines_are_counted_as_an_editor_does(above: str) -> None:
    found = read_numbers(f"{above}Name;Phone\nOps;{ONE}\nOps;nothing\n".encode())
    assert found.numbers == [ONE]
    assert told(found) == [(above.count("\n") + 3, "not a phone number")]


def test_a_title_above_numbers_without_a_header_is_told() -> None:
    found = read_numbers(f"Our numbers of March\n{ONE},Pune\n{TWO},Agra\n".encode())
    assert (found.numbers, found.unused) == ([ONE, TWO], ["column 2"])
    assert found.skipped == ["line 1: Our numbers of March"]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_lines_are_counted_with_any_line_end_and_inside_quotes(end: str) -> None:
    text = end.join(["phone,note", f'{ONE},"two', 'lines"', "nothing,x", f"{TWO},\x0b\u2028\x85", "nothing,y", ""])
    found = read_numbers(text.encode())
    assert found.numbers == [ONE, TWO]
    assert [line for line, _ in told(found)] == [4, 6]
    assert any("lines 2 to 3 are one row" in note for note in found.table.notes)


def test_a_quotation_mark_that_is_never_closed_spoils_its_own_line_only() -> None:
    found = read_numbers(f'phone,note\n{ONE},"open\n{TWO},x\n{THREE},"5"" pipe" fine\n'.encode())
    assert found.numbers == [TWO, THREE]
    assert told(found) == [(2, "an opening quotation mark here has no closing one")]


def test_rows_that_are_too_wide_are_reported_and_empty_columns_are_nothing() -> None:
    found = read_numbers(f"name,phone,,\nRao, Asha,{ONE}\nRao,{TWO},,\n".encode())
    assert found.numbers == [TWO]
    assert told(found) == [(2, "has more cells than the header has names")]
    assert found.unused == ["name"]


def test_a_line_of_more_columns_than_spreadsheets_have_is_refused() -> None:
    with pytest.raises(TableError, match=r"^line 2 has 16,385 columns, and at most 16,384 are read\."):
        read_numbers(b"a,b\n" + b"9," * MOST_COLUMNS)
    with pytest.raises(TableError, match=r"^line 1 has 100,001 columns, and at most 100,000 are read\."):
        read_numbers(b"9," * MOST_IN_ONE_LINE)


def test_one_line_has_as_many_numbers_as_a_pasted_list() -> None:
    assert MOST_IN_ONE_LINE == MOST_IN_LIST
    listed = [str(918040000000 + at) for at in range(MOST_COLUMNS + 1)]
    assert read_numbers(f"\n{','.join(listed)}\n\n".encode()).numbers == listed


class CountedLines(list[Line]):
    """Lines that count how often someone goes through them."""

    passes = 0

    def __iter__(self) -> Iterator[Line]:
        self.passes += 1
        return super().__iter__()


def test_lines_are_gone_through_as_often_in_a_wide_table_as_in_a_narrow_one() -> None:
    """A line of delimiters above a million others; to look at each line for each column would take minutes."""
    passes: list[int] = []
    for width in (2, 1_000):
        lines = CountedLines([Line(1, (ONE, *[""] * (width - 1))), Line(2, (TWO, "Asha"))])
        table = Table(lines, ("phone", "name"))
        assert table.width == width
        assert [one.name for one in unused_columns(table, by_names(table, COLUMNS, Field.RECEIVER), COLUMNS)] == [
            "name"
        ]
        assert NumberFile(table, (0,), [ONE, TWO], [], 0).unused == ["name"]
        passes.append(lines.passes)
    assert passes[0] == passes[1]


def test_the_wider_a_list_is_the_fewer_lines_decide_how_it_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    looked_at: list[str] = []

    def is_none(cell: str, _region: str) -> bool:
        looked_at.append(cell)
        return False

    def never(_cell: str, _region: str) -> bool:
        return False

    monkeypatch.setattr(numbers, "looks_like_phone", is_none)
    monkeypatch.setattr(reader, "looks_like_phone", never)
    with pytest.raises(TableError, match="no column seems to contain phone numbers"):
        read_numbers(b"\n".join([b",".join([b"1"] * 2_000)] * 200))
    assert len(looked_at) == 100_000
    with pytest.raises(TableError, match="no column seems to contain phone numbers"):
        read_numbers(b"1,2\n" * 1_000)
    assert len(looked_at) == 100_000 + 2 * 200


def test_a_wide_line_of_numbers_takes_as_long_as_its_numbers_on_lines_of_their_own() -> None:
    """It took minutes: each number's column was looked for in all, and each short line gone through to that width."""
    listed = [str(918040000000 + at) for at in range(12_000)]

    def seconds(*lines: str) -> float:
        began = thread_time()
        assert read_numbers("\n".join(lines).encode(), column="all").numbers == listed
        return thread_time() - began

    assert seconds(",".join(listed[:8_000]), *listed[8_000:]) < 10 * seconds(*listed)


def test_what_is_shown_of_a_line_is_short_and_made_once_however_many_of_its_numbers_are_wrong(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A country code of half a million digits beside 20,000 numbers filled the memory."""
    made: list[Line] = []

    def text(line: Line) -> str:
        made.append(line)
        return f"line {line.number}"

    monkeypatch.setattr(Line, "text", property(text))
    found = read_numbers(f"country code,phone\n{'4' * 1_000},{ONE} {TWO} {THREE}".encode())
    assert [(one.text, len(one.why) < 250) for one in found.unread] == [("line 2", True)] * 3
    assert len(made) == 1


def test_a_column_of_numbers_is_found_among_as_many_as_there_can_be() -> None:
    dividers = "," * (MOST_COLUMNS - 1)
    found = read_numbers(f"Our numbers\nname{dividers}phone\nAsha{dividers}{ONE}\nRavi{dividers}{TWO}".encode())
    assert (found.numbers, found.column_names, found.unused) == ([ONE, TWO], ["phone"], ["name"])


def test_a_decimal_comma_of_a_single_column_belongs_to_the_number() -> None:
    found = read_numbers(f"phone\n{ONE},0\n9,18E+11\n{TWO}, {THREE}\n".encode())
    assert found.numbers == [ONE, TWO, THREE]
    assert [line for line, _ in told(found)] == [3]


def test_an_encoding_is_found_or_chosen_and_told() -> None:
    assert read_numbers(f"phone,name\n{ONE},Café\n".encode("cp1252")).table.encoding == "cp1252"
    cyrillic = f"phone,name\n{ONE},Иван\n".encode("cp1251")
    chosen = read_numbers(cyrillic, reading=Reading(encoding="cp1251"))
    assert chosen.table.lines[0].cells[1] == "Иван"
    with pytest.raises(TableError, match="encoding must be one of"):
        read_numbers(cyrillic, reading=Reading(encoding="rot13"))
    spoiled = read_numbers(f"phone,name\n{ONE},Zürich é\n".encode() + b"918040005002,caf\xe9\n")
    assert spoiled.table.encoding == "utf-8"
    assert any("Line 3 has characters" in note for note in spoiled.table.notes)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"%PDF-1.7 ...", "a PDF"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(100), "password-protected"),
        (b"PK\x03\x04broken", "damaged"),
        (b"<html><table><tr><td>918040005001</td></tr></table>", "web page"),
        (bytes(range(1, 32)) * 20, "not a text file"),
    ],
)
def test_what_is_no_list_is_refused_by_its_content(data: bytes, said: str) -> None:
    with pytest.raises(TableError, match=said):
        read_numbers(data)


def test_a_workbook_gives_its_numbers_however_its_cells_hold_them() -> None:
    rows: list[list[object]] = [
        ["Our numbers"],
        ["Name", "Phone", "Since"],
        ["int", int(ONE), datetime(2026, 1, 1, 10)],
        ["float", float(TWO), None],
        [],
        ["text", f"'{THREE}", None],
        ["formula", '="9180"&"40005004"', None],
        ["cut", 9.18e11 + 0.5, None],
    ]
    found = read_numbers(book(rows, Other=[["x"]]))
    assert found.numbers == [ONE, TWO, THREE]
    assert [line for line, _ in told(found)] == [7, 8]
    assert found.unused == ["Name", "Since"]
    assert found.table.sheet == "Sheet"
    assert "Only the sheet 'Sheet' is read, not 'Other'." in found.table.notes
    other = read_numbers(book([["x"]], Other=[["phone"], [int(ONE)]]), reading=Reading(sheet="Other"))
    assert other.numbers == [ONE]
    with pytest.raises(TableError, match="the workbook has no sheet 'Third'; its sheets are: Sheet, Other"):
        read_numbers(book([["x"]], Other=[]), reading=Reading(sheet="Third"))


def test_a_workbook_that_unpacks_to_too_much_is_refused_before_it_is_read() -> None:
    import zipfile

    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as packed:
        packed.writestr("xl/workbook.xml", "<workbook/>")
        packed.writestr("xl/worksheets/sheet1.xml", bytes(workbook_parts.MOST_UNPACKED))
    with pytest.raises(TableError, match="too large"):
        read_numbers(out.getvalue())
    assert len(out.getvalue()) < 1_000_000


def test_a_cell_at_the_end_of_the_sheet_is_refused_in_bounded_memory() -> None:
    made: Any = openpyxl.Workbook()
    made.active.cell(1, 1, "phone")
    made.active.cell(2, 16_384, "far")
    out = io.BytesIO()
    made.save(out)
    with pytest.raises(TableError, match="1,000 columns"):
        read_numbers(out.getvalue())


def test_the_reader_needs_nothing_of_the_server() -> None:
    import subprocess
    import sys

    code = f"import sys, {numbers.__name__}; print([m for m in sys.modules if m.startswith('callmark.')])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert all(f"'{name}'" not in done.stdout for name in ("callmark.kit", "callmark.domain", "callmark.surfaces"))


def test_a_long_line_of_numbers_with_a_word_in_it_is_a_list() -> None:
    listed = [str(918040005000 + at) for at in range(30)]
    found = read_numbers(",".join([*listed[:10], "Acme", *listed[10:]]).encode())
    assert found.numbers == listed
    assert [(one.line, one.text) for one in found.unread] == [(1, "Acme")]
    with pytest.raises(TableError, match="choose one"):  # a row of a table, perhaps
        read_numbers(f"{ONE},{TWO},Acme".encode())


def test_a_table_with_a_gap_is_no_list() -> None:
    rows = [[f"C{at}", "Anna", *(f"0151 1234{at}{of:02}" for of in range(15))] for at in range(6)]
    rows[3][1] = ""
    with pytest.raises(TableError, match="choose one"):
        read_numbers("\n".join(map(";".join, rows)).encode(), reading=Reading(region="DE"))


def test_lines_that_no_longer_decide_may_be_wider(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(columns, "_MOST_CELLS", 100)
    lines = [[str(918040000000 + 100 * line + at) for at in range(30)] for line in range(5)]
    lines[-1].append(THREE)
    found = read_numbers("\n".join(map(",".join, lines)).encode())
    assert len(found.numbers) == 151
    assert not found.unread


def test_a_column_behind_the_rows_that_decide_is_asked_about() -> None:
    rows = [f"{918040000000 + at},{918041000000 + at}" for at in range(260)]
    orders = [f"{row},2026{at:06}" for at, row in enumerate(rows) if at >= 200]
    with pytest.raises(TableError, match="phone numbers: column 1, column 2; choose one"):
        read_numbers("\n".join([*rows[:200], *orders]).encode())


def test_a_message_names_the_first_of_many_columns() -> None:
    lines = "\n".join(",".join([ONE, *map(str, range(5000))]) for _ in range(2))
    with pytest.raises(TableError) as caught:
        read_numbers(f"{lines}\n{ONE},{TWO},a".encode(), column="Phone")
    assert "column 100, 4,901 more" in caught.value.message
    names = [*(f"Field {at}" for at in range(1, 26)), "Office", "Handphone"]
    with pytest.raises(TableError, match="Office, Handphone"):
        read_numbers(f"{','.join(names)}\n{','.join([ONE] * 27)}".encode(), column="Phone")
