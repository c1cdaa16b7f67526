"""Call Me Back configurations: one for each feature set, with the slots its users see (contract, 12.4)."""

from dataclasses import dataclass
from itertools import zip_longest
from typing import ClassVar

from starlette.responses import Response

from callmark.domain.access import callbacks as access
from callmark.domain.access.callbacks import Configured, Day
from callmark.domain.access.offers import OwnSet
from callmark.domain.callbacks.hours import CLOSED, Week
from callmark.domain.callbacks.model import LONGEST_NAME
from callmark.domain.ids import FeatureSetId
from callmark.domain.policy.model import Action
from callmark.kit.errors import InvalidInput
from callmark.kit.zones import time_zone
from callmark.surfaces.console import display_names
from callmark.surfaces.console.confirm import Confirm, confirm
from callmark.surfaces.console.pages import Page, page
from callmark.surfaces.console.ranges import zone_options
from callmark.surfaces.console.request import ConsoleRequest, Form, decode_key, encode_key, with_query
from callmark.surfaces.console.route import get, post

LIST = "/console/callbacks/configurations"
DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MIDNIGHT = "00:00"
_PAGE = 50


@dataclass(frozen=True)
class Opened:
    """A row of the editor: from and to on one weekday, `HH:MM` or empty. `shown` numbers it for people."""

    opens: str
    closes: str
    shown: int


@dataclass(frozen=True)
class ConfigsPage(Page):
    """A page of the feature sets of the actor's place, each with its hours in words."""

    template: ClassVar[str] = "callbacks/list.html"
    found: list[tuple[Configured, str]]
    text: str
    url: str
    next: str
    first: str


@dataclass(frozen=True)
class Preview:
    """What a user in another zone would see, or why there is nothing to see."""

    days: list[Day]
    trouble: str
    zone: str


@dataclass(frozen=True)
class ConfigPage(Page):
    """The form of a configuration. `days` are the rows of each weekday, `zones` the regions with their names."""

    template: ClassVar[str] = "callbacks/form.html"
    own: OwnSet
    form: Form
    is_there: bool
    days: list[tuple[str, str, list[Opened]]]
    zones: list[tuple[str, list[tuple[str, str]]]]
    preview: Preview
    url: str
    longest_name: int = LONGEST_NAME


async def show_list(request: ConsoleRequest) -> Response:
    """Feature sets by name."""
    text = request.query("q")
    found = [
        one
        for one in await access.list_configs(request.deps, request.actor)
        if text.strip().casefold() in one.own.feature_set.name.casefold()
    ]
    after = decode_key(request.query("after"), 2)
    start = next((at + 1 for at, one in enumerate(found) if after == _key(one)), 0)
    rest = found[start:]
    shown = [(one, display_names.hours(one.config.hours) if one.config else "") for one in rest[:_PAGE]]
    return page(
        request,
        ConfigsPage(
            shown,
            text,
            LIST,
            with_query(LIST, q=text, after=encode_key(*_key(shown[-1][0]))) if len(rest) > _PAGE else "",
            with_query(LIST, q=text) if start else "",
        ),
    )


async def show_config(request: ConsoleRequest) -> Response:
    """The form with what the feature set has, or with what is usual."""
    found = await access.get_config(request.deps, request.actor, request.id(FeatureSetId))
    config = found.config
    form = Form.of(
        name=config.name if config else found.own.feature_set.name,
        slot_picker="on" if config and config.slot_picker else "",
        time_zone=config.time_zone.key if config else request.zone.key,
        seen_in=request.query("seen_in") or request.zone.key,
        **_fields(config.hours if config else CLOSED),
    )
    return _form_page(request, found, form)


async def preview(request: ConsoleRequest) -> Response:
    """The form as it was typed, with its preview; nothing is kept."""
    return _form_page(
        request, await access.get_config(request.deps, request.actor, request.id(FeatureSetId)), request.form
    )


async def save(request: ConsoleRequest) -> Response:
    """Keeps it; from the next missed call on it counts."""
    form, feature_set_id = request.form, request.id(FeatureSetId)
    found = await access.get_config(request.deps, request.actor, feature_set_id)
    try:
        config = await access.set_config(
            request.deps,
            request.actor,
            feature_set_id,
            name=form.text("name"),
            slot_picker=form.is_on("slot_picker"),
            time_zone=form.text("time_zone"),
            hours=_text_of(form),
        )
    except InvalidInput as refused:
        return _form_page(request, found, form.refused(refused), 422)
    return request.go(LIST, f"{config.name} was saved. It applies from the next missed call.")


async def offer(request: ConsoleRequest) -> Response:
    """Turns the switch of a feature set or number group: whether a call back is offered at all."""
    feature_set_id, on = request.id(FeatureSetId), request.form.text("call_me_back") == "on"
    one = await access.set_offered(request.deps, request.actor, feature_set_id, on=on)
    said = "offers Call Me Back from the next missed call" if on else "no longer offers Call Me Back"
    return request.go(f"{LIST}/{feature_set_id}", f"{one.name} {said}.")


async def ask_delete(request: ConsoleRequest) -> Response:
    """Says what stays."""
    found = await access.get_config(request.deps, request.actor, request.id(FeatureSetId))
    one = found.own.feature_set
    return confirm(
        request,
        Confirm(
            title=f"Remove the configuration for {one.name}?",
            lost=[
                "Its name, business hours and time zone are deleted.",
                "Receivers can still request a callback, but cannot choose a time."
                if one.call_me_back
                else "Call Me Back is already off for this feature set.",
                "Existing requests stay in the list.",
            ],
            button="Remove configuration",
            to=f"{LIST}/{one.id}/delete",
            back=LIST,
        ),
    )


async def delete(request: ConsoleRequest) -> Response:
    """Back to what applies without a configuration."""
    gone = await access.delete_config(request.deps, request.actor, request.id(FeatureSetId))
    return request.go(LIST, f"{gone.own.feature_set.name} no longer has a configuration.")


def _form_page(request: ConsoleRequest, found: Configured, form: Form, status: int = 200) -> Response:
    own = found.own
    context = ConfigPage(
        own,
        form,
        found.config is not None,
        _rows(form),
        zone_options(),
        _preview(request, form),
        f"{LIST}/{own.feature_set.id}",
    )
    return page(request, context, status)


def _preview(request: ConsoleRequest, form: Form) -> Preview:
    """By the clocks of `seen_in`, which need not be the business's."""
    seen_in = form.text("seen_in") or request.zone.key
    try:
        week = access.read_week(_text_of(form), name=form.text("name"), slot_picker=form.is_on("slot_picker"))
        zone, seen_zone = time_zone(form.text("time_zone")), time_zone(seen_in, "seen_in")
    except InvalidInput as refused:
        said = refused.for_people
        return Preview([], said[:1].upper() + said[1:], seen_in)
    if not form.is_on("slot_picker"):
        return Preview([], "", seen_in)
    return Preview(access.preview(week, zone, request.deps.clock.now(), seen_zone), "", seen_in)


def _fields(week: Week) -> dict[str, list[str]]:
    """The week as the editor's fields: `opens-0` and `closes-0` of Monday, a value each row."""
    fields: dict[str, list[str]] = {}
    for number, openings in enumerate(week):
        pairs = [str(opening).split("-") for opening in openings]
        fields[f"opens-{number}"] = [opens for opens, _ in pairs]
        fields[f"closes-{number}"] = [_MIDNIGHT if closes == "24:00" else closes for _, closes in pairs]
    return fields


def _rows(form: Form) -> list[tuple[str, str, list[Opened]]]:
    """Of each weekday: its number, name and rows, with a free one at the end."""
    days: list[tuple[str, str, list[Opened]]] = []
    for number, name in enumerate(DAYS):
        pairs = [pair for pair in _pairs(form, number) if any(pair)]
        rows = [*pairs, ("", "")]
        days.append((str(number), name, [Opened(*row, at + 1) for at, row in enumerate(rows)]))
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


def _key(one: Configured) -> tuple[str, str]:
    return one.own.feature_set.name, str(one.own.feature_set.id)


ROUTES = (
    get("/callbacks/configurations", show_list, Action.CALLBACKS_VIEW),
    get("/callbacks/configurations/{id}", show_config, Action.CALLBACKS_MANAGE),
    post("/callbacks/configurations/{id}", save, Action.CALLBACKS_MANAGE),
    post("/callbacks/configurations/{id}/offer", offer, Action.CALLBACKS_MANAGE),
    post("/callbacks/configurations/{id}/preview", preview, Action.CALLBACKS_MANAGE),
    get("/callbacks/configurations/{id}/delete", ask_delete, Action.CALLBACKS_MANAGE),
    post("/callbacks/configurations/{id}/delete", delete, Action.CALLBACKS_MANAGE),
)
