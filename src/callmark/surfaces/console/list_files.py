"""The list that Manage Listing reads: kept while it is previewed, so that it is sent once and can be read otherwise."""

from asyncio import to_thread
from dataclasses import dataclass

from callmark.domain.access import numbers as access
from callmark.domain.access.numbers import MOST_IN_LIST
from callmark.domain.drafts.model import FileDraft
from callmark.domain.ids import FeatureSetId
from callmark.domain.numbers import lists
from callmark.domain.numbers.lists import ListReading, NumberList
from callmark.kit.errors import InvalidInput, NotFound
from callmark.kit.ids import parse_uuid
from callmark.surfaces.console.visit import Form, Visit
from callmark.tables.text import ENCODINGS


@dataclass(frozen=True)
class ListFile:
    """A list that is kept, and how it can be read: columns and sheets to choose from, as (value, text)."""

    draft_id: str
    name: str
    columns: list[tuple[str, str]]
    sheets: list[tuple[str, str]]
    encodings: list[tuple[str, str]]


async def keep_list(visit: Visit, set_id: FeatureSetId) -> FileDraft | None:
    """The list that was sent, kept; the one that is kept already when the form names it; None for none."""
    file = visit.file("file")
    content = await file.read() if file else visit.form.text("list").encode(errors="replace")
    if content.strip():
        name = (file.filename or "") if file else "pasted numbers"
        return await access.keep_list(visit.deps, visit.actor, set_id, file_name=name, content=content)
    draft_id = parse_uuid(visit.form.text("draft"))
    if draft_id is None:
        return None
    try:
        return await access.get_list(visit.deps, visit.actor, set_id, draft_id)
    except NotFound:
        raise InvalidInput("this list is no longer kept: choose the file again", field="list") from None


async def read_kept(draft: FileDraft | None, form: Form) -> NumberList:
    """What the list says, read as the form says. Raises InvalidInput beside the field that is wrong."""
    if draft is None:
        raise InvalidInput("choose a file, or paste numbers", field="list")
    if form.text("sheet") != form.text("sheet_was"):  # another sheet has other columns
        form = Form({**form.values, "column": [""]}, form.errors)
    parts = {name: form.text(name) for name in ("region", "column", "encoding", "sheet")}
    return await to_thread(read, draft.content, ListReading(**parts))


def read(listed: bytes | str, reading: ListReading) -> NumberList:
    """The list. Raises InvalidInput beside the field that is wrong."""
    if not listed.strip():
        raise InvalidInput("choose a file, or paste numbers", field="list")
    found = lists.read_list(listed, reading)
    if len(found.numbers) > MOST_IN_LIST:
        most = f"{MOST_IN_LIST:,}"
        raise InvalidInput(f"a list has at most {most} numbers here; ask your operator for longer ones", field="list")
    if not found.numbers:
        first = found.rejected[0] if found.rejected else None
        why = f": line {first.line} says {first.text!r}: {first.why}" if first else ""
        raise InvalidInput(f"there is no phone number in it{why}", field="list")
    return found


def list_file(draft: FileDraft, table: lists.Table | None) -> ListFile:
    """How the kept list can be read."""
    columns = [(str(at + 1), table.name(at)) for at in range(table.width)] if table else []
    sheets = [(name, name) for name in table.sheets] if table else []
    return ListFile(str(draft.id), draft.file_name, columns, sheets, [(name, name) for name in ENCODINGS])
