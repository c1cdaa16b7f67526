"""The places of an account's structure that somebody can own, each with its way from the top."""

from collections.abc import Iterator
from dataclasses import dataclass
from uuid import UUID

from callmark.domain.access.model import Actor, visible
from callmark.domain.deps import Deps
from callmark.domain.ids import AccountId
from callmark.domain.policy.model import Path, Role
from callmark.domain.structure import nodes
from callmark.domain.structure.model import DepartmentNode

_INSIDE = " › "  # noqa: RUF001 - the sign between crumbs


@dataclass(frozen=True)
class OwnedPlace:
    """A department, operation or process; `role` is that of its owners, `trail` the names from the top."""

    id: UUID
    role: Role
    path: Path
    trail: str


async def places(deps: Deps, account_id: AccountId) -> dict[UUID, OwnedPlace]:
    """Every place of the account by its id, in the order of the tree."""
    found = [place for node in await nodes.tree(deps, account_id) for place in _of(node)]
    return {place.id: place for place in found}


async def own_places(deps: Deps, actor: Actor) -> dict[UUID, OwnedPlace]:
    """The places that the actor may see: all for an admin, else its own and those inside."""
    every = await places(deps, actor.account_id)
    return {place.id: place for place in every.values() if visible(actor, place.path)}


def _of(node: DepartmentNode) -> Iterator[OwnedPlace]:
    department = node.department
    yield OwnedPlace(department.id, Role.DEPARTMENT_OWNER, (department.id,), department.name)
    for below in node.operations:
        operation, trail = below.operation, f"{department.name}{_INSIDE}{below.operation.name}"
        yield OwnedPlace(operation.id, Role.OPERATION_OWNER, (department.id, operation.id), trail)
        for last in below.processes:
            process = last.process
            path = (department.id, operation.id, process.id)
            yield OwnedPlace(process.id, Role.PROCESS_OWNER, path, f"{trail}{_INSIDE}{process.name}")
