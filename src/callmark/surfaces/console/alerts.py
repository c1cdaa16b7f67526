"""Alerts: their recipients, and how each gets them."""

from typing import ClassVar

from starlette.responses import Response

from callmark.domain.alerts import posts, recipients
from callmark.domain.alerts.links import LinkPurpose
from callmark.domain.alerts.model import (
    DEFAULT_KINDS,
    LONGEST_NAME,
    MOST_RECIPIENTS,
    AlertKind,
    Recipient,
    RecipientKind,
)
from callmark.domain.ids import RecipientId
from callmark.domain.policy.model import Action, Role
from callmark.kit.errors import Conflict, InvalidInput, NotFound, TooManyRequests
from callmark.surfaces.console import display_names
from callmark.surfaces.console.confirm import Confirm, confirmed
from callmark.surfaces.console.errors import retry_text
from callmark.surfaces.console.mailed import go_mailed
from callmark.surfaces.console.pages import Page, page
from callmark.surfaces.console.request import ConsoleRequest, Form
from callmark.surfaces.console.route import Access, get, post

LIST = "/console/alerts"

_LINK_TITLES = {
    (LinkPurpose.CONFIRM, False): "Get alerts?",
    (LinkPurpose.CONFIRM, True): "Alerts are on",
    (LinkPurpose.STOP, False): "Stop alerts?",
    (LinkPurpose.STOP, True): "Alerts are off",
}
"""By what a link does, and whether it is done."""


class AlertsPage(Page, frozen=True):
    """Every recipient with how it is called."""

    template: ClassVar[str] = "alerts/list.html"
    recipients: list[tuple[Recipient, str]]
    most: int = MOST_RECIPIENTS


class RecipientPage(Page, frozen=True):
    """The form of a new recipient of that kind, or of one there is (`recipient`)."""

    template: ClassVar[str] = "alerts/form.html"
    form: Form
    kind: RecipientKind
    title: str
    recipient: Recipient | None = None
    longest_name: int = LONGEST_NAME


class AlertLinkPage(Page, frozen=True):
    """Asks the reader of an address, who need not sign in, to confirm it or to end its alerts."""

    template: ClassVar[str] = "alerts/link.html"
    email: str
    account_name: str
    purpose: LinkPurpose
    is_done: bool
    title: str


class DeadAlertLinkPage(Page, frozen=True):
    """A link that is not valid, or no longer."""

    template: ClassVar[str] = "alerts/dead_link.html"


async def show_list(request: ConsoleRequest) -> Response:
    """Everyone who gets alerts."""
    found = await recipients.list_recipients(request.deps, request.account_id)
    return page(request, AlertsPage([(one, _name(one)) for one in found]))


async def show_new(request: ConsoleRequest) -> Response:
    """The empty form; the kinds that most want are chosen."""
    return page(request, _new_page(Form.of(alert_kinds=[*DEFAULT_KINDS]), _kind(request)))


async def add(request: ConsoleRequest) -> Response:
    kind, form = _kind(request), request.form
    of, kinds = (request.deps, request.account_id), form.all("alert_kinds")
    try:
        match kind:
            case RecipientKind.ROLE:
                made = await recipients.add_role(*of, _role(form), kinds, by=request.by)
            case RecipientKind.EMAIL:
                made = await recipients.add_email(*of, form.text("email"), kinds, by=request.by)
            case RecipientKind.CHANNEL:
                made = await recipients.add_channel(*of, form.text("name"), form.text("url"), kinds, by=request.by)
    except (InvalidInput, Conflict) as refused:
        return page(request, _new_page(form.refused(refused), kind), 422)
    except TooManyRequests as refused:
        late = Form(form.values, {"email": retry_text(refused)})
        return page(request, _new_page(late, kind), refused.status)
    if made.is_waiting:
        more = "The address gets alerts once its link was opened."
        return await go_mailed(request, LIST, "An email", made.email or "", more)
    more = " Send a test to try it." if made.url else ""
    return request.go(LIST, f"{_name(made)} was added.{more}")


async def show_edit(request: ConsoleRequest) -> Response:
    """The form with what the recipient gets."""
    one = await _recipient(request)
    return page(request, RecipientPage(_filled(one), one.kind, f"Alerts for {_name(one)}", one))


async def edit(request: ConsoleRequest) -> Response:
    """Changes what it gets."""
    one = await _recipient(request)
    wanted = request.form.onto(_filled(one))
    kinds, name = wanted.choices("alert_kinds", AlertKind), wanted.text("name")
    try:
        new = await recipients.change_kinds(request.deps, request.account_id, one.id, kinds, by=request.by, name=name)
    except (InvalidInput, Conflict) as refused:
        return page(request, RecipientPage(wanted.refused(refused), one.kind, f"Alerts for {_name(one)}", one), 422)
    return request.go(LIST, f"{_name(new)} was saved.")


async def ask_remove(request: ConsoleRequest) -> Page:
    one = await _recipient(request)
    lost = ["It gets no more alerts."]
    if one.url:
        lost.append("Its URL is deleted. Alerts that still wait for it are not sent.")
    return Confirm(title=f"Remove {_name(one)}?", lost=lost, button="Remove", back=LIST)


async def remove(request: ConsoleRequest) -> Response:
    one = await recipients.remove(request.deps, request.account_id, request.id(RecipientId), by=request.by)
    return request.go(LIST, f"{_name(one)} was removed.")


async def test(request: ConsoleRequest) -> Response:
    """Posts a sample to a channel; the list shows what it answered."""
    one = await posts.send_test(request.deps, request.account_id, request.id(RecipientId), by=request.by)
    if one.last_error:
        return request.go(LIST, f"{_name(one)} did not take the test: {one.last_error}.", "danger")
    return request.go(LIST, f"{_name(one)} took the test.")


async def show_confirm(request: ConsoleRequest) -> Response:
    """Asks, because programs that look into mails follow links too."""
    return await _link_page(request, LinkPurpose.CONFIRM)


async def confirm(request: ConsoleRequest) -> Response:
    """The address gets alerts."""
    try:
        one, name = await recipients.get_by_link(request.deps, LinkPurpose.CONFIRM, _token(request))
        await recipients.confirm(request.deps, _token(request), request.origin.address)
    except NotFound:
        return page(request, DeadAlertLinkPage(), 404)
    return page(request, _asked(one, name, LinkPurpose.CONFIRM, is_done=True))


async def show_stop(request: ConsoleRequest) -> Response:
    """As `show_confirm`."""
    return await _link_page(request, LinkPurpose.STOP)


async def stop(request: ConsoleRequest) -> Response:
    """The address gets no more alerts."""
    try:
        _, name = await recipients.get_by_link(request.deps, LinkPurpose.STOP, _token(request))
        one = await recipients.stop(request.deps, _token(request), request.origin.address)
    except NotFound:
        return page(request, DeadAlertLinkPage(), 404)
    return page(request, _asked(one, name, LinkPurpose.STOP, is_done=True))


async def _link_page(request: ConsoleRequest, purpose: LinkPurpose) -> Response:
    try:
        one, name = await recipients.get_by_link(request.deps, purpose, _token(request))
    except NotFound:
        return page(request, DeadAlertLinkPage(), 404)
    is_done = purpose is LinkPurpose.CONFIRM and not one.is_waiting
    return page(request, _asked(one, name, purpose, is_done=is_done))


def _asked(one: Recipient, account_name: str, purpose: LinkPurpose, *, is_done: bool) -> AlertLinkPage:
    return AlertLinkPage(one.email or "", account_name, purpose, is_done, _LINK_TITLES[purpose, is_done])


def _new_page(form: Form, kind: RecipientKind) -> RecipientPage:
    return RecipientPage(form, kind, display_names.NEW_RECIPIENTS[kind])


def _token(request: ConsoleRequest) -> str:
    return str(request.http.path_params["token"])


def _kind(request: ConsoleRequest) -> RecipientKind:
    name = str(request.http.path_params["kind"])
    if name not in set(RecipientKind):
        raise NotFound
    return RecipientKind(name)


def _role(form: Form) -> Role:
    if form.text("role") not in set(Role):
        raise InvalidInput("choose a role", field="role")
    return Role(form.text("role"))


async def _recipient(request: ConsoleRequest) -> Recipient:
    return await recipients.get_recipient(request.deps, request.account_id, request.id(RecipientId))


def _filled(one: Recipient) -> Form:
    return Form.stored(name=one.name or "", alert_kinds=[*one.alert_kinds])


def _name(one: Recipient) -> str:
    """How a recipient is called."""
    return one.name or one.email or display_names.ROLES_OF_ALERTS[one.role or Role.ADMIN]


ROUTES = (
    get("/alerts", show_list, Action.ALERTS_MANAGE),
    get("/alerts/new/{kind}", show_new, Action.ALERTS_MANAGE),
    post("/alerts/new/{kind}", add, Action.ALERTS_MANAGE),
    get("/alerts/{id}/edit", show_edit, Action.ALERTS_MANAGE),
    post("/alerts/{id}/edit", edit, Action.ALERTS_MANAGE),
    post("/alerts/{id}/test", test, Action.ALERTS_MANAGE),
    *confirmed("/alerts/{id}/remove", ask_remove, remove, Action.ALERTS_MANAGE),
    get("/alerts/confirm/{token}", show_confirm, Access.ANYBODY),
    post("/alerts/confirm/{token}", confirm, Access.ANYBODY),
    get("/alerts/stop/{token}", show_stop, Access.ANYBODY),
    post("/alerts/stop/{token}", stop, Access.ANYBODY),
)
