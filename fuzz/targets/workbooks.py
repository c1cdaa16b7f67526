"""Excel workbooks: a zip whose parts are XML."""

import contextlib
import io
import zipfile

from callmark.tables import workbook
from callmark.tables.model import TableError

_PARTS = {
    "[Content_Types].xml": b'<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
    b'<Override PartName="/xl/workbook.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml'
    b'.sheet.main+xml"/></Types>',
    "_rels/.rels": b'<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"/>',
    "xl/workbook.xml": b'<workbook xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" xmlns:r="http://'
    b'schemas.openxmlformats.org/officeDocument/2006/relationships"><sheets><sheet name="List" sheetId="1" r:id="r1"/>'
    b"</sheets></workbook>",
    "xl/_rels/workbook.xml.rels": b'<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
    b'<Relationship Id="r1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/worksheet"'
    b' Target="worksheets/sheet1.xml"/></Relationships>',
    "xl/worksheets/sheet1.xml": b'<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>'
    b'<row r="1"><c r="A1" t="inlineStr"><is><t>phone</t></is></c></row><row r="2"><c r="A2"><v>918040001234</v></c>'
    b"</row></sheetData></worksheet>",
    "xl/sharedStrings.xml": b'<sst xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"/>',
    "xl/styles.xml": b'<styleSheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"/>',
}
_NAMES = list(_PARTS)


def fuzz_workbooks(data: bytes) -> None:
    """Only TableError. The first byte chooses the part that the rest stands for; beyond them, the whole file."""
    if not data:
        return
    chosen = data[0] % (len(_NAMES) + 1)
    file = data[1:] if chosen == len(_NAMES) else _with(_NAMES[chosen], data[1:])
    if not workbook.is_workbook(file):
        return
    with contextlib.suppress(TableError):
        sheet = workbook.read(file)
        numbers = [line.number for line in sheet.lines]
        assert numbers == sorted(set(numbers))
        assert all(any(line.cells) for line in sheet.lines)


def _with(name: str, content: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as packed:
        for part, usual in _PARTS.items():
            packed.writestr(part, content if part == name else usual)
    return out.getvalue()
