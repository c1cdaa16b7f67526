"""What an operator's page was opened for, once its session acts for another account, because another tab changed that.

All tabs share the session, and with it the account. The token of a page's forms names the account of the page. So a
form of Acme is not taken for Beta (`kept_forms` keeps it), and no part of Beta is put into a page of Acme.
"""

from typing import ClassVar

from starlette.responses import Response

from callmark.domain.accounts import service as accounts
from callmark.domain.accounts.model import Account
from callmark.domain.ids import AccountId
from callmark.domain.policy.model import Action
from callmark.kit.errors import Conflict, NotFound
from callmark.surfaces.console import cookies
from callmark.surfaces.console.pages import Page, page
from callmark.surfaces.console.request import ConsoleRequest, page_after, page_of
from callmark.surfaces.console.route import ConsoleRoute

_STOP_POLLING = 286
"""What htmx takes for an answer to the last poll of an element."""


class StaleBanner(Page, frozen=True):
    """The banner of a page that is of another account and no longer updates; `here` is its address."""

    template: ClassVar[str] = "kit/stale_banner.html"
    account: Account | None
    here: str


def is_other(route: ConsoleRoute, request: ConsoleRequest) -> bool:
    """Whether an operator's form, or what a page's script asks for, is of another account than acts now.

    Of operators' own pages it does not matter. Links name no account: they open a page that says whose it is.
    """
    is_operator = request.session is not None and request.session.role is None
    if not is_operator or not is_of_account(route):
        return False
    named = cookies.account_of(request.sent_csrf)
    is_named = named is not None or route.method == "POST"
    return is_named and named != request.acting_for


def is_of_account(route: ConsoleRoute) -> bool:
    """Whether the route acts on the session's account."""
    return isinstance(route.needs, Action) and route.needs is not Action.OPERATE


async def answer_script(request: ConsoleRequest) -> Response:
    """To a page of another account that asks for a part of itself: none. A page that updates gets a banner.

    Raises Conflict where a script asks for something else.
    """
    if request.is_htmx and not request.is_poll:
        return Response(headers={"HX-Redirect": request.address})
    if not request.is_poll:
        raise Conflict("This page was opened for another account than you act for now. Reload it.")
    account = await find_named(request, cookies.account_of(request.sent_csrf))
    here = page_after(page_of(request.http.headers.get("hx-current-url", request.address)))
    answer = page(request, StaleBanner(account, here), _STOP_POLLING if request.is_htmx else 409)
    answer.headers.update({"HX-Retarget": "#acting", "HX-Reselect": "#acting", "HX-Reswap": "outerHTML"})
    return answer


async def find_named(request: ConsoleRequest, account_id: AccountId | None) -> Account | None:
    """The account that an operator's page was opened for; None when it named none that exists."""
    if account_id is None or request.live_session.role is not None:
        return None
    try:
        return await accounts.get_account(request.deps, account_id)
    except NotFound:
        return None
