"""Files that are made to be slow to read: each test would take minutes if a step went through its text repeatedly."""

import io
import tracemalloc
import zipfile

import pytest
from tests.support.workbooks import book

from callmark.tables import columns, workbook
from callmark.tables.model import TableError
from callmark.tables.numbers import read_numbers
from callmark.tables.phones import NoNumber, read_phones

_MANY = 300_000


def _zipped(sheet: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("xl/workbook.xml", "<workbook/>")
        packed.writestr("xl/worksheets/sheet1.xml", sheet)
    return out.getvalue()


@pytest.mark.parametrize("part", [b"<row ", b'<row hidden="0', b"<row hidden=", b"<x", b"<x:", b"row "])
def test_tags_that_are_never_closed(part: bytes) -> None:
    with pytest.raises(TableError, match="damaged"):
        workbook.read(_zipped(b"<row " + part * _MANY))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
@pytest.mark.parametrize("before", ["", "x" * 2_000])
def test_a_format_of_brackets(encoding: str, before: str) -> None:
    styles = f'<styleSheet>{before}<numFmts><numFmt numFmtId="200" formatCode="{"[" * _MANY}"/></numFmts></styleSheet>'
    out = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(book([["phone"], ["918040001234"]]))) as packed,
        zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as made,
    ):
        for info in packed.infolist():
            is_styles = info.filename == "xl/styles.xml"
            made.writestr(info.filename, styles.encode(encoding) if is_styles else packed.read(info))
    with pytest.raises(TableError, match="damaged"):
        workbook.read(out.getvalue())


def test_a_long_formula_that_all_cells_share() -> None:
    rows = "".join(f'<row r="{at}"><c r="A{at}"><f t="shared" si="0"/><v>1</v></c></row>' for at in range(2, 5_000))
    first = f'<row r="1"><c r="A1"><f t="shared" si="0" ref="A1:A5000">1{"+A1" * _MANY}</f><v>7</v></c></row>'
    out = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(book([["phone"]]))) as packed,
        zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as made,
    ):
        for info in packed.infolist():
            content = packed.read(info)
            is_sheet = info.filename.startswith("xl/worksheets/")
            at = content.find(b"<sheetData>") + len(b"<sheetData>")
            sheet = content[:at] + (first + rows).encode() + b"</sheetData></worksheet>"
            made.writestr(info.filename, sheet if is_sheet else content)
    assert [line.cells[0] for line in workbook.read(out.getvalue()).lines] == ["7", *["1"] * 4_998]


@pytest.mark.parametrize("cell", ["(" * _MANY, "[" * _MANY, "a" + "\u0300" * _MANY + "\u0316" * _MANY])
def test_a_name_of_signs(cell: str) -> None:
    assert read_numbers(f"phone,{cell}\n918040001234,x\n".encode()).numbers == ["918040001234"]
    assert not columns.says_phone(cell)


def test_names_of_any_length_are_not_kept() -> None:
    read_numbers(b"phone,name\n918040001234,x\n")  # what is loaded once, such as the plans, is kept
    tracemalloc.start()
    try:
        for at in range(3):
            read_numbers(f"phone,{at}{'x' * _MANY}\n918040001234,x\n".encode())
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert kept < _MANY  # bytes, as each of the names has


def test_a_cell_of_tabs_among_spaces() -> None:
    assert isinstance(read_phones("1" + " \t" * _MANY + "x"), NoNumber)
