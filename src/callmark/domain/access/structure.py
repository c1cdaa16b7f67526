"""The structure, for people: the tree as an actor sees it, and what changes it (contract, section 12.1).

What is inside a place and its name are for those who own it or one above it. Where it hangs and whether it is there
are for those above it, so that nobody can take away its own place.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from uuid import UUID

from callmark.domain.access.changes import changing
from callmark.domain.access.model import Actor, check, may, visible
from callmark.domain.accounts import service as accounts
from callmark.domain.deps import Deps
from callmark.domain.ids import CatalogueId, DepartmentId, OperationId, ProcessId
from callmark.domain.policy.model import Action, Path
from callmark.domain.structure import nodes
from callmark.domain.structure.model import DepartmentNode, FeatureSet, OperationNode, ProcessNode
from callmark.kit.errors import Conflict, Forbidden, InvalidInput, NotFound


class Kind(StrEnum):
    """What a node of the structure is, from the top down."""

    DEPARTMENT = "department"
    OPERATION = "operation"
    PROCESS = "process"
    SUB_PROCESS = "sub_process"


@dataclass(frozen=True)
class Node:
    """A node as an actor sees it.

    `path` and `trail` are ids and names from the top to itself. One that is not `is_mine` is only on the way to what
    is: nothing else of it is told.
    """

    kind: Kind
    id: UUID
    name: str
    path: Path
    trail: tuple[str, ...]
    below: "list[Node]"
    sets: Sequence[FeatureSet]
    is_mine: bool

    @property
    def where(self) -> str:
        """Its names from the top, for a line of text."""
        return " › ".join(self.trail)  # noqa: RUF001 - the sign between crumbs

    @property
    def all_sets(self) -> list[FeatureSet]:
        """The feature sets on it and on all below it."""
        return [*self.sets, *(one for node in self.below for one in node.all_sets)]

    @property
    def number_count(self) -> int:
        """How many numbers these hold."""
        return sum(one.number_count for one in self.all_sets)

    @property
    def is_empty(self) -> bool:
        """Whether nothing hangs on it: only then can it be deleted."""
        return not self.below and not self.sets

    @property
    def has_sets(self) -> bool:
        """Whether feature sets can hang on it."""
        return self.kind in {Kind.PROCESS, Kind.SUB_PROCESS}


async def see_tree(deps: Deps, actor: Actor) -> list[Node]:
    """Departments by name with all below them; for owners their place and the way to it. Raises Forbidden."""
    check(actor, Action.STRUCTURE_VIEW)
    return await tree_of(deps, actor)


async def tree_of(deps: Deps, actor: Actor) -> list[Node]:
    """As `see_tree`, for another page's own check."""
    return list(_kept(_department(actor, one) for one in await nodes.tree(deps, actor.account_id)))


def flat(tree: Iterable[Node]) -> dict[UUID, Node]:
    """Every node inside the actor's place by its id, in the order of the tree."""
    return {node.id: node for node in _each(tree) if node.is_mine}


async def find_node(deps: Deps, actor: Actor, node_id: UUID, action: Action = Action.STRUCTURE_VIEW) -> Node:
    """A node inside the actor's place. Raises Forbidden, NotFound."""
    check(actor, action)
    found = flat(await tree_of(deps, actor)).get(node_id)
    if found is None:
        raise NotFound
    return found


def may_take(actor: Actor, node: Node) -> bool:
    """Whether the actor may move or delete the node: those above it may."""
    return may(actor, Action.STRUCTURE_MANAGE, node.path[:-1])


async def find_taken(deps: Deps, actor: Actor, node_id: UUID) -> Node:
    """A node that the actor may move or delete. Raises Forbidden (its own place), NotFound."""
    node = await find_node(deps, actor, node_id, Action.STRUCTURE_MANAGE)
    if not may_take(actor, node):
        raise Forbidden("Only an admin, or an owner of the level above, can do this.")
    return node


async def owners_of(deps: Deps, actor: Actor, node: Node) -> list[str]:
    """Addresses of the members whose place the node is."""
    members = await accounts.list_members(deps, actor.account_id)
    return [member.email for member in members if member.node_id == node.id]


async def targets(deps: Deps, actor: Actor, node: Node) -> list[Node]:
    """Where the node may be moved: other operations for a process, other processes for a sub-process."""
    wanted = {Kind.PROCESS: Kind.OPERATION, Kind.SUB_PROCESS: Kind.PROCESS}.get(node.kind)
    found = flat(await tree_of(deps, actor)).values()
    return [one for one in found if one.kind is wanted and one.id != node.path[-2]]


async def create_department(deps: Deps, actor: Actor, name: str) -> UUID:
    """The new department's id. Raises Forbidden, InvalidInput, Conflict."""
    check(actor, Action.DEPARTMENTS_MANAGE)
    async with changing(deps, actor) as change:
        made = await nodes.create_department(change.deps, actor.account_id, name=name)
        await change.note("structure.created", made.name, kind=Kind.DEPARTMENT, id=str(made.id))
    return made.id


async def create_operation(deps: Deps, actor: Actor, department_id: UUID, catalogue_id: CatalogueId) -> UUID:
    """The id of the operation, now in that department. Raises Forbidden, NotFound, InvalidInput, Conflict."""
    above = await find_node(deps, actor, department_id, Action.STRUCTURE_MANAGE)
    if above.kind is not Kind.DEPARTMENT:
        raise NotFound
    async with changing(deps, actor) as change:
        made = await nodes.create_operation(
            change.deps, actor.account_id, DepartmentId(above.id), catalogue_id=catalogue_id
        )
        await change.note("structure.created", made.name, kind=Kind.OPERATION, id=str(made.id), inside=above.where)
    return made.id


async def create_process(deps: Deps, actor: Actor, above_id: UUID, name: str) -> UUID:
    """The id of the new process of an operation, or sub-process of a process. Raises as `create_operation` does."""
    above = await find_node(deps, actor, above_id, Action.STRUCTURE_MANAGE)
    async with changing(deps, actor) as change:
        if above.kind is Kind.OPERATION:
            made = await nodes.create_process(change.deps, actor.account_id, OperationId(above.id), name=name)
        else:
            made = await nodes.create_sub_process(change.deps, actor.account_id, ProcessId(above.id), name=name)
        kind = Kind.SUB_PROCESS if made.parent_id else Kind.PROCESS
        await change.note("structure.created", made.name, kind=kind, id=str(made.id), inside=above.where)
    return made.id


async def rename_node(deps: Deps, actor: Actor, node_id: UUID, name: str) -> str:
    """The name as it is now. Raises Forbidden, NotFound, InvalidInput, Conflict (taken, or an operation)."""
    node = await find_node(deps, actor, node_id, Action.STRUCTURE_MANAGE)
    if node.kind is Kind.OPERATION:
        raise Conflict("a calling operation keeps its name from the catalogue")
    async with changing(deps, actor) as change:
        if node.kind is Kind.DEPARTMENT:
            new = await nodes.rename_department(change.deps, actor.account_id, DepartmentId(node.id), name=name)
        else:
            new = await nodes.rename_process(change.deps, actor.account_id, ProcessId(node.id), name=name)
        await change.note("structure.renamed", new.name, kind=node.kind, id=str(node.id), was=node.name)
    return new.name


async def move_node(deps: Deps, actor: Actor, node_id: UUID, to_id: UUID | None) -> Node:
    """Where the process or sub-process hangs now. Raises Forbidden, NotFound, InvalidInput about `to`, Conflict."""
    node = await find_taken(deps, actor, node_id)
    to = next((one for one in await targets(deps, actor, node) if one.id == to_id), None)
    if to is None:
        raise InvalidInput("choose where to move it", field="to")
    async with changing(deps, actor) as change:
        if node.kind is Kind.PROCESS:
            await nodes.move_process(change.deps, actor.account_id, ProcessId(node.id), operation_id=OperationId(to.id))
        else:
            await nodes.move_sub_process(change.deps, actor.account_id, ProcessId(node.id), process_id=ProcessId(to.id))
        await change.note("structure.moved", node.name, kind=node.kind, id=str(node.id), to=to.where)
    return to


async def delete_node(deps: Deps, actor: Actor, node_id: UUID) -> Node:
    """Removes an empty node; what it was. Raises Forbidden, NotFound, Conflict that names what is still in it."""
    node = await find_taken(deps, actor, node_id)
    async with changing(deps, actor) as change:
        if node.kind is Kind.DEPARTMENT:
            await nodes.delete_department(change.deps, actor.account_id, DepartmentId(node.id))
        elif node.kind is Kind.OPERATION:
            await nodes.delete_operation(change.deps, actor.account_id, OperationId(node.id))
        else:
            await nodes.delete_process(change.deps, actor.account_id, ProcessId(node.id))
        await change.note("structure.deleted", node.name, kind=node.kind, id=str(node.id), inside=node.where)
    return node


def _each(tree: Iterable[Node]) -> Iterator[Node]:
    for node in tree:
        yield node
        yield from _each(node.below)


def _kept(tree: Iterable[Node]) -> Iterator[Node]:
    """What the actor may know of: its places whole, and those on the way to them without the rest."""
    for node in tree:
        if node.is_mine:
            yield node
        elif below := list(_kept(node.below)):
            yield replace(node, below=below, sets=())


def _department(actor: Actor, found: DepartmentNode) -> Node:
    one = found.department
    path, trail = (one.id,), (one.name,)
    below = [_operation(actor, each, path, trail) for each in found.operations]
    return Node(Kind.DEPARTMENT, one.id, one.name, path, trail, below, (), visible(actor, path))


def _operation(actor: Actor, found: OperationNode, above: Path, names: tuple[str, ...]) -> Node:
    one = found.operation
    path, trail = (*above, one.id), (*names, one.name)
    below = [_process(actor, each, path, trail, Kind.PROCESS) for each in found.processes]
    return Node(Kind.OPERATION, one.id, one.name, path, trail, below, (), visible(actor, path))


def _process(actor: Actor, found: ProcessNode, above: Path, names: tuple[str, ...], kind: Kind) -> Node:
    one = found.process
    path, trail = (*above, one.id), (*names, one.name)
    below = [_process(actor, each, path, trail, Kind.SUB_PROCESS) for each in found.sub_processes]
    return Node(kind, one.id, one.name, path, trail, below, found.feature_sets, visible(actor, path))
