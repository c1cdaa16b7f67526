"""An operator who makes or removes operators, or makes their tokens: that counts only while it is one itself."""

from callmark.domain.operators import queries
from callmark.domain.operators.model import Operator
from callmark.domain.policy.model import Actor, ActorKind
from callmark.kit.errors import Forbidden
from callmark.kit.postgres.database import Tx


async def lock_operators_for(tx: Tx, by: Actor) -> list[Operator]:
    """Every operator: until the transaction ends none is removed. Raises Forbidden for who was removed meanwhile.

    All rows at once, because two who lock one after the other, in their own order, could wait for each other.
    """
    present = await queries.lock_operators(tx)
    if by.kind is ActorKind.OPERATOR and by.email not in {one.email for one in present}:
        raise Forbidden("you are no longer an operator of this installation")
    return present
