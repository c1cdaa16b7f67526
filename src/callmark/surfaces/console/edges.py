"""The operator's edges: the call servers that have calls signed and verified here."""

from typing import ClassVar

from msgspec import Struct
from starlette.responses import Response

from callmark.domain.accounts import service as accounts
from callmark.domain.edges import service as edges
from callmark.domain.edges.model import LONGEST_NAME, Edge
from callmark.domain.ids import AccountId, EdgeId
from callmark.domain.policy.model import Action
from callmark.kit.errors import InvalidInput, NotFound
from callmark.kit.ids import parse_uuid
from callmark.surfaces.console.confirm import Confirm, confirmed
from callmark.surfaces.console.pages import Page, page
from callmark.surfaces.console.request import ConsoleRequest, Form
from callmark.surfaces.console.route import get, post
from callmark.surfaces.console.shown_once import ShownBeforePage, show_once, shown_page

LIST = "/console/operator/edges"


class EdgeLine(Struct, frozen=True):
    """An edge as it is listed; `account` is the name of its account, empty for the operator's."""

    edge: Edge
    account: str


class EdgesPage(Page, frozen=True):
    """Every edge, revoked ones too."""

    template: ClassVar[str] = "edges/list.html"
    edges: list[EdgeLine]


class EdgeFormPage(Page, frozen=True):
    """Name and account of a new edge."""

    template: ClassVar[str] = "edges/form.html"
    form: Form
    longest_name: int = LONGEST_NAME


class NewEdgePage(Page, frozen=True):
    """A token, shown this once."""

    template: ClassVar[str] = "edges/new.html"
    name: str
    token: str
    address: str


async def show_edges(request: ConsoleRequest) -> Response:
    found = await edges.list_edges(request.deps)
    ids = {edge.account_id for edge in found if edge.account_id}
    names = {account_id: (await accounts.get_account(request.deps, account_id)).name for account_id in ids}
    lines = [EdgeLine(edge, names[edge.account_id] if edge.account_id else "") for edge in found]
    return page(request, EdgesPage(lines))


async def show_create(request: ConsoleRequest) -> Response:
    """The empty form; a link from an account's page fills in its id."""
    return page(request, EdgeFormPage(Form.of(account_id=request.query("account"))))


async def create(request: ConsoleRequest) -> Response:
    """Makes an edge and shows its token once."""
    form = request.form
    try:
        edge, token = await edges.create_edge(request.deps, form.text("name"), _account(form), by=request.by)
    except InvalidInput as refused:
        return page(request, EdgeFormPage(form.refused(refused)), 422)
    except NotFound as exc:
        refused = InvalidInput(exc.message, field="account_id")
        return page(request, EdgeFormPage(form.refused(refused)), 422)
    address = f"{request.deps.public_url}/stir/v1"
    return await show_once(request, f"{LIST}/shown", NewEdgePage(edge.name, token, address))


async def show_new(request: ConsoleRequest) -> Response:
    """The token that was just made, once."""
    to_do = "If you did not save the token, revoke the edge and create another."
    otherwise = ShownBeforePage("This token has already been shown", to_do, ("Edges", LIST))
    return await shown_page(request, NewEdgePage, otherwise)


async def ask_revoke(request: ConsoleRequest) -> Page:
    edge = await edges.get_edge(request.deps, request.id(EdgeId))
    return Confirm(
        title=f"Revoke {edge.name}?",
        lost=[
            "Its token stops working immediately. Calls of this server ring without a name.",
            "This cannot be undone.",
        ],
        button="Revoke edge",
        back=LIST,
    )


async def revoke(request: ConsoleRequest) -> Response:
    edge = await edges.revoke_edge(request.deps, request.id(EdgeId), by=request.by)
    return request.go(LIST, f"{edge.name} was revoked.")


def _account(form: Form) -> AccountId | None:
    text = form.text("account_id").strip().lower()
    if not text:
        return None
    if (found := parse_uuid(text)) is None:
        raise InvalidInput("enter the whole id of the account, or nothing", field="account_id")
    return AccountId(found)


ROUTES = (
    get("/operator/edges", show_edges, Action.OPERATE),
    get("/operator/edges/new", show_create, Action.OPERATE),
    post("/operator/edges/new", create, Action.OPERATE),
    get("/operator/edges/shown/{token}", show_new, Action.OPERATE),
    *confirmed("/operator/edges/{id}/revoke", ask_revoke, revoke, Action.OPERATE),
)
