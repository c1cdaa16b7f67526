"""An operator acts for a business: announced by a banner, noted in its audit log, ended by one click."""

from starlette.responses import Response

from callmark.domain.access import directory
from callmark.domain.access import operating as access
from callmark.domain.ids import AccountId
from callmark.domain.policy.model import Action
from callmark.surfaces.console.confirm import Confirm, confirm
from callmark.surfaces.console.entry import get, post
from callmark.surfaces.console.visit import HOME, Visit

LIST = "/console/operator/accounts"


async def ask_act(visit: Visit) -> Response:
    """Announces what acting means."""
    account = await directory.get_account(visit.deps, visit.id(AccountId))
    return confirm(
        visit,
        Confirm(
            title=f"Act for {account.name}?",
            lost=[
                "You can see and change everything that its admins can.",
                "The account's audit log records your changes under your email address.",
            ],
            button="Act for this account",
            to=f"{LIST}/{account.id}/act",
            back=f"{LIST}/{account.id}",
            danger=False,
        ),
    )


async def act(visit: Visit) -> Response:
    """Begins to act."""
    await access.act_for(visit.deps, visit.operating, visit.id(AccountId))
    return visit.go(HOME)


async def stop_acting(visit: Visit) -> Response:
    """Ends it."""
    await access.stop_acting(visit.deps, visit.operating)
    return visit.go(LIST)


ROUTES = (
    get("/operator/accounts/{id}/act", ask_act, Action.OPERATE),
    post("/operator/accounts/{id}/act", act, Action.OPERATE),
    post("/operator/stop-acting", stop_acting, Action.OPERATE),
)
