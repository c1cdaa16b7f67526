"""Handles pages that were opened for one account after the operator switched to another in a second tab.

All tabs share the session, and with it the account. The token of a page's forms names the account of the page. So a
form of Acme is not taken for Beta (`kept_forms` keeps it), and no part of Beta is put into a page of Acme. A link to a
file names the account in its query: no page says whose the file is.
"""

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
from callmark.surfaces.console.route import ConsoleRoute

_STOP_POLLING = 286
"""What htmx takes for an answer to the last poll of an element."""
_OTHER_LINK = "This link is for another account than you act for now. Go back, reload the page and try again."
_NO_ACCOUNT = "This link does not say for which account it is. Open the page with the link and try again."


class StaleBanner(Page, frozen=True):
    """The banner of a page that is of another account and no longer updates; `here` is its address."""

    template: ClassVar[str] = "kit/stale_banner.html"
    account: Account | None
    here: str
    is_form: bool
    """Whether a form brought it, whose fields stay on the page."""


def is_other(route: ConsoleRoute, request: ConsoleRequest) -> bool:
    """Whether an operator's form, link to a file or what a page's script asks for is of another account than acts now.

    Of operators' own pages it does not matter. Other links name no account: they open a page that says whose it is.
    """
    is_operator = request.session is not None and request.session.role is None
    if not is_operator or not is_of_account(route):
        return False
    named = cookies.account_of(request.sent_csrf)
    if route.method == "POST":
        return named != request.acting_for
    if request.acting_for:  # else the route says that no account is chosen
        named = named or _account_of_link(request)
    return named is not None and named != request.acting_for


def is_of_account(route: ConsoleRoute) -> bool:
    """Whether the route acts on the session's account."""
    return isinstance(route.needs, Action) and route.needs is not Action.OPERATE


def link_to_file(request: ConsoleRequest, path: str, **parts: str) -> str:
    """A link of a page to a file of the account: an operator's names the account."""
    return with_query(path, **parts, account=str(request.acting_for or ""))


def check_link_to_file(request: ConsoleRequest) -> None:
    """Raises Conflict for an operator's link that does not name the account, as one that was kept from before."""
    if request.acting_for and _account_of_link(request) != request.acting_for:
        raise Conflict(_NO_ACCOUNT)


def _account_of_link(request: ConsoleRequest) -> AccountId | None:
    found = parse_uuid(request.query("account"))
    return AccountId(found) if found else None


async def answer(request: ConsoleRequest) -> Response:
    """To a page of another account that asks for a part of itself: none. A page that updates gets a banner.

    Raises Conflict where a script asks for something else, and for a link to a file.
    """
    if request.is_htmx and not request.is_poll:
        return Response(headers={"HX-Redirect": request.address})
    if not request.is_poll:
        if not request.sent_csrf:
            raise Conflict(_OTHER_LINK)
        raise Conflict("This page was opened for another account than you act for now. Reload it.")
    return await banner(request, _STOP_POLLING if request.is_htmx else 409)


async def banner(request: ConsoleRequest, status: int) -> Response:
    """The banner in its place, whatever the page asked for. All else on the page stays, with what is typed there."""
    account = await find_named(request, cookies.account_of(request.sent_csrf))
    here = page_after(page_of(request.http.headers.get("hx-current-url", request.address)))
    answered = page(request, StaleBanner(account, here, request.http.method == "POST"), status)
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
