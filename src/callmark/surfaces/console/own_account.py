"""One's own account: time zone, password and sessions."""

from typing import ClassVar

from msgspec import Struct
from starlette.responses import Response

from callmark.domain.ids import SessionId
from callmark.domain.sessions import service as sessions
from callmark.domain.sessions.model import Session
from callmark.domain.sessions.passwords import SHORTEST
from callmark.kit.errors import InvalidInput, NotFound, TooManyRequests
from callmark.surfaces.console import cookies
from callmark.surfaces.console.confirm import Confirm, confirmed
from callmark.surfaces.console.errors import retry_text
from callmark.surfaces.console.pages import Page, page
from callmark.surfaces.console.ranges import zone_options
from callmark.surfaces.console.request import ConsoleRequest, Form, Gone
from callmark.surfaces.console.route import Access, get, post

URL = "/console/me"
_BROWSERS = ("Edg/", "Edge"), ("Firefox/", "Firefox"), ("Chrome/", "Chrome"), ("Safari/", "Safari")
_SYSTEMS = ("Android", "Android"), ("iPhone", "iPhone"), ("Windows", "Windows"), ("Mac OS", "macOS"), ("Linux", "Linux")


class SessionLine(Struct, frozen=True):
    """A session as it is listed."""

    session: Session
    device: str
    is_this: bool


class OwnAccountPage(Page, frozen=True):
    """Who one is, the password form, the sessions."""

    template: ClassVar[str] = "own_account/own_account.html"
    form: Form
    zone_form: Form
    zones: list[tuple[str, list[tuple[str, str]]]]
    sessions: list[SessionLine]
    shortest: int = SHORTEST


async def show(request: ConsoleRequest) -> Response:
    return await _page(request, Form())


async def change_password(request: ConsoleRequest) -> Response:
    """Takes the old and the new password; every other session ends."""
    form, session = request.form, request.live_session
    try:
        known = await sessions.change_password(
            request.deps, session, form.text("old_password"), form.new_password(), request.origin
        )
    except InvalidInput as refused:
        return await _page(request, Form().refused(refused), 422)
    except TooManyRequests as refused:
        return await _page(request, Form({}, {"": retry_text(refused)}), 429)
    request.new_cookies.append(cookies.browser(known))
    return request.go(URL, "Your password was changed. You are signed out everywhere else.")


async def change_zone(request: ConsoleRequest) -> Response:
    """Takes the time zone in which pages show times."""
    form = request.form
    try:
        await sessions.set_zone(request.deps, request.live_session.person, form.text("zone"))
    except InvalidInput:
        return await _page(request, Form(), 422, Form(form.values, {"zone": "Choose a time zone"}))
    return request.go(URL, f"Times are now shown in {form.text('zone')}.")


async def end_one(request: ConsoleRequest) -> Response:
    """Signs one session out."""
    session_id = request.id(SessionId)
    try:
        await sessions.end_session(request.deps, request.live_session.person, session_id, by=request.by)
    except NotFound as exc:
        raise Gone("this session has ended already", URL, "your account") from exc
    return request.go(URL, "The session was signed out.")


async def ask_end_others(request: ConsoleRequest) -> Page:
    """Asks before signing out everywhere else."""
    del request  # the question is the same for everyone
    return Confirm(
        title="Sign out everywhere else?",
        lost=["All your other sessions end immediately. Unsaved input there is lost."],
        button="Sign out everywhere else",
        back=URL,
    )


async def end_others(request: ConsoleRequest) -> Response:
    """Signs every other session out."""
    await sessions.end_other_sessions(request.deps, request.live_session, by=request.by)
    return request.go(URL, "You are signed out everywhere else.")


async def _page(request: ConsoleRequest, form: Form, status: int = 200, zone_form: Form | None = None) -> Response:
    this = request.live_session
    found = await sessions.list_sessions(request.deps, this.person)
    lines = [SessionLine(session, device_of(session.user_agent), session.id == this.id) for session in found]
    zones = zone_options()
    if not any(request.zone.key == name for _, names in zones for name, _ in names):
        zones = [("Now", [(request.zone.key, request.zone.key)]), *zones]
    return page(request, OwnAccountPage(form, zone_form or Form.of(zone=request.zone.key), zones, lines), status)


def device_of(user_agent: str) -> str:
    """A browser and its system in words."""
    browser = next((name for mark, name in _BROWSERS if mark in user_agent), "")
    system = next((name for mark, name in _SYSTEMS if mark in user_agent), "")
    return " on ".join(filter(None, (browser, system))) or user_agent[:60] or "unknown browser"


ROUTES = (
    get("/me", show, Access.SIGNED_IN),
    post("/me/password", change_password, Access.SIGNED_IN),
    post("/me/zone", change_zone, Access.SIGNED_IN),
    *confirmed("/me/sessions/end-others", ask_end_others, end_others, Access.SIGNED_IN),
    post("/me/sessions/{id}/end", end_one, Access.SIGNED_IN),
)
