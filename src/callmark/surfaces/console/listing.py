"""Manage Listing: a list of numbers is read, shown as what it would do, and applied; jobs carry it out.

Source: contract, section 12.3 ("Manage Listing"), D24.
"""

from asyncio import to_thread
from collections.abc import Sequence
from typing import ClassVar

from msgspec import Struct
from starlette.responses import Response

from callmark.domain.feature_sets import service as feature_sets
from callmark.domain.feature_sets.model import FeatureSet, FeatureSetState, PlacedFeatureSet
from callmark.domain.ids import FeatureSetId, ListingJobId, PreviewedFileId
from callmark.domain.numbers import imports, number_list_parser, reviews
from callmark.domain.numbers.imports import MOST_IN_LIST, ListMode, ListOutcome, ListPreview
from callmark.domain.numbers.model import Published
from callmark.domain.numbers.number_list_parser import ListReading, NumberList, Rejected
from callmark.domain.policy.model import Action, Path, Scope
from callmark.domain.previewed_files import service as previewed_files
from callmark.domain.previewed_files.model import PreviewedFile
from callmark.domain.stale_confirmations import digest_of
from callmark.kit.errors import ChangedMeanwhile, Conflict, InvalidInput, NotFound
from callmark.surfaces.console import consequences, display_names
from callmark.surfaces.console.confirm import CHANGED, SEEN, Confirm, confirmed
from callmark.surfaces.console.csv_export import csv_pieces, headers_of
from callmark.surfaces.console.list_files import (
    LARGEST_LIST_BYTES,
    ListFile,
    choices_of,
    form_of,
    get_list,
    keep_list,
    kept_list,
    list_file,
    read,
    read_kept,
)
from callmark.surfaces.console.listing_jobs import JobLine, followed
from callmark.surfaces.console.pages import Page, page
from callmark.surfaces.console.request import ConsoleRequest, Form, Gone, whole_number
from callmark.surfaces.console.route import get, post
from callmark.surfaces.streaming import Streaming

_RECENT, _REJECTED_SHOWN, _EXAMPLES = 10, 500, 5
_KINDS = ("done", "gone", "kept", "refused")


class NumberBucket(Struct, frozen=True):
    """Numbers that a list would do the same to; `kind`: done, gone, kept or refused."""

    name: str
    kind: str
    meaning: str
    numbers: list[str]

    @property
    def examples(self) -> list[str]:
        """The first few."""
        return self.numbers[:_EXAMPLES]


class ListingPage(Page, frozen=True):
    """The form that takes a list, and the feature set's newest jobs."""

    template: ClassVar[str] = "numbers/listing.html"
    one: FeatureSet
    path: Path
    form: Form
    regions: list[tuple[str, int]]
    jobs: list[JobLine]
    followed: set[ListingJobId]
    kept: ListFile | None
    most: int = MOST_IN_LIST
    largest: int = LARGEST_LIST_BYTES


class PreviewPage(Page, frozen=True):
    """What a list would do, line by line and bucket by bucket; `numbers` goes with the form that applies it.

    `rejected_count` lines gave no number; `rejected` are the first of them, `rejected_url` a file with all.
    """

    template: ClassVar[str] = "numbers/preview.html"
    form: Form
    mode: ListMode
    listed: NumberList
    preview: ListPreview
    buckets: list[NumberBucket]
    rejected: list[Rejected]
    rejected_count: int
    rejected_url: str
    numbers: str
    does_something: bool
    kept: ListFile | None
    regions: list[tuple[str, int]]


async def show_listing(request: ConsoleRequest) -> Response:
    """The empty form; with a list that is kept when the address names one."""
    file = await kept_list(request, (await _get_set(request)).feature_set.id, request.query("draft"))
    chosen = dict(file.choices) if file else {}
    form = Form.of(**{"mode": request.query("mode") or ListMode.APPEND.value, **chosen})
    return await _listing(request, form, kept=await _as_read(file, chosen) if file else None)


async def _as_read(file: PreviewedFile, choices: dict[str, str]) -> ListFile:
    try:
        return list_file(file, (await read_kept(file, choices)).table)
    except InvalidInput as refused:
        return list_file(file, number_list_parser.table_of(refused))


async def send(request: ConsoleRequest) -> Response:
    """Keeps the list, from a file or as it was pasted, and goes to what it would do: so it is sent once."""
    form, set_id = request.form, (await _get_set(request)).feature_set.id
    file: PreviewedFile | None = None
    try:
        file = await keep_list(request, set_id)
        form = form_of(form, file)
        choices = choices_of(form)
        _mode(form)
        await read_kept(file, choices)
    except InvalidInput as refused:
        table = number_list_parser.table_of(refused)
        return await _listing(request, form.refused(refused), 422, list_file(file, table) if file else None)
    await previewed_files.update_choices(request.deps, file, choices)
    return request.go(f"{_at(set_id)}/listing/{file.id}")


async def show_preview(request: ConsoleRequest) -> Response:
    """What the list would do now."""
    _, file = await _get_list(request)
    return await _preview(request, file, Form.of(**file.choices))


async def download_rejected(request: ConsoleRequest) -> Response:
    """Every line of the list that gives no number, as CSV."""
    one, file = await _get_list(request)
    try:
        rejected = (await read_kept(file, file.choices)).rejected
    except InvalidInput:
        return request.go(f"{_at(one.id)}/listing/{file.id}")
    headers = headers_of("rejected-lines", one.name)
    lines = csv_pieces(("line", "text", "why"), ((one.line, one.text, one.why) for one in rejected))
    return Streaming(lines, media_type="text/csv; charset=utf-8", headers=headers)


async def _preview(request: ConsoleRequest, file: PreviewedFile, form: Form, status: int = 200) -> Response:
    one = (await _get_set(request)).feature_set
    try:
        mode = _mode(form)
        listed = await read_kept(file, file.choices)
    except InvalidInput as refused:
        return await _listing(
            request, form.refused(refused), 422, list_file(file, number_list_parser.table_of(refused))
        )
    found = await imports.preview_list(request.deps, one, listed.numbers, mode, request.by.scope)
    return page(request, _preview_page(request, _reading(form, listed), mode, listed, found, file), status)


async def apply(request: ConsoleRequest) -> Response:
    """Does what the preview said, as far as it still holds."""
    form, one = request.form, (await _get_set(request)).feature_set
    set_id = one.id
    file = await kept_list(request, set_id, form.text("draft"))
    try:
        mode = _mode(form)
        listed = await to_thread(read, form.text("numbers"), ListReading())
        if mode is ListMode.REWRITE and form.is_on("rejected") and not form.is_on("sure"):
            unsure = InvalidInput("confirm this first: numbers meant by these lines would be delisted", field="sure")
            return await _preview_again(request, file, listed, mode, form.refused(unsure))
        try:
            done = await imports.apply_list(
                request.deps, request.account_id, set_id, listed.numbers, mode, by=request.by, shown=form.text(SEEN)
            )
        except ChangedMeanwhile:
            return await _preview_again(request, file, listed, mode, form.refused(Conflict(CHANGED)))
    except InvalidInput as refused:
        if refused.field == "label_id":
            return request.go(
                f"{_at(set_id)}/edit", "Choose a label first. Listing numbers publishes the feature set.", "danger"
            )
        return await _listing(request, form.refused(refused), 422)
    if file:
        await previewed_files.discard_file(request.deps, file)
    return request.go(f"{_at(set_id)}/listing", _said(done), "success" if _did(done) else "warning")


async def _preview_again(
    request: ConsoleRequest, file: PreviewedFile | None, listed: NumberList, mode: ListMode, form: Form
) -> Response:
    """The preview of the list that was sent, with what is wrong."""
    if file:
        return await _preview(request, file, Form({**Form.of(**file.choices).values}, form.errors), 422)
    one = (await _get_set(request)).feature_set
    found = await imports.preview_list(request.deps, one, listed.numbers, mode, request.by.scope)
    return page(request, _preview_page(request, form, mode, listed, found), 422)


async def ask_delist_all(request: ConsoleRequest) -> Page:
    one = (await _get_set(request)).feature_set
    going = await imports.list_rest(request.deps, request.account_id, one.id, [], request.by.scope)
    lost = [*consequences.numbers_leave(one.number_count, one.name), "The feature set stays."]
    return Confirm(
        f"Delist every number of {one.name}?",
        lost,
        "Delist all",
        f"{_at(one.id)}/listing",
        seen=digest_of(going),
    )


async def delist_all(request: ConsoleRequest) -> Response:
    """Takes every number out."""
    set_id = (await _get_set(request)).feature_set.id
    shown = request.form.text(SEEN)
    done = await imports.delist_all(request.deps, request.account_id, set_id, by=request.by, shown=shown)
    return request.go(f"{_at(set_id)}/listing", _said(done), "success" if _did(done) else "warning")


def _reading(form: Form, listed: NumberList) -> Form:
    """How the list was read, for the form that reads it otherwise."""
    made = Form.of(**{name: form.text(name) for name in ("region", "column", "encoding", "delimiter")})
    column = str(listed.column_places[0]) if len(listed.column_places) == 1 else "all"
    sheet_name = listed.table.sheet if listed.table else ""
    return Form({**made.values, "column": [column], "sheet": [sheet_name]}, form.errors)


async def _listing(request: ConsoleRequest, form: Form, status: int = 200, kept: ListFile | None = None) -> Response:
    placed = await _get_set(request)
    one = placed.feature_set
    found = await reviews.list_jobs(
        request.deps, request.account_id, request.by.scope, feature_set_id=one.id, limit=_RECENT
    )
    jobs = [JobLine(job, one.name) for job in found]
    shown = ListingPage(one, placed.place.path, form, number_list_parser.regions(), jobs, followed(jobs), kept)
    return page(request, shown, status)


async def _get_set(request: ConsoleRequest) -> PlacedFeatureSet:
    """The feature set that the path names. Raises NotFound."""
    return await feature_sets.get_placed(request.deps, request.account_id, request.id(FeatureSetId), request.by.scope)


async def _get_list(request: ConsoleRequest) -> tuple[FeatureSet, PreviewedFile]:
    """The feature set and the list that the path names. Raises NotFound; Gone for a list that is no longer kept."""
    one = (await _get_set(request)).feature_set
    file_id = request.id(PreviewedFileId, "file")
    try:
        return one, await get_list(request, one.id, file_id)
    except NotFound as exc:
        raise Gone(exc.message, f"{_at(one.id)}/listing", "Manage Listing") from exc


def _mode(form: Form) -> ListMode:
    if form.text("mode") not in set(ListMode):
        raise InvalidInput("choose what to do with the list", field="mode")
    return ListMode(form.text("mode"))


def _preview_page(
    request: ConsoleRequest,
    form: Form,
    mode: ListMode,
    listed: NumberList,
    found: ListPreview,
    file: PreviewedFile | None = None,
) -> PreviewPage:
    buckets = _buckets(mode, found, request.by.scope)
    return PreviewPage(
        form,
        mode,
        listed,
        found,
        buckets,
        listed.rejected[:_REJECTED_SHOWN],
        len(listed.rejected) or whole_number(form.text("rejected"), LARGEST_LIST_BYTES) or 0,
        f"{_at(found.feature_set.id)}/listing/{file.id}/rejected.csv" if file else "",
        "\n".join(listed.numbers),
        any(one.kind in {"done", "gone"} for one in buckets) or _publishes(found),
        list_file(file, listed.table) if file else None,
        number_list_parser.regions(),
    )


def _publishes(found: ListPreview) -> bool:
    """Whether listing numbers that are all there already would still publish the feature set."""
    return bool(found.answer and found.answer.existing) and found.feature_set.state is not FeatureSetState.PUBLISHED


def _buckets(mode: ListMode, found: ListPreview, scope: Scope) -> list[NumberBucket]:
    """What is not empty, what changes first."""
    every: list[NumberBucket] = []
    if found.answer:
        every += _listed_buckets(found.answer, scope)
    if mode is not ListMode.APPEND:
        leave = ("leaves the feature set and your account", "leave the feature set and your account")
        every.append(_bucket("Delist", "gone", found.going, *leave))
    if mode is ListMode.DELIST:
        every.append(_bucket("Not in this feature set", "refused", found.elsewhere, "does not change", "do not change"))
    return sorted((one for one in every if one.numbers), key=lambda one: _KINDS.index(one.kind))


def _listed_buckets(answer: Published, scope: Scope) -> list[NumberBucket]:
    """The answer of section 7.1 in words."""
    return [
        _bucket("New", "done", answer.new, "is listed", "are listed"),
        _bucket("Failed before", "done", answer.updated, "is listed again", "are listed again"),
        _bucket("Migrated", "done", answer.migrated, "moves here from a number group", "move here from a number group"),
        _bucket("Already in this feature set", "kept", answer.existing, "stays as it is", "stay as they are"),
        _bucket(
            "In another feature set",
            "refused",
            answer.other_feature_set,
            "does not change. Delist it there first",
            "do not change. Delist them there first",
        ),
        _bucket(
            "Of another phone type",
            "refused",
            answer.other_phone_type,
            "does not change. Delist it first",
            "do not change. Delist them first",
        ),
        _of_others(answer, scope),
        NumberBucket("Being delisted", "refused", "try again when this is done", answer.delisted),
    ]


def _of_others(answer: Published, scope: Scope) -> NumberBucket:
    """Owners do not learn whether their own business holds a number outside their place."""
    if scope.is_whole_account:
        until = "cannot be listed until that business delists"
        return _bucket("Held by another business", "refused", answer.others, f"{until} it", f"{until} them")
    why = "outside your place or by another business, and cannot be listed until"
    one, more = f"is held {why} it is delisted there", f"are held {why} they are delisted there"
    return _bucket("Held elsewhere", "refused", answer.others, one, more)


def _bucket(name: str, kind: str, numbers: Sequence[str], one: str, more: str) -> NumberBucket:
    return NumberBucket(name, kind, display_names.agree(len(numbers), one, more), [*numbers])


def _did(done: ListOutcome) -> bool:
    return bool(done.coming_count or done.going_count)


def _said(done: ListOutcome) -> str:
    parts = [
        f"{display_names.count(count, 'number')} {display_names.agree(count, 'is', 'are')} being {what}"
        for count, what in ((done.coming_count, "listed"), (done.going_count, "delisted"))
        if count
    ]
    return f"{' and '.join(parts)}.".capitalize() if parts else "No changes. All numbers already match the list."


def _at(set_id: FeatureSetId) -> str:
    return f"/console/feature-sets/{set_id}"


ROUTES = (
    get("/feature-sets/{id}/listing", show_listing, Action.NUMBERS_MANAGE),
    post("/feature-sets/{id}/listing", send, Action.NUMBERS_MANAGE, largest_bytes=LARGEST_LIST_BYTES),
    post("/feature-sets/{id}/listing/apply", apply, Action.NUMBERS_MANAGE, largest_bytes=LARGEST_LIST_BYTES),
    get("/feature-sets/{id}/listing/{file}", show_preview, Action.NUMBERS_MANAGE),
    get("/feature-sets/{id}/listing/{file}/rejected.csv", download_rejected, Action.NUMBERS_MANAGE),
    *confirmed("/feature-sets/{id}/delist-all", ask_delist_all, delist_all, Action.NUMBERS_MANAGE),
)
