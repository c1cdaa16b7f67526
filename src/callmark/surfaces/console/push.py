"""Push one call record by hand, in real time: validated as the API does it, its result shown at once."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import ClassVar

from msgspec import Struct
from starlette.responses import Response

from callmark.domain.call_reasons import service as call_reasons
from callmark.domain.labels import service as labels
from callmark.domain.labels.model import Label, logo_address
from callmark.domain.personalisation import service as personalisation
from callmark.domain.personalisation.model import Outcome
from callmark.domain.personalisation.validation import RecordRefused
from callmark.domain.policy.model import Action
from callmark.instants import is_doubtful, read_instant, to_ms
from callmark.kit.errors import InvalidInput
from callmark.kit.zones import device_zone
from callmark.record_rules.fields import LONGEST_LABEL_NAME, Field, NewRecord
from callmark.surfaces.console import display_names, typed_numbers
from callmark.surfaces.console.pages import Page, page
from callmark.surfaces.console.request import ConsoleRequest, Form
from callmark.surfaces.console.route import get, post

HOURS = ("1", "2", "4", "8", "12", "24")
HOUR_OPTIONS = tuple((one, display_names.count(int(one), "hour")) for one in HOURS)
"""For how long a record shows, to choose from."""
_HOUR_MS = 3_600_000
FORM_FIELDS = {
    Field.CALLER: "caller",
    Field.RECEIVER: "receiver",
    Field.LABEL_ID: "label_id",
    Field.LABEL_NAME: "label_name",
    Field.CALL_REASON: "call_reason",
    Field.STARTS_AT: "starts_at",
    Field.ENDS_AT: "hours",
}
"""The fields of the form, beside which faults are shown."""


class Choice(Struct, frozen=True):
    """A label to choose, and its logo for the preview."""

    label: Label
    logo_url: str


class PushPage(Page, frozen=True):
    """The form; `reasons` are the library's."""

    template: ClassVar[str] = "push/form.html"
    form: Form
    choices: list[Choice]
    chosen: Choice | None
    reasons: list[str]
    hours: tuple[tuple[str, str], ...] = HOUR_OPTIONS
    longest_name: int = LONGEST_LABEL_NAME


async def show(request: ConsoleRequest) -> Response:
    """The form, filled in with what the address says; a name to show only where it is not the label's own."""
    given = {name: request.query(name) for name in ("caller", "receiver", "label_id", "label_name", "call_reason")}
    form, offered = Form.of(hours="4", time_zone=request.zone.key, **given), await choices(request)
    chosen = _chosen(form, offered)
    if given["label_id"] and chosen is None:
        form.errors["label_id"] = "This label no longer exists. Choose another one"
    if chosen and chosen.label.name == given["label_name"]:
        form.values["label_name"] = [""]
    return await _form(request, form, offered=offered)


async def push(request: ConsoleRequest) -> Response:
    """Pushes, and shows the record with its outcome; everything wrong with it is shown beside its field."""
    form = request.form
    now = request.deps.clock.now()
    starts_at: datetime | None = now
    try:
        starts_at = window_start(form.text("starts_at"), form.text("time_zone"), now)
    except InvalidInput as refused:
        form = form.refused(refused)
    hours = int(form.text("hours")) if form.text("hours") in HOURS else 0
    starts_ms = to_ms(starts_at or now)
    record = NewRecord(
        form.text("caller").strip() or None,
        form.text("receiver").strip() or None,
        form.text("label_id") or None,
        form.text("label_name").strip() or None,
        form.text("call_reason").strip() or None,
        starts_ms if starts_at else form.text("starts_at"),
        starts_ms + hours * _HOUR_MS if hours else None,
    )
    if form.errors:
        return await _form(request, form, 422)
    try:
        pushed = await personalisation.push_by_hand(request.deps, request.account_id, record, by=request.by)
    except RecordRefused as refused:
        for fault in refused.faults:
            name = FORM_FIELDS[fault.field]
            form.errors.setdefault(name, typed_numbers.fault(fault.field, fault.fault, form.text(name)))
        return await _form(request, form, 422)
    said = f"{display_names.OUTCOMES[pushed.outcome]}: {display_names.OUTCOME_HINTS[pushed.outcome]}."
    kind = "success" if pushed.outcome is Outcome.SUCCESS else "warning"
    return request.go(f"/console/records/{pushed.key.id}", said, kind)


def window_start(text: str, zone_name: str, now: datetime) -> datetime | None:
    """When a window begins: `text` as a browser's date and time field gives it, in the zone; now when it is empty.

    None when it cannot be read. Raises InvalidInput about `time_zone` for a zone that is not known, and about
    `starts_at` for a time that clocks there skip or show twice.
    """
    if not text:
        return now
    if read_instant(text, UTC) is None:  # in no zone, known or not
        return None
    zone = device_zone(zone_name)
    if is_doubtful(text, zone):
        why = f"choose another time: clocks in {zone_name} skip this one or show it twice"
        raise InvalidInput(why, field="starts_at")
    return read_instant(text, zone)


async def choices(request: ConsoleRequest) -> list[Choice]:
    """The dynamic labels, the default one first."""
    found = await labels.list_for_records(request.deps, request.account_id)
    return [Choice(label, logo_address(request.deps.public_url, label.logo_sha256)) for label in found]


async def _form(
    request: ConsoleRequest, form: Form, status: int = 200, *, offered: list[Choice] | None = None
) -> Response:
    offered = await choices(request) if offered is None else offered
    chosen = _chosen(form, offered) or next(iter(offered), None)
    reasons = [one.text for one in await call_reasons.list_call_reasons(request.deps, request.account_id)]
    return page(request, PushPage(form, offered, chosen, reasons), status)


def _chosen(form: Form, offered: Sequence[Choice]) -> Choice | None:
    return next((one for one in offered if str(one.label.id) == form.text("label_id")), None)


ROUTES = (
    get("/push", show, Action.RECORDS_PUSH),
    post("/push", push, Action.RECORDS_PUSH),
)
