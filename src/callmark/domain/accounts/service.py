"""Client accounts and their members: who may use the platform, and the people of each."""

from collections.abc import Collection
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from callmark.domain.accounts import model, operator_queries, queries, session_queries
from callmark.domain.accounts.model import Account, AccountState, Member, MemberState, Person
from callmark.domain.deps import Deps
from callmark.domain.ids import AccountId, MemberId
from callmark.domain.policy import plan
from callmark.domain.policy.model import Role
from callmark.domain.policy.plan import ALL_FEATURES, Feature
from callmark.kit.db import Tx
from callmark.kit.errors import Conflict, NotFound
from callmark.kit.ids import new_id
from callmark.kit.text import kept_or

OPERATOR_EMAIL = "operator@localhost"
"""Who made a thing when an operator did and the account has no admin yet."""


async def create_account(
    deps: Deps,
    name: str,
    features: Collection[Feature] = ALL_FEATURES,
    state: AccountState = AccountState.ACTIVE,
) -> Account:
    """The new account. Names need not be unique. Raises InvalidInput for a name of no or over 100 characters."""
    account = Account(
        id=AccountId(new_id()),
        name=model.account_name(name),
        state=state,
        features=frozenset(features),
        created_at=deps.clock.now(),
    )
    async with deps.db.transaction() as tx:
        await queries.insert_account(tx, account)
    return account


async def get_account(deps: Deps, account_id: AccountId) -> Account:
    """The account; NotFound when there is none."""
    async with deps.db.connection() as tx:
        return _found(await queries.select_account(tx, account_id))


async def find_account(tx: Tx, account_id: AccountId) -> Account:
    """As `get_account`, inside a transaction."""
    return _found(await queries.select_account(tx, account_id))


async def list_accounts(deps: Deps) -> list[Account]:
    """Every account of the installation, oldest first."""
    async with deps.db.connection() as tx:
        return await queries.select_accounts(tx)


async def search_accounts(
    deps: Deps, text: str, state: AccountState | None, after: tuple[datetime, UUID] | None, limit: int
) -> list[Account]:
    """Accounts, newest first, those after the key `after`; `text` is part of a name, or how an id begins."""
    async with deps.db.connection() as tx:
        return await queries.search_accounts(tx, text, state, after, limit)


async def update_account(
    deps: Deps,
    account_id: AccountId,
    *,
    name: str | None = None,
    features: Collection[Feature] | None = None,
    state: AccountState | None = None,
    requires_code: bool | None = None,
) -> Account:
    """The account after the change (None leaves a part as it is). A suspended account is refused from the next request.

    Raises NotFound, InvalidInput.
    """
    async with deps.db.transaction() as tx:
        if name is not None:
            name = kept_or((await lock_account(tx, account_id)).name, name, model.account_name)
        if state is not None:
            await queries.note_switch(tx, account_id, state, deps.clock.now())
        return _found(await queries.update_account(tx, account_id, name, features, state, requires_code))


async def check_plan(deps: Deps, account_id: AccountId, feature: Feature) -> None:
    """Raises Forbidden when the feature is not part of the account's plan, NotFound for an unknown account."""
    plan.check_plan((await get_account(deps, account_id)).features, feature)


async def is_suspended(tx: Tx, account_id: AccountId) -> bool:
    """Whether the account is suspended at this moment; an unknown one is not."""
    return await queries.is_suspended(tx, account_id)


async def are_first_steps_hidden(deps: Deps, account_id: AccountId) -> bool:
    """Whether home no longer shows the account's first steps."""
    async with deps.db.connection() as tx:
        return await queries.are_first_steps_hidden(tx, account_id)


async def hide_first_steps(deps: Deps, account_id: AccountId, *, hidden: bool) -> None:
    """Hides the first steps from the account's home, or shows them again."""
    async with deps.db.transaction() as tx:
        await queries.hide_first_steps(tx, account_id, deps.clock.now() if hidden else None)


async def lock_account(tx: Tx, account_id: AccountId) -> Account:
    """The account, locked until the transaction ends: changes to what an account has at most one or five of wait here.

    Raises NotFound.
    """
    return _found(await queries.lock_account(tx, account_id))


async def create_member(
    deps: Deps,
    account_id: AccountId,
    *,
    email: str,
    name: str,
    role: Role,
    state: MemberState = MemberState.INVITED,
    node_id: UUID | None = None,
) -> Member:
    """The new member. Conflict when a member of any account, or an operator, has the address, whatever its case.

    Raises NotFound for an unknown account, InvalidInput for a name or an address that cannot be used.
    """
    member = _new_member(deps, account_id, email, name, role, state, node_id)
    async with deps.db.transaction() as tx:
        _found(await queries.select_account(tx, account_id))
        if await operator_queries.select_by_email(tx, member.email) or await queries.member_exists(tx, member.email):
            raise Conflict(queries.EMAIL_TAKEN)
        await queries.insert_member(tx, member)
    return member


async def create_invited_member(
    deps: Deps, account_id: AccountId, *, email: str, name: str, role: Role, node_id: UUID | None
) -> Member:
    """As `create_member`, for who must not learn whom other accounts have: Conflict about this account's members only.

    Of several invitations to one address, the first that is accepted gets it.
    """
    member = _new_member(deps, account_id, email, name, role, MemberState.INVITED, node_id)
    async with deps.db.transaction() as tx:
        _found(await queries.select_account(tx, account_id))
        await queries.insert_member(tx, member)
    return member


async def get_member(deps: Deps, account_id: AccountId, member_id: MemberId) -> Member:
    """The member; NotFound when the account has none of this id."""
    async with deps.db.connection() as tx:
        return _member_found(await queries.select_member(tx, account_id, member_id))


async def list_members(deps: Deps, account_id: AccountId) -> list[Member]:
    """The account's members, oldest first; NotFound for an unknown account."""
    async with deps.db.transaction() as tx:
        _found(await queries.select_account(tx, account_id))
        return await queries.select_members(tx, account_id)


async def update_member(
    deps: Deps,
    account_id: AccountId,
    member_id: MemberId,
    *,
    name: str | None = None,
    role: Role | None = None,
    state: MemberState | None = None,
    node_id: UUID | None = None,
) -> Member:
    """The member after the change (None leaves a part as it is); a new role without a new place owns nothing yet.

    Whoever is not active any more is signed out at once. Raises NotFound, InvalidInput.
    """
    async with deps.db.transaction() as tx:
        old = _member_found(await queries.lock_member(tx, account_id, member_id))
        new = replace(
            old,
            name=kept_or(old.name, name, model.member_name),
            role=role or old.role,
            state=state or old.state,
            node_id=model.place_after(old, role or old.role, node_id),
        )
        await queries.update_member(tx, new)
        if new.state is not MemberState.ACTIVE:
            await session_queries.delete_sessions(tx, Person(member_id=member_id))
        return new


async def delete_member(deps: Deps, account_id: AccountId, member_id: MemberId) -> None:
    """Removes the member for good; the address is free at once. Raises NotFound."""
    async with deps.db.transaction() as tx:
        if not await queries.delete_member(tx, account_id, member_id):
            _member_found(None)


async def admin_emails(tx: Tx, account_id: AccountId) -> list[str]:
    """Addresses of the account's active admins, oldest member first."""
    return await queries.select_admin_emails(tx, account_id)


async def creator_email(deps: Deps, account_id: AccountId) -> str:
    """Whom a thing names as its maker when an operator makes it: the account's oldest admin, else `OPERATOR_EMAIL`."""
    async with deps.db.connection() as tx:
        return await queries.select_oldest_admin_email(tx, account_id) or OPERATOR_EMAIL


def _new_member(
    deps: Deps, account_id: AccountId, email: str, name: str, role: Role, state: MemberState, node_id: UUID | None
) -> Member:
    return Member(
        id=MemberId(new_id()),
        account_id=account_id,
        email=model.email_address(email),
        name=model.member_name(name),
        role=role,
        state=state,
        created_at=deps.clock.now(),
        node_id=None if role is Role.ADMIN else node_id,
    )


def _found(account: Account | None) -> Account:
    if account is None:
        raise NotFound("no account with this id")
    return account


def _member_found(member: Member | None) -> Member:
    if member is None:
        raise NotFound("no member with this id in this account")
    return member
