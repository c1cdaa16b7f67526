"""Call Me Back requests as a work list: new, taken, done; and their download. Source: contract, sections 8 and 12.4."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from functools import partial
from typing import ClassVar
from zoneinfo import ZoneInfo

from msgspec import Struct
from starlette.responses import Response

from callmark.domain.callbacks import service as callbacks, work_list
from callmark.domain.callbacks.hours import SLOT
from callmark.domain.callbacks.model import (
    ALL_STATES,
    UNKNOWN_CLIENT,
    AskedAgain,
    CallbackRequest,
    RequestFilter,
    RequestState,
    ShownState,
    WorkListPosition,
    is_overdue,
)
from callmark.domain.events.model import EventType
from callmark.domain.feature_sets import visible_sets
from callmark.domain.ids import CallbackRequestId, FeatureSetId
from callmark.domain.log_downloads import service as log_downloads
from callmark.domain.log_downloads.model import LogFile
from callmark.domain.policy.model import Action
from callmark.instants import read_instant
from callmark.kit.errors import Conflict, InvalidInput
from callmark.kit.ids import parse_uuid
from callmark.kit.zones import presently_named, utc_zone
from callmark.surfaces.console import display_names
from callmark.surfaces.console.pages import Page, page
from callmark.surfaces.console.ranges import day_range, default_range, path_of
from callmark.surfaces.console.request import ConsoleRequest, Form, first_digits, with_query
from callmark.surfaces.console.route import get, post
from callmark.surfaces.console.set_choice import SetChoice, choice_of
from callmark.surfaces.cursors import decode_key, encode_key
from callmark.tables.plans import is_of_no_country, is_premium

LIST = "/console/callbacks"
_PAGE = 50
_UTC = utc_zone()
_MOST_COUNTED = 1_000
"""Where counting of new requests stops."""
VIEWS = {
    "": frozenset({RequestState.NEW, RequestState.TAKEN}),
    "new": frozenset({RequestState.NEW}),
    "taken": frozenset({RequestState.TAKEN}),
    "done": frozenset({RequestState.DONE}),
    "all": ALL_STATES,
}
"""The tabs by their `state`; what is to do comes first."""


class RequestRow(Struct, frozen=True):
    """A request as people work on it: the number to call, and when, by the business's own clocks.

    By the reader's, where the configuration with the business's zone was removed since.
    """

    request: CallbackRequest
    number: str
    note: str
    slot: str
    is_mine: bool
    is_overdue: bool


class RequestsPage(Page, frozen=True):
    """A page of the list. `here` is its own address, where the buttons of a row come back to.

    `tabs`: the addresses of `VIEWS`, each with the search and feature set of this one. `new`: how many are new, of the
    feature set that is chosen; empty for none, and beside a search, which may leave out any of them.
    """

    template: ClassVar[str] = "callback_requests/list.html"
    rows: list[RequestRow]
    wanted: dict[str, str]
    tabs: dict[str, str]
    kept: str
    new: str
    sets: SetChoice
    is_narrowed: bool
    url: str
    here: str
    next: str
    first: str


class ExportPage(Page, frozen=True):
    """The range of a download."""

    template: ClassVar[str] = "callback_requests/export.html"
    form: Form


async def show_list(request: ConsoleRequest) -> Response:
    """What is to do, unless something else is asked for; newest first."""
    state = request.query("state") if request.query("state") in VIEWS else ""
    wanted = {"state": state, **{name: request.query(name) for name in ("q", "set", "named")}}
    feature_set_id, after = parse_uuid(wanted["set"]), decode_key(request.query("after"), WorkListPosition)
    now = after.since if after else request.deps.clock.now()
    set_id = FeatureSetId(feature_set_id) if feature_set_id else None
    narrowed = RequestFilter(VIEWS[state], set_id, number=first_digits(wanted["q"]))
    deps, account_id, scope = request.deps, request.account_id, request.by.scope
    found = await work_list.list_to_do(deps, account_id, scope, narrowed, now=now, after=after, limit=_PAGE + 1)
    new = 0 if wanted["q"] else await work_list.count_new(deps, account_id, scope, _MOST_COUNTED + 1, set_id)
    names = await visible_sets.list_names(deps, account_id, scope)
    shown = found[:_PAGE]
    configs = await callbacks.find_configs(deps, account_id, {one.feature_set_id for one in shown})
    zones = {set_id: presently_named(one.time_zone) for set_id, one in configs.items()}
    again = await work_list.asked_again(deps, account_id, scope, shown)
    return page(
        request,
        RequestsPage(
            [_row(request, one, zones.get(one.feature_set_id), again.get(one.receiver_number)) for one in shown],
            wanted,
            {view: with_query(LIST, **wanted | {"state": view}) for view in VIEWS},
            display_names.count(request.deps.settings.callback_days, "day"),
            display_names.many(new, _MOST_COUNTED) if new else "",
            choice_of(names, wanted["named"], wanted["set"]),
            is_narrowed=bool(wanted["q"] or wanted["set"]),
            url=LIST,
            here=with_query(LIST, **wanted, after=request.query("after") if after else ""),
            next=with_query(LIST, **wanted, after=_key(shown[-1], now)) if len(found) > _PAGE else "",
            first=with_query(LIST, **wanted) if after else "",
        ),
    )


async def take(request: ConsoleRequest) -> Response:
    """Says to the others who is going to call."""
    return await _step(request, work_list.take, "is now assigned to you")


async def finish(request: ConsoleRequest) -> Response:
    """Off the list, as the page showed it."""
    return await _step(request, partial(work_list.finish, shown=_shown(request.form)), "is marked as done")


async def reopen(request: ConsoleRequest) -> Response:
    """On the list again, for anyone to take: a taken one, or one that is done, as the page showed it."""
    return await _step(request, partial(work_list.reopen, shown=_shown(request.form)), "is new again")


async def show_export(request: ConsoleRequest) -> Response:
    """The last 30 days, which is the most that the log keeps."""
    return page(request, ExportPage(default_range(request.deps.clock.now(), request.zone)))


async def export(request: ConsoleRequest) -> Response:
    """Leads to the file."""
    form = request.form
    try:
        days = day_range(form, request.zone)
        of = (request.account_id, EventType.CALL_ME_BACK, None)
        file = LogFile(*of, days.since, days.before, days.file_format)
        link = await log_downloads.make_link(request.deps, file, by=request.by)
    except InvalidInput as refused:
        return page(request, ExportPage(form.refused(refused)), 422)
    if link is None:
        nothing = InvalidInput("there are no requests in this date range", field="since")
        return page(request, ExportPage(form.refused(nothing)), 422)
    return request.go(path_of(link))


_Step = Callable[..., Awaitable[CallbackRequest]]


async def _step(request: ConsoleRequest, step: _Step, said: str) -> Response:
    """A step of a request's life, and back to the list as it was."""
    asked = request.form.text("back")
    back = asked if asked == LIST or asked.startswith(f"{LIST}?") else LIST
    try:
        found = await step(request.deps, request.account_id, request.id(CallbackRequestId), by=request.by)
    except Conflict as refused:
        return request.go(back, display_names.sentence(refused.message), "danger")
    return request.go(back, f"The request of {display_names.phone(found.receiver_number)} {said}.")


def _shown(form: Form) -> ShownState | None:
    """How the page showed the request whose button was pressed; None when it does not say."""
    state, at = form.text("state"), form.text("handled_at")
    if state not in set(RequestState):
        return None
    return ShownState(RequestState(state), form.text("handled_by") or None, read_instant(at, _UTC))


def _key(last: CallbackRequest, now: datetime) -> str:
    return encode_key(WorkListPosition(last.requested_at, last.id, is_overdue(last, now), now))


def _row(
    request: ConsoleRequest, found: CallbackRequest, zone: ZoneInfo | None, again: AskedAgain | None
) -> RequestRow:
    number, notes = found.alternate_number or found.receiver_number, list[str]()
    if found.is_sim_unknown:
        notes.append(f"{UNKNOWN_CLIENT}: the call came to another SIM")
    elif found.alternate_number:
        notes.append(f"requested from {display_names.phone(found.receiver_number)}")
    if found.alternate_number and (is_of_no_country(number) or is_premium(number)):
        notes.append("a call to this number can be expensive")
    if again and found.state is not RequestState.DONE:
        notes += _repeated(found, again)
    is_mine = found.handled_by_email == request.by.email
    overdue = is_overdue(found, request.deps.clock.now())
    return RequestRow(found, number, "; ".join(notes), _slot(found, zone or request.zone), is_mine, overdue)


def _repeated(found: CallbackRequest, again: AskedAgain) -> list[str]:
    """That the same person waits in other rows too, or has changed their mind about this feature set."""
    others = again.open_count - 1
    asked = [f"{display_names.count(others, 'more open request')} from this person"] if others > 0 else []
    return [*asked, "not interested any longer"] if found.feature_set_id in again.refused else asked


def _slot(found: CallbackRequest, zone: ZoneInfo) -> str:
    if found.slot_starts_at is None:
        return ""
    start, end = found.slot_starts_at.astimezone(zone), (found.slot_starts_at + SLOT).astimezone(zone)
    return f"{start:%a} {start.day} {start:%b}, {start:%H:%M}\N{EN DASH}{end:%H:%M} {zone.key}"


ROUTES = (
    get("/callbacks", show_list, Action.CALLBACKS_VIEW),
    get("/callbacks/export", show_export, Action.CALLBACKS_EXPORT),
    post("/callbacks/export", export, Action.CALLBACKS_EXPORT),
    post("/callbacks/{id}/take", take, Action.CALLBACKS_WORK),
    post("/callbacks/{id}/done", finish, Action.CALLBACKS_WORK),
    post("/callbacks/{id}/reopen", reopen, Action.CALLBACKS_WORK),
)
