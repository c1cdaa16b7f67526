"""Use cases of departments, calling operations, processes and sub-processes (contract, section 12.1).

Every change locks the account first: structure changes rarely and by hand, and one at a time is simple to be right
about. Lock order: account, feature set, numbers.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TypeVar

from callmark.domain.accounts import service as accounts
from callmark.domain.deps import Deps
from callmark.domain.ids import AccountId, CatalogueId, DepartmentId, OperationId, ProcessId
from callmark.domain.structure import node_queries, queries
from callmark.domain.structure.catalogue import catalogue_entry
from callmark.domain.structure.model import (
    Department,
    DepartmentNode,
    FeatureSet,
    Operation,
    OperationNode,
    Process,
    ProcessNode,
    node_name,
    refuse_full,
    refuse_taken,
)
from callmark.kit.db import Tx
from callmark.kit.errors import Conflict, InvalidInput, NotFound
from callmark.kit.ids import new_id
from callmark.kit.text import kept_or

_T = TypeVar("_T", Department, Operation, Process)


async def create_department(deps: Deps, account_id: AccountId, *, name: str) -> Department:
    """The new department. Raises InvalidInput, Conflict for a name that is taken, NotFound for an unknown account."""
    made = Department(DepartmentId(new_id()), account_id, node_name(name, "department"), deps.clock.now())
    async with deps.db.transaction() as tx:
        await accounts.lock_account(tx, account_id)
        await _refuse_taken_department(tx, made)
        await node_queries.insert_department(tx, made)
    return made


async def get_department(deps: Deps, account_id: AccountId, department_id: DepartmentId) -> Department:
    """The account's department. Raises NotFound."""
    async with deps.db.connection() as tx:
        return _found(await node_queries.select_department(tx, account_id, department_id), "department")


async def rename_department(deps: Deps, account_id: AccountId, department_id: DepartmentId, *, name: str) -> Department:
    """The department under its new name. Raises InvalidInput, Conflict for a name that is taken, NotFound."""
    async with deps.db.transaction() as tx:
        await accounts.lock_account(tx, account_id)
        old = _found(await node_queries.select_department(tx, account_id, department_id), "department")
        new = replace(old, name=kept_or(old.name, name, lambda text: node_name(text, "department")))
        await _refuse_taken_department(tx, new)
        await node_queries.update_department(tx, new)
    return new


async def delete_department(deps: Deps, account_id: AccountId, department_id: DepartmentId) -> None:
    """Removes an empty department. Raises NotFound, or Conflict that names the operations still in it."""
    async with deps.db.transaction() as tx:
        await accounts.lock_account(tx, account_id)
        _found(await node_queries.select_department(tx, account_id, department_id), "department")
        inside = await node_queries.select_operations(tx, account_id, department_id)
        refuse_full("department", ("operation", sorted(operation.name for operation in inside)))
        await node_queries.delete_department(tx, department_id)


async def create_operation(
    deps: Deps, account_id: AccountId, department_id: DepartmentId, *, catalogue_id: CatalogueId
) -> Operation:
    """The operation of the catalogue, now in that department.

    Raises InvalidInput for one that is not in the catalogue, Conflict when the department has it, NotFound.
    """
    entry = catalogue_entry(catalogue_id)
    made = Operation(OperationId(new_id()), account_id, department_id, entry.id, entry.name, deps.clock.now())
    async with deps.db.transaction() as tx:
        await accounts.lock_account(tx, account_id)
        _found(await node_queries.select_department(tx, account_id, department_id), "department")
        there = await node_queries.select_operations(tx, account_id, department_id)
        if any(other.catalogue_id == entry.id for other in there):
            raise Conflict(f"this department already has the operation {entry.name!r}")
        await node_queries.insert_operation(tx, made)
    return made


async def get_operation(deps: Deps, account_id: AccountId, operation_id: OperationId) -> Operation:
    """The account's operation. Raises NotFound."""
    async with deps.db.connection() as tx:
        return _found(await node_queries.select_operation(tx, account_id, operation_id), "operation")


async def delete_operation(deps: Deps, account_id: AccountId, operation_id: OperationId) -> None:
    """Takes an empty operation out of its department. Raises NotFound, or Conflict that names what is still in it."""
    async with deps.db.transaction() as tx:
        await accounts.lock_account(tx, account_id)
        _found(await node_queries.select_operation(tx, account_id, operation_id), "operation")
        inside = await node_queries.select_process_names(tx, operation_id=operation_id)
        refuse_full("operation", ("process", inside))
        await node_queries.delete_operation(tx, operation_id)


async def create_process(deps: Deps, account_id: AccountId, operation_id: OperationId, *, name: str) -> Process:
    """The new process of an operation. Raises InvalidInput, Conflict for a name that is taken there, NotFound."""
    name = node_name(name, "process")
    made = Process(ProcessId(new_id()), account_id, operation_id, None, name, deps.clock.now())
    async with deps.db.transaction() as tx:
        await accounts.lock_account(tx, account_id)
        _found(await node_queries.select_operation(tx, account_id, operation_id), "operation")
        await _refuse_taken_process(tx, made)
        await node_queries.insert_process(tx, made)
    return made


async def create_sub_process(deps: Deps, account_id: AccountId, process_id: ProcessId, *, name: str) -> Process:
    """The new sub-process of a process.

    Raises InvalidInput (also for a sub-process of a sub-process), Conflict for a name that is taken there, NotFound.
    """
    name = node_name(name, "sub-process")
    async with deps.db.transaction() as tx:
        await accounts.lock_account(tx, account_id)
        parent = await _parent(tx, account_id, process_id)
        made = Process(ProcessId(new_id()), account_id, parent.operation_id, parent.id, name, deps.clock.now())
        await _refuse_taken_process(tx, made)
        await node_queries.insert_process(tx, made)
    return made


async def get_process(deps: Deps, account_id: AccountId, process_id: ProcessId) -> Process:
    """The account's process or sub-process. Raises NotFound."""
    async with deps.db.connection() as tx:
        return _found(await node_queries.select_process(tx, account_id, process_id), "process")


async def rename_process(deps: Deps, account_id: AccountId, process_id: ProcessId, *, name: str) -> Process:
    """The process or sub-process under its new name. Raises InvalidInput, Conflict for a name taken there, NotFound."""
    async with deps.db.transaction() as tx:
        await accounts.lock_account(tx, account_id)
        old = _found(await node_queries.select_process(tx, account_id, process_id), "process")
        name = kept_or(old.name, name, lambda text: node_name(text, "process"))
        return await _changed(tx, replace(old, name=name))


async def move_process(
    deps: Deps, account_id: AccountId, process_id: ProcessId, *, operation_id: OperationId
) -> Process:
    """The process in another operation of the account, with its sub-processes, feature sets and numbers.

    Raises InvalidInput for a sub-process, Conflict when its name is taken there, NotFound.
    """
    async with deps.db.transaction() as tx:
        await accounts.lock_account(tx, account_id)
        old = _found(await node_queries.select_process(tx, account_id, process_id), "process")
        if old.parent_id is not None:
            raise InvalidInput("a sub-process can only be moved to another process", field="operation_id")
        _found(await node_queries.select_operation(tx, account_id, operation_id), "operation")
        return await _changed(tx, replace(old, operation_id=operation_id))


async def move_sub_process(
    deps: Deps, account_id: AccountId, sub_process_id: ProcessId, *, process_id: ProcessId
) -> Process:
    """The sub-process under another process of the account, with its feature sets and numbers.

    Raises InvalidInput for what is no sub-process and for a parent that is one, Conflict when its name is taken there,
    NotFound.
    """
    async with deps.db.transaction() as tx:
        await accounts.lock_account(tx, account_id)
        old = _found(await node_queries.select_process(tx, account_id, sub_process_id), "sub-process")
        if old.parent_id is None:
            raise InvalidInput("a process can only be moved to another operation", field="process_id")
        parent = await _parent(tx, account_id, process_id)
        return await _changed(tx, replace(old, operation_id=parent.operation_id, parent_id=parent.id))


async def delete_process(deps: Deps, account_id: AccountId, process_id: ProcessId) -> None:
    """Removes an empty process or sub-process. Raises NotFound, or Conflict that names what is still in it."""
    async with deps.db.transaction() as tx:
        await accounts.lock_account(tx, account_id)
        process = _found(await node_queries.select_process(tx, account_id, process_id), "process")
        refuse_full(
            _kind(process),
            ("sub-process", await node_queries.select_process_names(tx, parent_id=process_id)),
            ("feature set", await queries.select_names_in_process(tx, process_id)),
        )
        await node_queries.delete_process(tx, process_id)


async def process_exists(tx: Tx, account_id: AccountId, process_id: ProcessId) -> bool:
    """Whether the account has this process or sub-process; the account is to be locked for it to stay."""
    return await node_queries.select_process(tx, account_id, process_id) is not None


async def tree(deps: Deps, account_id: AccountId) -> list[DepartmentNode]:
    """The account's whole structure in alphabetical order, number groups left out; four queries. NotFound.

    What another transaction adds or removes meanwhile may be missing, with all that hangs on it.
    """
    await accounts.get_account(deps, account_id)
    async with deps.db.connection() as tx:
        departments = await node_queries.select_departments(tx, account_id)
        operations = await node_queries.select_operations(tx, account_id)
        processes = await node_queries.select_processes(tx, account_id)
        sets = await queries.select_in_structure(tx, account_id)
    return _planted(departments, operations, processes, sets)


def _planted(
    departments: Sequence[Department],
    operations: Sequence[Operation],
    processes: Sequence[Process],
    sets: Sequence[FeatureSet],
) -> list[DepartmentNode]:
    sets_of: dict[ProcessId | None, list[FeatureSet]] = defaultdict(list)
    for one in sorted(sets, key=lambda one: one.name.casefold()):
        sets_of[one.process_id].append(one)
    subs_of: dict[ProcessId, list[Process]] = defaultdict(list)
    tops_of: dict[OperationId, list[Process]] = defaultdict(list)
    for process in _by_name(processes):
        if process.parent_id is None:
            tops_of[process.operation_id].append(process)
        else:
            subs_of[process.parent_id].append(process)
    operations_of: dict[DepartmentId, list[OperationNode]] = defaultdict(list)
    for operation in _by_name(operations):
        nodes = [_process_node(process, subs_of, sets_of) for process in tops_of[operation.id]]
        operations_of[operation.department_id].append(OperationNode(operation, nodes))
    return [DepartmentNode(department, operations_of[department.id]) for department in _by_name(departments)]


def _process_node(
    process: Process,
    subs_of: Mapping[ProcessId, Sequence[Process]],
    sets_of: Mapping[ProcessId | None, Sequence[FeatureSet]],
) -> ProcessNode:
    subs = [ProcessNode(sub, (), sets_of.get(sub.id, ())) for sub in subs_of.get(process.id, ())]
    return ProcessNode(process, subs, sets_of.get(process.id, ()))


def _by_name(nodes: Sequence[_T]) -> list[_T]:
    return sorted(nodes, key=lambda node: (node.name.casefold(), node.id))


async def _changed(tx: Tx, process: Process) -> Process:
    await _refuse_taken_process(tx, process)
    await node_queries.update_process(tx, process)
    return process


async def _refuse_taken_department(tx: Tx, department: Department) -> None:
    others = await node_queries.select_departments(tx, department.account_id)
    names = [other.name for other in others if other.id != department.id]
    refuse_taken(department.name, names, "department", "account")


async def _refuse_taken_process(tx: Tx, process: Process) -> None:
    names = await node_queries.select_sibling_names(tx, process)
    refuse_taken(process.name, names, _kind(process), "operation" if process.parent_id is None else "process")


async def _parent(tx: Tx, account_id: AccountId, process_id: ProcessId) -> Process:
    """The process that a sub-process is to hang on."""
    parent = _found(await node_queries.select_process(tx, account_id, process_id), "process")
    if parent.parent_id is not None:
        raise InvalidInput("a sub-process cannot have sub-processes", field="process_id")
    return parent


def _kind(process: Process) -> str:
    return "process" if process.parent_id is None else "sub-process"


def _found(node: _T | None, what: str) -> _T:
    if node is None:
        raise NotFound(f"no {what} with this id in this account")
    return node
