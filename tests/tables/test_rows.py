"""Rows of texts: what quotation marks and delimiters do to them, alike in short and in long files."""

import csv
import io
from pathlib import Path
from typing import Literal

import pytest
from hypothesis import example, given, strategies as st

from callmark.tables import rows
from callmark.tables.columns import key, words
from callmark.tables.long_files import open_long_file
from callmark.tables.model import Line
from callmark.tables.quoting import UNCLEAR
from callmark.tables.reader import Reading, read_table

KNOWN = {"phone", "name", "note", "reason"}
SWALLOWED = {
    "behind": 'phone,note\n919900000001,"wants 5 pm\n919900000002,ok\n919900000003,flat 3"\n',
    "between": 'phone,name,note\n919900000001,"A,x\n919900000002,B,x\n919900000003,C",x\n',
    "in front": 'name,phone\n"A,919900000001\nB,919900000002\nC",919900000003\n',
    "short": 'phone,name,note\n919900000001,"A,x\n919900000002,B,x\n919900000003,C,flat 3"\n',
    "dialled": 'phone;note\n0151 12345678;"5 pm\n(0151) 123-45679;ok\n0151 12345670;flat 3"\n',
}
WHOLE = {
    "address": 'phone,note\n919900000001,"Main St 5,\nflat 3, 10115\nBerlin"\n',
    "dates": 'phone,note,reason\n919900000001,"on\n2026-02-01,again,x",y\n',
    "numbers": 'phone,note\n919900000001,"or\n919900000002\n919900000003"\n',
}


def known(name: str) -> int:
    return 2 if key(name) in KNOWN else 0


def both(tmp_path: Path, text: str) -> list[Line]:
    """The rows as the commands read them; the console's are asserted to be the same."""
    table = read_table(text.encode(), known)
    path = tmp_path / "list"
    path.write_text(text)
    file = open_long_file(path, known, Reading())
    found = list(file.lines())
    assert [line for line in found if not line.fault] == table.lines
    assert [(line.number, line.fault) for line in found if line.fault] == [(one.line, one.why) for one in table.faults]
    assert file.table.delimiter == table.delimiter
    return found


@pytest.mark.parametrize("text", SWALLOWED.values(), ids=SWALLOWED)
def test_two_stray_marks_do_not_swallow_the_rows_between_them(tmp_path: Path, text: str) -> None:
    [row, last] = both(tmp_path, text + text.splitlines()[1].replace('"', "") + "\n")
    assert row.fault == "lines 2 to 4 are one row between two quotation marks, and seem to be several rows"
    assert (last.number, last.fault) == (5, "")


@pytest.mark.parametrize("text", WHOLE.values(), ids=WHOLE)
def test_a_cell_with_line_breaks_is_a_cell(tmp_path: Path, text: str) -> None:
    [row] = both(tmp_path, text)
    assert (row.number, row.fault) == (2, "")
    assert row.cells[1].count("\n") >= 1


def test_a_mark_that_is_never_closed_among_pairs_of_marks(tmp_path: Path) -> None:
    [row, last] = both(tmp_path, 'phone,name,note\n"919900000001",5"x,"open\n919900000002,B,x\n')
    assert row.fault == "an opening quotation mark here has no closing one"
    assert last.cells == ("919900000002", "B", "x")


@pytest.mark.parametrize(
    ("text", "delimiter"),
    [
        ("phone,note\n" + '919900000001,"one; your parcel\ntwo; arrives, today\nthree; x\nfour; y"\n' * 20, ","),
        ('phone;note\n919900000001;"a, b, c\nd, e, f\ng, h, i"\n' * 3, ";"),
        ('phone\tnote\n919900000001\t"a|b\nc|d\ne|f\ng|h"\n', "\t"),
        ('phone,note\n919900000001,"open; note\n919900000002,x\n', ","),
        ("phone;note\n\n\n919900000001;a, b\n", ";"),
        ("Name, Vorname;Telefon\nDoe, Jane;4915112345678\nRoe, Sam;4915112345679\n", ";"),
        ("Name, first, title;phone\nDoe, Jane, Dr.;919900000001\n", ";"),
        ("Customers, May\n\nphone;amount, EUR\n919900000001;12,50\n", ","),
        ("Company;Phones\nAcme;4915112345600,4915112345601\nRoe;4915112345602,4915112345603\n", ";"),
        ("Company,Phones\nAcme,4915112345600;4915112345601\nRoe,4915112345602;4915112345603\n", ","),
        ("Company\tPhones\nAcme\t4915112345600, 4915112345601\n", "\t"),
        ("Name;Tel;When\nA;tel:+4915112345600;Mon, 2026-12-31 10\n", ";"),
        ('Name;Tel;Lat\nA;="4915112345600";52.5170365,13.3888599\n', ";"),
        ("Name;Tel;Lat\nA;'4915112345600;52.5170365,13.3888599\n", ";"),
        ("Name;Tel;Lat, Lon\nA;tel:+4915112345600;52.5170365,13.3888599\n", ";"),
        ("Name;Tel;Lat\nA;+49\u00a0151\u00a012345600;52,5170365\n", ";"),
        ("receiver_number;call_reason\ntel:+4915112345600;Your order, 1234567\n", ";"),
        ("Name, Vorname;Telefon\nDoe, Jane;tel:+4915112345678 / tel:+4915112345679\n", ";"),
        ("Phone, Ref;Part\n919900000001, a;1234567\n, b;1234568\n, c;1234569\n", ","),
        ("phone|note, short\n919900000001|a, b\n", "|"),
        ("Last, first;call\tphone\nDoe, Jane;x\t919900000001\n", "\t"),
        ("phone,tags\n919900000001,a;b\n919900000002,c;d\n", ","),
        ("name, first;team\nDoe, Jane;A\nRoe, Sam;B\n", ","),
        ("\n\n\n", ","),
    ],
)
def test_the_delimiter_is_what_divides_rows_and_not_the_lines_of_a_cell(text: str, delimiter: str) -> None:
    assert rows.split(text).delimiter == delimiter


def test_a_name_is_compared_by_its_letters_and_digits_whether_all_are_ascii_or_not() -> None:
    assert words("Phone_No.2 (myLine)#^") == ("phone", "no", "2", "my", "line", "no")
    assert words("Téléphone_Nº2 (maLigne)#^") == ("telephone", "no2", "ma", "ligne", "no")


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (r'"919900000001","Your \"Gold\" card",', 'Your "Gold" card'),
        (r'"919900000001","Order \"A1, B2\" is here",', 'Order "A1, B2" is here'),
        (r'"919900000001","Size 5\", 6\" and ""up"" \\ \n",', r'Size 5", 6" and "up" \ \n'),
        ('"919900000001","Order \\"A1,\nB2\\" is here\\\nnow",', 'Order "A1,\nB2" is here\nnow'),
        (r'"919900000001","see C:\dir\",', "see C:\\dir\\"),
        (r'"919900000001","{""a"":""b\""c""}",', r'{"a":"b\"c"}'),
        (r"919900000001,a 5\" pipe and 6\" pipe,", r"a 5\" pipe and 6\" pipe"),
        ('919900000001, "Your ""Gold""" ,', 'Your "Gold"'),
        ('919900000001,"Acme" Ltd,', "Acme Ltd"),
        ('"919900000001","A, B",19" rack', "A, B"),
        ('"Doe, Jane",="919900000001",', '="919900000001"'),
        ('"",="919900000001","x"', '="919900000001"'),
        ('919900000001, ="12" ,"A, B"', '="12"'),
        ('"919900000001",Gasthof "Krone",', 'Gasthof "Krone"'),
        ('"919900000001",Gasthof ("Krone"),"x"', 'Gasthof ("Krone")'),
        ('"919900000001","C:\\\\dir\\\\",', r"C:\\dir\\"),
        ('"919900000001","\\\\\\\\srv\\\\x\\\\","say ""x"""', r"\\\\srv\\x\\"),
    ],
)
def test_a_mark_within_a_cell_is_doubled_or_behind_a_backslash(tmp_path: Path, row: str, reason: str) -> None:
    first, last = both(tmp_path, f"phone,reason,note\n{row}\n919900000002,x,y\n")
    assert (first.cells[1], first.fault) == (reason, "")
    assert last.cells == ("919900000002", "x", "y")


@pytest.mark.parametrize(
    "row",
    [
        '"919900000001","Your "Gold" card",',
        '"919900000001","Your "Gold", card",',
        '919900000001,"Gold" or "Silver",',
        '"919900000001","Size 5", 6" and up",',
        '"919900000001","Size 5", 6" and "up"",',
        '"919900000001","Gold",19"',
        r'"919900000001","Your \"Gold\" card" Ltd,',
        r'"919900000001","Size 5\", 6" and \"up",',
    ],
)
def test_a_row_whose_cells_may_end_elsewhere_is_refused(tmp_path: Path, row: str) -> None:
    first, last = both(tmp_path, f"phone,reason,note\n{row}\n919900000002,x,y\n")
    assert (first.number, first.fault) == (2, UNCLEAR)
    assert last.cells == ("919900000002", "x", "y")


@pytest.mark.parametrize("cell", ["x" * 140_000, '""' * 140_000])
def test_a_cell_that_is_longer_than_any_text_refuses_its_row(tmp_path: Path, cell: str) -> None:
    first, last = both(tmp_path, f'phone,note,reason\n"919900000001","{cell}","Your order"\n919900000002,x,y\n')
    assert first.fault == "a quoted cell here is too long to be read"
    assert last.cells == ("919900000002", "x", "y")


_CELLS = st.lists(st.text('ab",;\\ \n', max_size=8), min_size=1, max_size=4)


def read_as(text: str, cells: list[str]) -> bool:
    """Whether the one row is read as these cells, if it is read at all."""
    read = [(line.cells, line.fault) for line in rows.split(text, ",").lines]
    wanted = tuple(cell.strip() for cell in cells)
    return read in ([(wanted, "")], [] if not any(wanted) else None) or any(fault for _, fault in read)


@given(_CELLS, st.sampled_from((csv.QUOTE_MINIMAL, csv.QUOTE_ALL)))
@example(["\\", ',\\"'], csv.QUOTE_ALL)
def test_a_row_of_a_program_that_doubles_marks_has_its_cells(cells: list[str], quoting: Literal[0, 1]) -> None:
    writer = csv.writer(out := io.StringIO(), quoting=quoting, lineterminator="\n")
    writer.writerow(cells)
    assert read_as(out.getvalue(), cells)
    if not any("\\" in cell for cell in cells):
        assert not any(line.fault for line in rows.split(out.getvalue(), ",").lines)


@given(_CELLS)
def test_a_row_of_a_program_that_writes_a_backslash_is_never_read_as_others(cells: list[str]) -> None:
    cells = [cell.replace("\\", "") for cell in cells]
    assert read_as(",".join('"{}"'.format(cell.replace('"', r"\"")) for cell in cells), cells)


@given(st.lists(st.lists(st.text("a; ", min_size=1, max_size=3), min_size=1, max_size=4), min_size=1, max_size=3))
def test_a_row_of_a_program_that_leaves_marks_as_they_are_is_never_read_as_others(cells: list[list[str]]) -> None:
    texts = ['"'.join(words) for words in cells]
    assert read_as(",".join(f'"{text}"' for text in texts), texts)
