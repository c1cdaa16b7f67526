"""`callmark structure`: an account's departments, operations, processes and sub-processes, and its call reasons."""

from collections.abc import Iterator, Sequence
from uuid import UUID

import click

from callmark.domain.deps import Deps
from callmark.domain.structure import nodes
from callmark.domain.structure.catalogue import CATALOGUE
from callmark.domain.structure.model import DepartmentNode, FeatureSet, ProcessNode
from callmark.surfaces.cli import call_reason, structure_nodes
from callmark.surfaces.cli.output import Output, Row
from callmark.surfaces.cli.session import account_id, account_option, json_option, operator

_INDENT = "  "


@click.group
def group() -> None:
    """Manage an account's departments, operations, processes and call reasons."""


group.add_command(structure_nodes.department)
group.add_command(structure_nodes.operation)
group.add_command(structure_nodes.process)
group.add_command(structure_nodes.sub_process)
group.add_command(call_reason.group, "call-reason")


@group.command
@account_option
@operator
async def tree(deps: Deps, out: Output, account: UUID) -> None:
    """Show the whole structure, including feature sets."""
    found = await nodes.tree(deps, account_id(account))
    if out.as_json:
        out.rows([_nested(node) for node in found], (), empty="")
        return
    hint = f"No structure yet. Start with `callmark structure department create --account {account} --name NAME`."
    out.rows(list(_lines(found)), ("name", "kind", "status", "numbers", "id"), empty=hint)


@group.command
@json_option
def catalogue(*, as_json: bool) -> None:
    """List the calling operations that departments can have."""
    rows = [{"id": entry.id, "name": entry.name, "description": entry.description} for entry in CATALOGUE]
    Output(as_json=as_json).rows(rows, ("id", "name", "description"), empty="")


def _nested(node: DepartmentNode) -> Row:
    return {
        "id": node.department.id,
        "name": node.department.name,
        "operations": [
            {
                "id": below.operation.id,
                "name": below.operation.name,
                "calling_operation_id": below.operation.catalogue_id,
                "processes": [_nested_process(process) for process in below.processes],
            }
            for below in node.operations
        ],
    }


def _nested_process(node: ProcessNode) -> Row:
    row: dict[str, object] = {"id": node.process.id, "name": node.process.name}
    if node.process.parent_id is None:
        row["sub_processes"] = [_nested_process(sub) for sub in node.sub_processes]
    return row | {"feature_sets": [_nested_set(one) for one in node.feature_sets]}


def _nested_set(one: FeatureSet) -> Row:
    return {"id": one.id, "name": one.name, "status": one.state, "number_count": one.number_count}


def _lines(found: Sequence[DepartmentNode]) -> Iterator[Row]:
    for node in found:
        yield _line(0, "department", node.department.name, node.department.id)
        for below in node.operations:
            yield _line(1, "operation", below.operation.name, below.operation.id)
            for process in below.processes:
                yield from _process_lines(2, process)


def _process_lines(depth: int, node: ProcessNode) -> Iterator[Row]:
    kind = "process" if node.process.parent_id is None else "sub-process"
    yield _line(depth, kind, node.process.name, node.process.id)
    for one in node.feature_sets:
        yield _line(depth + 1, "feature set", one.name, one.id, one.state, str(one.number_count))
    for sub in node.sub_processes:
        yield from _process_lines(depth + 1, sub)


def _line(depth: int, kind: str, name: str, id_: UUID, status: str = "", numbers: str = "") -> Row:
    return {"name": f"{_INDENT * depth}{name}", "kind": kind, "status": status, "numbers": numbers, "id": id_}
