"""The people who run the installation."""

from dataclasses import dataclass
from typing import ClassVar

from starlette.responses import Response

from callmark.domain.access import operators as access
from callmark.domain.accounts.model import LONGEST_NAME, Operator
from callmark.domain.accounts.passwords import SHORTEST
from callmark.domain.ids import OperatorId
from callmark.domain.policy.model import Action
from callmark.kit.errors import Conflict, InvalidInput
from callmark.surfaces.console.confirm import Confirm, confirm
from callmark.surfaces.console.entry import get, post
from callmark.surfaces.console.pages import Page, page
from callmark.surfaces.console.visit import Form, Visit

LIST = "/console/operator/operators"


@dataclass(frozen=True)
class OperatorsPage(Page):
    """Everybody who operates; `email` is the visitor's own."""

    template: ClassVar[str] = "operators/list.html"
    operators: list[Operator]
    email: str


@dataclass(frozen=True)
class OperatorFormPage(Page):
    """Address, name and first password of a new operator."""

    template: ClassVar[str] = "operators/new.html"
    form: Form
    longest_name: int = LONGEST_NAME
    shortest: int = SHORTEST


async def show_operators(visit: Visit) -> Response:
    """The table."""
    return page(visit, OperatorsPage(await access.list_operators(visit.deps), visit.operating.email))


async def show_create(visit: Visit) -> Response:
    """The empty form."""
    return page(visit, OperatorFormPage(Form()))


async def create(visit: Visit) -> Response:
    """Adds an operator."""
    form = visit.form
    try:
        operator = await access.create_operator(
            visit.deps,
            visit.operating,
            email=form.text("email"),
            name=form.text("name"),
            password=form.new_password(),
        )
    except (InvalidInput, Conflict) as refused:
        return page(visit, OperatorFormPage(form.refused(refused)), 422)
    return visit.go(LIST, f"{operator.name} can now sign in and should change the password.")


async def ask_remove(visit: Visit) -> Response:
    """Says what ends."""
    operator = await access.get_operator(visit.deps, visit.id(OperatorId))
    return confirm(
        visit,
        Confirm(
            title=f"Remove {operator.name}?",
            lost=[
                f"{operator.email} is signed out immediately and can no longer sign in.",
                "Past changes stay in the audit log.",
            ],
            button="Remove operator",
            to=f"{LIST}/{operator.id}/remove",
            back=LIST,
        ),
    )


async def remove(visit: Visit) -> Response:
    """Removes another operator."""
    operator = await access.delete_operator(visit.deps, visit.operating, visit.id(OperatorId))
    return visit.go(LIST, f"{operator.name} was removed.")


ROUTES = (
    get("/operator/operators", show_operators, Action.OPERATE),
    get("/operator/operators/new", show_create, Action.OPERATE),
    post("/operator/operators/new", create, Action.OPERATE),
    get("/operator/operators/{id}/remove", ask_remove, Action.OPERATE),
    post("/operator/operators/{id}/remove", remove, Action.OPERATE),
)
