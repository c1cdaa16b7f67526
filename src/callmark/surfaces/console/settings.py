"""Account settings: name, the code at sign-in, and in which calls its identities show."""

from typing import ClassVar

from starlette.responses import Response

from callmark.domain.accounts import service as accounts
from callmark.domain.accounts.model import LONGEST_NAME, Account
from callmark.domain.policy.model import Action
from callmark.kit.errors import InvalidInput
from callmark.surfaces.console.pages import Page, page
from callmark.surfaces.console.request import ConsoleRequest, Form
from callmark.surfaces.console.route import get, post


class SettingsPage(Page, frozen=True):
    """What an admin may change of the account, and what the operator has set."""

    template: ClassVar[str] = "settings/settings.html"
    form: Form
    account: Account
    longest_name: int = LONGEST_NAME


async def show(request: ConsoleRequest) -> Response:
    account = await accounts.get_account(request.deps, request.account_id)
    return page(request, SettingsPage(_filled(request, account), account))


async def change(request: ConsoleRequest) -> Response:
    account = await accounts.get_account(request.deps, request.account_id)
    wanted = request.form.onto(_filled(request, account))
    try:
        await accounts.update_account(
            request.deps,
            request.account_id,
            by=request.by,
            name=wanted.text("name"),
            requires_code=wanted.switch("requires_code"),
            announced_calls_only=wanted.switch("announced_calls_only") if _has_numbers(request) else None,
        )
    except InvalidInput as refused:
        return page(request, SettingsPage(wanted.refused(refused), account), 422)
    return request.go("/console/settings", "Settings saved.")


def _filled(request: ConsoleRequest, account: Account) -> Form:
    values = {"name": account.name, "requires_code": "on" if account.requires_code else ""}
    if _has_numbers(request):
        values["announced_calls_only"] = "on" if account.announced_calls_only else ""
    return Form.stored(**values)


def _has_numbers(request: ConsoleRequest) -> bool:
    return request.may(Action.SPOOF_PROTECTION)


ROUTES = (
    get("/settings", show, Action.ACCOUNT_MANAGE),
    post("/settings", change, Action.ACCOUNT_MANAGE),
)
