"""Workbooks whose XML declares entities, read as in production, where openpyxl has no defusedxml."""

import io
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from callmark.tables import workbook
from callmark.tables.model import TableError

_READ = """
import sys
from pathlib import Path
from callmark.tables import workbook
from callmark.tables.model import TableError
for path in map(Path, sys.argv[1:]):
    try:
        print(path.name, len(workbook.read(path.read_bytes()).lines[0].cells[0]))
    except TableError as exc:
        print(path.name, exc.message)
import openpyxl
assert not openpyxl.DEFUSEDXML
"""
_DAMAGED = "this workbook is damaged; save it again, or as CSV"
_FORMATS = "http://schemas.openxmlformats.org"
_SHEETS = f"{_FORMATS}/spreadsheetml/2006/main"
_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml"
_TO = f"{_FORMATS}/officeDocument/2006/relationships"
_DECLARED = f'<!DOCTYPE x [<!ENTITY e "{"1" * 1_000}">]>'
_ENTITIES = "&e;" * 1_000
_STRINGS = "xl/sharedStrings.xml"
_UNREAD = "docProps/core.xml"
_PARTS = {
    "[Content_Types].xml": f'<Types xmlns="{_FORMATS}/package/2006/content-types">'
    f'<Override PartName="/xl/workbook.xml" ContentType="{_TYPE}.sheet.main+xml"/>'
    f'<Override PartName="/{_STRINGS}" ContentType="{_TYPE}.sharedStrings+xml"/></Types>',
    _UNREAD: f'<coreProperties xmlns="{_FORMATS}/package/2006/metadata/core-properties"/>',
    "xl/workbook.xml": f'<workbook xmlns="{_SHEETS}" xmlns:r="{_TO}">'
    '<sheets><sheet name="S" sheetId="1" r:id="rId1"/></sheets></workbook>',
    "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{_FORMATS}/package/2006/relationships">'
    f'<Relationship Id="rId1" Type="{_TO}/worksheet" Target="worksheets/sheet1.xml"/></Relationships>',
    "xl/styles.xml": f'<styleSheet xmlns="{_SHEETS}"/>',
    _STRINGS: f'<sst xmlns="{_SHEETS}"><si><t>TEXT</t></si></sst>',
    "xl/worksheets/sheet1.xml": f'<worksheet xmlns="{_SHEETS}"><sheetData><row r="1"><c r="A1" t="s"><v>0</v></c>'
    '<c r="B1" t="inlineStr"><is><t>TEXT</t></is></c></row></sheetData></worksheet>',
}


def _made(*, entities: str = "", before: str = "", encoding: str = "UTF-8", name: str = _STRINGS) -> bytes:
    """A workbook whose shared texts have that name; the part `entities` begins so, and has them in its text."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as made:
        for part, content in _PARTS.items():
            text = content.replace(_STRINGS, name).replace("TEXT", _ENTITIES if part == entities else "918040001234")
            if part == entities:
                text = f'<?xml version="1.0" encoding="{encoding}"?>{before}{text}'
            made.writestr(name if part == _STRINGS else part, text.encode(encoding if part == entities else "UTF-8"))
    return out.getvalue()


def _as_in_production(folder: Path, files: dict[str, bytes]) -> list[str]:
    """What each file gives: how long its first cell is, or why it is refused."""
    for name, data in files.items():
        (folder / name).write_bytes(data)
    environment = {**os.environ, "OPENPYXL_DEFUSEDXML": "False", "OPENPYXL_LXML": "False"}
    command = [sys.executable, "-c", _READ, *(str(folder / name) for name in files)]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout.splitlines()


def test_no_part_that_is_parsed_declares_entities(tmp_path: Path) -> None:
    comment, long_comment = (f"<!-- {'x' * length} -->" for length in (1_000, 1_000_000))
    files = {
        **{part.replace("/", "-"): _made(entities=part, before=_DECLARED) for part in _PARTS if part != _UNREAD},
        "utf-16": _made(entities=_STRINGS, before=_DECLARED, encoding="UTF-16"),
        "windows-1252": _made(entities=_STRINGS, before=_DECLARED, encoding="windows-1252"),
        "picture": _made(entities=_STRINGS, before=_DECLARED, name="xl/media/image1.svg"),
        "behind a comment": _made(entities=_STRINGS, before=f"{comment}{_DECLARED}"),
        "behind a long one": _made(entities=_STRINGS, before=f"{long_comment}{_DECLARED}"),
    }
    assert _as_in_production(tmp_path, files) == [f"{name} {_DAMAGED}" for name in files]


def test_a_part_that_is_not_parsed_may_have_a_document_type(tmp_path: Path) -> None:
    out = io.BytesIO(_made())
    with zipfile.ZipFile(out, "a") as made:
        made.writestr("xl/media/image1.svg", f'<?xml version="1.0"?>{_DECLARED}<svg/>')
    files = {"picture": out.getvalue(), "properties": _made(entities=_UNREAD, before=_DECLARED)}
    assert _as_in_production(tmp_path, files) == ["picture 12", "properties 12"]


def test_a_part_that_does_not_come_to_its_first_element_is_damaged() -> None:
    with pytest.raises(TableError, match="damaged"):
        workbook.read(_made(entities="xl/styles.xml", before=" " * 100_000))
