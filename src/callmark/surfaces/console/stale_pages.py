"""Handles pages that were opened for another person or account than the session is of by now.

All tabs share one session: in a second tab someone else may sign in, or an operator act for another account. The token
of a page names whom it was made for (`cookies.Viewer`), and comes with all that its forms and scripts ask for. So what
Alice opened for Acme does nothing for Carol of Beta (`kept_forms` keeps its forms), and nothing of Beta is put into it.
A link to a file names the account in its query: no page says whose the file is. A stream of progress carries no token:
it is of one thing by its id, which no other account has.
"""

from enum import StrEnum
from typing import ClassVar

from starlette.responses import Response

from callmark.domain.accounts import service as accounts
from callmark.domain.accounts.model import Account
from callmark.domain.ids import AccountId
from callmark.domain.policy.model import Action
from callmark.kit.errors import Conflict, NotFound
from callmark.kit.ids import parse_uuid
from callmark.surfaces.console import cookies
from callmark.surfaces.console.pages import Page, page
from callmark.surfaces.console.request import ConsoleRequest, page_after, page_of, with_query
from callmark.surfaces.console.route import Access, ConsoleRoute

_STOP_POLLING = 286
"""What htmx takes for an answer to the last poll of an element."""
_OTHER_LINK = "This link is for another account than you use now. Go back, reload the page and try again."
_NO_ACCOUNT = "This link does not say for which account it is. Open the page with the link and try again."
_OTHER_ACCOUNT = "This page was opened for another account than you act for now. Reload it."
_OTHER_PERSON = "This page was opened before you signed in. Reload it."


class Why(StrEnum):
    """What is another since a page was opened."""

    SIGNED_OUT = "signed_out"
    PERSON = "person"
    ACCOUNT = "account"


class StaleBanner(Page, frozen=True):
    """The banner of a page that is of another person or account and no longer updates; `here` is its address."""

    template: ClassVar[str] = "kit/stale_banner.html"
    why: Why
    account: Account | None
    here: str
    is_form: bool
    """Whether a form brought it, whose fields stay on the page."""


def is_stale(route: ConsoleRoute, request: ConsoleRequest) -> bool:
    """Whether a form, a link to a file or what a page's script asks for is of another person or account than now.

    A form's token is valid for this session alone. Which account an operator acts for does not matter to forms of
    operators' own pages. One that updates has the banner of that account, whose button would now end another acting.
    Other links name neither: they open a page that says whose it is.
    """
    if request.session is None or route.needs is Access.ANYBODY:
        return False
    named = cookies.viewer_of(request.sent_csrf).account_id
    if route.method == "POST":
        return request.session.role is None and is_of_account(route) and named != request.acting_for
    if request.sent_csrf and not _is_of_this_person(request):
        return True
    if not is_of_account(route):
        is_operators = request.is_poll and request.session.role is None
        return is_operators and named is not None and named != request.acting_for
    if request.in_account:  # else the route says that no account is chosen
        named = named or _account_of_link(request)
    return named is not None and named != request.session.account_id


def is_of_account(route: ConsoleRoute) -> bool:
    """Whether the route acts on the session's account."""
    return isinstance(route.needs, Action) and route.needs is not Action.OPERATE


def _is_of_this_person(request: ConsoleRequest) -> bool:
    """Whether who is signed in now opened the page that asks. An older session of the same person will do."""
    return cookies.viewer_of(request.sent_csrf).person == request.live_session.person


def link_to_file(request: ConsoleRequest, path: str, **parts: str) -> str:
    """A link of a page to a file of the account, which it names."""
    return with_query(path, **parts, account=str(request.account_id))


def check_link_to_file(request: ConsoleRequest) -> None:
    """Raises Conflict for an operator's link that does not name the account, as one that was kept from before."""
    if request.acting_for and _account_of_link(request) != request.acting_for:
        raise Conflict(_NO_ACCOUNT)


def _account_of_link(request: ConsoleRequest) -> AccountId | None:
    found = parse_uuid(request.query("account"))
    return AccountId(found) if found else None


async def answer(request: ConsoleRequest) -> Response:
    """To a stale page that asks for a part of itself: none. A page that updates gets a banner.

    Raises Conflict where a script asks for something else, and for a link to a file.
    """
    if request.is_poll:
        return await answer_poll(request)
    if request.is_htmx:
        return Response(headers={"HX-Redirect": request.address})
    if not request.sent_csrf:
        raise Conflict(_OTHER_LINK)
    raise Conflict(_OTHER_ACCOUNT if _is_of_this_person(request) else _OTHER_PERSON)


async def answer_poll(request: ConsoleRequest) -> Response:
    """The banner to a page that asks automatically, which it does for the last time."""
    return await banner(request, _STOP_POLLING if request.is_htmx else 409)


async def banner(request: ConsoleRequest, status: int) -> Response:
    """The banner in its place, whatever the page asked for. All else on the page stays, with what is typed there."""
    here = page_after(page_of(request.http.headers.get("hx-current-url", request.address)))
    account: Account | None = None
    if request.session is None:
        why = Why.SIGNED_OUT
    elif not _is_of_this_person(request):
        why = Why.PERSON
    else:
        why = Why.ACCOUNT
        account = await find_named(request, cookies.viewer_of(request.sent_csrf).account_id)
    answered = page(request, StaleBanner(why, account, here, request.http.method == "POST"), status)
    answered.headers.update({"HX-Retarget": "#acting", "HX-Reselect": "#acting", "HX-Reswap": "outerHTML"})
    return answered


async def find_named(request: ConsoleRequest, account_id: AccountId | None) -> Account | None:
    """The account that an operator's page was opened for; None when it named none that exists."""
    if account_id is None or request.live_session.role is not None:
        return None
    try:
        return await accounts.get_account(request.deps, account_id)
    except NotFound:
        return None
