"""The first page after signing in."""

from dataclasses import dataclass
from typing import ClassVar

from starlette.responses import Response

from callmark.surfaces.console.entry import Access, get
from callmark.surfaces.console.pages import Page, page
from callmark.surfaces.console.visit import Visit


@dataclass(frozen=True)
class HomePage(Page):
    """Where to begin."""

    template: ClassVar[str] = "home/home.html"
    account_id: str


async def show_home(visit: Visit) -> Response:
    """A business's own numbers; an operator who acts for none goes to the accounts."""
    if visit.actor_or_none is None:
        return visit.go("/console/operator/accounts")
    return page(visit, HomePage(str(visit.actor.account_id)))


ROUTES = (get("", show_home, Access.SIGNED_IN), get("/", show_home, Access.SIGNED_IN))
