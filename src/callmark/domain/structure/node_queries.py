"""The SQL of departments, operations, processes and sub-processes.

Changes hold the account's lock (`accounts.lock_account`), so that what they read of its structure stays so.
"""

from callmark.domain.ids import AccountId, CatalogueId, DepartmentId, OperationId, ProcessId
from callmark.domain.structure.catalogue import operation_name
from callmark.domain.structure.model import Department, Operation, Process
from callmark.kit.db import Row, Tx

_DEPARTMENT = "id, account_id, name, created_at"
_OPERATION = "id, account_id, department_id, catalogue_id, created_at"
_PROCESS = "id, account_id, operation_id, parent_id, name, created_at"


async def insert_department(tx: Tx, department: Department) -> None:
    """Writes a new department, whose name is free in its account."""
    await tx.execute(
        "INSERT INTO department (id, account_id, name, created_at) VALUES ($1, $2, $3, $4)",
        department.id,
        department.account_id,
        department.name,
        department.created_at,
    )


async def select_department(tx: Tx, account_id: AccountId, department_id: DepartmentId) -> Department | None:
    """The account's department, or None."""
    row = await tx.fetchrow(
        f"SELECT {_DEPARTMENT} FROM department WHERE id = $2 AND account_id = $1",
        account_id,
        department_id,
    )
    return _department(row) if row else None


async def select_departments(tx: Tx, account_id: AccountId) -> list[Department]:
    """All departments of the account, in no order."""
    rows = await tx.fetch(f"SELECT {_DEPARTMENT} FROM department WHERE account_id = $1", account_id)
    return [_department(row) for row in rows]


async def update_department(tx: Tx, department: Department) -> None:
    """Sets its name, which is free in its account."""
    await tx.execute("UPDATE department SET name = $2 WHERE id = $1", department.id, department.name)


async def delete_department(tx: Tx, department_id: DepartmentId) -> None:
    """Removes an empty department."""
    await tx.execute("DELETE FROM department WHERE id = $1", department_id)


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


async def select_operation(tx: Tx, account_id: AccountId, operation_id: OperationId) -> Operation | None:
    """The account's operation, or None."""
    row = await tx.fetchrow(
        f"SELECT {_OPERATION} FROM calling_operation WHERE id = $2 AND account_id = $1",
        account_id,
        operation_id,
    )
    return _operation(row) if row else None


async def select_operations(
    tx: Tx, account_id: AccountId, department_id: DepartmentId | None = None
) -> list[Operation]:
    """The operations of the account, or of one of its departments, in no order."""
    rows = await tx.fetch(
        f"SELECT {_OPERATION} FROM calling_operation"
        " WHERE account_id = $1 AND ($2::uuid IS NULL OR department_id = $2)",
        account_id,
        department_id,
    )
    return [_operation(row) for row in rows]


async def delete_operation(tx: Tx, operation_id: OperationId) -> None:
    """Removes an empty operation."""
    await tx.execute("DELETE FROM calling_operation WHERE id = $1", operation_id)


async def insert_process(tx: Tx, process: Process) -> None:
    """Writes a new process or sub-process, whose name is free where it hangs."""
    await tx.execute(
        f"INSERT INTO calling_process ({_PROCESS}) VALUES ($1, $2, $3, $4, $5, $6)",
        process.id,
        process.account_id,
        process.operation_id,
        process.parent_id,
        process.name,
        process.created_at,
    )


async def select_process(tx: Tx, account_id: AccountId, process_id: ProcessId) -> Process | None:
    """The account's process or sub-process, or None."""
    row = await tx.fetchrow(
        f"SELECT {_PROCESS} FROM calling_process WHERE id = $2 AND account_id = $1",
        account_id,
        process_id,
    )
    return _process(row) if row else None


async def select_processes(tx: Tx, account_id: AccountId) -> list[Process]:
    """All processes and sub-processes of the account, in no order."""
    rows = await tx.fetch(f"SELECT {_PROCESS} FROM calling_process WHERE account_id = $1", account_id)
    return [_process(row) for row in rows]


async def select_sibling_names(tx: Tx, process: Process) -> list[str]:
    """Names of the others that hang where `process` does. Index calling_process_name_unique."""
    rows = await tx.fetch(
        "SELECT name FROM calling_process WHERE operation_id = $1 AND parent_id IS NOT DISTINCT FROM $2 AND id <> $3",
        process.operation_id,
        process.parent_id,
        process.id,
    )
    return [row["name"] for row in rows]


async def select_process_names(
    tx: Tx, *, operation_id: OperationId | None = None, parent_id: ProcessId | None = None
) -> list[str]:
    """Names of the processes of an operation, or of the sub-processes of a process, in order."""
    rows = await tx.fetch(
        "SELECT name FROM calling_process"
        " WHERE (operation_id = $1 AND parent_id IS NULL) OR parent_id = $2 ORDER BY lower(name)",
        operation_id,
        parent_id,
    )
    return [row["name"] for row in rows]


async def update_process(tx: Tx, process: Process) -> None:
    """Sets its name and where it hangs; its sub-processes go with it."""
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


async def delete_process(tx: Tx, process_id: ProcessId) -> None:
    """Removes an empty process or sub-process."""
    await tx.execute("DELETE FROM calling_process WHERE id = $1", process_id)


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
