"""Use cases of an account's call-reason library (contract, sections 10.1 and 12.4).

Every change locks the account first, so that names are compared as people read them and hold until the end.
"""

from msgspec.structs import replace

from callmark.domain.accounts import service as accounts
from callmark.domain.audit import service as audit
from callmark.domain.audit.model import AuditAction
from callmark.domain.call_reasons import queries
from callmark.domain.call_reasons.model import CallReason, library_text
from callmark.domain.deps import Deps, in_own_transaction
from callmark.domain.ids import AccountId, CallReasonId
from callmark.domain.policy.model import Actor
from callmark.kit.changes import carried_out
from callmark.kit.errors import Conflict, found
from callmark.kit.ids import new_id
from callmark.kit.postgres.database import Tx
from callmark.kit.text import kept_or, some_names
from callmark.record_rules.same_names import looks

_UNKNOWN = "no call reason with this id in this account"


async def create_call_reason_in(tx: Tx, deps: Deps, account_id: AccountId, *, text: str, by: Actor) -> CallReason:
    """The new call reason.

    Raises InvalidInput for a wording that is not allowed, Conflict for one that is there and looks the same,
    NotFound for an unknown account.
    """
    reason = CallReason(CallReasonId(new_id()), account_id, library_text(text), by.email, deps.clock.now())
    await accounts.lock_account(tx, account_id)
    await _refuse_duplicate(tx, reason)
    await queries.insert_call_reason(tx, reason)
    await _note(deps, tx, by, AuditAction.CALL_REASON_CREATED, reason)
    return reason


create_call_reason = in_own_transaction(create_call_reason_in)


async def list_call_reasons(deps: Deps, account_id: AccountId) -> list[CallReason]:
    """The account's library, newest first. NotFound for an unknown account."""
    await accounts.get_account(deps, account_id)
    async with deps.db.connection() as tx:
        return await queries.select_call_reasons(tx, account_id)


async def get_call_reason(deps: Deps, account_id: AccountId, reason_id: CallReasonId) -> CallReason:
    """The account's call reason. Raises NotFound."""
    async with deps.db.connection() as tx:
        return found(await queries.select_call_reason(tx, account_id, reason_id), _UNKNOWN)


async def update_call_reason(
    deps: Deps, account_id: AccountId, reason_id: CallReasonId, *, text: str | None, by: Actor
) -> CallReason:
    """The call reason in its new wording (None: as it was), which its feature sets show from the next ring on.

    Raises as `create_call_reason` does, and NotFound.
    """
    async with deps.db.transaction() as tx:
        await accounts.lock_account(tx, account_id)
        old = found(await queries.lock_call_reason(tx, account_id, reason_id), _UNKNOWN)
        reason = replace(old, text=kept_or(old.text, text, library_text))
        return await carried_out(
            old,
            reason,
            lambda: _refuse_duplicate(tx, reason),
            lambda: queries.update_call_reason(tx, reason),
            lambda: _note(deps, tx, by, AuditAction.CALL_REASON_CHANGED, reason),
        )


async def delete_call_reason(deps: Deps, account_id: AccountId, reason_id: CallReasonId, *, by: Actor) -> CallReason:
    """Removes the call reason and returns it. Raises NotFound, or Conflict that names the feature sets that use it."""
    async with deps.db.transaction() as tx:
        await accounts.lock_account(tx, account_id)
        reason = found(await queries.lock_call_reason(tx, account_id, reason_id), _UNKNOWN)
        if names := await queries.select_feature_set_names(tx, reason_id):
            raise Conflict(f"this call reason is used by {some_names('feature set', names)}")
        await queries.delete_call_reason(tx, reason_id)
        await _note(deps, tx, by, AuditAction.CALL_REASON_DELETED, reason)
    return reason


async def call_reason_exists(tx: Tx, account_id: AccountId, reason_id: CallReasonId) -> bool:
    """Whether the account has this call reason; then it cannot be deleted until the transaction ends."""
    return await queries.lock_call_reason(tx, account_id, reason_id) is not None


async def _refuse_duplicate(tx: Tx, reason: CallReason) -> None:
    others = await queries.select_call_reasons(tx, reason.account_id)
    if looks(reason.text) in {looks(other.text) for other in others if other.id != reason.id}:
        raise Conflict("this call reason is already in the library", field="call_reason")


async def _note(deps: Deps, tx: Tx, by: Actor, action: AuditAction, reason: CallReason) -> None:
    at, reason_id = deps.clock.now(), str(reason.id)
    await audit.note(tx, by, action, reason.text, account_id=reason.account_id, at=at, call_reason_id=reason_id)
