"""An operator acts for a business: announced by a banner, noted in its audit log, ended by one click."""

from starlette.responses import Response

from callmark.domain.accounts import service as accounts
from callmark.domain.ids import AccountId
from callmark.domain.operators import service as operators
from callmark.domain.policy.model import Action
from callmark.surfaces.console.confirm import Confirm, confirmed
from callmark.surfaces.console.pages import Page
from callmark.surfaces.console.request import ConsoleRequest, page_after
from callmark.surfaces.console.route import post

LIST = "/console/operator/accounts"


async def ask_act(request: ConsoleRequest) -> Page:
    """Announces what acting means."""
    account = await accounts.get_account(request.deps, request.id(AccountId))
    return Confirm(
        title=f"Act for {account.name}?",
        lost=[
            "You can see and change everything that its admins can.",
            "The account's audit log records your changes under your email address.",
        ],
        button="Act for this account",
        back=f"{LIST}/{account.id}",
        danger=False,
    )


async def act(request: ConsoleRequest) -> Response:
    """Begins to act; where that was needed for something else, its page comes next."""
    await operators.act_for(request.deps, request.live_session, request.id(AccountId), by=request.by)
    return request.go(page_after(request.form.text("next")))


async def stop_acting(request: ConsoleRequest) -> Response:
    await operators.stop_acting(request.deps, request.live_session, by=request.by)
    return request.go(LIST)


ROUTES = (
    *confirmed("/operator/accounts/{id}/act", ask_act, act, Action.OPERATE),
    post("/operator/stop-acting", stop_acting, Action.OPERATE),
)
