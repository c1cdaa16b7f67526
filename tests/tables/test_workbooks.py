"""Workbooks as other programs write them: formulas, errors, escapes, hidden rows, prefixes of XML."""

import io
import re
import zipfile
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from tests.support.workbooks import book

from callmark.client.cli.reading import FileOptions, opened
from callmark.client.cli.validation import RowValidator
from callmark.domain.personalisation.uploads.columns import find_columns, read_file, rows_of
from callmark.record_rules.fields import SHORTEST_LABEL_NAME, Faulty, Field, label_name
from callmark.tables.model import TableError
from callmark.tables.numbers import read_numbers
from callmark.tables.reader import Reading, read_table

LABEL = "0190b6c8-1111-7111-8111-111111111111"
OPTIONS = FileOptions(caller="918040001234", label_id=LABEL, expires_in="2h")
NOW = 1_800_000_000_000
_FORMULA = '<c r="B2"><f>UPPER("acme")</f></c>'
Change = Callable[[bytes], bytes]


def changed(data: bytes, change: Callable[[str], str]) -> bytes:
    """The workbook with the XML of its sheets changed."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as packed, zipfile.ZipFile(out, "w") as made:
        for info in packed.infolist():
            content = packed.read(info)
            is_sheet = info.filename.startswith("xl/worksheets/")
            made.writestr(info.filename, change(content.decode()).encode() if is_sheet else content)
    return out.getvalue()


def with_cell(xml: str) -> bytes:
    """A workbook of a phone and a name, the name's cell as it is given."""
    data = book([["phone", "display name"], ["919900000001", "X"]])
    return changed(data, lambda sheet: re.sub(r'<c r="B2".*?</c>', lambda _: xml, sheet))


def prefixed(data: bytes) -> bytes:
    return changed(data, lambda xml: re.sub(r"<(/?)(?![?!/])", r"<\1x:", xml).replace("xmlns=", "xmlns:x="))


def names_sent(tmp_path: Path, data: bytes) -> list[str | None]:
    """The name of each record that would be sent, by the commands; of a row with a fault `refused`."""
    path = tmp_path / "list"
    path.write_bytes(data)
    validator = RowValidator(OPTIONS)
    with opened(str(path), OPTIONS) as file:
        validated = [validator.validate(row, NOW) for row in file.rows()]
    return [row.record.name if row.record else "refused" for row in validated]


@pytest.mark.parametrize(
    "xml",
    [
        _FORMULA,
        _FORMULA.replace("<f>", '<f t="array" ref="B2">'),
        _FORMULA.replace("<f>", '<f t="dataTable" ref="B2" r1="A1">'),
        '<c r="B2" t="e"><v>#N/A</v></c>',
        '<c r="B2" t="e"><f>A1/0</f><v>#DIV/0!</v></c>',
    ],
)
@pytest.mark.parametrize("written", [bytes, prefixed])
def test_a_cell_without_a_value_is_no_name(tmp_path: Path, xml: str, written: Change) -> None:
    assert names_sent(tmp_path, written(with_cell(xml))) == ["refused"]


@pytest.mark.parametrize("error", ["#N/A", "#NV", "#REF!"])
def test_an_error_that_was_saved_as_a_text_is_no_name(tmp_path: Path, error: str) -> None:
    assert names_sent(tmp_path, f"phone,name\n919900000001,{error}\n".encode()) == ["refused"]


@pytest.mark.parametrize(
    ("xml", "name"),
    [
        ('<c r="B2" t="str"><f>UPPER("acme")</f><v>ACME</v></c>', "ACME"),
        ('<c r="B2" t="str"><f>IF(A1="","x","")</f><v></v></c>', None),
        ('<c r="B2" t="inlineStr"><is><t>Acme_x000D_</t></is></c>', "Acme"),
        ('<c r="B2" t="inlineStr"><is><t>Acme_x0041_</t></is></c>', "Acme_x0041_"),
        ('<c r="B2" t="inlineStr"><is><t>Acme_x005F_x000D_</t></is></c>', "Acme_x000D_"),
    ],
)
def test_a_cell_with_a_value_is_read(tmp_path: Path, xml: str, name: str | None) -> None:
    assert names_sent(tmp_path, with_cell(xml)) == [name]


def test_formulas_are_found_behind_rows_that_are_empty(tmp_path: Path) -> None:
    rows: list[list[object]] = [["phone", "name"], [], [], ["919900000001", "=A1"], [], ["919900000002", "Acme"]]
    assert names_sent(tmp_path, book(rows)) == ["refused", "Acme"]


def test_an_error_is_shown_as_the_file_has_it(tmp_path: Path) -> None:
    (unread,) = read_numbers(b"phone,city\n#N/A,Pune\n919900000001,#N/A\n").unread
    assert (unread.line, unread.text) == (2, "#N/A")
    (tmp_path / "orders").write_bytes(b"phone\n#N/A\n")
    with opened(str(tmp_path / "orders"), OPTIONS) as file:
        (row,) = [RowValidator(OPTIONS).validate(row, NOW) for row in file.rows()]
    assert (row.receiver, row.faults[0].value) == ("#N/A", "#N/A")


def test_an_error_in_a_column_that_is_not_used_is_nothing(tmp_path: Path) -> None:
    assert names_sent(tmp_path, book([["phone", "city"], ["919900000001", "#N/A"]])) == [None]


def test_the_console_refuses_an_error_in_any_column_that_is_chosen_for_names() -> None:
    table = read_file(book([["phone", "brand"], ["919900000001", "#N/A"]]), Reading())
    [row] = rows_of(table, find_columns(table, {Field.LABEL_NAME: "1"}))
    assert row.shown.label_name == "#N/A"
    with pytest.raises(Faulty):
        label_name(row.values.label_name, SHORTEST_LABEL_NAME, empty_is_absent=True)


@pytest.mark.parametrize("written", [bytes, prefixed])
def test_hidden_rows_are_said(written: Change) -> None:
    made: Any = openpyxl.Workbook()
    made.active.append(["phone"])
    made.active.append(["919900000001"])
    made.active.row_dimensions[2].hidden = True
    out = io.BytesIO()
    made.save(out)
    assert read_file(written(out.getvalue()), Reading()).notes == ("Hidden rows of the workbook were read as well.",)


def with_names(data: bytes, names: dict[str, str]) -> bytes:
    """The workbook with other names of its parts."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as packed, zipfile.ZipFile(out, "w") as made:
        for info in packed.infolist():
            content, name = packed.read(info).decode(), info.filename
            for old, new in names.items():
                content, name = content.replace(old, new), name.replace(old, new)
            made.writestr(name, content)
    return out.getvalue()


@pytest.mark.parametrize(
    "names", [{"workbook.xml": "workbook2.xml"}, {"worksheets/": "sheets/"}, {"xl/": "sub/", "worksheets/sheet": "s"}]
)
def test_parts_of_a_workbook_may_have_any_names(tmp_path: Path, names: dict[str, str]) -> None:
    made: Any = openpyxl.load_workbook(io.BytesIO(with_cell(_FORMULA)))
    made.active.append(["919900000002", "Acme"])
    made.active.row_dimensions[3].hidden = True
    made.save(out := io.BytesIO())
    data = with_names(out.getvalue(), names)
    assert names_sent(tmp_path, data) == ["refused", "Acme"]
    assert read_file(data, Reading()).notes == ("Hidden rows of the workbook were read as well.",)


def test_merged_cells_are_found_in_a_sheet_of_another_place() -> None:
    data = with_names(
        merged([["phone", "name"], ["919900000001", "Acme"], ["919900000002", None]], "B2:B3"), {"worksheets/": "x/"}
    )
    assert [line.cells[1] for line in read_table(data, lambda _: 2).lines] == ["Acme", "Acme"]


def test_a_workbook_that_lacks_its_formats_is_read() -> None:
    data = changed(book([["phone"], [918040001234]]), lambda xml: xml.replace('<c r="A2"', '<c r="A2" s="9"'))
    assert read_numbers(data).numbers == ["918040001234"]


@pytest.mark.parametrize(
    ("usual", "other"),
    [
        ('W3CDTF">20', 'W3CDTF">01/01/20'),
        ('visibility="visible"', 'visibility="shown" windowWidth="NaN"'),
        ('calcId="', 'calcId="x'),
        ("</sheets>", '</sheets><externalReferences><externalReference id="rId99"/></externalReferences>'),
        ('<family val="2', '<family val="25'),
        ('patternType="gray125"', 'patternType="Gray125"'),
        ("<left", '<left style="odd"'),
        ('xfId="0" builtinId', 'xfId="9" builtinId'),
        ('workbookViewId="0"', 'workbookViewId="x"'),
        ('footer="', 'footer="x'),
    ],
)
def test_what_decides_about_no_cell_may_be_written_in_any_way(usual: str, other: str) -> None:
    made: Any = openpyxl.load_workbook(io.BytesIO(book([["phone", "until"], [8040001234, None]])))
    made.active["A2"].number_format = '"+91 "0'
    made.active["B2"] = datetime(2026, 7, 24, 10)
    made.save(out := io.BytesIO())
    data = with_names(out.getvalue(), {usual: other})
    assert data != with_names(out.getvalue(), {})
    (line,) = read_table(data, lambda _: 2).lines
    assert line.cells == ("+91 8040001234", "2026-07-24 10:00:00")


def test_a_strict_workbook_is_refused_by_its_name() -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(book([["phone"], ["919900000001"]]))) as packed, zipfile.ZipFile(out, "w") as made:
        for info in packed.infolist():
            of_strict = b"http://purl.oclc.org/ooxml/spreadsheetml/main"
            content = packed.read(info)
            made.writestr(
                info.filename,
                content.replace(b"http://schemas.openxmlformats.org/spreadsheetml/2006/main", of_strict),
            )
    with pytest.raises(TableError, match="this is a Strict Open XML workbook; save it as Excel Workbook"):
        read_table(out.getvalue(), lambda _: 0)


def test_the_summary_that_numbers_puts_before_its_tables_is_no_list() -> None:
    summary: list[list[object]] = [
        ["This document was exported from Numbers. Each table …"],
        [],
        ["Numbers Sheet Name"],
    ]
    data = book(summary, Table=[["phone"], [918040001234]])
    assert read_numbers(data).numbers == ["918040001234"]
    chosen = read_table(data, lambda _: 0, Reading(sheet="Sheet"))
    assert chosen.lines[0].text.startswith("This document")
    assert read_table(book(summary), lambda _: 0).sheet == "Sheet"


def merged(rows: list[list[object]], *cells: str) -> bytes:
    made: Any = openpyxl.Workbook()
    for row in rows:
        made.active.append(row)
    for one in cells:
        made.active.merge_cells(one)
    out = io.BytesIO()
    made.save(out)
    return out.getvalue()


@pytest.mark.parametrize("written", [bytes, prefixed])
def test_merged_cells_have_their_value_in_each_of_their_rows(tmp_path: Path, written: Change) -> None:
    rows: list[list[object]] = [["phone", "label_id", "city", "name"]]
    rows.extend([f"91990000000{at}", None, "x", None] for at in range(4))
    rows[1][1:] = [LABEL, "x", "Acme"]
    data = written(merged(rows, "B2:B4", "D2:D5"))
    table = read_file(data, Reading())
    assert [line.cells[1] for line in table.lines] == [LABEL, LABEL, LABEL, ""]
    assert table.notes == ("Merged cells were read as if each of their rows had the value.",)
    assert names_sent(tmp_path, data) == ["Acme"] * 4


def test_a_tall_row_of_merged_cells_is_one_record(tmp_path: Path) -> None:
    rows: list[list[object]] = [["phone", "name"], ["919900000001", "Acme"], [], ["919900000002", "Acme"]]
    assert names_sent(tmp_path, merged(rows, "A2:A3", "B2:B3")) == ["Acme", "Acme"]


def test_a_header_of_two_rows_and_a_title_over_all_columns() -> None:
    rows: list[list[object]] = [["My phone list"], ["phone", "valid"], [None, "starts_at", "ends_at"]]
    rows.append(["919900000001", "2026-01-31", "2026-02-01"])
    table = read_file(merged(rows, "A1:C1", "A2:A3", "B2:C2"), Reading())
    assert table.names == ("phone", "starts_at", "ends_at")
    assert [line.text for line in table.before] == ["My phone list", "phone, valid"]


def test_merged_cells_of_another_sheet_are_its_own() -> None:
    made: Any = openpyxl.load_workbook(
        io.BytesIO(book([["phone", "name", "city"], ["919900000001", "A"], ["919900000002", None, "x"]]))
    )
    other = made.create_sheet("Other")
    other.merge_cells("B2:B3")
    out = io.BytesIO()
    made.save(out)
    table = read_file(out.getvalue(), Reading())
    assert [line.cells[1] for line in table.lines] == ["A", ""]


@pytest.mark.parametrize("cell", ["A1048576", "XFD1"])
@pytest.mark.parametrize("name", ["Asha", '="Asha"'])
def test_an_empty_cell_with_a_format_is_no_part_of_the_list(cell: str, name: str) -> None:
    made: Any = openpyxl.load_workbook(io.BytesIO(book([["phone", "name"], [918040001234, name]])))
    made.active[cell].number_format = "0.00"
    made.save(out := io.BytesIO())
    found = read_numbers(out.getvalue())
    assert (found.numbers, found.table.width, len(found.table.lines)) == (["918040001234"], 2, 1)


@pytest.mark.parametrize("cell", ["A1048576", "XFD3"])
def test_a_value_behind_the_last_row_or_column_refuses_the_sheet(cell: str) -> None:
    row = f'<row r="{re.sub("[A-Z]", "", cell)}"><c r="{cell}" t="str"><v>x</v></c></row></sheetData>'
    data = changed(book([["phone", "name"], [918040001234, "Asha"]]), lambda xml: xml.replace("</sheetData>", row))
    with pytest.raises(TableError, match="at most 1,000,000 rows, 1,000 columns"):
        read_numbers(data)


def test_a_row_behind_all_that_a_sheet_can_have_refuses_it() -> None:
    row = '<row r="4000000000"><c r="A4000000000" s="0"/></row></sheetData>'
    data = changed(book([["phone"], [918040001234]]), lambda xml: xml.replace("</sheetData>", row))
    with pytest.raises(TableError, match="at most 1,000,000 rows"):
        read_numbers(data)


ROW = '<row r="{0}"><c r="A{0}"><v>91804000{0:04}</v></c><c r="B{0}" t="str"><v>Asha {0}</v></c></row>'


@pytest.mark.parametrize(
    ("rows", "why"),
    [
        (ROW.format(11) + ROW.format(3), "row 3 stands below row 11"),
        (ROW.format(3) * 2, "row 3 is there twice"),
        (ROW.format(3).replace('r="3"', 'r="0"'), "row 0 stands below row 2"),
        (ROW.format(3).replace("B3", "A3"), "row 3 has several cells in one column"),
        (ROW.format(3).replace("B3", "B4"), "row 3 has a cell of row 4"),
        (ROW.format(3) + '<row r="4"><c r="A4" t="inlineStr"><v>x</v></c></row>', "row 4 has 'x' in a cell of another"),
        (ROW.format(3) + '<row r="4"><c r="A4"><is><t>y</t></is></c></row>', "row 4 has 'y' in a cell of another kind"),
    ],
)
@pytest.mark.parametrize("formula", ["", "<f>A2</f>"])
def test_a_row_or_cell_that_could_not_be_placed_refuses_the_workbook(rows: str, why: str, formula: str) -> None:
    rows = rows.replace('t="str">', f't="str">{formula}')
    data = changed(
        book([["phone", "name"], [918040001234, "Asha"]]),
        lambda xml: xml.replace("</sheetData>", f"{rows}</sheetData>"),
    )
    with pytest.raises(TableError, match=f"this workbook is damaged: {why}.*; save it again, or as CSV"):
        read_table(data, lambda _: 2)


@pytest.mark.parametrize("formula", ["", "<f>A2</f>"])
def test_cells_may_stand_in_any_order_within_their_row(formula: str) -> None:
    row = f'<row r="3"><c r="C3" t="str">{formula}<v>x</v></c><c r="A3"><v>918040000003</v></c></row>'
    data = changed(
        book([["phone", "name", "note"], [918040001234, "Asha", "y"]]),
        lambda xml: xml.replace("</sheetData>", f"{row}</sheetData>"),
    )
    assert [line.cells for line in read_table(data, lambda _: 2).lines] == [
        ("918040001234", "Asha", "y"),
        ("918040000003", "", "x"),
    ]
