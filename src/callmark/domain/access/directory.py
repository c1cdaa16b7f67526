"""The installation's accounts, for its operators: find, create, change, suspend, and invite the first admin.

Of what belongs to a business only counts are told here; to see more, an operator acts for it (`operating`).
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from callmark.domain.access.changes import changing
from callmark.domain.access.members import invite_again as invite_member_again
from callmark.domain.access.members import invite_member, list_members
from callmark.domain.access.model import Actor, Operating
from callmark.domain.accounts import service as accounts
from callmark.domain.accounts.model import Account, AccountState, Member
from callmark.domain.calls import daily_figures as call_figures
from callmark.domain.credentials import service as credentials
from callmark.domain.deps import Deps
from callmark.domain.ids import AccountId, MemberId
from callmark.domain.numbers import search as number_search
from callmark.domain.personalisation.suspension import jobs as switches
from callmark.domain.policy.model import Role
from callmark.domain.policy.plan import Feature
from callmark.domain.webhooks import service as webhooks

PAGE = 50


@dataclass(frozen=True)
class AccountFigures:
    """How much of everything an account has; records are those accepted today (UTC)."""

    keys: int
    webhooks: int
    numbers: int
    records_today: int
    shown_today: int


@dataclass(frozen=True)
class AccountSeen:
    """An account as operators see it; members oldest first."""

    account: Account
    members: list[Member]
    figures: AccountFigures


async def search_accounts(
    deps: Deps, text: str, state: AccountState | None, after: tuple[datetime, UUID] | None, limit: int
) -> list[Account]:
    """Accounts, newest first; `text` is part of a name, or how an id begins."""
    return await accounts.search_accounts(deps, text, state, after, limit)


async def get_account(deps: Deps, account_id: AccountId) -> Account:
    """The account. Raises NotFound."""
    return await accounts.get_account(deps, account_id)


async def look_at_account(deps: Deps, operating: Operating, account_id: AccountId) -> AccountSeen:
    """The account, its people and its figures. Raises NotFound."""
    account = await accounts.get_account(deps, account_id)
    seen = await list_members(deps, _as_admin(operating, account))
    return AccountSeen(account, [one.member for one in seen], await _figures(deps, account_id))


async def create_account(deps: Deps, operating: Operating, *, name: str, features: Collection[Feature]) -> Account:
    """The new account, which has no members yet. Raises InvalidInput."""
    async with changing(deps, operating) as change:
        account = await accounts.create_account(change.deps, name, features)
        await change.note("account.created", account.name, account_id=account.id, features=sorted(account.features))
    return account


async def update_account(
    deps: Deps, operating: Operating, account_id: AccountId, *, name: str, features: Collection[Feature]
) -> Account:
    """The account after the change; keys lose a feature with the next request. Raises NotFound, InvalidInput."""
    async with changing(deps, operating) as change:
        account = await accounts.update_account(change.deps, account_id, name=name, features=features)
        await change.note("account.changed", account.name, account_id=account.id, features=sorted(account.features))
    return account


async def set_state(deps: Deps, operating: Operating, account_id: AccountId, state: AccountState) -> Account:
    """The account, suspended or active again from the next request on. Raises NotFound."""
    action = "account.suspended" if state is AccountState.SUSPENDED else "account.restored"
    async with changing(deps, operating) as change:
        account = await accounts.update_account(change.deps, account_id, state=state)
        await change.note(action, account.name, account_id=account.id)
    await switches.wake(deps)
    return account


async def invite_admin(deps: Deps, operating: Operating, account_id: AccountId, *, email: str, name: str) -> Member:
    """A new admin, to whom the invitation is on its way. Raises NotFound, InvalidInput, Conflict (address taken)."""
    account = await accounts.get_account(deps, account_id)
    actor = _as_admin(operating, account)
    return await invite_member(deps, actor, email=email, name=name, role=Role.ADMIN, node_id=None)


async def invite_again(deps: Deps, operating: Operating, account_id: AccountId, member_id: MemberId) -> Member:
    """Sends a new link; the old one works no more. Raises NotFound, Conflict (no longer invited)."""
    account = await accounts.get_account(deps, account_id)
    return await invite_member_again(deps, _as_admin(operating, account), member_id)


def _as_admin(operating: Operating, account: Account) -> Actor:
    """What the operator may do about members is what an admin may; the audit log says who it was."""
    return Actor(
        account_id=account.id,
        account_name=account.name,
        email=operating.email,
        name=operating.name,
        role=Role.ADMIN,
        node_id=None,
        is_operator=True,
        address=operating.address,
        session=operating.session,
    )


async def _figures(deps: Deps, account_id: AccountId) -> AccountFigures:
    today = (await call_figures.read_days(deps, account_id)).today
    return AccountFigures(
        keys=len(await credentials.list_keys(deps, account_id)),
        webhooks=len(await webhooks.list_webhooks(deps, account_id)),
        numbers=(await number_search.read_page(deps, account_id, None, page=1, limit=1)).total,
        records_today=today.accepted,
        shown_today=today.shown,
    )
