"""The operator's accounts: find, create, change, suspend, invite the first admin."""

from dataclasses import dataclass
from typing import ClassVar

from starlette.responses import Response

from callmark.domain.access import directory as access
from callmark.domain.access.directory import AccountFigures, AccountSeen
from callmark.domain.accounts.model import LONGEST_NAME, Account, AccountState, Member
from callmark.domain.credentials.model import MOST_KEYS
from callmark.domain.ids import AccountId, MemberId
from callmark.domain.limits.model import BUCKETS, TOKENS_QUOTA, Bucket
from callmark.domain.policy.model import Action
from callmark.domain.policy.plan import Feature
from callmark.domain.webhooks.model import MOST_WEBHOOKS
from callmark.kit.clock import iso_us
from callmark.kit.errors import Conflict, InvalidInput
from callmark.surfaces.console import display_names
from callmark.surfaces.console.batches import decode_instant_key
from callmark.surfaces.console.confirm import Confirm, confirm
from callmark.surfaces.console.pages import Page, page
from callmark.surfaces.console.request import ConsoleRequest, Form, encode_key, with_query
from callmark.surfaces.console.route import get, post

LIST = "/console/operator/accounts"


@dataclass(frozen=True)
class AccountsPage(Page):
    """Accounts, newest first; `is_narrowed`: by search or state."""

    template: ClassVar[str] = "accounts/list.html"
    accounts: list[Account]
    text: str
    state: str
    is_narrowed: bool
    next: str
    first: str


@dataclass(frozen=True)
class AccountFormPage(Page):
    """Name and features of a new account."""

    template: ClassVar[str] = "accounts/new.html"
    form: Form
    longest_name: int = LONGEST_NAME


@dataclass(frozen=True)
class AccountPage(Page):
    """One account: what it is, how much it has, its people, and what it may use at most."""

    template: ClassVar[str] = "accounts/account.html"
    form: Form
    account: Account
    members: list[Member]
    figures: AccountFigures
    buckets: tuple[Bucket, ...] = BUCKETS
    most_tokens: int = TOKENS_QUOTA
    most_keys: int = MOST_KEYS
    most_webhooks: int = MOST_WEBHOOKS
    longest_name: int = LONGEST_NAME


@dataclass(frozen=True)
class InviteAdminPage(Page):
    """Address and name of an account's new admin."""

    template: ClassVar[str] = "accounts/invite.html"
    form: Form
    account: Account
    longest_name: int = LONGEST_NAME


async def show_accounts(request: ConsoleRequest) -> Response:
    """The table."""
    text, state = request.query("q").strip(), request.query("state")
    wanted = AccountState(state) if state in set(AccountState) else None
    after = decode_instant_key(request.query("after"))
    found = await access.search_accounts(request.deps, text, wanted, after, access.PAGE + 1)
    shown = found[: access.PAGE]
    last = encode_key(iso_us(shown[-1].created_at), str(shown[-1].id)) if len(found) > access.PAGE else ""
    filters = {"q": text, "state": wanted or ""}
    return page(
        request,
        AccountsPage(
            shown,
            text,
            wanted or "",
            bool(text or wanted or after),
            with_query(LIST, **filters, after=last) if last else "",
            with_query(LIST, **filters) if after else "",
        ),
    )


async def show_create(request: ConsoleRequest) -> Response:
    """The empty form; every feature is chosen, as most want."""
    return page(request, AccountFormPage(Form.of(features=[*Feature])))


async def create(request: ConsoleRequest) -> Response:
    """Makes an account and goes to its page."""
    form = request.form
    try:
        account = await access.create_account(
            request.deps, request.operating, name=form.text("name"), features=_features(form)
        )
    except InvalidInput as refused:
        return page(request, AccountFormPage(form.refused(refused)), 422)
    return request.go(f"{LIST}/{account.id}", f"{account.name} was created. Next: invite its first admin.")


async def show_account(request: ConsoleRequest) -> Response:
    """The page of one."""
    return await _account_page(request, None)


async def edit(request: ConsoleRequest) -> Response:
    """Changes name and features."""
    form = request.form
    try:
        account = await access.update_account(
            request.deps, request.operating, request.id(AccountId), name=form.text("name"), features=_features(form)
        )
    except InvalidInput as refused:
        return await _account_page(request, form.refused(refused), 422)
    return request.go(f"{LIST}/{account.id}", "Account saved.")


async def ask_suspend(request: ConsoleRequest) -> Response:
    """Says what stops."""
    seen = await access.look_at_account(request.deps, request.operating, request.id(AccountId))
    url = f"{LIST}/{seen.account.id}"
    return confirm(
        request,
        Confirm(
            title=f"Suspend {seen.account.name}?",
            lost=_stops(seen),
            button="Suspend account",
            to=f"{url}/suspend",
            back=url,
        ),
    )


async def suspend(request: ConsoleRequest) -> Response:
    """Suspends."""
    account = await access.set_state(request.deps, request.operating, request.id(AccountId), AccountState.SUSPENDED)
    return request.go(f"{LIST}/{account.id}", f"{account.name} was suspended.")


async def restore(request: ConsoleRequest) -> Response:
    """Ends a suspension."""
    account = await access.set_state(request.deps, request.operating, request.id(AccountId), AccountState.ACTIVE)
    return request.go(f"{LIST}/{account.id}", f"{account.name} is active again.")


async def show_invite(request: ConsoleRequest) -> Response:
    """The empty form."""
    return page(request, InviteAdminPage(Form(), await access.get_account(request.deps, request.id(AccountId))))


async def invite(request: ConsoleRequest) -> Response:
    """Sends an invitation."""
    form, account_id = request.form, request.id(AccountId)
    try:
        member = await access.invite_admin(
            request.deps, request.operating, account_id, email=form.text("email"), name=form.text("name")
        )
    except (InvalidInput, Conflict) as refused:
        account = await access.get_account(request.deps, account_id)
        return page(request, InviteAdminPage(form.refused(refused), account), 422)
    return request.go(f"{LIST}/{account_id}", f"An invitation is on its way to {member.email}.")


async def invite_again(request: ConsoleRequest) -> Response:
    """Sends the invitation anew."""
    account_id = request.id(AccountId)
    member = await access.invite_again(request.deps, request.operating, account_id, request.id(MemberId, "member"))
    return request.go(f"{LIST}/{account_id}", f"A new invitation is on its way to {member.email}.")


async def _account_page(request: ConsoleRequest, form: Form | None, status: int = 200) -> Response:
    seen = await access.look_at_account(request.deps, request.operating, request.id(AccountId))
    filled = form or Form.of(name=seen.account.name, features=[*seen.account.features])
    return page(request, AccountPage(filled, seen.account, seen.members, seen.figures), status)


def _stops(seen: AccountSeen) -> list[str]:
    """What a suspension stops, and what it does not."""
    keys, numbers, members = seen.figures.keys, seen.figures.numbers, len(seen.members)
    stops = [f"The API refuses all its requests ({display_names.count(keys, 'key')})."]
    stops += [f"Its members cannot use the console ({display_names.count(members, 'member')})."] if members else []
    stops += [f"Its numbers show nothing when they call ({display_names.count(numbers, 'number')})."] if numbers else []
    kept = "Records and events accepted so far are still delivered. You can restore the account at any time."
    return [*stops, kept]


def _features(form: Form) -> list[Feature]:
    return [feature for feature in Feature if feature.value in form.all("features")]


ROUTES = (
    get("/operator/accounts", show_accounts, Action.OPERATE),
    get("/operator/accounts/new", show_create, Action.OPERATE),
    post("/operator/accounts/new", create, Action.OPERATE),
    get("/operator/accounts/{id}", show_account, Action.OPERATE),
    post("/operator/accounts/{id}", edit, Action.OPERATE),
    get("/operator/accounts/{id}/suspend", ask_suspend, Action.OPERATE),
    post("/operator/accounts/{id}/suspend", suspend, Action.OPERATE),
    post("/operator/accounts/{id}/restore", restore, Action.OPERATE),
    get("/operator/accounts/{id}/invite", show_invite, Action.OPERATE),
    post("/operator/accounts/{id}/invite", invite, Action.OPERATE),
    post("/operator/accounts/{id}/members/{member}/invite-again", invite_again, Action.OPERATE),
)
