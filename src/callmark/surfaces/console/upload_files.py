"""A file of call records: sent once, previewed as a phone would show it, changed where need be, then pushed."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta, tzinfo
from itertools import islice
from typing import ClassVar

from msgspec import Struct, field
from starlette.responses import Response

from callmark.domain.ids import PreviewedFileId
from callmark.domain.labels.model import logo_address
from callmark.domain.numbers.number_list_parser import known_region, regions
from callmark.domain.personalisation.uploads import service as uploads
from callmark.domain.personalisation.uploads.model import LARGEST_BYTES, MOST_ROWS, RowDefaults, labels_by_name
from callmark.domain.personalisation.uploads.preview import (
    FaultKind,
    PreviewedRow,
    PreviewOptions,
    UploadPreview,
    preview_upload,
)
from callmark.domain.policy.model import Action
from callmark.domain.previewed_files import service as previewed_files
from callmark.domain.previewed_files.model import MOST_KEPT, FilePurpose, PreviewedFile
from callmark.kit.errors import Conflict, InvalidInput, NotFound
from callmark.kit.zones import device_zone
from callmark.record_rules.columns import COLUMNS
from callmark.record_rules.fields import Field
from callmark.surfaces.console import display_names, push
from callmark.surfaces.console.pages import Page, page
from callmark.surfaces.console.request import ConsoleRequest, Form, Gone, whole_number
from callmark.surfaces.console.route import get, post
from callmark.tables.reader import MOST_COLUMNS, Reading
from callmark.tables.rows import DELIMITERS
from callmark.tables.text import ENCODINGS

LIST, AT = "/console/uploads", "/console/uploads/files"
_COLUMN = "column-"
_DIVIDING = ("sheet", "delimiter")
"""What decides about the columns."""
_CHOICES = ("caller", "label_id", "call_reason", "starts_at", "hours", "time_zone", "region", "encoding", *_DIVIDING)
_NONE = "none"
_LONGEST_NAME = 100
_MOST_OFFERED = 200
"""Columns that each field offers; any other is chosen by its place."""
_LONGEST_CHOICE = 1_000
_LEFT_OUT = "Lines that cannot be read"


class UploadFormPage(Page, frozen=True):
    """Choose a file, and values for what it leaves out."""

    template: ClassVar[str] = "uploads/form.html"
    form: Form
    choices: list[push.Choice]
    columns: list[tuple[str, tuple[str, ...]]]
    regions: list[tuple[str, int]]
    hours: tuple[tuple[str, str], ...] = push.HOUR_OPTIONS
    most_rows: int = MOST_ROWS
    largest: int = LARGEST_BYTES


class Shown(Struct, frozen=True):
    """One of the first rows as a phone would show it, or what is wrong with it."""

    line: int
    name: str
    logo_url: str
    caller: str
    receiver: str
    reason: str
    window: str
    faults: list[str]


class FaultLine(Struct, frozen=True):
    """A kind of fault in words; `examples` are (line, text, why)."""

    text: str
    count: int
    examples: list[tuple[int, str, str]]


class UploadPreviewPage(Page, frozen=True):
    """What the file would push; nothing is pushed yet. `columns` are to choose from, the first of very many."""

    template: ClassVar[str] = "uploads/preview.html"
    file: PreviewedFile
    form: Form
    preview: UploadPreview | None
    shown: list[Shown]
    faults: list[FaultLine]
    fields: list[tuple[str, str]]
    columns: list[tuple[str, str]]
    columns_left_out: int
    label_options: list[tuple[str, str]]
    sheet_options: list[tuple[str, str]]
    encodings: list[tuple[str, str]]
    delimiters: list[tuple[str, str]]
    zone: str
    regions: list[tuple[str, int]]
    hours: tuple[tuple[str, str], ...] = push.HOUR_OPTIONS
    most_kept: int = MOST_KEPT


class _PreviewChoices(Struct):
    """What was chosen, as far as it can be read, and what is wrong with the rest."""

    options: PreviewOptions
    zone: tzinfo
    errors: dict[str, str] = field(default_factory=dict[str, str])


async def show_form(request: ConsoleRequest) -> Response:
    return await _form(request, Form.of(hours="4", time_zone=request.zone.key))


async def send(request: ConsoleRequest) -> Response:
    """Keeps the file, and goes to its preview: faults of the form are shown there, and nothing is sent twice."""
    form = request.form
    try:
        file = request.file("file", LARGEST_BYTES, "split it into several files")
        if file is None:
            none_chosen = InvalidInput("choose a CSV or .xlsx file", field="file")
            return await _form(request, form.refused(none_chosen), 422)
        content = await file.read()
        choices = _choices_of(form)
        asked = await _asked(request, choices)
        kept = await previewed_files.keep_file(
            request.deps,
            request.account_id,
            FilePurpose.RECORDS,
            file_name=file.filename or "",
            content=content,
            choices=choices,
            by=request.by,
        )
        try:
            await preview_upload(request.deps, request.account_id, kept.content, asked.options)
        except InvalidInput as refused:
            if refused.field == "file":
                await previewed_files.discard_file(request.deps, kept)
                raise
    except (InvalidInput, Conflict) as refused:
        return await _form(request, form.refused(refused), 422)
    return request.go(f"{AT}/{kept.id}")


async def show_preview(request: ConsoleRequest) -> Response:
    """What the file would push now."""
    return await _preview(request, await _file_of(request))


async def change(request: ConsoleRequest) -> Response:
    """Keeps what was chosen; pushes when nothing differs from what the preview showed."""
    file = await _file_of(request)
    choices, shown = _choices_of(request.form), await _shown_choices(request, file)
    if any(choices.get(one, "") != shown.get(one, "") for one in _DIVIDING):  # the columns are others too
        choices = {name: value for name, value in choices.items() if not name.startswith(_COLUMN)}
    if not request.form.is_on("push"):
        await previewed_files.update_choices(request.deps, file, choices)
        return request.go(f"{AT}/{file.id}")
    if choices != shown:
        await previewed_files.update_choices(request.deps, file, choices)
        return request.go(f"{AT}/{file.id}", "Your changes are in the preview below. Check it, then push.", "warning")
    return await _push(request, file)


async def give_up(request: ConsoleRequest) -> Response:
    """Forgets the file."""
    file = await _file_of(request)
    await previewed_files.discard_file(request.deps, file)
    return request.go(LIST, f"{file.file_name} was discarded. Nothing was pushed.")


async def _push(request: ConsoleRequest, file: PreviewedFile) -> Response:
    asked = await _asked(request, file.choices)
    if asked.errors:
        return await _preview(request, file, 422)
    try:
        found = await preview_upload(request.deps, request.account_id, file.content, asked.options)
        if not found.has_receivers:
            none_chosen = InvalidInput("choose the column with the receivers", field=f"{_COLUMN}{Field.RECEIVER}")
            return await _preview(request, file, 422, none_chosen)
        region = asked.options.reading.region
        made = await uploads.submit_upload(request.deps, file, found.rows, region, by=request.by)
    except InvalidInput as refused:
        return await _preview(request, file, 422, refused)
    except Conflict as exc:  # someone else has pushed or discarded it
        raise Gone(exc.message, LIST, "Uploads") from exc
    return request.go(f"{LIST}/{made.id}")


async def _file_of(request: ConsoleRequest) -> PreviewedFile:
    """The file that the path names. Raises Gone, with the way to the uploads: it may have become one of them."""
    file_id = request.id(PreviewedFileId)
    try:
        return await previewed_files.get_file(request.deps, request.account_id, file_id, FilePurpose.RECORDS)
    except NotFound as exc:
        raise Gone(exc.message, LIST, "Uploads") from exc


def _choices_of(form: Form) -> dict[str, str]:
    names = [*_CHOICES, *(f"{_COLUMN}{one.value}" for one in Field)]
    found = {name: form.text(name)[:_LONGEST_CHOICE] for name in names if form.text(name)}
    for name in names:
        if place := whole_number(form.text(f"place-of-{name}").strip(), MOST_COLUMNS):
            found[name] = str(place - 1)
    return found


async def _asked(request: ConsoleRequest, choices: Mapping[str, str]) -> _PreviewChoices:
    """The choices as types, each fault beside its field; what is wrong is left at what is usual."""
    errors: dict[str, str] = {}
    zone_name = choices.get("time_zone", "") or request.zone.key
    now = request.deps.clock.now()
    zone: tzinfo = UTC
    region, starts_at = "", now

    def note(refused: InvalidInput) -> None:
        errors[refused.field] = refused.for_people[:1].upper() + refused.for_people[1:]

    found: datetime | None = now
    try:
        zone = device_zone(zone_name)
        found = push.window_start(choices.get("starts_at", ""), zone_name, now)
    except InvalidInput as refused:
        note(refused)
    try:
        region = known_region(choices.get("region", ""))
    except InvalidInput as refused:
        note(refused)
    if found is None:
        errors["starts_at"] = "Enter a valid date and time"
    hours = choices.get("hours", "4")
    offered = await push.choices(request)
    defaults = RowDefaults(
        caller=choices.get("caller", "").strip(),
        label_id=choices.get("label_id", "") or (str(offered[0].label.id) if offered else ""),
        call_reason=choices.get("call_reason", "").strip(),
        starts_at=found or starts_at,
        lasts=timedelta(hours=int(hours) if hours in push.HOURS else 4),
        labels=labels_by_name((one.label.name, str(one.label.id)) for one in offered),
        zone=zone,
    )
    chosen = {one: choices[f"{_COLUMN}{one.value}"] for one in Field if f"{_COLUMN}{one.value}" in choices}
    delimiter = DELIMITERS.get(choices.get("delimiter", ""), "")
    reading = Reading(choices.get("encoding", ""), choices.get("sheet", ""), delimiter, region)
    return _PreviewChoices(PreviewOptions(reading, defaults, chosen), zone, errors)


async def _shown_choices(request: ConsoleRequest, file: PreviewedFile) -> dict[str, str]:
    """What the form of the file's preview holds: its choices, and the columns that were found."""
    asked = await _asked(request, file.choices)
    try:
        found = await preview_upload(request.deps, request.account_id, file.content, asked.options)
    except InvalidInput:
        return dict(file.choices)
    return _form_of(file, found, str(asked.zone))


def _form_of(file: PreviewedFile, found: UploadPreview, zone: str) -> dict[str, str]:
    columns = {f"{_COLUMN}{one.value}": str(at) if at >= 0 else _NONE for one, at in found.columns.items()}
    usual = {"hours": "4", "time_zone": zone}
    sheet = {"sheet": found.table.sheet}
    return {name: value for name, value in {**usual, **sheet, **file.choices, **columns}.items() if value}


async def _preview(
    request: ConsoleRequest, file: PreviewedFile, status: int = 200, refused: InvalidInput | None = None
) -> Response:
    asked = await _asked(request, file.choices)
    form = Form.of(**file.choices)
    form.errors.update(asked.errors)
    found: UploadPreview | None = None
    try:
        found = await preview_upload(request.deps, request.account_id, file.content, asked.options)
        form = Form(Form.of(**_form_of(file, found, str(asked.zone))).values, form.errors)
    except InvalidInput as trouble:
        form = form.refused(trouble)
    if refused:
        form = form.refused(refused)
    offered = _offered(found) if found else []
    context = UploadPreviewPage(
        file,
        form,
        found,
        [_shown(request, one, asked.zone) for one in found.samples] if found else [],
        [_fault_line(kind) for kind in found.faults] if found else [],
        [(f"{_COLUMN}{one.value}", display_names.FIELDS[one]) for one in Field] if found else [],
        [(_NONE, "no column"), *((str(at), found.table.name(at)[:_LONGEST_NAME]) for at in offered)] if found else [],
        found.table.width - len(offered) if found else 0,
        [(str(one.label.id), one.label.name) for one in await push.choices(request)],
        _pairs(found.table.sheets if found else ()),
        _pairs(ENCODINGS),
        [*display_names.DELIMITERS.items()],
        str(asked.zone),
        regions(),
    )
    return page(request, context, status)


def _pairs(names: Sequence[str]) -> list[tuple[str, str]]:
    return [(name, name) for name in names]


def _offered(found: UploadPreview) -> list[int]:
    """The columns to choose from: of very many those that are chosen, that have a name, that have something in them."""
    width = found.table.width
    if width <= _MOST_OFFERED:
        return list(range(width))
    chosen = [at for at in found.columns.values() if at >= 0]
    named = [at for at, name in enumerate(found.table.names or ()) if name]
    every = dict.fromkeys([*chosen, *named, *(one.column for one in found.unused)])
    return sorted(islice(every, _MOST_OFFERED))


def _shown(request: ConsoleRequest, sample: PreviewedRow, zone: tzinfo) -> Shown:
    row, record, label = sample.row, sample.record, sample.label
    faults = [display_names.fault(one.field, one.fault) for one in sample.faults] or ([row.fault] if row.fault else [])
    texts = row.shown
    if record is None or label is None:
        return Shown(row.line, texts.label_name, "", texts.caller, texts.receiver, texts.call_reason, "", faults)
    starts, ends = (at.astimezone(zone) for at in (record.starts_at, record.ends_at))
    until = f"{ends:%H:%M}" if ends.date() == starts.date() else f"{ends.day} {ends:%b %H:%M}"
    return Shown(
        row.line,
        record.label_name,
        logo_address(request.deps.public_url, label.logo_sha256),
        display_names.phone(record.caller_number),
        display_names.phone(record.receiver_number),
        record.call_reason or "",
        f"{starts.day} {starts:%b %H:%M} to {until}",
        [],
    )


def _fault_line(kind: FaultKind) -> FaultLine:
    text = display_names.fault(kind.field, kind.fault) if kind.field else f"{_LEFT_OUT}: {kind.fault}"
    return FaultLine(text, kind.count, [(line, value, _why(why)) for line, value, why in kind.examples])


def _why(why: str) -> str:
    """What follows a value that is shown: `12 is not a phone number`, `hello: letters are not allowed`."""
    return why and (f" is {why}" if why.startswith(("not ", "too ")) else f": {why}")


async def _form(request: ConsoleRequest, form: Form, status: int = 200) -> Response:
    columns = [(display_names.FIELDS[one], names) for one, names in COLUMNS.items()]
    return page(request, UploadFormPage(form, await push.choices(request), columns, regions()), status)


ROUTES = (
    get("/uploads/new", show_form, Action.RECORDS_PUSH),
    post("/uploads/new", send, Action.RECORDS_PUSH, largest_bytes=LARGEST_BYTES),
    get("/uploads/files/{id}", show_preview, Action.RECORDS_PUSH),
    post("/uploads/files/{id}", change, Action.RECORDS_PUSH),
    post("/uploads/files/{id}/give-up", give_up, Action.RECORDS_PUSH),
)
