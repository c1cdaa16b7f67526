"""`callmark structure department`, `operation`, `process` and `sub-process`."""

from uuid import UUID

import click

from callmark.domain.deps import Deps
from callmark.domain.ids import CatalogueId, DepartmentId, OperationId, ProcessId
from callmark.domain.structure import nodes
from callmark.domain.structure.catalogue import catalogue_entry_named
from callmark.domain.structure.model import Department, Operation, Process
from callmark.kit.ids import parse_uuid
from callmark.surfaces.cli.output import Output
from callmark.surfaces.cli.session import account_id, account_option, id_argument, operator, sure, yes_option

_name_option = click.option("--name", required=True, help="At most 100 characters; unique under its parent.")


@click.group
def department() -> None:
    """Manage an account's departments."""


@click.group
def operation() -> None:
    """Manage a department's calling operations, chosen from the catalogue."""


@click.group
def process() -> None:
    """Manage the processes of an operation."""


@click.group("sub-process")
def sub_process() -> None:
    """Manage the sub-processes of a process."""


# departments


@department.command("create")
@account_option
@_name_option
@operator
async def create_department(deps: Deps, out: Output, account: UUID, name: str) -> None:
    """Create a department."""
    out.item(
        _department_row(await nodes.create_department(deps, account_id(account), name=name)), "Department created."
    )


@department.command("list")
@account_option
@operator
async def list_departments(deps: Deps, out: Output, account: UUID) -> None:
    """List departments in alphabetical order."""
    rows = [_department_row(node.department) for node in await nodes.tree(deps, account_id(account))]
    hint = (
        f"No departments yet. Create one with `callmark structure department create --account {account} --name NAME`."
    )
    out.rows(rows, ("id", "name", "created_at"), empty=hint)


@department.command("show")
@id_argument
@account_option
@operator
async def show_department(deps: Deps, out: Output, id: UUID, account: UUID) -> None:
    """Show one department."""
    out.item(_department_row(await nodes.get_department(deps, account_id(account), DepartmentId(id))))


@department.command("update")
@id_argument
@account_option
@_name_option
@operator
async def update_department(deps: Deps, out: Output, id: UUID, account: UUID, name: str) -> None:
    """Rename a department."""
    changed = await nodes.rename_department(deps, account_id(account), DepartmentId(id), name=name)
    out.item(_department_row(changed), "Department renamed.")


@department.command("delete")
@id_argument
@account_option
@yes_option
@operator
async def delete_department(deps: Deps, out: Output, id: UUID, account: UUID, *, yes: bool) -> None:
    """Delete a department that has no operations."""
    found = await nodes.get_department(deps, account_id(account), DepartmentId(id))
    sure(f"Delete the department {found.name!r}?", yes=yes)
    await nodes.delete_department(deps, found.account_id, found.id)
    out.done({"id": found.id}, f"Department {found.name!r} deleted.")


# operations


@operation.command("create")
@account_option
@click.option(
    "--department", "department_id", type=click.UUID, required=True, metavar="ID", help="The department's id."
)
@click.option(
    "--catalogue", "chosen", required=True, help="Its id or name in the catalogue (`callmark structure catalogue`)."
)
@operator
async def create_operation(deps: Deps, out: Output, account: UUID, department_id: UUID, chosen: str) -> None:
    """Add an operation from the catalogue to a department."""
    as_id = parse_uuid(chosen)
    entry_id = CatalogueId(as_id) if as_id else catalogue_entry_named(chosen).id
    made = await nodes.create_operation(deps, account_id(account), DepartmentId(department_id), catalogue_id=entry_id)
    out.item(_operation_row(made), "Operation created.")


@operation.command("list")
@account_option
@click.option("--department", "department_id", type=click.UUID, metavar="ID", help="Only in this department.")
@operator
async def list_operations(deps: Deps, out: Output, account: UUID, department_id: UUID | None) -> None:
    """List operations, department by department."""
    if department_id is not None:
        await nodes.get_department(deps, account_id(account), DepartmentId(department_id))
    rows = [
        _operation_row(below.operation) | {"department_name": node.department.name}
        for node in await nodes.tree(deps, account_id(account))
        if department_id in {None, node.department.id}
        for below in node.operations
    ]
    hint = "No operations yet. Choose one from `callmark structure catalogue`."
    out.rows(rows, ("id", "name", "department_name", "department_id"), empty=hint)


@operation.command("show")
@id_argument
@account_option
@operator
async def show_operation(deps: Deps, out: Output, id: UUID, account: UUID) -> None:
    """Show one operation."""
    out.item(_operation_row(await nodes.get_operation(deps, account_id(account), OperationId(id))))


@operation.command("delete")
@id_argument
@account_option
@yes_option
@operator
async def delete_operation(deps: Deps, out: Output, id: UUID, account: UUID, *, yes: bool) -> None:
    """Delete an operation that has no processes."""
    found = await nodes.get_operation(deps, account_id(account), OperationId(id))
    sure(f"Delete the operation {found.name!r}?", yes=yes)
    await nodes.delete_operation(deps, found.account_id, found.id)
    out.done({"id": found.id}, f"Operation {found.name!r} deleted.")


# processes and sub-processes


@process.command("create")
@account_option
@click.option("--operation", "operation_id", type=click.UUID, required=True, metavar="ID", help="The operation's id.")
@_name_option
@operator
async def create_process(deps: Deps, out: Output, account: UUID, operation_id: UUID, name: str) -> None:
    """Create a process in an operation."""
    made = await nodes.create_process(deps, account_id(account), OperationId(operation_id), name=name)
    out.item(_process_row(made), "Process created.")


@process.command("list")
@account_option
@click.option("--operation", "operation_id", type=click.UUID, metavar="ID", help="Only in this operation.")
@operator
async def list_processes(deps: Deps, out: Output, account: UUID, operation_id: UUID | None) -> None:
    """List processes, operation by operation."""
    if operation_id is not None:
        await nodes.get_operation(deps, account_id(account), OperationId(operation_id))
    rows = [
        _process_row(below.process) | {"operation_name": node.operation.name, "department_name": top.department.name}
        for top in await nodes.tree(deps, account_id(account))
        for node in top.operations
        if operation_id in {None, node.operation.id}
        for below in node.processes
    ]
    hint = "No processes yet. Create one with `callmark structure process create`."
    out.rows(rows, ("id", "name", "operation_name", "department_name"), empty=hint)


@process.command("move")
@id_argument
@account_option
@click.option(
    "--operation", "operation_id", type=click.UUID, required=True, metavar="ID", help="The new operation's id."
)
@operator
async def move_process(deps: Deps, out: Output, id: UUID, account: UUID, operation_id: UUID) -> None:
    """Move a process and everything in it to another operation."""
    moved = await nodes.move_process(deps, account_id(account), ProcessId(id), operation_id=OperationId(operation_id))
    out.item(_process_row(moved), "Process moved.")


@sub_process.command("create")
@account_option
@click.option("--process", "process_id", type=click.UUID, required=True, metavar="ID", help="The process's id.")
@_name_option
@operator
async def create_sub_process(deps: Deps, out: Output, account: UUID, process_id: UUID, name: str) -> None:
    """Create a sub-process in a process."""
    made = await nodes.create_sub_process(deps, account_id(account), ProcessId(process_id), name=name)
    out.item(_process_row(made), "Sub-process created.")


@sub_process.command("list")
@account_option
@click.option("--process", "process_id", type=click.UUID, metavar="ID", help="Only in this process.")
@operator
async def list_sub_processes(deps: Deps, out: Output, account: UUID, process_id: UUID | None) -> None:
    """List sub-processes, process by process."""
    if process_id is not None:
        await nodes.get_process(deps, account_id(account), ProcessId(process_id))
    rows = [
        _process_row(sub.process) | {"process_name": below.process.name, "operation_name": node.operation.name}
        for top in await nodes.tree(deps, account_id(account))
        for node in top.operations
        for below in node.processes
        if process_id in {None, below.process.id}
        for sub in below.sub_processes
    ]
    hint = "No sub-processes yet. Create one with `callmark structure sub-process create`."
    out.rows(rows, ("id", "name", "process_name", "operation_name"), empty=hint)


@sub_process.command("move")
@id_argument
@account_option
@click.option("--process", "process_id", type=click.UUID, required=True, metavar="ID", help="The new process's id.")
@operator
async def move_sub_process(deps: Deps, out: Output, id: UUID, account: UUID, process_id: UUID) -> None:
    """Move a sub-process and its feature sets to another process."""
    moved = await nodes.move_sub_process(deps, account_id(account), ProcessId(id), process_id=ProcessId(process_id))
    out.item(_process_row(moved), "Sub-process moved.")


@click.command("show")
@id_argument
@account_option
@operator
async def show_process(deps: Deps, out: Output, id: UUID, account: UUID) -> None:
    """Show one."""
    out.item(_process_row(await nodes.get_process(deps, account_id(account), ProcessId(id))))


@click.command("update")
@id_argument
@account_option
@_name_option
@operator
async def update_process(deps: Deps, out: Output, id: UUID, account: UUID, name: str) -> None:
    """Rename one."""
    out.item(_process_row(await nodes.rename_process(deps, account_id(account), ProcessId(id), name=name)), "Renamed.")


@click.command("delete")
@id_argument
@account_option
@yes_option
@operator
async def delete_process(deps: Deps, out: Output, id: UUID, account: UUID, *, yes: bool) -> None:
    """Delete one that is empty."""
    found = await nodes.get_process(deps, account_id(account), ProcessId(id))
    sure(f"Delete {found.name!r}?", yes=yes)
    await nodes.delete_process(deps, found.account_id, found.id)
    out.done({"id": found.id}, f"{found.name!r} deleted.")


for _group in (process, sub_process):
    for _command in (show_process, update_process, delete_process):
        _group.add_command(_command)


def _department_row(found: Department) -> dict[str, object]:
    return {"id": found.id, "name": found.name, "created_at": found.created_at}


def _operation_row(found: Operation) -> dict[str, object]:
    return {
        "id": found.id,
        "name": found.name,
        "calling_operation_id": found.catalogue_id,
        "department_id": found.department_id,
        "created_at": found.created_at,
    }


def _process_row(found: Process) -> dict[str, object]:
    """A process; a sub-process has the id of its process, too."""
    parent = {} if found.parent_id is None else {"process_id": found.parent_id}
    return {
        "id": found.id,
        "name": found.name,
        "operation_id": found.operation_id,
        **parent,
        "created_at": found.created_at,
    }
