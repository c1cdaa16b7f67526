"""`callmark structure department`, `operation`, `process` and `sub-process`."""

from collections.abc import Collection
from uuid import UUID

import click

from callmark.domain.deps import Deps
from callmark.domain.ids import AccountId, CatalogueId, DepartmentId, OperationId, ProcessId
from callmark.domain.structure import service as structure
from callmark.domain.structure.catalogue import catalogue_entry_named
from callmark.domain.structure.model import Department, NodeKind, Operation, Process, Unit
from callmark.domain.structure.service import PROCESSES
from callmark.kit.ids import parse_uuid
from callmark.surfaces.cli.command import operator, operator_at_terminal
from callmark.surfaces.cli.options import account_option, id_argument, yes_option
from callmark.surfaces.cli.prompts import sure
from callmark.terminal import Output

_DEPARTMENT, _OPERATION = (NodeKind.DEPARTMENT,), (NodeKind.OPERATION,)

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
async def create_department(deps: Deps, out: Output, account: AccountId, name: str) -> None:
    """Create a department."""
    made = await structure.create_department(deps, account, name=name, by=operator_at_terminal())
    out.item(_row(made), "Department created.")


@department.command("list")
@account_option
@operator
async def list_departments(deps: Deps, out: Output, account: AccountId) -> None:
    """List departments in alphabetical order."""
    rows = [_row(node.unit) for node in await structure.tree(deps, account)]
    hint = (
        f"No departments yet. Create one with `callmark structure department create --account {account} --name NAME`."
    )
    out.rows(rows, ("id", "name", "created_at"), empty=hint)


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
async def create_operation(
    deps: Deps, out: Output, account: AccountId, department_id: DepartmentId, chosen: str
) -> None:
    """Add an operation from the catalogue to a department."""
    as_id = parse_uuid(chosen)
    entry_id = CatalogueId(as_id) if as_id else catalogue_entry_named(chosen).id
    made = await structure.create_operation(
        deps, account, department_id, catalogue_id=entry_id, by=operator_at_terminal()
    )
    out.item(_row(made), "Operation created.")


@operation.command("list")
@account_option
@click.option("--department", "department_id", type=click.UUID, metavar="ID", help="Only in this department.")
@operator
async def list_operations(deps: Deps, out: Output, account: AccountId, department_id: UUID | None) -> None:
    """List operations, department by department."""
    if department_id is not None:
        await structure.get_node(deps, account, department_id, _DEPARTMENT)
    rows = [
        _row(below.unit) | {"department_name": node.name}
        for node in await structure.tree(deps, account)
        if department_id in {None, node.id}
        for below in node.below
    ]
    hint = "No operations yet. Choose one from `callmark structure catalogue`."
    out.rows(rows, ("id", "name", "department_name", "department_id"), empty=hint)


# processes and sub-processes


@process.command("create")
@account_option
@click.option("--operation", "operation_id", type=click.UUID, required=True, metavar="ID", help="The operation's id.")
@_name_option
@operator
async def create_process(deps: Deps, out: Output, account: AccountId, operation_id: OperationId, name: str) -> None:
    """Create a process in an operation."""
    made = await structure.create_process(deps, account, operation_id, name=name, by=operator_at_terminal())
    out.item(_row(made), "Process created.")


@process.command("list")
@account_option
@click.option("--operation", "operation_id", type=click.UUID, metavar="ID", help="Only in this operation.")
@operator
async def list_processes(deps: Deps, out: Output, account: AccountId, operation_id: UUID | None) -> None:
    """List processes, operation by operation."""
    if operation_id is not None:
        await structure.get_node(deps, account, operation_id, _OPERATION)
    rows = [
        _row(below.unit) | {"operation_name": node.name, "department_name": top.name}
        for top in await structure.tree(deps, account)
        for node in top.below
        if operation_id in {None, node.id}
        for below in node.below
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
async def move_process(deps: Deps, out: Output, id: ProcessId, account: AccountId, operation_id: OperationId) -> None:
    """Move a process and everything in it to another operation."""
    moved = await structure.move_process(deps, account, id, operation_id=operation_id, by=operator_at_terminal())
    out.item(_row(moved), "Process moved.")


@sub_process.command("create")
@account_option
@click.option("--process", "process_id", type=click.UUID, required=True, metavar="ID", help="The process's id.")
@_name_option
@operator
async def create_sub_process(deps: Deps, out: Output, account: AccountId, process_id: ProcessId, name: str) -> None:
    """Create a sub-process in a process."""
    made = await structure.create_sub_process(deps, account, process_id, name=name, by=operator_at_terminal())
    out.item(_row(made), "Sub-process created.")


@sub_process.command("list")
@account_option
@click.option("--process", "process_id", type=click.UUID, metavar="ID", help="Only in this process.")
@operator
async def list_sub_processes(deps: Deps, out: Output, account: AccountId, process_id: UUID | None) -> None:
    """List sub-processes, process by process."""
    if process_id is not None:
        await structure.get_node(deps, account, process_id, PROCESSES)
    rows = [
        _row(sub.unit) | {"process_name": below.name, "operation_name": node.name}
        for top in await structure.tree(deps, account)
        for node in top.below
        for below in node.below
        if process_id in {None, below.id}
        for sub in below.below
    ]
    hint = "No sub-processes yet. Create one with `callmark structure sub-process create`."
    out.rows(rows, ("id", "name", "process_name", "operation_name"), empty=hint)


@sub_process.command("move")
@id_argument
@account_option
@click.option("--process", "process_id", type=click.UUID, required=True, metavar="ID", help="The new process's id.")
@operator
async def move_sub_process(deps: Deps, out: Output, id: ProcessId, account: AccountId, process_id: ProcessId) -> None:
    """Move a sub-process and its feature sets to another process."""
    moved = await structure.move_sub_process(deps, account, id, process_id=process_id, by=operator_at_terminal())
    out.item(_row(moved), "Sub-process moved.")


# what the commands of each kind have in common


def _add_show(group: click.Group, kinds: Collection[NodeKind]) -> None:
    @group.command(help=f"Show one {group.name}.")
    @id_argument
    @account_option
    @operator
    async def show(deps: Deps, out: Output, id: UUID, account: AccountId) -> None:
        out.item(_row((await structure.get_node(deps, account, id, kinds)).unit))


def _add_update(group: click.Group, kinds: Collection[NodeKind]) -> None:
    @group.command(help=f"Rename a {group.name}.")
    @id_argument
    @account_option
    @_name_option
    @operator
    async def update(deps: Deps, out: Output, id: UUID, account: AccountId, name: str) -> None:
        changed = await structure.rename_node(deps, account, id, kinds, name=name, by=operator_at_terminal())
        out.item(_row(changed), f"{changed.kind.word.capitalize()} renamed.")


def _add_delete(group: click.Group, kinds: Collection[NodeKind], help_text: str) -> None:
    @group.command(help=help_text)
    @id_argument
    @account_option
    @yes_option
    @operator
    async def delete(deps: Deps, out: Output, id: UUID, account: AccountId, *, yes: bool) -> None:
        found = await structure.get_node(deps, account, id, kinds)
        sure(f"Delete the {found.kind.word} {found.name!r}?", yes=yes)
        await structure.delete_node(deps, account, id, kinds, by=operator_at_terminal())
        out.done({"id": found.id}, f"{found.kind.word.capitalize()} {found.name!r} deleted.")


for _group, _kinds, _deletes in (
    (department, _DEPARTMENT, "Delete a department that has no operations."),
    (operation, _OPERATION, "Delete an operation that has no processes."),
    (process, PROCESSES, "Delete a process that is empty."),
    (sub_process, PROCESSES, "Delete a sub-process that is empty."),
):
    _add_show(_group, _kinds)
    _add_delete(_group, _kinds, _deletes)
    if _group is not operation:  # which keeps its name from the catalogue
        _add_update(_group, _kinds)


def _row(unit: Unit) -> dict[str, object]:
    """A unit; a sub-process has the id of its process, too."""
    row: dict[str, object] = {"id": unit.id, "name": unit.name}
    match unit:
        case Operation():
            row |= {"calling_operation_id": unit.catalogue_id, "department_id": unit.department_id}
        case Process(parent_id=None):
            row["operation_id"] = unit.operation_id
        case Process():
            row |= {"operation_id": unit.operation_id, "process_id": unit.parent_id}
        case Department():
            pass
    return row | {"created_at": unit.created_at}
