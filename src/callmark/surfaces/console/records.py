"""Call records: search, one with its timeline, taking it back; and what a receiver would see now."""

from typing import ClassVar
from zoneinfo import ZoneInfo

from msgspec.structs import replace
from starlette.responses import Response

from callmark.domain.calls import service as calls
from callmark.domain.handsets import waking
from callmark.domain.ids import RecordId
from callmark.domain.numbers.number_list_parser import read_number
from callmark.domain.personalisation import service as personalisation
from callmark.domain.personalisation.model import Outcome, StoredRecord
from callmark.domain.personalisation.search import service as search
from callmark.domain.personalisation.search.service import FoundRecords, RecordFilter, RecordPosition
from callmark.domain.policy.model import Action
from callmark.domain.resolution import service as resolution
from callmark.domain.resolution.model import AccountView
from callmark.domain.signed_calls.service import calls_on_network
from callmark.instants import midnight
from callmark.kit.ids import id_part
from callmark.kit.phone import PhoneNumber, without_exit_code, without_separators
from callmark.kit.zones import presently_named, time_zone
from callmark.record_rules.fields import Field
from callmark.surfaces.console import typed_numbers
from callmark.surfaces.console.confirm import Confirm, confirmed
from callmark.surfaces.console.pages import Page, page
from callmark.surfaces.console.ranges import read_day
from callmark.surfaces.console.request import ConsoleRequest, Form, with_query
from callmark.surfaces.console.route import get
from callmark.surfaces.console.timeline import Moment, arrived_at, timeline
from callmark.surfaces.cursors import decode_key, encode_key
from callmark.tables.phones import SHORTEST
from callmark.tables.plans import country_hint

LIST = "/console/records"
_FILTERS = ("receiver", "caller", "state", "q", "since", "zone")


class RecordsPage(Page, frozen=True):
    """A page of records; `form` holds the search as it was typed, `zone` is where the day of `since` begins."""

    template: ClassVar[str] = "records/list.html"
    found: FoundRecords
    form: Form
    zone: str
    next: str
    first: str


class RecordPage(Page, frozen=True):
    """One record: what it shows, its outcome, what was sent when it is invalid, and the form that pushes it again."""

    template: ClassVar[str] = "records/record.html"
    record: StoredRecord
    moments: list[Moment]
    submitted: list[tuple[str, str]]
    again: str
    may_withdraw: bool
    country_hint: str


class ResolvePage(Page, frozen=True):
    """A pair of numbers, and what shows when one rings the other; `view` None before it is asked."""

    template: ClassVar[str] = "records/resolve.html"
    form: Form
    view: AccountView | None
    caller: str
    country_hint: str


async def show_records(request: ConsoleRequest) -> Response:
    """The latest records, or those of a receiver, of a caller, of an outcome, or since a day."""
    form = Form.of(**{name: request.query(name).strip() for name in _FILTERS})
    zone = presently_named(time_zone(form.text("zone"), "zone")) if form.text("zone") else request.zone
    wanted = _wanted(form, zone)
    found, after = FoundRecords([], None), decode_key(request.query("after"), RecordPosition)
    if not form.errors:
        found = await search.find_records(request.deps, request.account_id, wanted, after)
        if wanted.receiver and not found.records:  # the beginning of a number may look like a whole one
            wanted = replace(wanted, receiver=None, receiver_prefix=wanted.receiver)
            found = await search.find_records(request.deps, request.account_id, wanted, after)
    filters = {name: form.text(name) for name in _FILTERS}
    more = with_query(LIST, **filters, after=encode_key(found.next)) if found.next else ""
    first = with_query(LIST, **filters) if after else ""
    return page(request, RecordsPage(found, form, zone.key, more, first))


def _wanted(form: Form, zone: ZoneInfo) -> RecordFilter:
    state, part, since = form.text("state"), form.text("q"), read_day(form.text("since"))
    receiver, receiver_prefix = _number_or_prefix(form, "receiver")
    caller, caller_prefix = _number_or_prefix(form, "caller")
    if part and id_part(part) is None:
        form.errors["q"] = "enter at least 4 characters of the id (0 to 9, a to f)"
    return RecordFilter(
        receiver=receiver,
        caller=None,
        outcome=Outcome(state) if state in set(Outcome) else None,
        receiver_prefix=receiver_prefix,
        caller_prefix=caller or caller_prefix,
        since=midnight(since, zone) if since else None,
        id_part=id_part(part) or "",
    )


def _number_or_prefix(form: Form, name: str) -> tuple[PhoneNumber | None, str]:
    """The number of a field, or the digits it begins with so far; what is neither is shown beside it."""
    text = form.text(name)
    number = read_number(text) if text else None
    if number or not text:
        return number, ""
    plain = without_separators(text)
    if not (plain.isascii() and plain.isdigit()) or (len(plain) >= SHORTEST and typed_numbers.lacks_code(text)):
        form.errors[name] = typed_numbers.why_no_number("This", text)
        return None, ""
    return None, without_exit_code(plain)


def _number(form: Form, name: str) -> PhoneNumber | None:
    """The number of a field; a fault is shown beside it."""
    text = form.text(name)
    number = read_number(text) if text else None
    if text and number is None:
        form.errors[name] = typed_numbers.why_no_number("This", text)
    return number


async def show_record(request: ConsoleRequest) -> Response:
    record = await personalisation.get_record(request.deps, request.account_id, request.id(RecordId))
    told, now = await calls.calls_of_record(request.deps, record.key), request.deps.clock.now()
    receiver = record.key.receiver_number
    wake_ups = await waking.sent_between(request.deps, receiver, record.accepted_at, arrived_at(record))
    network = await calls_on_network(request.deps, record.key.id)
    may_withdraw = record.outcome is not Outcome.INVALID and record.withdrawn_at is None and record.key.ends_at > now
    moments = timeline(record, told, now, wake_ups, network)
    strange = country_hint(receiver, record.caller_number) if not record.sent else ""
    return page(
        request, RecordPage(record, moments, _submitted(record), _again(record), may_withdraw, country_hint=strange)
    )


def _again(record: StoredRecord) -> str:
    """The form that pushes the same once more."""
    return with_query(
        "/console/push",
        receiver=record.key.receiver_number,
        caller=record.caller_number or "",
        label_id=str(record.label_id or ""),
        label_name=record.label_name or "",
        call_reason=record.call_reason or "",
    )


def _submitted(record: StoredRecord) -> list[tuple[str, str]]:
    """The fields of an invalid record as they were sent."""
    sent = record.sent
    return [(field.value, bytes(sent[field.value]).decode()) for field in Field if field.value in sent]


async def ask_withdraw(request: ConsoleRequest) -> Page:
    record = await personalisation.get_record(request.deps, request.account_id, request.id(RecordId))
    lost = [f"{record.label_name} no longer shows when the caller rings this receiver.", "This cannot be undone."]
    return Confirm("Withdraw this record?", lost, "Withdraw", f"{LIST}/{record.key.id}")


async def withdraw(request: ConsoleRequest) -> Response:
    """Takes the record back from its handset."""
    record_id, by = request.id(RecordId), request.by
    record = await personalisation.withdraw_record(request.deps, request.account_id, record_id, by=by)
    return request.go(f"{LIST}/{record.key.id}", "The record was withdrawn.")


async def show_resolve(request: ConsoleRequest) -> Response:
    """What the receiver would see if the caller rang now, and why."""
    form = Form.of(receiver=request.query("receiver").strip(), caller=request.query("caller").strip())
    receiver, caller = _number(form, "receiver"), _number(form, "caller")
    asked = "receiver" in request.http.query_params
    for name in ("receiver", "caller"):
        if asked and not form.text(name):
            form.errors[name] = "Enter a number"
    view: AccountView | None = None
    if receiver and caller:
        view = await resolution.resolve_for_account(request.deps, request.account_id, receiver, caller)
    strange = country_hint(receiver, caller)
    return page(request, ResolvePage(form, view, caller or "", strange), 422 if form.errors else 200)


ROUTES = (
    get("/records", show_records, Action.RECORDS_VIEW),
    get("/records/{id}", show_record, Action.RECORDS_VIEW),
    *confirmed("/records/{id}/withdraw", ask_withdraw, withdraw, Action.RECORDS_PUSH),
    get("/resolve", show_resolve, Action.RECORDS_VIEW),
)
