"""Uploads of call records: submitted as batches by a worker, followed, and reported row by row."""

from collections.abc import AsyncGenerator
from datetime import timedelta
from typing import ClassVar

from starlette.responses import Response

from callmark.domain.ids import BatchId, UploadId
from callmark.domain.personalisation.model import Outcome
from callmark.domain.personalisation.uploads import service as uploads
from callmark.domain.personalisation.uploads.model import Upload
from callmark.domain.personalisation.uploads.parts import MOST_LEFT_OUT
from callmark.domain.personalisation.uploads.service import RowResult, UploadProgress
from callmark.domain.policy.model import Action
from callmark.record_rules.columns import COLUMNS
from callmark.record_rules.fields import Field
from callmark.surfaces.console import display_names, sse
from callmark.surfaces.console.pager import Pager
from callmark.surfaces.console.pages import Page, page
from callmark.surfaces.console.request import ConsoleRequest
from callmark.surfaces.console.route import get
from callmark.surfaces.cursors import InstantKey
from callmark.surfaces.streaming import Streaming
from callmark.tables.written import as_csv

LIST = "/console/uploads"
_PAGER: Pager[Upload, InstantKey] = Pager(InstantKey, lambda one: (one.created_at, one.id), uploads.PAGE)
_FAULTY_SHOWN = 100
_PAUSE = timedelta(milliseconds=400)
_DELETED = "the record is no longer kept: it is too old, or its receiver's data was erased"
_FOLLOWED_FOR = timedelta(minutes=10)


class UploadsPage(Page, frozen=True):
    """Earlier files."""

    template: ClassVar[str] = "uploads/list.html"
    uploads: list[Upload]
    next: str
    first: str


class UploadPage(Page, frozen=True):
    """One file: how far it is, and the first of its invalid rows."""

    template: ClassVar[str] = "uploads/upload.html"
    progress: UploadProgress
    text: str
    faulty: list[RowResult]
    batches: list[BatchId]
    bad_count: int
    most_kept: int = MOST_LEFT_OUT


async def show_uploads(request: ConsoleRequest) -> Response:
    """Earlier files, newest first."""
    found = await uploads.list_uploads(request.deps, request.account_id, _PAGER.position(request))
    part = _PAGER.part(request, found)
    return page(request, UploadsPage(part.rows, part.next, part.first))


async def show_upload(request: ConsoleRequest) -> Response:
    upload_id = request.id(UploadId)
    progress = await uploads.read_progress(request.deps, request.account_id, upload_id)
    faulty: list[RowResult] = []
    bad_count = progress.outcomes.get(Outcome.INVALID, 0) + progress.upload.left_out_count
    if bad_count:
        faulty = await uploads.first_faulty(request.deps, request.account_id, upload_id, _FAULTY_SHOWN)
    batches = await uploads.batches_of(request.deps, request.account_id, upload_id)
    return page(request, UploadPage(progress, _text(progress), faulty, batches, bad_count))


async def follow(request: ConsoleRequest) -> Response:
    """The progress of one file, until every row has an outcome."""
    upload_id = request.id(UploadId)
    first = await uploads.read_progress(request.deps, request.account_id, upload_id)
    return sse.stream(_events(request, upload_id, first))


async def _events(
    request: ConsoleRequest, upload_id: UploadId, progress: UploadProgress
) -> AsyncGenerator[sse.Progress]:
    until = request.deps.real_clock.now() + _FOLLOWED_FOR
    while True:
        finished = progress.is_done or request.deps.real_clock.now() > until
        yield sse.Progress(progress.settled, progress.upload.row_count, _text(progress), finished)
        if finished:
            return
        await request.deps.real_clock.sleep(_PAUSE)
        progress = await uploads.read_progress(request.deps, request.account_id, upload_id)


def _text(progress: UploadProgress) -> str:
    if progress.is_done:
        return "Done"
    return "Submitting" if progress.upload.submitted_count < progress.upload.row_count else "Pushing"


async def download(request: ConsoleRequest) -> Response:
    """Every row with its outcome, as CSV; of very many that could not be read the first, and how many more."""
    upload_id = request.id(UploadId)
    made = (await uploads.read_progress(request.deps, request.account_id, upload_id)).upload
    name = (
        "".join(c for c in made.file_name.rpartition(".")[0] or made.file_name if c.isascii() and c.isalnum())
        or "upload"
    )
    headers = {"Content-Disposition": f'attachment; filename="{name}-results.csv"'}
    return Streaming(_csv(request, made), media_type="text/csv; charset=utf-8", headers=headers)


async def _csv(request: ConsoleRequest, upload: Upload) -> AsyncGenerator[str]:
    names = [COLUMNS[one][0] for one in Field]
    yield as_csv([["line", *names, "record_id", "status", "field", "message"]])
    more = upload.left_out_count
    async for results in uploads.each_result(request.deps, request.account_id, upload.id):
        yield as_csv(_line(result) for result in results)
        more -= sum(bool(result.row.fault) for result in results)
    if more > 0:
        said = (
            f"{display_names.count(more, 'more line')} could not be read, and {'was' if more == 1 else 'were'} left out"
        )
        yield as_csv([["", *("" for _ in names), "", "left_out", "", said]])


def _line(result: RowResult) -> list[str]:
    record = result.record
    told = ["", "left_out", "", result.row.fault] if result.row.fault else ["", "pending", "", ""]
    if result.is_deleted:
        told = ["", "deleted", "", _DELETED]
    if record is not None:
        field = COLUMNS[Field(record.fault_field)][0] if record.fault_field else ""
        fault = display_names.fault(record.fault_field, record.fault)
        told = [str(record.key.id), record.outcome.value, field, fault or display_names.OUTCOME_HINTS[record.outcome]]
    return [str(result.row.line), *result.row.shown, *told]


ROUTES = (
    get("/uploads", show_uploads, Action.RECORDS_PUSH),
    get("/uploads/{id}", show_upload, Action.RECORDS_PUSH),
    get("/uploads/{id}/progress", follow, Action.RECORDS_PUSH),
    get("/uploads/{id}/results.csv", download, Action.RECORDS_PUSH),
)
