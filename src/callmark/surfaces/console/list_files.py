"""The list that Manage Listing reads: kept while it is previewed, so that it is sent once and can be read otherwise."""

from asyncio import to_thread
from collections.abc import Mapping
from uuid import UUID

from msgspec import Struct

from callmark.domain.ids import FeatureSetId
from callmark.domain.numbers import number_list_parser
from callmark.domain.numbers.imports import MOST_IN_LIST
from callmark.domain.numbers.number_list_parser import ListReading, NumberList
from callmark.domain.personalisation.uploads.model import LARGEST_BYTES
from callmark.domain.previewed_files import service as previewed_files
from callmark.domain.previewed_files.model import FilePurpose, PreviewedFile
from callmark.kit.errors import InvalidInput, NotFound
from callmark.kit.ids import parse_uuid
from callmark.surfaces.console import display_names
from callmark.surfaces.console.request import ConsoleRequest, Form
from callmark.tables.reader import MOST_COLUMNS
from callmark.tables.text import ENCODINGS


class ListFile(Struct, frozen=True):
    """A list that is kept, and how it can be read: columns and sheets to choose from, as (value, text)."""

    file_id: str
    name: str
    columns: list[tuple[str, str]]
    sheets: list[tuple[str, str]]
    encodings: list[tuple[str, str]]
    delimiters: list[tuple[str, str]]


LARGEST_LIST_BYTES = LARGEST_BYTES
"""As large as an upload of records: a list may have more columns than it needs."""
CHOICES = ("mode", "region", "column", "encoding", "sheet", "delimiter")
_LONGEST_CHOICE = 200
_OF_ONE_FILE = frozenset({"column", "encoding", "sheet", "sheet_was", "delimiter", "delimiter_was"})


async def keep_list(request: ConsoleRequest, set_id: FeatureSetId) -> PreviewedFile:
    """The list that was sent, kept; else the one that is kept already when the form names it.

    Raises InvalidInput about `list` for none.
    """
    file = request.file("file", LARGEST_LIST_BYTES, "leave only the column with the numbers, or split the file")
    content = await file.read() if file else request.form.text("list").encode(errors="replace")
    if content.strip():
        name = (file.filename or "") if file else "pasted numbers"
        return await previewed_files.keep_file(
            request.deps,
            request.account_id,
            FilePurpose.NUMBERS,
            file_name=name,
            content=content,
            choices={},
            by=request.by,
            subject_id=set_id,
        )
    kept = await kept_list(request, set_id, request.form.text("draft"))
    if kept is None and request.form.text("draft"):
        raise InvalidInput("this list is no longer available: choose the file again", field="list")
    if kept is None:
        raise InvalidInput("choose a file, or paste numbers", field="list")
    return kept


async def get_list(request: ConsoleRequest, set_id: FeatureSetId, file_id: UUID) -> PreviewedFile:
    """The list that is kept for the feature set under that id. Raises NotFound."""
    return await previewed_files.get_file(request.deps, request.account_id, file_id, FilePurpose.NUMBERS, set_id)


async def kept_list(request: ConsoleRequest, set_id: FeatureSetId, file_id: str) -> PreviewedFile | None:
    """The list that is kept for the feature set under that id, or None."""
    parsed = parse_uuid(file_id)
    if parsed is None:
        return None
    try:
        return await get_list(request, set_id, parsed)
    except NotFound:
        return None


def form_of(form: Form, file: PreviewedFile) -> Form:
    """The form, without what it says about the file that a new one has replaced."""
    if form.text("draft") in {"", str(file.id)}:
        return form
    return Form({name: values for name, values in form.values.items() if name not in _OF_ONE_FILE}, form.errors)


def choices_of(form: Form) -> dict[str, str]:
    """What the form says about the list, without what is empty; another sheet or delimiter gives other columns."""
    found = {name: form.text(name)[:_LONGEST_CHOICE] for name in CHOICES if form.text(name)}
    dividing, before = (
        (form.text("sheet"), form.text("delimiter")),
        (form.text("sheet_was"), form.text("delimiter_was")),
    )
    if dividing != before:
        found.pop("column", None)
    return found


async def read_kept(file: PreviewedFile, choices: Mapping[str, str]) -> NumberList:
    """What the list says, read as it was chosen. Raises InvalidInput beside the field that is wrong."""
    parts = {name: choices.get(name, "") for name in ("region", "column", "encoding", "sheet", "delimiter")}
    return await to_thread(read, file.content, ListReading(**parts))


def read(listed: bytes | str, reading: ListReading) -> NumberList:
    """The list. Raises InvalidInput beside the field that is wrong."""
    if not listed.strip():
        raise InvalidInput("choose a file, or paste numbers", field="list")
    found = number_list_parser.read_list(listed, reading)
    if len(found.numbers) > MOST_IN_LIST:
        most = f"{MOST_IN_LIST:,}"
        raise InvalidInput(
            f"a list has at most {most} numbers here; ask your operator to import a longer one", field="list"
        )
    if not found.numbers:
        first = found.rejected[0] if found.rejected else None
        why = f": line {first.line} says {first.text!r}: {first.why}" if first else ""
        raise InvalidInput(f"the list has no phone number{why}", field="list")
    return found


def list_file(file: PreviewedFile, table: number_list_parser.Table | None) -> ListFile:
    """How the kept list can be read. A line that is wider than tables are is read whole, without a choice."""
    width = table.width if table else 0
    columns = [(str(at + 1), table.name(at)) for at in range(width)] if table and width <= MOST_COLUMNS else []
    sheets = [(name, name) for name in table.sheets] if table else []
    encodings = [(name, name) for name in ENCODINGS]
    return ListFile(str(file.id), file.file_name, columns, sheets, encodings, [*display_names.DELIMITERS.items()])
