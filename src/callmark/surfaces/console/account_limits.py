"""The operator's page of an account's limits: what is set for it, and the defaults."""

from typing import ClassVar

from msgspec import Struct
from starlette.responses import Response

from callmark.domain.accounts import service as accounts
from callmark.domain.accounts.model import Account
from callmark.domain.ids import AccountId
from callmark.domain.limits.model import DEFAULTS, largest
from callmark.domain.policy.model import Action
from callmark.kit.errors import InvalidInput
from callmark.surfaces.console import display_names
from callmark.surfaces.console.accounts import LIST
from callmark.surfaces.console.pages import Page, page
from callmark.surfaces.console.request import ConsoleRequest, Form, whole_number
from callmark.surfaces.console.route import get, post


class LimitField(Struct, frozen=True):
    """A limit in the form: an empty field is the default."""

    name: str
    label: str
    default: int
    largest: int


FIELDS = [LimitField(name, display_names.LIMITS[name], DEFAULTS[name], largest(name)) for name in DEFAULTS]


class AccountLimitsPage(Page, frozen=True):
    """The form, filled with what is set."""

    template: ClassVar[str] = "accounts/limits.html"
    form: Form
    account: Account
    fields: list[LimitField]


async def show_limits(request: ConsoleRequest) -> Response:
    account = await accounts.get_account(request.deps, request.id(AccountId))
    return page(request, AccountLimitsPage(_filled(account), account, FIELDS))


async def change_limits(request: ConsoleRequest) -> Response:
    """Sets what has another number, and puts back to the default what has none any longer."""
    old = await accounts.get_account(request.deps, request.id(AccountId))
    wanted = request.form.onto(_filled(old))
    try:
        limits = {one.name: _number(wanted.form, one) for one in FIELDS if wanted.changes(one.name)}
        account = await accounts.set_limits(request.deps, old.id, limits, by=request.by)
    except InvalidInput as refused:
        return page(request, AccountLimitsPage(wanted.refused(refused), old, FIELDS), 422)
    return request.go(f"{LIST}/{account.id}", f"The limits of {account.name} were saved.")


def _filled(account: Account) -> Form:
    return Form.stored(**{name: str(account.limits.own.get(name, "")) for name in DEFAULTS})


def _number(form: Form, field: LimitField) -> int | None:
    text = form.text(field.name).strip()
    if not text:
        return None
    number = whole_number(text, field.largest)
    if not number:
        raise InvalidInput(f"Enter a whole number from 1 to {field.largest}.", field=field.name)
    return number


ROUTES = (
    get("/operator/accounts/{id}/limits", show_limits, Action.OPERATE),
    post("/operator/accounts/{id}/limits", change_limits, Action.OPERATE),
)
