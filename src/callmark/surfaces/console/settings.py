"""Account settings: name, the code at sign-in, and in which calls its identities show."""

from typing import ClassVar

from starlette.responses import Response

from callmark.domain.accounts import service as accounts
from callmark.domain.accounts.model import LONGEST_NAME, Account
from callmark.domain.numbers import search as number_search
from callmark.domain.policy.model import Action
from callmark.kit.errors import InvalidInput
from callmark.surfaces.console import consequences
from callmark.surfaces.console.confirm import Confirm, confirmed
from callmark.surfaces.console.pages import Page, page
from callmark.surfaces.console.request import ConsoleRequest, Form
from callmark.surfaces.console.route import get, post

SETTINGS = "/console/settings"


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
    """Saves what was changed; asks first before listed numbers show less than before."""
    account = await accounts.get_account(request.deps, request.account_id)
    wanted = request.form.onto(_filled(request, account))
    name, requires_code = wanted.text("name"), wanted.switch("requires_code")
    announced_only = wanted.switch("announced_calls_only") if _has_numbers(request) else None
    asks = bool(announced_only) and not account.announced_calls_only and await _count_numbers(request) > 0
    try:
        await accounts.update_account(
            request.deps,
            request.account_id,
            by=request.by,
            name=name,
            requires_code=requires_code,
            announced_calls_only=None if asks else announced_only,
        )
    except InvalidInput as refused:
        return page(request, SettingsPage(wanted.refused(refused), account), 422)
    if asks:
        is_more = name is not None or requires_code is not None
        return request.go(f"{SETTINGS}/announced-calls", "The other changes were saved." if is_more else "")
    return request.go(SETTINGS, "Settings saved.")


async def ask_announced_only(request: ConsoleRequest) -> Page:
    lost = [
        consequences.numbers_need_announcing(await _count_numbers(request)),
        "You can switch it off again at any time.",
    ]
    return Confirm("Show only announced calls?", lost, "Show only announced calls", SETTINGS)


async def announce_only(request: ConsoleRequest) -> Response:
    """From the next call on, identities show only in announced calls."""
    await accounts.update_account(request.deps, request.account_id, by=request.by, announced_calls_only=True)
    return request.go(SETTINGS, "Your identity now shows only in calls that you announced.")


def _filled(request: ConsoleRequest, account: Account) -> Form:
    values = {"name": account.name, "requires_code": "on" if account.requires_code else ""}
    if _has_numbers(request):
        values["announced_calls_only"] = "on" if account.announced_calls_only else ""
    return Form.stored(**values)


def _has_numbers(request: ConsoleRequest) -> bool:
    return request.may(Action.SPOOF_PROTECTION)


async def _count_numbers(request: ConsoleRequest) -> int:
    return (await number_search.read_page(request.deps, request.account_id, None, page=1, limit=1)).total


ROUTES = (
    get("/settings", show, Action.ACCOUNT_MANAGE),
    post("/settings", change, Action.ACCOUNT_MANAGE),
    *confirmed("/settings/announced-calls", ask_announced_only, announce_only, Action.SPOOF_PROTECTION),
)
