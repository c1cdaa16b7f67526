"""Call Me Back configurations: one for each feature set, with the slots its users see (contract, 12.4)."""

from datetime import datetime, tzinfo
from itertools import groupby, zip_longest
from typing import ClassVar
from uuid import UUID
from zoneinfo import ZoneInfo

from msgspec import Struct
from starlette.responses import Response

from callmark.domain.callbacks import service as callbacks
from callmark.domain.callbacks.hours import CLOSED, SLOT, Week, slots
from callmark.domain.callbacks.hours_reader import parse_hours
from callmark.domain.callbacks.model import LONGEST_NAME, CallbackConfig, check_hours, config_name
from callmark.domain.feature_sets import visible_sets
from callmark.domain.feature_sets.model import by_name
from callmark.domain.feature_sets.visible_sets import VisibleFeatureSet
from callmark.domain.ids import FeatureSetId
from callmark.domain.policy.model import Action
from callmark.kit.errors import ChangedMeanwhile, InvalidInput
from callmark.kit.zones import present_name, time_zone
from callmark.record_rules.same_names import folded
from callmark.surfaces.console import display_names
from callmark.surfaces.console.confirm import Confirm, confirmed
from callmark.surfaces.console.pager import Pager
from callmark.surfaces.console.pages import Page, page
from callmark.surfaces.console.ranges import zone_options
from callmark.surfaces.console.request import ConsoleRequest, Edit, Form
from callmark.surfaces.console.route import get, post

LIST = "/console/callbacks/configurations"
DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MIDNIGHT = "00:00"
_IS_THERE = "is_there"
_REMOVED = "Someone removed this configuration after you opened the page. Save again to create a new one."
_ROWS = ("opens-", "closes-")
_PAGE = 50
_SetKey = tuple[bool, str, UUID]
"""Number groups come last."""


class OpeningRow(Struct, frozen=True):
    """A row of the editor: from and to on one weekday, `HH:MM` or empty. `shown` numbers it for people."""

    opens: str
    closes: str
    shown: int


class ConfiguredSet(Struct, frozen=True):
    """A feature set with its configuration, None when it has none (then a call back has no time)."""

    own: VisibleFeatureSet
    config: CallbackConfig | None


class ConfigsPage(Page, frozen=True):
    """A page of the feature sets of the actor's place, each with its hours in words."""

    template: ClassVar[str] = "callbacks/list.html"
    found: list[tuple[ConfiguredSet, str, str]]
    """With the hours and the zone of each, empty without a configuration."""
    text: str
    url: str
    next: str
    first: str


class SlotDay(Struct, frozen=True):
    """A day with the slots a user sees on it, first and last instant of each as clocks of the user's zone show them."""

    slots: list[tuple[datetime, datetime]]


class SlotPreview(Struct, frozen=True):
    """What a user in another zone would see, or why there is nothing to see."""

    days: list[SlotDay]
    trouble: str
    zone: str


class ConfigPage(Page, frozen=True):
    """The form of a configuration. `days` are the rows of each weekday, `zones` the regions with their names."""

    template: ClassVar[str] = "callbacks/form.html"
    own: VisibleFeatureSet
    form: Form
    is_there: bool
    days: list[tuple[str, str, list[OpeningRow]]]
    zones: list[tuple[str, list[tuple[str, str]]]]
    preview: SlotPreview
    url: str
    said: str
    longest_name: int = LONGEST_NAME


async def show_list(request: ConsoleRequest) -> Response:
    """Feature sets by name."""
    text, of = request.query("q"), (request.deps, request.account_id)
    names = await visible_sets.list_names(*of, request.by.scope)
    part = _PAGER.page(request, [one for one in names if folded(text) in folded(one.name)])
    ids = [one.id for one in part.rows]
    sets = await visible_sets.find_each(*of, ids, request.by.scope)
    configs = await callbacks.find_configs(*of, ids)
    found = [ConfiguredSet(sets[id_], configs.get(id_)) for id_ in ids if id_ in sets]
    shown = [
        (one, display_names.hours(one.config.hours), present_name(one.config.time_zone.key))
        if one.config
        else (one, "", "")
        for one in found
    ]
    return page(request, ConfigsPage(shown, text, LIST, part.next, part.first))


async def show_config(request: ConsoleRequest) -> Response:
    """The form with what the feature set has, or with what is usual."""
    found = await _get(request)
    form = _filled(request, found)
    form.values["seen_in"] = [request.query("seen_in") or request.zone.key]
    return _form_page(request, found, form)


async def preview(request: ConsoleRequest) -> Response:
    """The form as it was typed, with its preview; nothing is kept."""
    return _form_page(request, await _get(request), request.form)


async def save(request: ConsoleRequest) -> Response:
    """Keeps it; from the next missed call on it counts. One that was removed meanwhile is not made again unasked."""
    found = await _get(request)
    was_there = bool(found.config or request.form.shown.get(_IS_THERE))
    wanted = _merged(request.form, _filled(request, found)) if found.config else Edit(request.form, {})
    try:
        hours = _text_of(wanted.form)
        config = await callbacks.set_config(
            request.deps,
            request.account_id,
            found.own.feature_set.id,
            by=request.by,
            name=wanted.text("name"),
            slot_picker=wanted.switch("slot_picker"),
            time_zone=wanted.text("time_zone"),
            hours=hours if wanted.changes("hours") else None,
            was_there=was_there,
        )
    except InvalidInput as refused:
        return _form_page(request, found, wanted.refused(refused), 422)
    except ChangedMeanwhile:
        if not was_there:
            return await save(request)  # as a change of what someone else has just made
        now = await _get(request)
        return _form_page(request, now, Form(wanted.form.values, {"": _REMOVED}, _filled(request, now).shown), 422)
    return request.go(LIST, f"{config.name} was saved. It applies from the next missed call.")


async def offer(request: ConsoleRequest) -> Response:
    """Turns the switch of a feature set or number group: whether a call back is offered at all.

    The button stands in the form of the configuration: what was typed there is shown again, and nothing of it kept.
    """
    feature_set_id, on = request.id(FeatureSetId), request.form.text("call_me_back") == "on"
    one = await callbacks.set_offered(request.deps, request.account_id, feature_set_id, by=request.by, on=on)
    said = f"{one.name} {'offers Call Me Back from the next missed call' if on else 'no longer offers Call Me Back'}."
    if "name" in request.form.values:
        said += " What you typed below is not saved yet."
        return _form_page(request, await _get(request), request.form, said=said)
    return request.go(f"{LIST}/{feature_set_id}", said)


async def ask_delete(request: ConsoleRequest) -> Page:
    found = await _get(request)
    one = found.own.feature_set
    return Confirm(
        title=f"Remove the configuration for {one.name}?",
        lost=[
            "Its name, business hours and time zone are deleted.",
            "Receivers can still request a callback, but cannot choose a time."
            if one.call_me_back
            else "Call Me Back is already off for this feature set.",
            "Existing requests stay in the list. Their times are then shown in each reader's own time zone.",
        ],
        button="Remove configuration",
        back=LIST,
    )


async def delete(request: ConsoleRequest) -> Response:
    """Back to what applies without a configuration."""
    one = (await _get(request)).own.feature_set
    await callbacks.delete_config(request.deps, request.account_id, one.id, by=request.by)
    return request.go(LIST, f"{one.name} no longer has a configuration.")


async def _get(request: ConsoleRequest) -> ConfiguredSet:
    """The feature set that the path names. Raises NotFound."""
    of = request.deps, request.account_id, request.id(FeatureSetId)
    own = await visible_sets.get_visible(*of, request.by.scope)
    return ConfiguredSet(own, await callbacks.find_config(*of))


def _filled(request: ConsoleRequest, found: ConfiguredSet) -> Form:
    """What the feature set has, or what is usual; the rows of the editor count as one field, `hours`.

    The page has no field that says whether there is one: it only sends back that it showed it.
    """
    config = found.config
    rows = _fields(config.hours if config else CLOSED)
    form = Form.stored(
        name=config.name if config else found.own.feature_set.name,
        slot_picker="on" if config and config.slot_picker else "",
        time_zone=present_name(config.time_zone.key) if config else request.zone.key,
        hours=_text_of(Form(rows)),
        **{_IS_THERE: "on" if config else ""},
    )
    form.values |= rows
    return form


def _merged(form: Form, stored: Form) -> Edit:
    """As `Form.onto`, with the rows that belong to the hours."""
    try:
        hours = _text_of(form)
    except InvalidInput:
        return form.onto(stored)  # they were changed, and are refused
    merged = Form({**form.values, "hours": [hours]}, form.errors, form.shown).onto(stored)
    if merged.form.text("hours") != hours:
        merged.form.values |= {name: times for name, times in stored.values.items() if name.startswith(_ROWS)}
    return merged


def _form_page(
    request: ConsoleRequest, found: ConfiguredSet, form: Form, status: int = 200, *, said: str = ""
) -> Response:
    own = found.own
    context = ConfigPage(
        own,
        form,
        found.config is not None,
        _rows(form),
        zone_options(),
        _preview(request, form),
        f"{LIST}/{own.feature_set.id}",
        said,
    )
    return page(request, context, status)


def _preview(request: ConsoleRequest, form: Form) -> SlotPreview:
    """By the clocks of `seen_in`, which need not be the business's."""
    seen_in = form.text("seen_in") or request.zone.key
    try:
        config_name(form.text("name"))
        week = parse_hours(_text_of(form))
        check_hours(week, slot_picker=form.is_on("slot_picker"))
        zone, seen_zone = time_zone(form.text("time_zone")), time_zone(seen_in, "seen_in")
    except InvalidInput as refused:
        said = refused.for_people
        return SlotPreview([], said[:1].upper() + said[1:], seen_in)
    if not form.is_on("slot_picker"):
        return SlotPreview([], "", seen_in)
    return SlotPreview(_slot_days(week, zone, request.deps.clock.now(), seen_zone), "", seen_in)


def _slot_days(week: Week, zone: ZoneInfo, now: datetime, seen_in: tzinfo) -> list[SlotDay]:
    """The slots that a user in `seen_in` would be offered at `now`, by that user's days."""
    seen = [(start.astimezone(seen_in), (start + SLOT).astimezone(seen_in)) for start in slots(week, zone, now)]
    return [SlotDay(list(on_it)) for _, on_it in groupby(seen, key=lambda slot: slot[0].date())]


def _fields(week: Week) -> dict[str, list[str]]:
    """The week as the editor's fields: `opens-0` and `closes-0` of Monday, a value each row."""
    fields: dict[str, list[str]] = {}
    for number, openings in enumerate(week):
        pairs = [str(opening).split("-") for opening in openings]
        fields[f"opens-{number}"] = [opens for opens, _ in pairs]
        fields[f"closes-{number}"] = [_MIDNIGHT if closes == "24:00" else closes for _, closes in pairs]
    return fields


def _rows(form: Form) -> list[tuple[str, str, list[OpeningRow]]]:
    """Of each weekday: its number, name and rows, with a free one at the end."""
    days: list[tuple[str, str, list[OpeningRow]]] = []
    for number, name in enumerate(DAYS):
        pairs = [pair for pair in _pairs(form, number) if any(pair)]
        rows = [*pairs, ("", "")]
        days.append((str(number), name, [OpeningRow(*row, at + 1) for at, row in enumerate(rows)]))
    return days


def _text_of(form: Form) -> str:
    """The editor's fields as the text that hours are written in; a day closes at 00:00 when it ends at midnight."""
    parts: list[str] = []
    for number, name in enumerate(DAYS):
        pairs = [pair for pair in _pairs(form, number) if any(pair)]
        if any(not (opens and closes) for opens, closes in pairs):
            raise InvalidInput(f"{name} needs both an opening and a closing time", field="hours")
        times = [f"{opens}-{'24:00' if closes == _MIDNIGHT else closes}" for opens, closes in pairs]
        if times:
            parts.append(f"{name[:3].lower()} {','.join(times)}")
    return "; ".join(parts)


def _pairs(form: Form, number: int) -> list[tuple[str, str]]:
    opens, closes = form.all(f"opens-{number}"), form.all(f"closes-{number}")
    return [(a.strip(), b.strip()) for a, b in zip_longest(opens, closes, fillvalue="")]


_PAGER = Pager(_SetKey, by_name, _PAGE, filters=("q",), is_falling=False)


ROUTES = (
    get("/callbacks/configurations", show_list, Action.CALLBACKS_VIEW),
    get("/callbacks/configurations/{id}", show_config, Action.CALLBACKS_MANAGE),
    post("/callbacks/configurations/{id}", save, Action.CALLBACKS_MANAGE),
    post("/callbacks/configurations/{id}/offer", offer, Action.CALLBACKS_MANAGE),
    post("/callbacks/configurations/{id}/preview", preview, Action.CALLBACKS_MANAGE),
    *confirmed("/callbacks/configurations/{id}/delete", ask_delete, delete, Action.CALLBACKS_MANAGE),
)
