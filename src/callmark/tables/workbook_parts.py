"""What the zip of a workbook holds, before it is read: how large it is unpacked, and what openpyxl does not say.

That is which sheets have hidden rows or merged cells.
"""

import io
import re
import zipfile
from functools import reduce
from typing import IO, Literal
from xml.etree import ElementTree as ET
from xml.parsers import expat

from msgspec import Struct, field

from callmark.tables.model import TableError

MOST_UNPACKED = 200_000_000
MOST_MERGED = 100_000
_CHUNK = 1 << 20
_LONGEST_TAG = 1_000
"""Bytes of a chunk that are searched again with the next one, which may have the end of a tag."""
_STRICT = b"purl.oclc.org/ooxml"
"""Names of the format's second form, in which openpyxl finds no sheets."""
_LONG_FORMAT = re.compile(rb"formatCode\s{0,9}=\s{0,9}[\"'][^\"'<]{800}")
"""A cell's format of more than the 255 characters that Excel allows: openpyxl goes through it from each bracket."""
DAMAGED = "this workbook is damaged; save it again, or as CSV"
_LONGEST_BEGINNING = 1 << 16
"""Bytes of a part before its first element; programs write some hundred."""
_ROW = re.compile(rb"row\s([^<>]*)")
_HIDDEN = re.compile(rb"\shidden=[\"'](?:1|true)[\"']")
"""Looked for in what `_ROW` took: together they would go through `row row row` again from each of its words."""
_MERGED = re.compile(rb"mergeCell\sref=[\"']([A-Z]{1,3})([0-9]{1,7}):[A-Z]{1,3}([0-9]{1,7})[\"']")


_OF_CELLS = re.compile(rb"<(?:[\w.-]{1,40}:)?(?:workbook|styleSheet)[\s>]")
_NEEDED = {
    "workbookPr": {"date1904"},
    "sheets": {"name", "sheetId", "state", "id"},
    "numFmts": {"numFmtId", "formatCode"},
    "cellXfs": {"numFmtId"},
}
"""What is read of a workbook's own part and of its styles: elements, and the attributes within them."""


_TYPES = "[Content_Types].xml"
_OVERRIDE = re.compile(rb"Override\s([^<>]*)")
_PART_NAME = re.compile(rb"PartName\s?=\s?[\"']/([^\"']*)")
_MAIN = re.compile(rb"(?:spreadsheetml|ms-excel)\.[A-Za-z.]{0,40}\.?main\+xml")
_WORKSHEET = re.compile(rb"spreadsheetml\.worksheet\+xml")


class Merged(Struct, frozen=True):
    """Cells of one column that are shown as one: the column from 0, and their rows from 1."""

    column: int
    first: int
    last: int


class WorkbookParts(Struct):
    """What was found; `merged` by the sheets' names in the zip."""

    has_hidden_rows: bool = False
    merged: dict[str, set[Merged]] = field(default_factory=dict[str, set[Merged]])


class Package(zipfile.ZipFile):
    """The zip as openpyxl gets it: a part that begins with a document type is damaged, whatever its name is.

    Programs write none, and the entities that one declares make a few kilobytes a text of many gigabytes. openpyxl
    refuses them only where defusedxml is installed, and which parts it parses only its reader knows.
    """

    def open(
        self,
        name: str | zipfile.ZipInfo,
        mode: Literal["r", "w"] = "r",
        pwd: bytes | None = None,
        *,
        force_zip64: bool = False,
    ) -> IO[bytes]:
        """A part that is safe to parse. Raises TableError."""
        with super().open(name, mode, pwd, force_zip64=force_zip64) as member:
            _check_beginning(member.read(_LONGEST_BEGINNING))
        return super().open(name, mode, pwd, force_zip64=force_zip64)

    def read(self, name: str | zipfile.ZipInfo, pwd: bytes | None = None) -> bytes:
        """A part; of the workbook's own and of its styles what decides about cells. Raises TableError.

        openpyxl refuses the rest for each value that it does not know, such as the style of a border.
        """
        content = super().read(name, pwd)
        return _only_needed(content) if _OF_CELLS.search(content[:_LONGEST_BEGINNING]) else content


def _only_needed(content: bytes) -> bytes:
    root = ET.fromstring(content)  # noqa: S314 - `open` has refused a document type
    for part in [*root]:
        kept = _NEEDED.get(_local(part.tag))
        if kept is None:
            root.remove(part)
            continue
        for one in part.iter():
            one.attrib = {name: value for name, value in one.attrib.items() if _local(name) in kept}
    root.attrib.clear()
    return ET.tostring(root, encoding="utf-8")


def _local(name: str) -> str:
    """A name of XML without its namespace."""
    return name.rpartition("}")[2]


def _check_beginning(beginning: bytes) -> None:
    """Raises TableError for what has a document type before its first element, or comes to neither of them."""
    elements: list[str] = []
    parser = expat.ParserCreate()
    parser.StartDoctypeDeclHandler = _refuse
    parser.StartElementHandler = lambda name, _: elements.append(name)
    try:
        parser.Parse(beginning)
    except expat.ExpatError:
        return  # no XML, such as a picture: what parses it comes no further either
    if not elements and len(beginning) == _LONGEST_BEGINNING:
        raise TableError(DAMAGED)


def _refuse(*_: object) -> None:
    raise TableError(DAMAGED)


def look_inside(data: bytes) -> WorkbookParts:
    """What a workbook holds. Raises TableError for what is none, or is too large."""
    try:
        packed = zipfile.ZipFile(io.BytesIO(data))
    except zipfile.BadZipFile as exc:
        raise TableError(DAMAGED) from exc
    found, left = WorkbookParts(), MOST_UNPACKED
    with packed:
        names = set(packed.namelist())
        typed = _typed(packed, names)
        mains = {"xl/workbook.xml", *_named(typed, _MAIN)} & names
        sheets = _named(typed, _WORKSHEET)
        if not mains:
            raise TableError(f"this file is {_kind(packed, names)}; save the list as .xlsx or CSV")
        for info in packed.infolist():
            seen = b""
            with packed.open(info) as member:
                while chunk := member.read(_CHUNK):
                    left -= len(chunk)
                    if left < 0:
                        raise TableError("this workbook is too large when unpacked; save the sheet as CSV")
                    if info.filename in mains and _STRICT in chunk:
                        raise TableError(
                            "this is a Strict Open XML workbook; save it as Excel Workbook (.xlsx), or as CSV"
                        )
                    seen = seen[-_LONGEST_TAG:] + chunk
                    if info.filename == "xl/styles.xml" and _LONG_FORMAT.search(seen.replace(b"\0", b"")):
                        raise TableError(DAMAGED)
                    if info.filename.startswith("xl/worksheets/") or info.filename in sheets:
                        _search(found, info.filename, seen)
    return found


def _typed(packed: zipfile.ZipFile, names: set[str]) -> list[bytes]:
    """What the workbook says of its parts: each has a name and a type. Most programs use the same names."""
    if _TYPES not in names:
        return []
    with packed.open(_TYPES) as member:
        return _OVERRIDE.findall(member.read(_CHUNK))


def _named(typed: list[bytes], kind: re.Pattern[bytes]) -> set[str]:
    """The parts of a type, by their names in the zip."""
    named = (_PART_NAME.search(one) for one in typed if kind.search(one))
    return {found[1].decode(errors="replace") for found in named if found}


def _search(found: WorkbookParts, sheet: str, seen: bytes) -> None:
    found.has_hidden_rows = found.has_hidden_rows or _has_hidden_row(seen)
    for letters, first, last in _MERGED.findall(seen):
        if int(first) < int(last):
            found.merged.setdefault(sheet, set()).add(Merged(_column(letters), int(first), int(last)))
    if sum(map(len, found.merged.values())) > MOST_MERGED:
        raise TableError(f"this workbook has more than {MOST_MERGED:,} merged cells; save the sheet as CSV")


def _has_hidden_row(seen: bytes) -> bool:
    return b"hidden=" in seen and any(map(_HIDDEN.search, _ROW.findall(seen)))


def _column(letters: bytes) -> int:
    """The column from 0, of its letters: A, B … Z, AA."""
    return reduce(lambda number, letter: number * 26 + letter - 64, letters, 0) - 1


def _kind(packed: zipfile.ZipFile, names: set[str]) -> str:
    if "xl/workbook.bin" in names:
        return "a binary workbook (.xlsb)"
    if "word/document.xml" in names:
        return "a Word document"
    if "mimetype" in names and b"opendocument" in packed.read("mimetype")[:100]:
        return "an OpenDocument file (.ods)"
    return "a zip archive, not a workbook" if not any(name.startswith("Index/") for name in names) else "a Numbers file"
