"""Callback requests that a member has taken: without access the member calls nobody, so they are new again."""

from uuid import UUID

from callmark.domain.audit import service as audit
from callmark.domain.audit.model import AuditAction
from callmark.domain.deps import Deps
from callmark.domain.ids import AccountId
from callmark.domain.members import queries
from callmark.domain.members.model import Member
from callmark.domain.policy.model import Actor, Role
from callmark.domain.sessions.model import MemberState
from callmark.kit.errors import Conflict
from callmark.kit.postgres.database import Tx


async def count(deps: Deps, member: Member) -> int:
    """How many requests the member has taken and is not done with."""
    async with deps.db.connection() as tx:
        return await queries.count_taken_requests(tx, member.account_id, member.email)


async def check_may_take(tx: Tx, account_id: AccountId, email: str) -> None:
    """Raises Conflict for a member without access; until the transaction ends nobody takes it from another.

    Who is no member may be staff that the account does not have here. Before the request is locked, as in `release`.
    """
    held = await queries.hold_state(tx, account_id, email)
    if held in {(None,), (MemberState.REVOKED,)}:
        raise Conflict(f"{email} has no access to this account")


async def release_lost(deps: Deps, tx: Tx, member: Member, *, by: Actor) -> None:
    """Makes those new again that the member, as it is after a change, no longer sees; each is noted.

    Who is invited only may have been named for some by the API, and keeps them as an active one does.
    """
    if member.state is MemberState.REVOKED:
        await release(deps, tx, member, by=by)
    elif member.role is not Role.ADMIN:
        await release(deps, tx, member, by=by, outside=member.node_id)


async def release(deps: Deps, tx: Tx, member: Member, *, by: Actor, outside: UUID | None = None) -> None:
    """Makes all of them new again, or those that are `outside` a place of the structure."""
    for request_id, feature_set in await queries.release_requests(tx, member.account_id, member.email, outside):
        facts = {"request_id": str(request_id), "was_taken_by": member.email}
        at = deps.clock.now()
        await audit.note(
            tx, by, AuditAction.CALLBACK_REOPENED, feature_set, account_id=member.account_id, at=at, **facts
        )
