"""The library of call reasons. Source: contract, sections 10.1 and 12.4, D13."""

from collections.abc import Sequence
from typing import ClassVar

from msgspec import Struct
from starlette.responses import Response

from callmark.domain.call_reasons import service as call_reasons
from callmark.domain.call_reasons.model import CallReason
from callmark.domain.feature_sets import service as feature_sets
from callmark.domain.ids import CallReasonId
from callmark.domain.policy.model import Action
from callmark.kit.errors import Conflict, InvalidInput
from callmark.surfaces.console import display_names
from callmark.surfaces.console.confirm import Blocked, Confirm, confirmed, shown_by
from callmark.surfaces.console.pages import Page, page
from callmark.surfaces.console.request import ConsoleRequest, Form
from callmark.surfaces.console.route import get, post

LIST = "/console/call-reasons"


class CallReasonRow(Struct, frozen=True):
    """A call reason as the list shows it; `used_by` names the feature sets that show it."""

    reason: CallReason
    used_by: Sequence[str]


class CallReasonsPage(Page, frozen=True):
    """The library, and the form that adds to it."""

    template: ClassVar[str] = "call_reasons/list.html"
    reasons: list[CallReasonRow]
    form: Form


class CallReasonFormPage(Page, frozen=True):
    """The wording of one call reason."""

    template: ClassVar[str] = "call_reasons/form.html"
    form: Form
    reason: CallReason
    used_by: Sequence[str]


async def show_reasons(request: ConsoleRequest) -> Response:
    """The library, newest first."""
    return await _list(request, Form())


async def create(request: ConsoleRequest) -> Response:
    form = request.form
    try:
        reason = await call_reasons.create_call_reason(
            request.deps, request.account_id, text=form.text("call_reason").strip(), by=request.by
        )
    except (InvalidInput, Conflict) as refused:
        return await _list(request, _refused(form, refused), 422)
    return request.go(LIST, f"“{reason.text}” was added to the library.")


async def show_edit(request: ConsoleRequest) -> Response:
    reason, used_by = await _reason(request)
    return page(request, CallReasonFormPage(_filled(reason), reason, used_by))


async def edit(request: ConsoleRequest) -> Response:
    """Changes the wording, for every feature set that uses it."""
    old, used_by = await _reason(request)
    wanted = request.form.onto(_filled(old))
    text = wanted.text("call_reason")
    try:
        reason = await call_reasons.update_call_reason(
            request.deps, request.account_id, old.id, text=text and text.strip(), by=request.by
        )
    except (InvalidInput, Conflict) as refused:
        return page(request, CallReasonFormPage(_refused(wanted.form, refused), old, used_by), 422)
    return request.go(LIST, f"“{reason.text}” was saved.")


async def ask_delete(request: ConsoleRequest) -> Page:
    """Says what is lost, or which feature sets keep it."""
    reason, used_by = await _reason(request)
    if used_by:
        them = display_names.agree(len(used_by), "it", "them")
        reasons = [shown_by(used_by), f"Give {them} another call reason first."]
        next_step = ("Feature sets", "/console/feature-sets")
        return Blocked(f"“{reason.text}” cannot be removed yet", reasons, next_step, LIST)
    lost = ["Feature sets can no longer use it.", "This cannot be undone."]
    return Confirm(f"Remove “{reason.text}”?", lost, "Remove", LIST)


async def delete(request: ConsoleRequest) -> Response:
    """Removes it; refused while a feature set uses it."""
    of = request.deps, request.account_id, request.id(CallReasonId)
    reason = await call_reasons.delete_call_reason(*of, by=request.by)
    return request.go(LIST, f"“{reason.text}” was removed.")


async def _list(request: ConsoleRequest, form: Form, status: int = 200) -> Response:
    found = await call_reasons.list_call_reasons(request.deps, request.account_id)
    uses = await feature_sets.list_uses(request.deps, request.account_id, request.by.scope)
    rows = [CallReasonRow(reason, uses.of_call_reasons.get(reason.id, ())) for reason in found]
    return page(request, CallReasonsPage(rows, form), status)


async def _reason(request: ConsoleRequest) -> tuple[CallReason, Sequence[str]]:
    """The call reason that the path names, and the names of the feature sets that show it."""
    reason = await call_reasons.get_call_reason(request.deps, request.account_id, request.id(CallReasonId))
    uses = await feature_sets.list_uses(request.deps, request.account_id, request.by.scope)
    return reason, uses.of_call_reasons.get(reason.id, ())


def _filled(reason: CallReason) -> Form:
    return Form.stored(call_reason=reason.text)


def _refused(form: Form, error: InvalidInput | Conflict) -> Form:
    """Every refusal is about the one field there is, in words without the wire's name of it."""
    message = error.message.replace("call_reason", "the call reason")
    return form.refused(InvalidInput(message, field="call_reason"))


ROUTES = (
    get("/call-reasons", show_reasons, Action.CALL_REASONS_VIEW),
    get("/call-reasons/new", show_reasons, Action.CALL_REASONS_MANAGE),
    post("/call-reasons/new", create, Action.CALL_REASONS_MANAGE),
    get("/call-reasons/{id}/edit", show_edit, Action.CALL_REASONS_MANAGE),
    post("/call-reasons/{id}/edit", edit, Action.CALL_REASONS_MANAGE),
    *confirmed("/call-reasons/{id}/delete", ask_delete, delete, Action.CALL_REASONS_MANAGE),
)
