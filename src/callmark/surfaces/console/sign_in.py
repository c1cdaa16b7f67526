"""Signing in (and the code), invitation, forgotten password, sign out, light or dark."""

from contextlib import suppress
from datetime import timedelta
from typing import ClassVar

from msgspec import field
from msgspec.structs import replace
from starlette.responses import Response

from callmark.domain.sessions import links, service as sessions
from callmark.domain.sessions.model import CodeSent, LinkKind, Origin, SignedIn
from callmark.domain.sessions.passwords import SHORTEST
from callmark.kit.errors import Conflict, Forbidden, InvalidInput, NotFound, TooManyRequests, Unauthenticated
from callmark.surfaces.console import cookies
from callmark.surfaces.console.errors import retry_text
from callmark.surfaces.console.kept_forms import OTHER_TAB
from callmark.surfaces.console.mailed import shown_at, why_waiting
from callmark.surfaces.console.pages import Page, page
from callmark.surfaces.console.request import HOME, ConsoleRequest, Form, page_after, with_query
from callmark.surfaces.console.route import Access, get, post
from callmark.surfaces.emulator.curl_example import CREDENTIALS_JSON
from callmark.surfaces.http import retry_after_s

SIGN_IN, CODE, FORGOT = "/console/sign-in", "/console/sign-in/code", "/console/forgot"
_OR_ANOTHER = "Or reset your password: you can sign in immediately in the browser where you open the link."


class SignInPage(Page, frozen=True):
    """Address and password; `next` is where to go afterwards."""

    template: ClassVar[str] = "sign_in/sign_in.html"
    form: Form
    next: str
    demo_file: str
    """Where a demo keeps everyone's passwords; empty otherwise."""


class CodePage(Page, frozen=True):
    """The code that was sent by mail; `why` it was not, if no email leaves here, or the page that shows it instead."""

    template: ClassVar[str] = "sign_in/code.html"
    form: Form
    next: str
    why: str
    shown_at: str


class ForgotPage(Page, frozen=True):
    """Asks for the address; `sent` once a mail is on its way, if there is anyone to get it.

    `why` it is not, if no email leaves here, or the page that shows it instead.
    """

    template: ClassVar[str] = "sign_in/forgot.html"
    form: Form
    sent: bool
    why: str
    shown_at: str


class ResetPage(Page, frozen=True):
    """A new password."""

    template: ClassVar[str] = "sign_in/reset.html"
    form: Form
    email: str
    shortest: int = SHORTEST


class InvitationPage(Page, frozen=True):
    """A new member's name and password."""

    template: ClassVar[str] = "sign_in/invitation.html"
    form: Form
    email: str
    account_name: str
    shortest: int = SHORTEST


class DeadLinkPage(Page, frozen=True):
    """A link that was used, or came too late."""

    template: ClassVar[str] = "sign_in/dead_link.html"
    text: str = field(default="It has already been used, or it has expired.")


async def show_sign_in(request: ConsoleRequest) -> Response:
    """The form; who is signed in is sent to the next page."""
    if request.session:
        return request.go(page_after(request.query("next")))
    return _sign_in_page(request, Form(), page_after(request.query("next")))


async def sign_in(request: ConsoleRequest) -> Response:
    form = request.form
    onward = page_after(form.text("next"))
    email, password = form.text("email"), form.text("password")
    try:
        done = await sessions.sign_in(request.deps, email, password, _origin(request), _devices(request))
    except (Unauthenticated, Forbidden) as refused:
        return _sign_in_page(request, form.refused(refused), onward, refused.status)
    except TooManyRequests as refused:
        later = _later(form, refused, _OR_ANOTHER)
        return _too_many(_sign_in_page(request, later, onward, refused.status), refused)
    match done:
        case CodeSent():
            request.new_cookies.append(cookies.code(done.token))
            return request.go(with_query(CODE, next="" if onward == HOME else onward))
        case SignedIn():
            return await _welcome(request, done, onward)


async def sign_in_again(request: ConsoleRequest) -> Response:
    """The form with the address that was typed; its token did not fit."""
    onward = page_after(request.form.text("next"))
    if request.session:
        return request.go(onward, "You are signed in already.", "info")
    return _sign_in_page(request, _again(request), onward, 409)


async def confirm_code(request: ConsoleRequest) -> Response:
    form = request.form
    token = cookies.read(request.http, cookies.CODE, at=request.deps.public_url)
    try:
        done = await sessions.confirm_code(
            request.deps,
            token,
            form.text("code"),
            _origin(request),
            remember=form.is_on("remember"),
            devices=_devices(request),
        )
    except Unauthenticated as refused:
        shown = Form(form.values, {"code": f"{refused.message} Sign in again to get a new one."})
        return await _code_page(request, shown, form.text("next"), status=refused.status)
    return await _welcome(request, done, page_after(form.text("next")))


async def show_code(request: ConsoleRequest) -> Response:
    """The form again, or the beginning."""
    waiting = cookies.read(request.http, cookies.CODE, at=request.deps.public_url)
    if not waiting or request.session:
        return request.go(SIGN_IN)
    return await _code_page(request, Form(), request.query("next"))


async def _code_page(request: ConsoleRequest, form: Form, after: str, *, status: int = 200) -> Response:
    shown = CodePage(form, page_after(after), await why_waiting(request), shown_at(request))
    return page(request, shown, status)


async def sign_out(request: ConsoleRequest) -> Response:
    """Ends this session; the next may open the page that the form names."""
    await _end_session(request)
    request.new_cookies += cookies.session("")
    onward = page_after(request.form.text("next"))
    return request.go(with_query(SIGN_IN, next="" if onward == HOME else onward), "You are signed out.")


async def show_forgot(request: ConsoleRequest) -> Response:
    """Asks for the address, or says that a mail is on its way if someone has it."""
    return await _forgot_page(request, Form(), sent=bool(request.query("sent")))


async def forgot(request: ConsoleRequest) -> Response:
    """Answers the same for every address."""
    form = request.form
    try:
        await links.ask_for_reset(request.deps, form.text("email"), request.origin)
    except TooManyRequests as refused:
        return _too_many(await _forgot_page(request, _later(form, refused), sent=False, status=refused.status), refused)
    return request.go(f"{FORGOT}?sent=yes")


async def forgot_again(request: ConsoleRequest) -> Response:
    """As `sign_in_again`."""
    return await _forgot_page(request, _again(request), sent=False, status=409)


async def _forgot_page(request: ConsoleRequest, form: Form, *, sent: bool, status: int = 200) -> Response:
    return page(request, ForgotPage(form, sent, await why_waiting(request), shown_at(request)), status)


async def show_reset(request: ConsoleRequest) -> Response:
    """The form behind the mailed link."""
    try:
        owner = await links.look_at_link(request.deps, LinkKind.PASSWORD_RESET, _token(request))
    except NotFound:
        return page(request, DeadLinkPage(), 404)
    return page(request, ResetPage(Form(), owner.email))


async def reset(request: ConsoleRequest) -> Response:
    try:
        owner = await links.look_at_link(request.deps, LinkKind.PASSWORD_RESET, _token(request))
        try:
            password = request.form.new_password()
            known = await links.reset_password(request.deps, _token(request), password, request.origin)
        except InvalidInput as refused:
            return page(request, ResetPage(Form().refused(refused), owner.email), 422)
    except NotFound:
        return page(request, DeadLinkPage(), 404)
    await _end_session(request)
    if request.session:
        request.new_cookies += cookies.session("")
    request.new_cookies.append(cookies.browser(known))
    return request.go(SIGN_IN, "Your password was changed. Sign in with the new one.")


async def show_invitation(request: ConsoleRequest) -> Response:
    """Greets a new member."""
    try:
        invited = await links.look_at_link(request.deps, LinkKind.INVITATION, _token(request))
    except NotFound:
        return page(request, DeadLinkPage(), 404)
    return page(request, InvitationPage(Form.of(name=invited.name), invited.email, invited.account_name))


async def accept_invitation(request: ConsoleRequest) -> Response:
    """Takes name and password, and signs in."""
    form = request.form
    try:
        invited = await links.look_at_link(request.deps, LinkKind.INVITATION, _token(request))
        try:
            done = await links.accept_invitation(
                request.deps, _token(request), form.text("name"), form.new_password(), _origin(request)
            )
        except (InvalidInput, Conflict) as refused:
            kept = Form.of(name=form.text("name")).refused(refused)
            return page(request, InvitationPage(kept, invited.email, invited.account_name), 422)
    except NotFound:
        return page(request, DeadLinkPage(), 404)
    return await _welcome(request, done, HOME)


async def theme(request: ConsoleRequest) -> Response:
    """Light or dark, kept in a cookie."""
    wanted = request.form.text("theme")
    value = wanted if wanted in {"light", "dark"} else ""
    request.new_cookies.append(cookies.Cookie(cookies.THEME, value, timedelta(days=365)))
    return request.go(page_after(request.form.text("next")))


def _sign_in_page(request: ConsoleRequest, form: Form, onward: str, status: int = 200) -> Response:
    settings = request.deps.settings
    demo_file = str(settings.data / CREDENTIALS_JSON) if settings.emulator else ""
    return page(request, SignInPage(form, onward, demo_file), status)


def _again(request: ConsoleRequest) -> Form:
    return Form({"email": [request.form.text("email")]}, {"": OTHER_TAB})


async def _end_session(request: ConsoleRequest) -> None:
    """Ends the session of this browser, if it has one: it may be someone else's, and another is about to begin."""
    if request.session:
        with suppress(NotFound):  # it has ended meanwhile, or by the new password
            await sessions.end_session(request.deps, request.session.person, request.session.id, by=request.by)


async def _welcome(request: ConsoleRequest, done: SignedIn, onward: str) -> Response:
    await _end_session(request)
    request.new_cookies = [*cookies.session(done.token), cookies.browser(done.browser)]
    if done.devices:
        request.new_cookies.append(cookies.devices(done.devices))
    return request.go(onward)


def _later(form: Form, refused: TooManyRequests, more: str = "") -> Form:
    return Form(form.values, {"": f"{retry_text(refused)} {more}".rstrip()})


def _too_many(response: Response, refused: TooManyRequests) -> Response:
    response.headers["Retry-After"] = str(retry_after_s(refused))
    return response


def _origin(request: ConsoleRequest) -> Origin:
    """Where the sign-in comes from, with what the browser says about its time zone."""
    return replace(request.origin, zone=request.form.text("zone"))


def _devices(request: ConsoleRequest) -> str:
    """What this browser kept for those who need no code here."""
    return cookies.read(request.http, cookies.DEVICE, at=request.deps.public_url)


def _token(request: ConsoleRequest) -> str:
    return str(request.http.path_params["token"])


ROUTES = (
    get("/sign-in", show_sign_in, Access.ANYBODY),
    post("/sign-in", sign_in, Access.ANYBODY, again=sign_in_again),
    get("/sign-in/code", show_code, Access.ANYBODY),
    post("/sign-in/code", confirm_code, Access.ANYBODY),
    post("/sign-out", sign_out, Access.ANYBODY),
    get("/forgot", show_forgot, Access.ANYBODY),
    post("/forgot", forgot, Access.ANYBODY, again=forgot_again),
    get("/reset/{token}", show_reset, Access.ANYBODY),
    post("/reset/{token}", reset, Access.ANYBODY),
    get("/invitations/{token}", show_invitation, Access.ANYBODY),
    post("/invitations/{token}", accept_invitation, Access.ANYBODY),
    post("/theme", theme, Access.ANYBODY),
)
