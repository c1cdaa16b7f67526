"""The operator's handsets: who is registered, with what, and whether it is connected at this moment."""

from typing import ClassVar

from msgspec import Struct
from starlette.responses import Response

from callmark.domain.handsets import directory, service as handsets
from callmark.domain.handsets.model import OS, HandsetApp, HandsetFilter, LiveRegistration
from callmark.domain.ids import HandsetAppId
from callmark.domain.policy.model import Action
from callmark.kit.ids import parse_uuid
from callmark.kit.phone import PhoneNumber, parse_loose
from callmark.surfaces.console import display_names
from callmark.surfaces.console.confirm import Confirm, confirmed
from callmark.surfaces.console.pages import Page, page
from callmark.surfaces.console.request import ConsoleRequest, first_digits, with_query
from callmark.surfaces.console.route import get

LIST = "/console/operator/handsets"
PAGE = 50
_LONGEST_DIGITS = 15


class HandsetTotals(Struct, frozen=True):
    """All registrations (counting stops after `MOST_COUNTED`), and open streams (None when not all can be asked)."""

    registered: int
    connected: int | None


class HandsetsPage(Page, frozen=True):
    """Registrations by number. `connected` is None when the gateways cannot be asked."""

    template: ClassVar[str] = "handsets/list.html"
    handsets: list[LiveRegistration]
    connected: set[PhoneNumber] | None
    totals: HandsetTotals
    apps: list[HandsetApp]
    wanted: HandsetFilter
    text: str
    is_narrowed: bool
    next: str
    first: str
    most: int = directory.MOST_COUNTED


async def show_handsets(request: ConsoleRequest) -> Response:
    wanted, text = _wanted(request), request.query("q").strip()
    after = parse_loose(request.query("after")) or ""
    deps = request.deps
    found = await directory.list_registrations(deps, wanted, after, PAGE + 1)
    listed = found[:PAGE]
    filters = {
        "q": text,
        "os": wanted.os or "",
        "version": wanted.app_version,
        "app": str(wanted.app_id) if wanted.app_id else "",
    }
    return page(
        request,
        HandsetsPage(
            listed,
            await directory.connected_among(deps, [one.phone_number for one in listed]),
            HandsetTotals(await directory.count_registrations(deps), await directory.count_connected(deps)),
            [app for app in await handsets.list_apps(deps) if app.revoked_at is None],
            wanted,
            text,
            bool(any(filters.values()) or after),
            with_query(LIST, **filters, after=listed[-1].phone_number) if len(found) > PAGE else "",
            with_query(LIST, **filters) if after else "",
        ),
    )


async def ask_forget(request: ConsoleRequest) -> Page:
    handset = await directory.get_registration(request.deps, request.phone_number())
    return Confirm(
        title=f"Forget {display_names.phone(handset.phone_number)}?",
        lost=[
            "Its registration and connection end immediately. The app must register it again.",
            "Until then, pushes to it fail as “Not a user of the app” and its calls show nothing.",
        ],
        button="Forget handset",
        back=LIST,
    )


async def forget(request: ConsoleRequest) -> Response:
    number = request.phone_number()
    await handsets.forget_number(request.deps, number, by=request.by)
    return request.go(LIST, f"{display_names.phone(number)} was forgotten.")


def _wanted(request: ConsoleRequest) -> HandsetFilter:
    os, app_id = request.query("os"), parse_uuid(request.query("app"))
    return HandsetFilter(
        number=first_digits(request.query("q"))[:_LONGEST_DIGITS],
        os=OS(os) if os in set(OS) else None,
        app_version=request.query("version").strip(),
        app_id=HandsetAppId(app_id) if app_id else None,
    )


ROUTES = (
    get("/operator/handsets", show_handsets, Action.OPERATE),
    *confirmed("/operator/handsets/{number}/forget", ask_forget, forget, Action.OPERATE),
)
