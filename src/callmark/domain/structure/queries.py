"""The SQL of departments, operations, processes and sub-processes.

Changes hold the account's lock (`accounts.lock_account`), so that what they read of its structure stays so.
"""

from collections.abc import Sequence
from uuid import UUID

from callmark.domain.ids import AccountId, CatalogueId, DepartmentId, FeatureSetId, OperationId, ProcessId
from callmark.domain.structure.catalogue import operation_name
from callmark.domain.structure.model import Department, HeldFeatureSet, Operation, Process, Unit
from callmark.kit.postgres.database import Row, Tx

_DEPARTMENTS = "SELECT id, account_id, name, created_at FROM department WHERE account_id = $1"
_OPERATIONS = (
    "SELECT id, account_id, department_id, catalogue_id, created_at FROM calling_operation WHERE account_id = $1"
)
_PROCESSES = (
    "SELECT id, account_id, operation_id, parent_id, name, created_at FROM calling_process WHERE account_id = $1"
)
_HELD_SETS = (
    "SELECT id, process_id, name, state, number_count FROM feature_set WHERE account_id = $1 AND process_id IS NOT NULL"
)
_OPERATION_ABOVE = "(SELECT operation_id FROM calling_process WHERE id = $2)"


async def select_units(tx: Tx, account_id: AccountId) -> list[Unit]:
    """All departments, operations, processes and sub-processes of the account, in no order."""
    departments = await tx.fetch(_DEPARTMENTS, account_id)
    operations = await tx.fetch(_OPERATIONS, account_id)
    processes = await tx.fetch(_PROCESSES, account_id)
    return [*map(_department, departments), *map(_operation, operations), *map(_process, processes)]


async def select_branch(tx: Tx, account_id: AccountId, node_id: UUID) -> list[Unit]:
    """A unit with those above it and all below it, in no order; empty when the account has none of this id."""
    of = account_id, node_id
    departments = await tx.fetch(
        f"{_DEPARTMENTS} AND (id = $2 OR id IN"
        f" (SELECT department_id FROM calling_operation WHERE id = $2 OR id = {_OPERATION_ABOVE}))",
        *of,
    )
    operations = await tx.fetch(
        f"{_OPERATIONS} AND (id = $2 OR department_id = $2 OR id = {_OPERATION_ABOVE})",
        *of,
    )
    processes = await tx.fetch(
        f"{_PROCESSES} AND (id = $2 OR parent_id = $2 OR operation_id = $2"
        " OR id = (SELECT parent_id FROM calling_process WHERE id = $2)"
        " OR operation_id IN (SELECT id FROM calling_operation WHERE department_id = $2))",
        *of,
    )
    return [*map(_department, departments), *map(_operation, operations), *map(_process, processes)]


async def select_sibling_names(tx: Tx, unit: Department | Process) -> list[str]:
    """Names of the others in the same place. Indexes department_name_unique, calling_process_name_unique."""
    match unit:
        case Department():
            rows = await tx.fetch(
                "SELECT name FROM department WHERE account_id = $1 AND id <> $2", unit.account_id, unit.id
            )
        case Process():
            rows = await tx.fetch(
                "SELECT name FROM calling_process"
                " WHERE operation_id = $1 AND parent_id IS NOT DISTINCT FROM $2 AND id <> $3",
                unit.operation_id,
                unit.parent_id,
                unit.id,
            )
    return [row["name"] for row in rows]


async def select_held_sets(
    tx: Tx, account_id: AccountId, processes: Sequence[UUID] | None = None
) -> dict[UUID, list[HeldFeatureSet]]:
    """The account's feature sets by the process that they belong to, in alphabetical order; no number groups.

    Of these processes, or (None) of all.
    """
    rows = (
        await tx.fetch(_HELD_SETS, account_id)
        if processes is None
        else await tx.fetch(f"{_HELD_SETS} AND process_id = ANY ($2::uuid[])", account_id, processes)
    )
    found: dict[UUID, list[HeldFeatureSet]] = {}
    for row in sorted(rows, key=lambda row: row["name"].casefold()):
        one = HeldFeatureSet(FeatureSetId(row["id"]), row["name"], row["state"], row["number_count"])
        found.setdefault(row["process_id"], []).append(one)
    return found


async def select_owners(tx: Tx, account_id: AccountId, node_id: UUID) -> list[str]:
    """The addresses of the members who own this place, oldest member first. Index member_account."""
    rows = await tx.fetch(
        "SELECT email FROM member WHERE account_id = $1 AND $2 IN (department_id, operation_id, process_id)"
        " ORDER BY created_at, id",
        account_id,
        node_id,
    )
    return [row["email"] for row in rows]


async def insert_department(tx: Tx, department: Department) -> None:
    """Writes a new department, whose name is free in its account."""
    await tx.execute(
        "INSERT INTO department (id, account_id, name, created_at) VALUES ($1, $2, $3, $4)",
        department.id,
        department.account_id,
        department.name,
        department.created_at,
    )


async def insert_operation(tx: Tx, operation: Operation) -> None:
    """Writes a new operation, which its department does not have yet."""
    await tx.execute(
        "INSERT INTO calling_operation (id, account_id, department_id, catalogue_id, created_at)"
        " VALUES ($1, $2, $3, $4, $5)",
        operation.id,
        operation.account_id,
        operation.department_id,
        operation.catalogue_id,
        operation.created_at,
    )


async def insert_process(tx: Tx, process: Process) -> None:
    """Writes a new process or sub-process, whose name is free in its place."""
    await tx.execute(
        "INSERT INTO calling_process (id, account_id, operation_id, parent_id, name, created_at)"
        " VALUES ($1, $2, $3, $4, $5, $6)",
        process.id,
        process.account_id,
        process.operation_id,
        process.parent_id,
        process.name,
        process.created_at,
    )


async def update_department(tx: Tx, department: Department) -> None:
    """Sets its name, which is free in its account."""
    await tx.execute("UPDATE department SET name = $2 WHERE id = $1", department.id, department.name)


async def update_process(tx: Tx, process: Process) -> None:
    """Sets its name and place; its sub-processes go with it."""
    await tx.execute(
        "UPDATE calling_process SET name = $2, operation_id = $3, parent_id = $4 WHERE id = $1",
        process.id,
        process.name,
        process.operation_id,
        process.parent_id,
    )
    await tx.execute(
        "UPDATE calling_process SET operation_id = $2 WHERE parent_id = $1 AND operation_id <> $2",
        process.id,
        process.operation_id,
    )


async def delete_unit(tx: Tx, unit: Unit) -> None:
    """Removes an empty one."""
    match unit:
        case Department():
            await tx.execute("DELETE FROM department WHERE id = $1", unit.id)
        case Operation():
            await tx.execute("DELETE FROM calling_operation WHERE id = $1", unit.id)
        case Process():
            await tx.execute("DELETE FROM calling_process WHERE id = $1", unit.id)


def _department(row: Row) -> Department:
    return Department(DepartmentId(row["id"]), AccountId(row["account_id"]), row["name"], row["created_at"])


def _operation(row: Row) -> Operation:
    catalogue_id = CatalogueId(row["catalogue_id"])
    return Operation(
        id=OperationId(row["id"]),
        account_id=AccountId(row["account_id"]),
        department_id=DepartmentId(row["department_id"]),
        catalogue_id=catalogue_id,
        name=operation_name(catalogue_id),
        created_at=row["created_at"],
    )


def _process(row: Row) -> Process:
    return Process(
        id=ProcessId(row["id"]),
        account_id=AccountId(row["account_id"]),
        operation_id=OperationId(row["operation_id"]),
        parent_id=ProcessId(row["parent_id"]) if row["parent_id"] else None,
        name=row["name"],
        created_at=row["created_at"],
    )
