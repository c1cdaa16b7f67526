"""The library of call reasons. Source: contract, sections 10.1 and 12.4, D13."""

from dataclasses import dataclass
from typing import ClassVar

from starlette.responses import Response

from callmark.domain.access import reasons as access
from callmark.domain.access.reasons import UsedReason
from callmark.domain.ids import CallReasonId
from callmark.domain.policy.model import Action
from callmark.domain.structure.call_reason import CallReason
from callmark.kit.errors import Conflict, InvalidInput
from callmark.surfaces.console.confirm import Blocked, Confirm, confirm, shown_by
from callmark.surfaces.console.pages import Page, page
from callmark.surfaces.console.request import ConsoleRequest, Form
from callmark.surfaces.console.route import get, post

LIST = "/console/call-reasons"


@dataclass(frozen=True)
class ReasonsPage(Page):
    """The library, and the form that adds to it."""

    template: ClassVar[str] = "reasons/list.html"
    reasons: list[UsedReason]
    form: Form


@dataclass(frozen=True)
class ReasonFormPage(Page):
    """The wording of one call reason."""

    template: ClassVar[str] = "reasons/form.html"
    form: Form
    reason: CallReason
    used_by: list[str]


async def show_reasons(request: ConsoleRequest) -> Response:
    """The library, newest first."""
    return await _list(request, Form())


async def create(request: ConsoleRequest) -> Response:
    """Adds a call reason."""
    form = request.form
    try:
        reason = await access.create_reason(request.deps, request.actor, text=form.text("call_reason").strip())
    except (InvalidInput, Conflict) as refused:
        return await _list(request, _refused(form, refused), 422)
    return request.go(LIST, f"“{reason.text}” was added to the library.")


async def show_edit(request: ConsoleRequest) -> Response:
    """The form with its wording."""
    one = await access.get_reason(request.deps, request.actor, request.id(CallReasonId))
    return page(request, ReasonFormPage(Form.of(call_reason=one.reason.text), one.reason, one.used_by))


async def edit(request: ConsoleRequest) -> Response:
    """Changes the wording, for every feature set that uses it."""
    form, reason_id = request.form, request.id(CallReasonId)
    try:
        reason = await access.update_reason(
            request.deps, request.actor, reason_id, text=form.text("call_reason").strip()
        )
    except (InvalidInput, Conflict) as refused:
        one = await access.get_reason(request.deps, request.actor, reason_id)
        return page(request, ReasonFormPage(_refused(form, refused), one.reason, one.used_by), 422)
    return request.go(LIST, f"“{reason.text}” was saved.")


async def ask_delete(request: ConsoleRequest) -> Response:
    """Says what is lost, or which feature sets keep it."""
    one = await access.get_reason(request.deps, request.actor, request.id(CallReasonId))
    if one.used_by:
        reasons = [
            shown_by(one.used_by),
            "Give them another call reason first.",
        ]
        next_step = ("Feature sets", "/console/feature-sets")
        return page(request, Blocked(f"“{one.reason.text}” cannot be removed yet", reasons, next_step, LIST))
    lost = ["Feature sets can no longer use it.", "This cannot be undone."]
    to = f"{LIST}/{one.reason.id}/delete"
    return confirm(request, Confirm(f"Remove “{one.reason.text}”?", lost, "Remove", to, LIST))


async def delete(request: ConsoleRequest) -> Response:
    """Removes it; refused while a feature set uses it."""
    try:
        reason = await access.delete_reason(request.deps, request.actor, request.id(CallReasonId))
    except Conflict as refused:
        return request.go(LIST, refused.message[:1].upper() + refused.message[1:] + ".", "danger")
    return request.go(LIST, f"“{reason.text}” was removed.")


async def _list(request: ConsoleRequest, form: Form, status: int = 200) -> Response:
    return page(request, ReasonsPage(await access.list_reasons(request.deps, request.actor), form), status)


def _refused(form: Form, error: InvalidInput | Conflict) -> Form:
    """Every refusal is about the one field there is, in words without the wire's name of it."""
    message = error.message.replace("call_reason", "the call reason")
    return form.refused(InvalidInput(message, field="call_reason"))


ROUTES = (
    get("/call-reasons", show_reasons, Action.REASONS_VIEW),
    get("/call-reasons/new", show_reasons, Action.REASONS_MANAGE),
    post("/call-reasons/new", create, Action.REASONS_MANAGE),
    get("/call-reasons/{id}/edit", show_edit, Action.REASONS_MANAGE),
    post("/call-reasons/{id}/edit", edit, Action.REASONS_MANAGE),
    get("/call-reasons/{id}/delete", ask_delete, Action.REASONS_MANAGE),
    post("/call-reasons/{id}/delete", delete, Action.REASONS_MANAGE),
)
