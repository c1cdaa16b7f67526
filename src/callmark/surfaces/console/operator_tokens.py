"""Operator tokens: what programs of operators show the operator API."""

from typing import ClassVar

from msgspec import Struct
from starlette.responses import Response

from callmark.domain.ids import OperatorTokenId
from callmark.domain.operators.tokens import service as operator_tokens
from callmark.domain.operators.tokens.model import LONGEST_NAME, MOST_DAYS, OperatorToken, TokenState
from callmark.domain.policy.model import Action
from callmark.kit.errors import Conflict, InvalidInput
from callmark.surfaces.api.operator.route import OPERATOR_BASE
from callmark.surfaces.console.confirm import Confirm, confirmed
from callmark.surfaces.console.pages import Page, page
from callmark.surfaces.console.request import ConsoleRequest, Form, whole_number
from callmark.surfaces.console.route import get, post
from callmark.surfaces.console.shown_once import ShownBeforePage, show_once, shown_page

LIST = "/console/operator/tokens"


class OperatorTokenLine(Struct, frozen=True):
    """A token as it is listed."""

    token: OperatorToken
    state: TokenState


class OperatorTokensPage(Page, frozen=True):
    """Every token, expired and revoked ones too."""

    template: ClassVar[str] = "operator_tokens/list.html"
    tokens: list[OperatorTokenLine]


class OperatorTokenFormPage(Page, frozen=True):
    """Name and end of a new token."""

    template: ClassVar[str] = "operator_tokens/form.html"
    form: Form
    longest_name: int = LONGEST_NAME
    most_days: int = MOST_DAYS


class NewOperatorTokenPage(Page, frozen=True):
    """A token, shown this once."""

    template: ClassVar[str] = "operator_tokens/new.html"
    name: str
    token: str
    curl: str


async def show_tokens(request: ConsoleRequest) -> Response:
    now = request.deps.clock.now()
    found = await operator_tokens.list_tokens(request.deps)
    return page(request, OperatorTokensPage([OperatorTokenLine(one, one.state_at(now)) for one in found]))


async def show_create(request: ConsoleRequest) -> Response:
    return page(request, OperatorTokenFormPage(Form()))


async def create(request: ConsoleRequest) -> Response:
    """Makes a token and shows it once."""
    form = request.form
    try:
        made = await operator_tokens.create_token(request.deps, form.text("name"), days=_days(form), by=request.by)
    except (InvalidInput, Conflict) as refused:
        return page(request, OperatorTokenFormPage(form.refused(refused)), 422)
    curl = f"curl {request.deps.public_url}{OPERATOR_BASE}/accounts -H 'Authorization: Bearer {made.secret}'"
    return await show_once(request, f"{LIST}/shown", NewOperatorTokenPage(made.token.name, made.secret, curl))


async def show_new(request: ConsoleRequest) -> Response:
    """The token that was just made, once."""
    to_do = "If you did not save the token, revoke it and create another."
    otherwise = ShownBeforePage("This token has already been shown", to_do, ("Operator tokens", LIST))
    return await shown_page(request, NewOperatorTokenPage, otherwise)


async def ask_revoke(request: ConsoleRequest) -> Page:
    token = await operator_tokens.get_token(request.deps, request.id(OperatorTokenId))
    return Confirm(
        title=f"Revoke {token.name}?",
        lost=["Requests with this token are refused immediately.", "This cannot be undone."],
        button="Revoke token",
        back=LIST,
    )


async def revoke(request: ConsoleRequest) -> Response:
    token = await operator_tokens.revoke_token(request.deps, request.id(OperatorTokenId), by=request.by)
    return request.go(LIST, f"{token.name} was revoked.")


def _days(form: Form) -> int | None:
    text = form.text("days").strip()
    if not text:
        return None
    days = whole_number(text, MOST_DAYS)
    if not days:
        raise InvalidInput(f"Enter a whole number from 1 to {MOST_DAYS}.", field="days")
    return days


ROUTES = (
    get("/operator/tokens", show_tokens, Action.OPERATE),
    get("/operator/tokens/new", show_create, Action.OPERATE),
    post("/operator/tokens/new", create, Action.OPERATE),
    get("/operator/tokens/shown/{token}", show_new, Action.OPERATE),
    *confirmed("/operator/tokens/{id}/revoke", ask_revoke, revoke, Action.OPERATE),
)
