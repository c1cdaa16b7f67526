"""The library of call reasons, for people (contract, sections 10.1 and 12.4)."""

from dataclasses import dataclass

from callmark.domain.access.changes import changing
from callmark.domain.access.model import Actor, check
from callmark.domain.deps import Deps
from callmark.domain.ids import CallReasonId
from callmark.domain.policy.model import Action
from callmark.domain.structure import library
from callmark.domain.structure.call_reason import CallReason


@dataclass(frozen=True)
class UsedReason:
    """A call reason, and the names of the feature sets that show it."""

    reason: CallReason
    used_by: list[str]


async def list_reasons(deps: Deps, actor: Actor) -> list[UsedReason]:
    """The account's library, newest first. Raises Forbidden."""
    check(actor, Action.REASONS_VIEW)
    users = await library.users(deps, actor.account_id)
    found = await library.list_call_reasons(deps, actor.account_id)
    return [UsedReason(reason, users.of_reasons.get(reason.id, [])) for reason in found]


async def get_reason(deps: Deps, actor: Actor, reason_id: CallReasonId) -> UsedReason:
    """One call reason. Raises Forbidden, NotFound."""
    check(actor, Action.REASONS_VIEW)
    reason = await library.get_call_reason(deps, actor.account_id, reason_id)
    users = await library.users(deps, actor.account_id)
    return UsedReason(reason, users.of_reasons.get(reason.id, []))


async def create_reason(deps: Deps, actor: Actor, *, text: str) -> CallReason:
    """The new call reason. Raises Forbidden, InvalidInput about `call_reason`, Conflict when it is there."""
    check(actor, Action.REASONS_MANAGE)
    async with changing(deps, actor) as change:
        reason = await library.create_call_reason(
            change.deps, actor.account_id, text=text, created_by_email=actor.email
        )
        await change.note("call_reason.created", reason.text, call_reason_id=str(reason.id))
    return reason


async def update_reason(deps: Deps, actor: Actor, reason_id: CallReasonId, *, text: str) -> CallReason:
    """The call reason in its new wording. Raises as `create_reason` does, and NotFound."""
    check(actor, Action.REASONS_MANAGE)
    async with changing(deps, actor) as change:
        reason = await library.update_call_reason(change.deps, actor.account_id, reason_id, text=text)
        await change.note("call_reason.changed", reason.text, call_reason_id=str(reason.id))
    return reason


async def delete_reason(deps: Deps, actor: Actor, reason_id: CallReasonId) -> CallReason:
    """Removes it from the library; what it was. Raises Forbidden, NotFound, Conflict naming the sets that use it."""
    check(actor, Action.REASONS_MANAGE)
    async with changing(deps, actor) as change:
        reason = await library.get_call_reason(change.deps, actor.account_id, reason_id)
        await library.delete_call_reason(change.deps, actor.account_id, reason_id)
        await change.note("call_reason.deleted", reason.text, call_reason_id=str(reason.id))
    return reason
