"""Checks under the lock what an actor may do to members: its rights may have changed since the request began."""

from callmark.domain.accounts import service as accounts
from callmark.domain.ids import AccountId
from callmark.domain.members import queries
from callmark.domain.policy.model import Actor, ActorKind
from callmark.domain.sessions.model import MemberState
from callmark.kit.errors import Forbidden
from callmark.kit.postgres.database import Tx


async def lock_account_of(tx: Tx, account_id: AccountId, by: Actor) -> None:
    """Keeps structure and members as they are, and orders two who change members at once.

    Raises Forbidden for a member who lost its access, its role or its place meanwhile: of two who remove each other at
    once one stays. NotFound for an unknown account.
    """
    await accounts.lock_account(tx, account_id)
    if by.kind is not ActorKind.MEMBER:
        return
    one = await queries.select_by_email(tx, account_id, by.email)
    as_admitted = (MemberState.ACTIVE, by.role, by.scope.node_id)
    if one is None or (one.state, one.role, one.node_id) != as_admitted:
        raise Forbidden("your own access was changed meanwhile; nothing was done")
