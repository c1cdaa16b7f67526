"""The places of an account's structure that somebody can own, each with its way from the top."""

from dataclasses import dataclass
from uuid import UUID

from callmark.domain.access.model import Actor, visible
from callmark.domain.deps import Deps
from callmark.domain.ids import AccountId
from callmark.domain.policy.model import Path, Role
from callmark.domain.structure import service as structure
from callmark.domain.structure.model import NodeKind, flat

_OWNERS = {
    NodeKind.DEPARTMENT: Role.DEPARTMENT_OWNER,
    NodeKind.OPERATION: Role.OPERATION_OWNER,
    NodeKind.PROCESS: Role.PROCESS_OWNER,
}


@dataclass(frozen=True)
class OwnedPlace:
    """A department, operation or process; `role` is that of its owners, `trail` the names from the top."""

    id: UUID
    role: Role
    path: Path
    trail: str


async def places(deps: Deps, account_id: AccountId) -> dict[UUID, OwnedPlace]:
    """Every place of the account by its id, in the order of the tree."""
    nodes = flat(await structure.tree(deps, account_id)).values()
    return {one.id: OwnedPlace(one.id, _OWNERS[one.kind], one.path, one.where) for one in nodes if one.kind in _OWNERS}


async def own_places(deps: Deps, actor: Actor) -> dict[UUID, OwnedPlace]:
    """The places that the actor may see: all for an admin, else its own and those inside."""
    every = await places(deps, actor.account_id)
    return {place.id: place for place in every.values() if visible(actor, place.path)}
