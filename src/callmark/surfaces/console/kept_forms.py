"""Forms that come too late, or for another person or account than the session is of: what was typed is not lost.

Too late is what arrives after its session ended, or with a token of an earlier one. The form waits for thirty minutes,
encrypted, for the person whose page it stood on and the browser that sent it; after that person's sign-in a page shows
it and sends it again at a click. Passwords and files are not kept, and the page says so. A form of an account is sent
again only while the session is of that account.

Who is not signed in can have any form kept, and knows its address. So the address alone opens nothing: it takes a
cookie that the same answer set. So nobody's form stands before another person with a button that sends it.
"""

import hmac
from typing import ClassVar

import msgspec
from starlette.datastructures import UploadFile
from starlette.responses import RedirectResponse, Response

from callmark.domain.accounts.model import Account
from callmark.domain.ids import AccountId
from callmark.domain.sessions import handovers
from callmark.domain.sessions.model import TOKEN_LENGTH, Person
from callmark.domain.sessions.throttle import service as throttle
from callmark.kit.errors import AppError, Forbidden, NotFound, TooManyRequests
from callmark.kit.ids import random_text, sha256
from callmark.surfaces.console import admission, bodies, cookies, stale_pages
from callmark.surfaces.console.pages import Page, page
from callmark.surfaces.console.request import HOME, ConsoleRequest, page_after, page_of, with_query
from callmark.surfaces.console.route import Access, ConsoleRoute, get

SIGN_IN, SIGN_OUT = "/console/sign-in", "/console/sign-out"
KEPT = "/console/kept-forms"
_KIND = "form"
_LARGEST_BYTES = 256 * 1024
_SECRETS = frozenset({"password", "again", "old_password", "code"})
_NOTHING_DONE = "You were signed out before this was done. Nothing was changed."
_LOST = "You were signed out before this was saved. Nothing was changed, and your input could not be kept."
_WAITS = "You were signed out before this was saved. Sign in to continue. Your input is kept for 30 minutes."
_STALE = "This form is no longer valid because it was opened before you signed in. Please try again."
OTHER_TAB = (
    "This page was no longer valid. It was opened a while ago, or before you signed in or out in another tab."
    " Please try again."
)
_LATE = "you were signed out or signed in elsewhere"
_WAS_OTHER = "you were acting for another account"
_OLD_PAGE = "This page was opened before you signed in. Nothing has been saved yet."


class KeptForm(msgspec.Struct):
    """A form as it was sent: where to, its text fields in order, the names of its files, whether it had a password."""

    path: str
    fields: list[tuple[str, str]]
    files: list[str]
    had_password: bool
    page: str
    """The page it stood on, as far as the browser said."""
    browser: bytes = b""
    """The SHA-256 of the cookie that opens it."""
    is_of_account: bool = False
    """Whether it acts on the session's account."""
    account_id: AccountId | None = None
    """That account, as the page named it."""
    is_late: bool = True
    """Whether it came too late; otherwise the session acted for another account."""


class KeptFormPage(Page, frozen=True):
    """What was typed, to be sent again; `back` is the page to fill in again."""

    template: ClassVar[str] = "kit/kept_form.html"
    to: str
    fields: list[tuple[str, str]]
    files: list[str]
    had_password: bool
    back: str
    why: str


class OtherAccountPage(Page, frozen=True):
    """A form of another account than the operator acts for; `onward` is opened once it acts for the right one."""

    template: ClassVar[str] = "kit/other_account.html"
    form: KeptForm
    account: Account | None
    onward: str
    is_kept: bool


class OtherPersonPage(Page, frozen=True):
    """A form of another person than is signed in; `onward` is opened once that person is. It has nothing of the form.

    `is_lost`: something was entered and could not be kept.
    """

    template: ClassVar[str] = "kit/other_person.html"
    onward: str
    is_kept: bool = False
    is_lost: bool = False


class NoFormPage(Page, frozen=True):
    """The form is no longer kept."""

    template: ClassVar[str] = "kit/no_form.html"


async def keep_for_sign_in(route: ConsoleRoute, request: ConsoleRequest) -> Response:
    """To the sign-in, after which the form is shown again; says what happened to it, unless another site sent it."""
    try:
        admission.check_site(request)
    except Forbidden:
        return _go(request, SIGN_IN)
    kept = await _read(route, request)
    person = cookies.viewer_of(request.sent_csrf).person
    token = await _hand_over(request, kept, person) if kept and kept.fields else ""
    if token:
        onward, said = f"{KEPT}/{token}", _WAITS
    else:
        onward, said = _page_before(request), _NOTHING_DONE if kept and not _typed(kept) else _LOST
    request.new_cookies.append(cookies.flash(said, "warning"))
    return _go(request, with_query(SIGN_IN, next=onward))


async def keep_for_session(route: ConsoleRoute, request: ConsoleRequest) -> Response:
    """Shows a form with an old token to who is signed in now, if that is the person whose page it stood on.

    Raises Forbidden when no page of ours sent it, or a browser that keeps no cookies.
    """
    if not admission.is_from_our_page(request):
        raise Forbidden(_STALE)
    if request.session is None and request.path == SIGN_OUT:
        request.new_cookies.append(cookies.flash("You are signed out.", "success"))
        return _go(request, SIGN_IN)
    if request.session is None:
        admission.check_cookies(request)
    if route.again:
        return await route.again(request)
    if request.session is None or route.needs is Access.ANYBODY:
        request.new_cookies.append(cookies.flash(OTHER_TAB, "warning"))
        return _go(request, request.path if route.path in request.http.app.state.console_paths else HOME)
    kept, person = _kept(route, request), cookies.viewer_of(request.sent_csrf).person
    if person != request.session.person:
        return await _keep_for_other(request, kept, person)
    token = await _hand_over(request, kept, person)
    if not token:
        raise Forbidden(_STALE)
    request.new_cookies.append(cookies.flash(_OLD_PAGE, "warning"))
    return _go(request, f"{KEPT}/{token}")


async def _keep_for_other(request: ConsoleRequest, kept: KeptForm, person: Person) -> Response:
    """Keeps a form for the person whose page it stood on, and says so to who is signed in now.

    Nobody else is shown what is in it, whether it can be kept or not: it may be whole lists of another business.
    """
    if _typed(kept) and (token := await _hand_over(request, kept, person)):
        return _go(request, f"{KEPT}/{token}")
    if request.is_htmx:  # as for another account
        return await stale_pages.banner(request, 200)
    return page(request, OtherPersonPage(page_after(kept.page), is_lost=bool(kept.fields)), 409)


async def keep_for_account(route: ConsoleRoute, request: ConsoleRequest) -> Response:
    """Keeps an operator's form of another account than the session acts for now, and says whose it is."""
    kept = _kept(route, request)
    kept.is_late = False
    if _typed(kept) and (token := await _hand_over(request, kept, request.live_session.person)):
        return _go(request, f"{KEPT}/{token}")
    if request.is_htmx:  # it saves nothing, as for a preview: what cannot be kept stays on its page
        return await stale_pages.banner(request, 200)
    account = await stale_pages.find_named(request, kept.account_id)
    return page(request, OtherAccountPage(kept, account, page_after(kept.page), is_kept=False), 409)


async def show(request: ConsoleRequest) -> Response:
    """The form that waits; it may be opened again until its time is over."""
    token = str(request.http.path_params["token"])
    of = request.deps, request.live_session, _KIND, token
    kept = _opened(request, await handovers.look(*of))
    if kept is None:
        is_others = _opened(request, await handovers.look_at_anothers(*of)) is not None
        return page(request, OtherPersonPage(request.path, is_kept=True) if is_others else NoFormPage(), 404)
    if _is_of_other_account(kept, request):
        account = await stale_pages.find_named(request, kept.account_id)
        return page(request, OtherAccountPage(kept, account, request.path, is_kept=True))
    why = _LATE if kept.is_late else _WAS_OTHER
    return page(request, KeptFormPage(kept.path, kept.fields, kept.files, kept.had_password, kept.page or HOME, why))


def _opened(request: ConsoleRequest, content: bytes | None) -> KeptForm | None:
    """The form, in the browser that sent it."""
    kept = msgspec.msgpack.decode(content, type=KeptForm) if content else None
    return kept if kept and hmac.compare_digest(kept.browser, sha256(_browser(request))) else None


def _is_of_other_account(kept: KeptForm, request: ConsoleRequest) -> bool:
    return kept.is_of_account and kept.account_id != request.live_session.account_id


async def _read(route: ConsoleRoute, request: ConsoleRequest) -> KeptForm | None:
    """The form, if a page of ours sent it and it can be read."""
    session_token = cookies.read(request.http, cookies.SESSION, at=request.deps.public_url)
    try:
        request.sent = await bodies.read_form(request.http, _LARGEST_BYTES, is_trusted=False)
        admission.check_text(request)
    except AppError:
        return None
    is_ours = cookies.is_csrf_token(request.sent_csrf, session_token) or admission.is_from_our_page(request)
    return _kept(route, request) if is_ours else None


def _kept(route: ConsoleRoute, request: ConsoleRequest) -> KeptForm:
    items = request.sent.multi_items() if request.sent else []
    fields = [(name, value) for name, value in items if isinstance(value, str) and name not in {"csrf", *_SECRETS}]
    files = [value.filename for _, value in items if isinstance(value, UploadFile) and value.filename]
    had_password = any(name in _SECRETS for name, _ in items)
    of_account = stale_pages.is_of_account(route), cookies.viewer_of(request.sent_csrf).account_id
    return KeptForm(request.path, fields, files, had_password, _page_before(request), b"", *of_account)


def _typed(kept: KeptForm) -> bool:
    return bool(kept.fields or kept.files or kept.had_password)


async def _hand_over(request: ConsoleRequest, kept: KeptForm, person: Person) -> str:
    """A token for the form; empty for nobody's or one that is too large, too many, or for a person who is gone."""
    browser = _browser(request) or random_text(TOKEN_LENGTH)
    kept.browser = sha256(browser)
    content = msgspec.msgpack.encode(kept)
    if person == Person() or len(content) > _LARGEST_BYTES:
        return ""
    try:
        await throttle.take(request.deps, throttle.KEPT_FORM, request.origin.network)
    except TooManyRequests:
        return ""
    try:
        token = await handovers.hand_to_person(request.deps, person, _KIND, content)
    except NotFound:
        return ""
    request.new_cookies.append(cookies.forms(browser, handovers.FORM_LIFETIME))
    return token


def _browser(request: ConsoleRequest) -> str:
    """What this browser got with the first form that was kept for it; empty when it has none."""
    return cookies.read(request.http, cookies.FORMS, at=request.deps.public_url)


def _page_before(request: ConsoleRequest) -> str:
    """The page that sent the request, below this console; empty when the browser does not say."""
    headers = request.http.headers
    return page_of(headers.get("hx-current-url") or headers.get("referer", ""))


def _go(request: ConsoleRequest, to: str) -> Response:
    return Response(headers={"HX-Redirect": to}) if request.is_htmx else RedirectResponse(to, 303)


ROUTES = (get("/kept-forms/{token}", show, Access.SIGNED_IN),)
