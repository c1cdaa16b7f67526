"""The form of a feature set with a phone beside it. Source: contract, section 12.3, D18."""

from collections.abc import Callable
from typing import ClassVar, TypedDict, TypeVar
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace
from starlette.responses import Response

from callmark.domain.call_reasons import service as call_reasons
from callmark.domain.call_reasons.model import CallReason
from callmark.domain.feature_sets import service as feature_sets
from callmark.domain.feature_sets.model import (
    LONGEST_DESCRIPTION,
    FeatureSet,
    FeatureSetChange,
    NewFeatureSet,
    PhoneType,
)
from callmark.domain.ids import CallReasonId, LabelId, ProcessId
from callmark.domain.labels import service as labels
from callmark.domain.labels.model import Label, LabelType, logo_address
from callmark.domain.policy.model import Action
from callmark.domain.structure.model import LONGEST_NAME, Node
from callmark.kit.errors import Conflict, InvalidInput
from callmark.kit.ids import parse_uuid
from callmark.surfaces.console.feature_sets import LIST, home, homes, placed_of
from callmark.surfaces.console.pages import Page, page
from callmark.surfaces.console.request import ConsoleRequest, Edit, Form
from callmark.surfaces.console.route import get, post
from callmark.surfaces.console.structure import options_of

Id = TypeVar("Id", LabelId, CallReasonId)
_FIELDS = {"label_id": "label", "call_reason_id": "reason", "process_id": "process"}


class Choices(Struct, frozen=True):
    """What a feature set can show: the account's static labels and its call reasons, both by name."""

    labels: list[Label]
    reasons: list[CallReason]


class FeatureSetFormPage(Page, frozen=True):
    """The form of a new feature set, or of one there is (`set_id`), with what its numbers will show beside it."""

    template: ClassVar[str] = "feature_sets/form.html"
    form: Form
    set_id: str
    homes: list[tuple[str, str]]
    choices: Choices
    chosen: Label | None
    reason: str
    logos: dict[str, str]
    may_label: bool
    back: str
    longest_name: int = LONGEST_NAME
    longest_description: int = LONGEST_DESCRIPTION


async def show_create(request: ConsoleRequest) -> Response:
    form = Form.of(process=request.query("process"), phone_type=PhoneType.VERIFIED.value)
    return await _form_page(request, form, "", await homes(request))


async def create(request: ConsoleRequest) -> Response:
    """Makes a draft."""
    form = request.form
    try:
        new = NewFeatureSet(**_typed(form))
        process = await home(request, form.text("process"))
        made = await feature_sets.create_feature_set(
            request.deps, request.account_id, ProcessId(process.id), new, by=request.by
        )
    except (InvalidInput, Conflict) as refused:
        return await _form_page(request, _about(form, refused), "", await homes(request), 422)
    return request.go(f"{LIST}/{made.id}", f"{made.name} was created as a draft.")


async def show_edit(request: ConsoleRequest) -> Response:
    placed = await placed_of(request)
    return await _form_page(request, _filled(placed.feature_set), str(placed.feature_set.id), [])


async def edit(request: ConsoleRequest) -> Response:
    """Changes what its numbers show."""
    old = (await placed_of(request)).feature_set
    wanted, set_id = request.form.onto(_filled(old)), old.id
    try:
        change = _change(wanted)
        new = await feature_sets.update_feature_set(request.deps, request.account_id, set_id, change, by=request.by)
    except (InvalidInput, Conflict) as refused:
        return await _form_page(request, _about(wanted.form, refused), str(set_id), [], 422)
    return request.go(f"{LIST}/{set_id}", f"{new.name} was saved. Its numbers show the changes from the next call.")


async def _choices(request: ConsoleRequest) -> Choices:
    every = await labels.list_labels(request.deps, request.account_id)
    reasons = await call_reasons.list_call_reasons(request.deps, request.account_id)
    return Choices(
        sorted((one for one in every if one.label_type is LabelType.STATIC), key=lambda one: one.name.casefold()),
        sorted(reasons, key=lambda one: one.text.casefold()),
    )


async def _form_page(
    request: ConsoleRequest, form: Form, set_id: str, offered: list[Node], status: int = 200
) -> Response:
    choices = await _choices(request)
    chosen = next((one for one in choices.labels if str(one.id) == form.text("label")), None)
    reason = next((one.text for one in choices.reasons if str(one.id) == form.text("reason")), "")
    logos = {str(one.id): logo_address(request.deps.public_url, one.logo_sha256) for one in choices.labels}
    may_label = request.may(Action.LABELS_MANAGE)
    back = f"{LIST}/{set_id}" if set_id else LIST
    return page(
        request,
        FeatureSetFormPage(form, set_id, options_of(offered), choices, chosen, reason, logos, may_label, back),
        status,
    )


def _filled(one: FeatureSet) -> Form:
    return Form.stored(
        name=one.name,
        description=one.description,
        label=str(one.label_id or ""),
        reason=str(one.call_reason_id or ""),
        call_me_back="on" if one.call_me_back else "",
        survey="on" if one.survey else "",
        phone_type=one.phone_type.value,
    )


def _about(form: Form, refused: InvalidInput | Conflict) -> Form:
    """The form with what was refused beside the field that has another name here."""
    if isinstance(refused, Conflict):
        return form.refused(refused)
    return form.refused(InvalidInput(refused.for_people, field=_FIELDS.get(refused.field, refused.field)))


class _FeatureSetFields(TypedDict):
    """What the form says about a feature set, besides its place."""

    name: str
    description: str
    label_id: LabelId | None
    call_reason_id: CallReasonId | None
    call_me_back: bool
    survey: bool
    phone_type: PhoneType


def _typed(form: Form) -> _FeatureSetFields:
    """Raises InvalidInput for a choice that the form does not offer."""
    return _FeatureSetFields(
        name=form.text("name"),
        description=form.text("description"),
        label_id=_chosen(form, "label", LabelId),
        call_reason_id=_chosen(form, "reason", CallReasonId),
        call_me_back=form.is_on("call_me_back"),
        survey=form.is_on("survey"),
        phone_type=_phone_type(form),
    )


def _change(wanted: Edit) -> FeatureSetChange:
    """What changes, of a part's own name or of its field's. Raises as `_typed`."""
    typed = _typed(wanted.form).items()
    parts = {part: value for part, value in typed if wanted.changes(_FIELDS.get(part, part))}
    return replace(FeatureSetChange(), **parts)


def _chosen(form: Form, name: str, kind: Callable[[UUID], Id]) -> Id | None:
    """The id of an optional choice. Raises InvalidInput for a text that is not an id."""
    text = form.text(name)
    found = parse_uuid(text)
    if text and found is None:
        raise InvalidInput("choose one of the list", field=name)
    return kind(found) if found else None


def _phone_type(form: Form) -> PhoneType:
    text = form.text("phone_type") or PhoneType.VERIFIED.value
    if text not in set(PhoneType):
        raise InvalidInput("choose one of the list", field="phone_type")
    return PhoneType(text)


ROUTES = (
    get("/feature-sets/new", show_create, Action.FEATURE_SETS_MANAGE),
    post("/feature-sets/new", create, Action.FEATURE_SETS_MANAGE),
    get("/feature-sets/{id}/edit", show_edit, Action.FEATURE_SETS_MANAGE),
    post("/feature-sets/{id}/edit", edit, Action.FEATURE_SETS_MANAGE),
)
