"""The operator's accounts, and acting for one."""

from dataclasses import dataclass
from typing import ClassVar

from starlette.responses import Response

from callmark.domain.access import operating as access
from callmark.domain.access.model import Action
from callmark.domain.accounts.model import Account
from callmark.domain.ids import AccountId
from callmark.surfaces.console.confirm import Confirm, confirm
from callmark.surfaces.console.entry import get, post
from callmark.surfaces.console.pages import Page, page
from callmark.surfaces.console.visit import HOME, Visit

LIST = "/console/operator/accounts"


@dataclass(frozen=True)
class AccountsPage(Page):
    """Every account."""

    template: ClassVar[str] = "operator/accounts.html"
    accounts: list[Account]


async def show_accounts(visit: Visit) -> Response:
    """The table."""
    return page(visit, AccountsPage(await access.list_accounts(visit.deps)))


async def ask_act(visit: Visit) -> Response:
    """Announces what acting means."""
    found = {account.id: account for account in await access.list_accounts(visit.deps)}
    account_id = visit.id(AccountId)
    name = found[account_id].name if account_id in found else str(account_id)
    return confirm(
        visit,
        Confirm(
            title=f"Act for {name}?",
            lost=["You see and change what its admins can.", "The account's audit log notes it under your address."],
            button="Act for this account",
            to=f"{LIST}/{account_id}/act",
            back=LIST,
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
    get("/operator/accounts", show_accounts, Action.OPERATE),
    get("/operator/accounts/{id}/act", ask_act, Action.OPERATE),
    post("/operator/accounts/{id}/act", act, Action.OPERATE),
    post("/operator/stop-acting", stop_acting, Action.OPERATE),
)
