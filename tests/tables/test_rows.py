"""Rows of texts: what quotation marks and delimiters do to them, alike in short and in long files."""

from pathlib import Path

import pytest

from callmark.tables import rows
from callmark.tables.columns import key, words
from callmark.tables.long_files import open_long_file
from callmark.tables.model import Line
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
        ("\n\n\n", ","),
    ],
)
def test_the_delimiter_is_what_divides_rows_and_not_the_lines_of_a_cell(text: str, delimiter: str) -> None:
    assert rows.split(text).delimiter == delimiter


def test_a_name_is_compared_by_its_letters_and_digits_whether_all_are_ascii_or_not() -> None:
    assert words("Phone_No.2 (myLine)#^") == ("phone", "no", "2", "my", "line", "no")
    assert words("Téléphone_Nº2 (maLigne)#^") == ("telephone", "no2", "ma", "ligne", "no")
