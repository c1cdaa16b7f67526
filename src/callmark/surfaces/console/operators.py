"""The people who run the installation."""

from typing import ClassVar

from starlette.responses import Response

from callmark.domain.ids import OperatorId
from callmark.domain.operators import service as operators
from callmark.domain.operators.model import Operator
from callmark.domain.operators.tokens import service as operator_tokens
from callmark.domain.policy.model import Action
from callmark.domain.sessions.model import LONGEST_NAME
from callmark.domain.sessions.passwords import SHORTEST
from callmark.domain.stale_confirmations import digest_of
from callmark.kit.errors import Conflict, InvalidInput
from callmark.surfaces.console.confirm import SEEN, Confirm, confirmed
from callmark.surfaces.console.pages import Page, page
from callmark.surfaces.console.request import ConsoleRequest, Form
from callmark.surfaces.console.route import get, post

LIST = "/console/operator/operators"


class OperatorsPage(Page, frozen=True):
    """Everyone who operates; `email` is the visitor's own."""

    template: ClassVar[str] = "operators/list.html"
    operators: list[Operator]
    email: str


class OperatorFormPage(Page, frozen=True):
    """Address, name and first password of a new operator."""

    template: ClassVar[str] = "operators/new.html"
    form: Form
    longest_name: int = LONGEST_NAME
    shortest: int = SHORTEST


async def show_operators(request: ConsoleRequest) -> Response:
    return page(request, OperatorsPage(await operators.list_operators(request.deps), request.by.email))


async def show_create(request: ConsoleRequest) -> Response:
    return page(request, OperatorFormPage(Form()))


async def create(request: ConsoleRequest) -> Response:
    form = request.form
    try:
        operator = await operators.create_operator(
            request.deps,
            by=request.by,
            email=form.text("email"),
            name=form.text("name"),
            password=form.new_password(),
        )
    except (InvalidInput, Conflict) as refused:
        return page(request, OperatorFormPage(form.refused(refused)), 422)
    return request.go(LIST, f"{operator.name} can now sign in and should change the password.")


async def ask_remove(request: ConsoleRequest) -> Page:
    operator = await operators.get_operator(request.deps, request.id(OperatorId))
    kept = await operator_tokens.list_live_names(request.deps, operator.email)
    return Confirm(
        title=f"Remove {operator.name}?",
        lost=[
            f"{operator.email} is signed out immediately and can no longer sign in.",
            "Past changes stay in the audit log.",
            *([f"{', '.join(kept)}: operator tokens of theirs that stay valid."] if kept else []),
        ],
        button="Remove operator",
        back=LIST,
        seen=digest_of(kept),
    )


async def remove(request: ConsoleRequest) -> Response:
    """Removes another operator."""
    shown = request.form.text(SEEN)
    operator = await operators.delete_operator(request.deps, request.id(OperatorId), by=request.by, shown=shown)
    return request.go(LIST, f"{operator.name} was removed.")


ROUTES = (
    get("/operator/operators", show_operators, Action.OPERATE),
    get("/operator/operators/new", show_create, Action.OPERATE),
    post("/operator/operators/new", create, Action.OPERATE),
    *confirmed("/operator/operators/{id}/remove", ask_remove, remove, Action.OPERATE),
)
