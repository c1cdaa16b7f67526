"""The operator's accounts: find, create, change, suspend, invite the first admin."""

from typing import ClassVar
from uuid import UUID

from msgspec import Struct
from starlette.responses import Response

from callmark.domain.accounts import service as accounts
from callmark.domain.accounts.model import LONGEST_NAME, Account, AccountState
from callmark.domain.calls import daily_figures as call_figures
from callmark.domain.credentials import service as credentials
from callmark.domain.deps import Deps
from callmark.domain.ids import AccountId, MemberId
from callmark.domain.limits.model import BUCKETS, Bucket
from callmark.domain.members import service as members
from callmark.domain.members.model import Member
from callmark.domain.numbers import search as number_search
from callmark.domain.policy.model import Action, Role
from callmark.domain.policy.plan import Feature
from callmark.domain.sessions import model as sessions
from callmark.domain.webhooks import service as webhooks
from callmark.kit.choices import SetChange
from callmark.kit.errors import Conflict, InvalidInput, NotFound
from callmark.surfaces.console import display_names
from callmark.surfaces.console.account_features import question_url
from callmark.surfaces.console.confirm import Confirm, confirmed
from callmark.surfaces.console.mailed import go_mailed
from callmark.surfaces.console.pager import Pager
from callmark.surfaces.console.pages import Page, page
from callmark.surfaces.console.request import ConsoleRequest, Form, Gone, with_query
from callmark.surfaces.console.route import get, post
from callmark.surfaces.cursors import InstantKey, encode_key

LIST = "/console/operator/accounts"
PAGE = 50
_PAGER: Pager[Account, InstantKey] = Pager(
    InstantKey, lambda one: (one.created_at, one.id), PAGE, filters=("q", "state")
)
_PEOPLE: Pager[Member, InstantKey] = Pager(InstantKey, lambda one: (one.created_at, one.id), 100)
_MEMBERS = "#members"
"""Their place on an account's page."""


class AccountFigures(Struct, frozen=True):
    """How much of everything an account has; records are those accepted today (UTC)."""

    keys: int
    webhooks: int
    numbers: int
    records_today: int
    shown_today: int


class AccountsPage(Page, frozen=True):
    """Accounts, newest first; `is_narrowed`: by search or state."""

    template: ClassVar[str] = "accounts/list.html"
    accounts: list[Account]
    text: str
    state: str
    is_narrowed: bool
    next: str
    first: str


class AccountFormPage(Page, frozen=True):
    """Name and features of a new account."""

    template: ClassVar[str] = "accounts/new.html"
    form: Form
    longest_name: int = LONGEST_NAME


class AccountPage(Page, frozen=True):
    """One account: what it is, how much it has, a page of its people, and what it may use at most."""

    template: ClassVar[str] = "accounts/account.html"
    form: Form
    account: Account
    members: list[Member]
    next: str
    first: str
    figures: AccountFigures
    buckets: list[Bucket]
    longest_name: int = LONGEST_NAME


class InviteAdminPage(Page, frozen=True):
    """Address and name of an account's new admin."""

    template: ClassVar[str] = "accounts/invite.html"
    form: Form
    account: Account
    longest_name: int = sessions.LONGEST_NAME


async def show_accounts(request: ConsoleRequest) -> Response:
    text, state = request.query("q").strip(), request.query("state")
    wanted = AccountState(state) if state in set(AccountState) else None
    after = _PAGER.position(request)
    found = await accounts.search_accounts(request.deps, text, wanted, after, PAGE + 1)
    part = _PAGER.part(request, found)
    is_narrowed = bool(text or wanted or after)
    return page(request, AccountsPage(part.rows, text, wanted or "", is_narrowed, part.next, part.first))


async def show_create(request: ConsoleRequest) -> Response:
    """The empty form; every feature is chosen, as most want."""
    return page(request, AccountFormPage(Form.of(features=[*Feature])))


async def create(request: ConsoleRequest) -> Response:
    """Makes an account and goes to its page."""
    form = request.form
    try:
        account = await accounts.create_account(request.deps, form.text("name"), _features(form), by=request.by)
    except InvalidInput as refused:
        return page(request, AccountFormPage(form.refused(refused)), 422)
    return request.go(f"{LIST}/{account.id}", f"{account.name} was created. Next: invite its first admin.")


async def show_account(request: ConsoleRequest) -> Response:
    return await _account_page(request, None)


async def edit(request: ConsoleRequest) -> Response:
    """Changes the name and adds features; asks first about those that are to go."""
    old = await accounts.get_account(request.deps, request.id(AccountId))
    wanted = request.form.onto(_filled(old))
    name, change = wanted.text("name"), wanted.choices("features", Feature) or SetChange()
    gained, leaving = change.gained, [*change.lost]
    is_more = not leaving or bool(gained) or name is not None
    try:
        if is_more:
            features = SetChange(gained) if gained else None
            await accounts.update_account(request.deps, old.id, by=request.by, name=name, features=features)
    except InvalidInput as refused:
        return await _account_page(request, wanted.refused(refused), 422)
    if leaving:
        return request.go(question_url(old.id, leaving), "The other changes were saved." if is_more else "")
    return request.go(f"{LIST}/{old.id}", "Account saved.")


async def ask_suspend(request: ConsoleRequest) -> Page:
    account = await accounts.get_account(request.deps, request.id(AccountId))
    lost = await _stops(request.deps, account.id)
    return Confirm(f"Suspend {account.name}?", lost, "Suspend account", f"{LIST}/{account.id}")


async def suspend(request: ConsoleRequest) -> Response:
    account = await _set_state(request, AccountState.SUSPENDED)
    return request.go(f"{LIST}/{account.id}", f"{account.name} was suspended.")


async def restore(request: ConsoleRequest) -> Response:
    account = await _set_state(request, AccountState.ACTIVE)
    return request.go(f"{LIST}/{account.id}", f"{account.name} is active again.")


async def ask_without_code(request: ConsoleRequest) -> Page:
    account = await accounts.get_account(request.deps, request.id(AccountId))
    lost = ["Its members sign in with their password alone, until its admins require a code again."]
    return Confirm(f"Ask {account.name} for no codes?", lost, "Ask for no codes", f"{LIST}/{account.id}")


async def without_code(request: ConsoleRequest) -> Response:
    """For members who get no emails, and so cannot sign in to change it themselves."""
    id_ = request.id(AccountId)
    account = await accounts.update_account(request.deps, id_, by=request.by, requires_code=False)
    return request.go(f"{LIST}/{id_}", f"Members of {account.name} sign in without a code.")


async def show_invite(request: ConsoleRequest) -> Response:
    return page(request, InviteAdminPage(Form(), await accounts.get_account(request.deps, request.id(AccountId))))


async def invite(request: ConsoleRequest) -> Response:
    form, account_id = request.form, request.id(AccountId)
    try:
        member = await members.invite_member(
            request.deps,
            account_id,
            by=request.by,
            inviter=request.live_session.name,
            email=form.text("email"),
            name=form.text("name"),
            role=Role.ADMIN,
        )
    except (InvalidInput, Conflict) as refused:
        account = await accounts.get_account(request.deps, account_id)
        return page(request, InviteAdminPage(form.refused(refused), account), 422)
    return await go_mailed(request, await _page_with(request, member), "An invitation", member.email)


async def invite_again(request: ConsoleRequest) -> Response:
    account = await accounts.get_account(request.deps, request.id(AccountId))
    of, inviter = (request.deps, account.id, request.id(MemberId, "member")), request.live_session.name
    to = f"{LIST}/{account.id}"
    try:
        member = await members.invite_again(*of, by=request.by, inviter=inviter)
    except NotFound as exc:
        raise Gone("this member is no longer there. Nothing was sent", to, account.name) from exc
    return await go_mailed(request, await _page_with(request, member), "A new invitation", member.email)


async def _page_with(request: ConsoleRequest, member: Member) -> str:
    """The account's page; where its members take more than one, the part that begins with this one."""
    url = f"{LIST}/{member.account_id}"
    if await members.count_members(request.deps, member.account_id) <= _PEOPLE.size:
        return url
    return f"{with_query(url, after=encode_key((member.created_at, UUID(int=0))))}{_MEMBERS}"


async def _account_page(request: ConsoleRequest, form: Form | None, status: int = 200) -> Response:
    deps, account = request.deps, await accounts.get_account(request.deps, request.id(AccountId))
    filled = form or _filled(account)
    found = await members.list_members(deps, account.id, after=_PEOPLE.position(request), limit=_PEOPLE.size + 1)
    part, figures = _PEOPLE.part(request, found), await _figures(deps, account.id)
    further, first = (f"{url}{_MEMBERS}" if url else "" for url in (part.next, part.first))
    buckets = [account.limits.bucket(bucket) for bucket in BUCKETS]
    return page(request, AccountPage(filled, account, part.rows, further, first, figures, buckets), status)


def _filled(account: Account) -> Form:
    return Form.stored(name=account.name, features=[*account.features])


async def _figures(deps: Deps, account_id: AccountId) -> AccountFigures:
    today = (await call_figures.read_days(deps, account_id)).today
    return AccountFigures(
        keys=len(await credentials.list_keys(deps, account_id)),
        webhooks=len(await webhooks.list_webhooks(deps, account_id)),
        numbers=(await number_search.read_page(deps, account_id, None, page=1, limit=1)).total,
        records_today=today.accepted,
        shown_today=today.shown,
    )


async def _set_state(request: ConsoleRequest, state: AccountState) -> Account:
    return await accounts.update_account(request.deps, request.id(AccountId), by=request.by, state=state)


async def _stops(deps: Deps, account_id: AccountId) -> list[str]:
    """What a suspension stops, and what a restore brings back (contract D51)."""
    figures, people = await _figures(deps, account_id), await members.count_members(deps, account_id)
    keys, numbers = figures.keys, figures.numbers
    stops = [f"The API refuses all its requests ({display_names.count(keys, 'key')})."]
    stops += [f"Its members cannot use the console ({display_names.count(people, 'member')})."] if people else []
    stops += [f"Its numbers show nothing when they call ({display_names.count(numbers, 'number')})."] if numbers else []
    work = "Its open call records are removed from handsets. Its batches, uploads and webhook deliveries stop."
    back = "You can restore the account at any time. What is still valid then continues."
    return [*stops, work, f"{back} Records whose window has ended by then have failed."]


def _features(form: Form) -> list[Feature]:
    return [feature for feature in Feature if feature.value in form.all("features")]


ROUTES = (
    get("/operator/accounts", show_accounts, Action.OPERATE),
    get("/operator/accounts/new", show_create, Action.OPERATE),
    post("/operator/accounts/new", create, Action.OPERATE),
    get("/operator/accounts/{id}", show_account, Action.OPERATE),
    post("/operator/accounts/{id}", edit, Action.OPERATE),
    *confirmed("/operator/accounts/{id}/suspend", ask_suspend, suspend, Action.OPERATE),
    post("/operator/accounts/{id}/restore", restore, Action.OPERATE),
    *confirmed("/operator/accounts/{id}/without-code", ask_without_code, without_code, Action.OPERATE),
    get("/operator/accounts/{id}/invite", show_invite, Action.OPERATE),
    post("/operator/accounts/{id}/invite", invite, Action.OPERATE),
    post("/operator/accounts/{id}/members/{member}/invite-again", invite_again, Action.OPERATE),
)
