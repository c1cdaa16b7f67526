"""Renders pages: a typed context each, the layout around it, and what every page may say."""

import gzip
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from jinja2 import ChoiceLoader, FileSystemLoader, PrefixLoader
from msgspec import Struct
from starlette.responses import HTMLResponse, Response

from callmark.domain.policy import model as policy
from callmark.domain.policy.model import Action, Role
from callmark.instants import iso_ms
from callmark.surfaces import assets
from callmark.surfaces.console import audit_names, cookies, display_names, network_names
from callmark.surfaces.console.menu import Menu, menu_of
from callmark.surfaces.console.menu_parts import ICONS, TEMPLATE as MENU, MenuParts, menu_parts
from callmark.surfaces.console.request import ConsoleRequest
from callmark.surfaces.http import accepts_gzip
from callmark.surfaces.templates import templates_of

TEMPLATES = Path(__file__).parent / "templates"
_PHONE = Path(__file__).parents[1] / "emulator/pages/templates"
"""The virtual handset's screen, which the first steps show as the emulator's pages do."""
_WORTH_ZIPPING = 1024
_THEMES = frozenset({"light", "dark"})
_YEAR, _DAY, _HOUR, _MINUTE = timedelta(days=300), timedelta(days=1), timedelta(hours=1), timedelta(minutes=1)

env = templates_of(
    ChoiceLoader([FileSystemLoader(TEMPLATES), PrefixLoader({"emulator": FileSystemLoader(_PHONE)})]),
)


class Page(Struct, frozen=True):
    """A page's context: a struct whose fields are the variables of its `template`, beside `layout`."""

    template: ClassVar[str]


class Layout(Struct, frozen=True):
    """What surrounds a page: its visitor, the menus, a message that shows once, and the token of its forms."""

    in_account: bool
    """Whether the page is of an account; an operator may act for none."""
    account_name: str
    role: Role | None
    own_place: policy.Path
    """The place in the structure that an owner owns; empty for everyone else."""
    has_no_place: bool
    """Whether the visitor is an owner whose place was deleted, or who has not been given one yet."""
    email: str
    name: str
    is_operator: bool
    menu: Menu
    path: str
    csrf: str
    said: tuple[str, str] | None
    theme: str
    now: datetime
    zone: ZoneInfo
    """In which the page shows times."""
    request: ConsoleRequest
    held_since: datetime | None
    """Since when the installation sends nothing, for operators."""

    def may(self, action: str, path: tuple[Any, ...] | None = None) -> bool:
        """Whether to show a button."""
        return self.request.may(Action(action), path)

    @property
    def menu_parts(self) -> MenuParts:
        """The menus as HTML."""
        return menu_parts(env.get_template(MENU), assets.url(ICONS), self.menu)

    @property
    def event_days(self) -> int:
        """For how many days events, deliveries and answers in the log are kept."""
        return self.request.deps.settings.event_retention_days

    def has(self, feature: str) -> bool:
        """Whether the feature is part of the account's plan."""
        return self.in_account and feature in self.request.live_session.features


def page(request: ConsoleRequest, context: Page, status: int = 200) -> Response:
    """The page of a context, with the layout around it."""
    values = {name: getattr(context, name) for name in context.__struct_fields__}
    html = env.get_template(context.template).render(layout=layout_of(request), **values)
    return HTMLResponse(html, status)


def layout_of(request: ConsoleRequest) -> Layout:
    """The layout of this visit's page; a message is shown once, and kept while another tab polls."""
    here = request.deps.public_url
    said = None if request.is_poll else cookies.read_flash(request.http, at=here)
    if said:
        request.new_cookies.append(cookies.Cookie(cookies.FLASH, ""))
    theme = cookies.read(request.http, cookies.THEME, at=here)
    session = request.session
    return Layout(
        in_account=request.in_account,
        account_name=session.account_name if session else "",
        role=session.role if session else None,
        own_place=(session.node_id,) if session and session.node_id else (),
        has_no_place=bool(session and request.by.scope.is_nowhere),
        email=session.email if session else "",
        name=session.name if session else "",
        is_operator=bool(session and session.role is None),
        menu=menu_of(request) if session else Menu((), (), ()),
        path=request.path,
        csrf=cookies.csrf_token(request.csrf_key, request.viewer),
        said=said,
        theme=theme if theme in _THEMES else "",
        now=request.deps.clock.now(),
        zone=request.zone,
        request=request,
        held_since=session.held_since if session and session.role is None else None,
    )


def headers(public_url: str) -> dict[str, str]:
    """Headers of every page. Logos come from `public_url`, which need not be the address the page was opened by."""
    parts = urlsplit(public_url)
    made = {
        "Cache-Control": "no-store",
        "Content-Security-Policy": "default-src 'self'; script-src 'self'; style-src 'self'; connect-src 'self';"
        f" img-src 'self' data: blob: {parts.scheme}://{parts.netloc}; object-src 'none'; base-uri 'none';"
        " form-action 'self'; frame-ancestors 'none'",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
        "Referrer-Policy": "same-origin",
        "Vary": "Accept-Encoding, Cookie, HX-Request",
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
    }
    if parts.scheme == "https":
        made["Strict-Transport-Security"] = "max-age=31536000"
    return made


def finish(request: ConsoleRequest, response: Response) -> Response:
    """The answer with its headers and cookies, compressed where that helps."""
    for name, value in headers(request.deps.public_url).items():
        if not (name == "Cache-Control" and "cache-control" in response.headers):
            response.headers[name] = value
    for cookie in request.new_cookies:
        cookies.write(response, cookie, at=request.deps.public_url)
    accepts = accepts_gzip(request.http.headers.get("accept-encoding", ""))
    if isinstance(response, HTMLResponse) and accepts and len(response.body) >= _WORTH_ZIPPING:
        response.body = gzip.compress(response.body, 5, mtime=0)
        response.headers["Content-Encoding"] = "gzip"
        response.headers["Content-Length"] = str(len(response.body))
    return response


def human(instant: datetime, now: datetime, zone: tzinfo = UTC) -> str:
    """An instant as people say it: `in 5 minutes`, `3 hours ago`, `12 Jan, 14:05`, `12 Jan 2025`; days in `zone`.

    What is less than a day away is rounded to the nearest minute or hour.
    """
    said = near(instant, now)
    if said:
        return said
    apart = abs(now - instant)
    there = instant.astimezone(zone)
    day = f"{there.day} {there:%b}"
    return f"{day}, {there:%H:%M}" if apart < _YEAR and apart < 30 * _DAY else f"{day} {there:%Y}"


def near(instant: datetime, now: datetime) -> str:
    """How far an instant is from now, up to a day: `just now`, `3 hours ago`, `in 5 minutes`; empty beyond that."""
    apart = abs(now - instant)
    if apart < _MINUTE:
        return "just now" if instant <= now else "in a moment"
    if apart >= _DAY:
        return ""
    count, unit = _nearest(apart, _MINUTE), "minute"
    if count * _MINUTE >= _HOUR:
        count, unit = _nearest(apart, _HOUR), "hour"
    amount = f"{count} {unit}{'s' if count != 1 else ''}"
    return f"{amount} ago" if instant < now else f"in {amount}"


def exact(instant: datetime) -> str:
    """The exact instant, for `datetime` attributes."""
    return iso_ms(instant.astimezone(UTC))


def told(instant: datetime, zone: ZoneInfo) -> str:
    """The instant to the second with its zone, for people who point at it: `12 Jan 2026, 19:35:07, Asia/Kolkata`."""
    return f"{to_the_second(instant, zone)}, {zone.key}"


def to_the_second(instant: datetime, zone: tzinfo) -> str:
    """The instant where the page names the zone: `12 Jan 2026, 19:35:07`."""
    there = instant.astimezone(zone)
    return f"{there.day} {there:%b %Y, %H:%M:%S}"


def _nearest(length: timedelta, unit: timedelta) -> int:
    return int((length + unit / 2) // unit)


_globals: dict[str, Any] = env.globals
_globals |= {"static": assets.url, "human": human, "near": near, "exact": exact, "told": told}
_globals |= {"to_the_second": to_the_second}
_globals |= {"audit_names": audit_names, "display_names": display_names, "network_names": network_names}
