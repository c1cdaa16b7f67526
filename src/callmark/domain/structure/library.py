"""Use cases of an account's call-reason library (contract, sections 10.1 and 12.4).

Every change locks the account first, so that names are compared as people read them and hold until the end.
"""

from dataclasses import dataclass, replace
from uuid import UUID

from callmark.domain.accounts import service as accounts
from callmark.domain.deps import Deps
from callmark.domain.ids import AccountId, CallReasonId
from callmark.domain.structure import library_queries, queries
from callmark.domain.structure.call_reason import CallReason, library_text
from callmark.domain.structure.model import alike, told
from callmark.kit.db import Tx
from callmark.kit.errors import Conflict, NotFound
from callmark.kit.ids import new_id
from callmark.kit.text import kept_or


async def create_call_reason(deps: Deps, account_id: AccountId, *, text: str, created_by_email: str) -> CallReason:
    """The new call reason.

    Raises InvalidInput for a wording that is not allowed, Conflict for one that is there in any spelling of case,
    NotFound for an unknown account.
    """
    reason = CallReason(CallReasonId(new_id()), account_id, library_text(text), created_by_email, deps.clock.now())
    async with deps.db.transaction() as tx:
        await accounts.lock_account(tx, account_id)
        await _refuse_duplicate(tx, reason)
        await library_queries.insert_call_reason(tx, reason)
    return reason


async def list_call_reasons(deps: Deps, account_id: AccountId) -> list[CallReason]:
    """The account's library, newest first. NotFound for an unknown account."""
    await accounts.get_account(deps, account_id)
    async with deps.db.connection() as tx:
        return await library_queries.select_call_reasons(tx, account_id)


async def get_call_reason(deps: Deps, account_id: AccountId, reason_id: CallReasonId) -> CallReason:
    """The account's call reason. Raises NotFound."""
    async with deps.db.connection() as tx:
        return _found(await library_queries.lock_call_reason(tx, account_id, reason_id))


async def update_call_reason(deps: Deps, account_id: AccountId, reason_id: CallReasonId, *, text: str) -> CallReason:
    """The call reason in its new wording, which every feature set that uses it shows from the next ring on.

    Raises as `create_call_reason` does, and NotFound.
    """
    async with deps.db.transaction() as tx:
        await accounts.lock_account(tx, account_id)
        old = _found(await library_queries.lock_call_reason(tx, account_id, reason_id))
        reason = replace(old, text=kept_or(old.text, text, library_text))
        await _refuse_duplicate(tx, reason)
        await library_queries.update_call_reason(tx, reason)
    return reason


async def delete_call_reason(deps: Deps, account_id: AccountId, reason_id: CallReasonId) -> None:
    """Removes the call reason. Raises NotFound, or Conflict that names the feature sets that use it."""
    async with deps.db.transaction() as tx:
        await accounts.lock_account(tx, account_id)
        _found(await library_queries.lock_call_reason(tx, account_id, reason_id))
        users = await queries.select_names_with_call_reason(tx, reason_id)
        if users:
            raise Conflict(f"this call reason is used by {told('feature set', users)}")
        await library_queries.delete_call_reason(tx, reason_id)


@dataclass(frozen=True)
class Users:
    """The names of the feature sets that have a label or a call reason, by its id."""

    of_labels: dict[UUID, list[str]]
    of_reasons: dict[UUID, list[str]]


async def users(deps: Deps, account_id: AccountId) -> Users:
    """Which feature sets of the account use what, by name."""
    async with deps.db.connection() as tx:
        rows = await library_queries.select_users(tx, account_id)
    found = Users({}, {})
    for name, label_id, reason_id in rows:
        if label_id:
            found.of_labels.setdefault(label_id, []).append(name)
        if reason_id:
            found.of_reasons.setdefault(reason_id, []).append(name)
    return found


async def call_reason_exists(tx: Tx, account_id: AccountId, reason_id: CallReasonId) -> bool:
    """Whether the account has this call reason; then it cannot be deleted until the transaction ends."""
    return await library_queries.lock_call_reason(tx, account_id, reason_id) is not None


async def _refuse_duplicate(tx: Tx, reason: CallReason) -> None:
    others = await library_queries.select_call_reasons(tx, reason.account_id)
    if any(alike(other.text, reason.text) for other in others if other.id != reason.id):
        raise Conflict("this call reason is already in the library")


def _found(reason: CallReason | None) -> CallReason:
    if reason is None:
        raise NotFound("no call reason with this id in this account")
    return reason
