"""Client accounts: who may use the platform, and which of its features."""

from collections.abc import Collection, Mapping
from datetime import datetime
from functools import partial
from uuid import UUID

from msgspec.structs import replace

from callmark.domain.accounts import model, queries
from callmark.domain.accounts.model import Account, AccountState
from callmark.domain.audit import service as audit
from callmark.domain.audit.model import AuditAction
from callmark.domain.deps import Deps, in_own_transaction
from callmark.domain.ids import AccountId
from callmark.domain.limits.model import DEFAULTS
from callmark.domain.policy import plan
from callmark.domain.policy.model import Actor
from callmark.domain.policy.plan import ALL_FEATURES, Feature
from callmark.domain.work_names import WorkName
from callmark.kit.choices import SetChange, chosen
from callmark.kit.errors import InvalidInput, found
from callmark.kit.ids import new_id
from callmark.kit.installation import why_mails_wait
from callmark.kit.postgres.database import Tx
from callmark.kit.text import kept_or

_UNKNOWN = "no account with this id"


async def create_account_in(
    tx: Tx, deps: Deps, name: str, features: Collection[Feature] = ALL_FEATURES, *, by: Actor
) -> Account:
    """The new account. Names need not be unique. Raises InvalidInput for a name of no or over 100 characters."""
    account = Account(
        id=AccountId(new_id()),
        name=model.account_name(name),
        state=AccountState.ACTIVE,
        features=frozenset(features),
        created_at=deps.clock.now(),
    )
    await queries.insert_account(tx, account)
    await audit.note(
        tx,
        by,
        AuditAction.ACCOUNT_CREATED,
        account.name,
        account_id=account.id,
        at=account.created_at,
        features=sorted(account.features),
    )
    return account


create_account = in_own_transaction(create_account_in)


async def get_account(deps: Deps, account_id: AccountId) -> Account:
    """The account; NotFound when there is none."""
    async with deps.db.connection() as tx:
        return found(await queries.select_account(tx, account_id), _UNKNOWN)


async def get_account_in(tx: Tx, account_id: AccountId) -> Account:
    """As `get_account`, inside a transaction."""
    return found(await queries.select_account(tx, account_id), _UNKNOWN)


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
    by: Actor,
    name: str | None = None,
    features: Collection[Feature] | SetChange[Feature] | None = None,
    state: AccountState | None = None,
    requires_code: bool | None = None,
    announced_calls_only: bool | None = None,
) -> Account:
    """The account after the change (None leaves a part as it is). A suspended account is refused from the next request.

    Raises NotFound, InvalidInput; also for a code at sign-in while nobody would get one.
    """
    async with deps.db.transaction() as tx:
        old = await lock_account(tx, account_id)
        if name is not None:
            name = kept_or(old.name, name, model.account_name)
        if requires_code and not old.requires_code and (why := await why_mails_wait(tx, deps.settings)):
            raise InvalidInput(f"nobody would get a code: {why}", field="requires_code")
        if features is not None:
            features = chosen(old.features, features)
        state = None if state is old.state else state  # as it is: nothing to stop, start or note
        if state is not None:
            await queries.note_switch(tx, account_id, state, deps.clock.now())
            tx.after_commit(partial(deps.wake, WorkName.SWITCHES, WorkName.BATCHES, WorkName.DELIVERIES))
        account = await queries.update_account(
            tx,
            account_id,
            name=name,
            features=features,
            state=state,
            requires_code=requires_code,
            announced_calls_only=announced_calls_only,
        )
        await _note_changes(deps, tx, by, old, account)
        return account


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


async def set_limits(deps: Deps, account_id: AccountId, changes: Mapping[str, int | None], *, by: Actor) -> Account:
    """The account with these limits, None: the default again. They hold from the next request on, in every process.

    What the account has more of than a lower limit stays. Raises NotFound, InvalidInput.
    """
    async with deps.db.transaction() as tx:
        account = await lock_account(tx, account_id)
        limits = account.limits.changed(changes)
        different = {name: limits.of(name) for name in DEFAULTS if limits.of(name) != account.limits.of(name)}
        await queries.update_limits(tx, account_id, limits)
        if different:
            at = deps.clock.now()
            await audit.note(
                tx, by, AuditAction.ACCOUNT_LIMITS_CHANGED, account.name, account_id=account_id, at=at, limits=different
            )
    return replace(account, limits=limits)


async def lock_account(tx: Tx, account_id: AccountId) -> Account:
    """The account, locked until the transaction ends: changes to what an account has at most one or five of wait here.

    Raises NotFound.
    """
    return found(await queries.lock_account(tx, account_id), _UNKNOWN)


async def _note_changes(deps: Deps, tx: Tx, by: Actor, old: Account, new: Account) -> None:
    at = deps.clock.now()
    changed: dict[str, object] = {} if new.features == old.features else {"features": sorted(new.features)}
    switches = ("requires_code", "announced_calls_only")
    changed |= {switch: getattr(new, switch) for switch in switches if getattr(new, switch) != getattr(old, switch)}
    if changed or new.name != old.name:
        await audit.note(tx, by, AuditAction.ACCOUNT_CHANGED, new.name, account_id=new.id, at=at, **changed)
    if new.state is not old.state:
        stopped = new.state is AccountState.SUSPENDED
        action = AuditAction.ACCOUNT_SUSPENDED if stopped else AuditAction.ACCOUNT_RESTORED
        await audit.note(tx, by, action, new.name, account_id=new.id, at=at)
