"""Use cases of departments, calling operations, processes and sub-processes (contract, section 12.1).

Every change locks the account first and reads the branch that it changes: structure changes rarely and by hand, and one
change at a time is simple to be right about. Lock order: account, feature set, numbers.

What is inside a place and its name are for those who own it or one above it. Where it is and whether it exists are
for those above it, so that nobody can take away its own place.
"""

from collections.abc import Collection, Iterable
from uuid import UUID

from msgspec.structs import replace

from callmark.domain.accounts import service as accounts
from callmark.domain.audit import service as audit
from callmark.domain.audit.model import AuditAction
from callmark.domain.deps import Deps, in_own_transaction
from callmark.domain.ids import AccountId, CatalogueId, DepartmentId, OperationId, ProcessId
from callmark.domain.policy.model import WHOLE_ACCOUNT, Actor, Scope
from callmark.domain.stale_confirmations import refuse_changed
from callmark.domain.structure import queries
from callmark.domain.structure.catalogue import catalogue_entry
from callmark.domain.structure.model import (
    Department,
    Node,
    NodeKind,
    Operation,
    Process,
    Unit,
    flat,
    node_name,
    refuse_full,
    refuse_taken,
    seen_in,
    tree_of,
)
from callmark.kit.changes import carried_out
from callmark.kit.errors import Conflict, Forbidden, InvalidInput, found
from callmark.kit.ids import new_id
from callmark.kit.postgres.database import Tx
from callmark.kit.text import kept_or

ANY = tuple(NodeKind)
PROCESSES = (NodeKind.PROCESS, NodeKind.SUB_PROCESS)


async def tree(deps: Deps, account_id: AccountId, scope: Scope = WHOLE_ACCOUNT) -> list[Node]:
    """Departments by name with all below them; of a scope, its place and the way to it. NotFound for no such account.

    What another transaction adds or removes meanwhile may be missing, with all that belongs to it.
    """
    async with deps.db.connection() as tx:
        return seen_in(await tree_in(tx, account_id), scope)


async def places(deps: Deps, account_id: AccountId, scope: Scope = WHOLE_ACCOUNT) -> list[Node]:
    """As `tree`, but none of the nodes has feature sets: there may be thousands."""
    async with deps.db.connection() as tx:
        await accounts.get_account_in(tx, account_id)
        return seen_in(tree_of(await queries.select_units(tx, account_id), {}), scope)


async def tree_in(tx: Tx, account_id: AccountId) -> list[Node]:
    """As `tree`, of the whole account, inside a transaction; the account is to be locked for it to stay."""
    await accounts.get_account_in(tx, account_id)
    units = await queries.select_units(tx, account_id)
    return tree_of(units, await queries.select_held_sets(tx, account_id))


async def get_node(
    deps: Deps, account_id: AccountId, node_id: UUID, kinds: Collection[NodeKind] = ANY, scope: Scope = WHOLE_ACCOUNT
) -> Node:
    """A node of one of these kinds inside the scope. Raises NotFound."""
    async with deps.db.connection() as tx:
        return await _get(tx, account_id, node_id, kinds, scope)


async def get_process_in(tx: Tx, account_id: AccountId, process_id: ProcessId, scope: Scope) -> Node:
    """A process or sub-process inside the scope; the account is to be locked for it to stay. Raises NotFound."""
    return await _get(tx, account_id, process_id, PROCESSES, scope)


def check_above(scope: Scope, node: Node) -> None:
    """Raises Forbidden for a node's own owner: only those above it may move or delete it."""
    if not scope.includes(node.path[:-1]):
        raise Forbidden("Only an admin, or an owner of the level above, can do this.")


async def create_department_in(tx: Tx, deps: Deps, account_id: AccountId, *, name: str, by: Actor) -> Department:
    """The new department. Raises InvalidInput, Conflict for a name that is taken, NotFound for an unknown account."""
    by.scope.check(())
    made = Department(DepartmentId(new_id()), account_id, node_name(name, "department"), deps.clock.now())
    await accounts.lock_account(tx, account_id)
    await _check_name(tx, made)
    await queries.insert_department(tx, made)
    await _note(deps, tx, by, AuditAction.STRUCTURE_CREATED, made)
    return made


create_department = in_own_transaction(create_department_in)


async def create_operations(
    deps: Deps, account_id: AccountId, department_id: DepartmentId, *, catalogue_ids: Iterable[CatalogueId], by: Actor
) -> list[Operation]:
    """All these operations, in their order, or none. Raises as `create_operation_in`."""
    of = deps, account_id, department_id
    async with deps.db.transaction() as tx:
        return [await create_operation_in(tx, *of, catalogue_id=one, by=by) for one in catalogue_ids]


async def create_operation_in(
    tx: Tx, deps: Deps, account_id: AccountId, department_id: DepartmentId, *, catalogue_id: CatalogueId, by: Actor
) -> Operation:
    """The operation of the catalogue, now in that department.

    Raises InvalidInput for one that is not in the catalogue, Conflict when the department has it, NotFound.
    """
    entry = catalogue_entry(catalogue_id)
    made = Operation(OperationId(new_id()), account_id, department_id, entry.id, entry.name, deps.clock.now())
    department = await _lock(tx, account_id, department_id, [NodeKind.DEPARTMENT], by.scope)
    if any(isinstance(one.unit, Operation) and one.unit.catalogue_id == entry.id for one in department.below):
        raise Conflict(f"this department already has the operation {entry.name!r}")
    await queries.insert_operation(tx, made)
    await _note(deps, tx, by, AuditAction.STRUCTURE_CREATED, made, inside=department.where)
    return made


create_operation = in_own_transaction(create_operation_in)


async def create_process_in(
    tx: Tx, deps: Deps, account_id: AccountId, operation_id: OperationId, *, name: str, by: Actor
) -> Process:
    """The new process of an operation. Raises InvalidInput, Conflict for a name that is taken there, NotFound."""
    name = node_name(name, "process")
    made = Process(ProcessId(new_id()), account_id, operation_id, None, name, deps.clock.now())
    operation = await _lock(tx, account_id, operation_id, [NodeKind.OPERATION], by.scope)
    await _insert_process(deps, tx, by, made, operation)
    return made


create_process = in_own_transaction(create_process_in)


async def create_sub_process_in(
    tx: Tx, deps: Deps, account_id: AccountId, process_id: ProcessId, *, name: str, by: Actor
) -> Process:
    """The new sub-process of a process.

    Raises InvalidInput (also for a sub-process of a sub-process), Conflict for a name that is taken there, NotFound.
    """
    name = node_name(name, "sub-process")
    above = await _lock(tx, account_id, process_id, PROCESSES, by.scope)
    parent = _parent(above)
    made = Process(ProcessId(new_id()), account_id, parent.operation_id, parent.id, name, deps.clock.now())
    await _insert_process(deps, tx, by, made, above)
    return made


create_sub_process = in_own_transaction(create_sub_process_in)


async def rename_node(
    deps: Deps, account_id: AccountId, node_id: UUID, kinds: Collection[NodeKind] = ANY, *, name: str | None, by: Actor
) -> Unit:
    """The unit under its new name (None: as it was).

    Raises InvalidInput, Conflict (the name is taken, or an operation), NotFound.
    """
    async with deps.db.transaction() as tx:
        node = await _lock(tx, account_id, node_id, kinds, by.scope)
        old = node.unit
        if isinstance(old, Operation):
            raise Conflict("a calling operation keeps its name from the catalogue", field="name")
        what = NodeKind.DEPARTMENT.word if isinstance(old, Department) else NodeKind.PROCESS.word
        new = replace(old, name=kept_or(old.name, name, lambda text: node_name(text, what)))
        return await carried_out(
            old,
            new,
            lambda: _check_name(tx, new),
            lambda: (
                queries.update_department(tx, new) if isinstance(new, Department) else queries.update_process(tx, new)
            ),
            lambda: _note(deps, tx, by, AuditAction.STRUCTURE_RENAMED, new, was=old.name),
        )


async def move_process(
    deps: Deps, account_id: AccountId, process_id: ProcessId, *, operation_id: OperationId, by: Actor
) -> Process:
    """The process in another operation of the account, with its sub-processes, feature sets and numbers.

    Raises InvalidInput for a sub-process, Conflict when its name is taken there, Forbidden for its own owner, NotFound.
    """
    async with deps.db.transaction() as tx:
        old = await _lock_to_move(tx, account_id, process_id, by.scope)
        if old.parent_id is not None:
            raise InvalidInput("a sub-process can only be moved to another process", field="operation_id")
        to = await _get(tx, account_id, operation_id, [NodeKind.OPERATION], by.scope)
        return await _move(deps, tx, by, old, replace(old, operation_id=operation_id), to)


async def move_sub_process(
    deps: Deps, account_id: AccountId, sub_process_id: ProcessId, *, process_id: ProcessId, by: Actor
) -> Process:
    """The sub-process under another process of the account, with its feature sets and numbers.

    Raises InvalidInput for what is no sub-process and for a parent that is one, Conflict when its name is taken there,
    Forbidden for its own owner, NotFound.
    """
    async with deps.db.transaction() as tx:
        old = await _lock_to_move(tx, account_id, sub_process_id, by.scope)
        if old.parent_id is None:
            raise InvalidInput("a process can only be moved to another operation", field="process_id")
        to = await _get(tx, account_id, process_id, PROCESSES, by.scope)
        parent = _parent(to)
        new = replace(old, operation_id=parent.operation_id, parent_id=parent.id)
        return await _move(deps, tx, by, old, new, to)


async def list_owners(deps: Deps, account_id: AccountId, node_id: UUID) -> list[str]:
    """The addresses of those who own this very place, and who lose it when it is deleted; oldest member first."""
    async with deps.db.connection() as tx:
        return await queries.select_owners(tx, account_id, node_id)


async def delete_node(
    deps: Deps, account_id: AccountId, node_id: UUID, kinds: Collection[NodeKind] = ANY, *, by: Actor, shown: str = ""
) -> Node:
    """Removes an empty node; what it was.

    `shown` is the digest of its `list_owners`, as they were shown. Raises NotFound, Forbidden for its own owner,
    ChangedMeanwhile, or Conflict that names what is still in it.
    """
    async with deps.db.transaction() as tx:
        node = await _lock(tx, account_id, node_id, kinds, by.scope)
        check_above(by.scope, node)
        refuse_full(node)
        refuse_changed(shown, await queries.select_owners(tx, account_id, node_id))
        await queries.delete_unit(tx, node.unit)
        await _note(deps, tx, by, AuditAction.STRUCTURE_DELETED, node.unit, inside=node.where)
    return node


async def _get(tx: Tx, account_id: AccountId, node_id: UUID, kinds: Collection[NodeKind], scope: Scope) -> Node:
    units = await queries.select_branch(tx, account_id, node_id)
    branch = tree_of(units, await queries.select_held_sets(tx, account_id, [unit.id for unit in units]))
    node = flat(seen_in(branch, scope)).get(node_id)
    kind = next(iter(kinds)).word if len(kinds) < len(ANY) else "place"
    return found(node if node and node.kind in kinds else None, f"no {kind} with this id in this account")


async def _lock(tx: Tx, account_id: AccountId, node_id: UUID, kinds: Collection[NodeKind], scope: Scope) -> Node:
    """A node inside the scope; the account's structure stays as it is until the transaction ends."""
    await accounts.lock_account(tx, account_id)
    return await _get(tx, account_id, node_id, kinds, scope)


async def _lock_to_move(tx: Tx, account_id: AccountId, process_id: ProcessId, scope: Scope) -> Process:
    node = await _lock(tx, account_id, process_id, PROCESSES, scope)
    check_above(scope, node)
    return _process(node)


async def _insert_process(deps: Deps, tx: Tx, by: Actor, made: Process, above: Node) -> None:
    await _check_name(tx, made)
    await queries.insert_process(tx, made)
    await _note(deps, tx, by, AuditAction.STRUCTURE_CREATED, made, inside=above.where)


async def _move(deps: Deps, tx: Tx, by: Actor, old: Process, moved: Process, to: Node) -> Process:
    return await carried_out(
        old,
        moved,
        lambda: _check_name(tx, moved),
        lambda: queries.update_process(tx, moved),
        lambda: _note(deps, tx, by, AuditAction.STRUCTURE_MOVED, moved, to=to.where),
    )


async def _check_name(tx: Tx, unit: Department | Process) -> None:
    above = {NodeKind.DEPARTMENT: "account", NodeKind.PROCESS: "operation"}.get(unit.kind, "process")
    refuse_taken(unit.name, await queries.select_sibling_names(tx, unit), unit.kind.word, above)


def _parent(node: Node) -> Process:
    """The process that a sub-process is to belong to."""
    process = _process(node)
    if process.parent_id is not None:
        raise InvalidInput("a sub-process cannot have sub-processes", field="process_id")
    return process


def _process(node: Node) -> Process:
    return found(node.unit if isinstance(node.unit, Process) else None, "no process with this id in this account")


async def _note(deps: Deps, tx: Tx, by: Actor, action: AuditAction, unit: Unit, **facts: object) -> None:
    facts = {"kind": unit.kind, "id": str(unit.id), **facts}
    await audit.note(tx, by, action, unit.name, account_id=unit.account_id, at=deps.clock.now(), **facts)
