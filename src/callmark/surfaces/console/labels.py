"""Business identity: labels and their logos. Source: contract, section 12.2, D34, D35."""

import re
from collections.abc import Sequence
from typing import ClassVar

from msgspec import Struct
from starlette.responses import Response

from callmark.domain.feature_sets import service as feature_sets
from callmark.domain.ids import LabelId
from callmark.domain.labels import categories, service as labels
from callmark.domain.labels.logo import TOO_LARGE_BYTES
from callmark.domain.labels.model import LONGEST_NAME, Label, LabelChange, LabelType, label_name, logo_address
from callmark.domain.policy.model import Action
from callmark.domain.stale_confirmations import digest_of
from callmark.kit.errors import Conflict, InvalidInput
from callmark.kit.text import kept_or
from callmark.surfaces.console import display_names
from callmark.surfaces.console.confirm import SEEN, Blocked, Confirm, confirmed, shown_by
from callmark.surfaces.console.pager import Pager
from callmark.surfaces.console.pages import Page, page
from callmark.surfaces.console.request import HOME, ConsoleRequest, Form, whole_number, with_query
from callmark.surfaces.console.route import get, post
from callmark.surfaces.cursors import InstantKey

LIST = "/console/labels"
_THEN = {"first-steps": "/console/first-steps", "first-steps-home": HOME}
"""Where those continue who came from the first steps."""
_PAGER: Pager[Label, InstantKey] = Pager(InstantKey, lambda one: (one.created_at, one.id), 100, filters=("q", "type"))
FEATURE_SETS = ("Feature sets", "/console/feature-sets")
_LARGEST_FORM = 8_000_000
"""Well over the largest logo, so that what is too large is shown beside its field."""

CATEGORIES = [
    (category.title, [(f"{code}", title) for code, title in category.sub_categories.items()])
    for category in categories.CATEGORIES
]
"""Sub-categories by code in their categories: what the drop-down offers."""
_LARGEST_CODE = max(code for category in categories.CATEGORIES for code in category.sub_categories)
_HASH = re.compile(r"[0-9a-f]{64}")
"""A SHA-256 in hexadecimal digits."""


class LabelRow(Struct, frozen=True):
    """A label as the list shows it; `used_by` names the feature sets that show it."""

    label: Label
    logo_url: str
    category: str
    used_by: Sequence[str]


class LabelsPage(Page, frozen=True):
    """A page of the labels of one kind, or of both, with `text` in their name."""

    template: ClassVar[str] = "labels/list.html"
    rows: list[LabelRow]
    kind: str
    text: str
    urls: dict[str, str]
    """Of the list with this text, by kind."""
    counts: dict[str, int]
    next: str
    first: str


class LabelFormPage(Page, frozen=True):
    """The steps of a new label, or of one there is (`label`)."""

    template: ClassVar[str] = "labels/form.html"
    form: Form
    label: Label | None
    logo_url: str
    categories: list[tuple[str, list[tuple[str, str]]]]
    longest_name: int = LONGEST_NAME
    largest_bytes: int = TOO_LARGE_BYTES - 1


async def show_labels(request: ConsoleRequest) -> Response:
    """A page of all labels, or of those of one type or name."""
    text, kind = request.query("q").strip(), request.query("type") if request.query("type") in set(LabelType) else ""
    found = await labels.search_labels(
        request.deps,
        request.account_id,
        text=text,
        kind=LabelType(kind) if kind else None,
        after=_PAGER.position(request),
        limit=_PAGER.size + 1,
    )
    part = _PAGER.part(request, found)
    uses = await feature_sets.list_uses(request.deps, request.account_id, request.by.scope)
    by_type = await labels.count_labels(request.deps, request.account_id)
    rows = [_row(request, label, uses.of_labels.get(label.id, ())) for label in part.rows]
    counts = {one.value: count for one, count in by_type.items()} | {"": sum(by_type.values())}
    urls = {one: with_query(LIST, type=one, q=text) for one in counts}
    return page(request, LabelsPage(rows, kind, text, urls, counts, part.next, part.first))


async def show_create(request: ConsoleRequest) -> Response:
    kind = request.query("type") if request.query("type") in set(LabelType) else LabelType.DYNAMIC.value
    return _form(request, Form.of(label_type=kind, then=request.query("then")))


async def create(request: ConsoleRequest) -> Response:
    """Makes a label; every field is checked, and a good logo is kept while another is put right."""
    form = await _checked(request, request.form, needs_logo=True)
    kind = form.text("label_type")
    if kind not in set(LabelType):
        form.errors["label_type"] = "Choose a type"
    if form.errors:
        return _form(request, form, status=422)
    category, sub_category = _category(form)
    try:
        label = await labels.create_label(
            request.deps,
            request.account_id,
            by=request.by,
            label_type=LabelType(kind),
            name=form.text("name"),
            logo_png=await labels.kept_logo(request.deps, form.text("kept_logo")),
            category=category,
            sub_category=sub_category,
        )
    except (InvalidInput, Conflict) as refused:
        return _form(request, form.refused(refused), status=422)
    return request.go(_THEN.get(form.text("then"), LIST), f"{label.name} was created.")


async def show_edit(request: ConsoleRequest) -> Response:
    label = await _label(request)
    return _form(request, _filled(label), label)


async def edit(request: ConsoleRequest) -> Response:
    """Changes name, logo and category; records pushed before keep what they had."""
    old = await _label(request)
    wanted = request.form.onto(_filled(old))
    form = await _checked(request, wanted.form, needs_logo=False, old_name=old.name)
    if form.errors:
        return _form(request, form, old, status=422)
    kept = form.text("kept_logo")
    category = _category(form) if wanted.changes("sub_category") else (None, None)
    try:
        logo_png = await labels.kept_logo(request.deps, kept) if kept else None
        label = await labels.update_label(
            request.deps,
            request.account_id,
            old.id,
            LabelChange(wanted.text("name"), *category, logo_png),
            by=request.by,
        )
    except (InvalidInput, Conflict) as refused:
        return _form(request, form.refused(refused), old, status=422)
    return request.go(LIST, f"{label.name} was saved.")


async def make_default(request: ConsoleRequest) -> Response:
    """Marks the label that is used where a record names none (contract D11)."""
    label = await labels.update_label(
        request.deps, request.account_id, request.id(LabelId), LabelChange(make_default=True), by=request.by
    )
    return request.go(LIST, f"{label.name} is now the default.")


async def ask_delete(request: ConsoleRequest) -> Page:
    label = await _label(request)
    uses = await feature_sets.list_uses(request.deps, request.account_id, request.by.scope)
    if used_by := uses.of_labels.get(label.id):
        them = display_names.agree(len(used_by), "it", "them")
        reasons = [shown_by(used_by), f"Give {them} another label first."]
        return Blocked(f"{label.name} cannot be deleted yet", reasons, FEATURE_SETS, LIST)
    lost = [f"The label id {label.id} can no longer be used in new call records."]
    if label.is_default:
        lost.append("It is the default label. The oldest dynamic label becomes the default.")
    lost += ["Records that are already pushed still show it.", "This cannot be undone."]
    return Confirm(f"Delete {label.name}?", lost, "Delete label", LIST, seen=digest_of(label.lost))


async def delete(request: ConsoleRequest) -> Response:
    """Ends a label; refused while a feature set shows it."""
    of, shown = (request.deps, request.account_id, request.id(LabelId)), request.form.text(SEEN)
    label = await labels.delete_label(*of, by=request.by, shown=shown)
    return request.go(LIST, f"{label.name} was deleted.")


async def _label(request: ConsoleRequest) -> Label:
    return await labels.get_label(request.deps, request.account_id, request.id(LabelId))


async def _checked(request: ConsoleRequest, form: Form, *, needs_logo: bool, old_name: str = "") -> Form:
    """The form with every field's trouble; a logo that can be used is kept, and its name goes with the form."""
    checked = Form(dict(form.values), dict(form.errors), form.shown)
    try:
        kept_or(old_name, form.text("name"), label_name)
    except InvalidInput as refused:
        checked = checked.refused(refused)
    try:
        file = request.file("logo")
        if file is not None:
            checked.values["kept_logo"] = [await labels.keep_logo(request.deps, await file.read())]
        elif needs_logo and not form.text("kept_logo"):
            checked = checked.refused(InvalidInput("choose a logo", field="logo"))
    except InvalidInput as refused:
        checked = checked.refused(refused)
    try:
        categories.category_of(_number(form.text("sub_category")))
    except InvalidInput:
        checked.errors["sub_category"] = "Choose a category"
    return checked


def _filled(label: Label) -> Form:
    return Form.stored(name=label.name, sub_category=str(label.sub_category))


def _category(form: Form) -> tuple[int, int]:
    """Category and sub-category."""
    code = _number(form.text("sub_category"))
    return categories.category_of(code), code


def _number(text: str) -> int:
    return whole_number(text, _LARGEST_CODE) or 0


def _form(request: ConsoleRequest, form: Form, label: Label | None = None, status: int = 200) -> Response:
    kept = form.text("kept_logo")
    sha256 = bytes.fromhex(kept) if _HASH.fullmatch(kept) else label.logo_sha256 if label else b""
    logo_url = logo_address(request.deps.public_url, sha256) if sha256 else ""
    return page(request, LabelFormPage(form, label, logo_url, CATEGORIES), status)


def _row(request: ConsoleRequest, label: Label, used_by: Sequence[str]) -> LabelRow:
    category = categories.CATEGORIES[label.category - 1].sub_categories.get(label.sub_category, "")
    return LabelRow(label, logo_address(request.deps.public_url, label.logo_sha256), category, used_by)


ROUTES = (
    get("/labels", show_labels, Action.LABELS_VIEW),
    get("/labels/new", show_create, Action.LABELS_MANAGE),
    post("/labels/new", create, Action.LABELS_MANAGE, largest_bytes=_LARGEST_FORM),
    get("/labels/{id}/edit", show_edit, Action.LABELS_MANAGE),
    post("/labels/{id}/edit", edit, Action.LABELS_MANAGE, largest_bytes=_LARGEST_FORM),
    post("/labels/{id}/default", make_default, Action.LABELS_MANAGE),
    *confirmed("/labels/{id}/delete", ask_delete, delete, Action.LABELS_MANAGE),
)
