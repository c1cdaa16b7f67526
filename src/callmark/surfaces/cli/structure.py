"""`callmark structure`: an account's departments, operations, processes and sub-processes, and its call reasons."""

from collections.abc import Iterator, Sequence
from uuid import UUID

import click

from callmark.domain.deps import Deps
from callmark.domain.ids import AccountId
from callmark.domain.structure import service as structure
from callmark.domain.structure.catalogue import CATALOGUE
from callmark.domain.structure.model import Department, HeldFeatureSet, Node, Operation, Process
from callmark.surfaces.cli import call_reason, structure_nodes
from callmark.surfaces.cli.command import operator
from callmark.surfaces.cli.options import account_option, json_option
from callmark.terminal import Output, Row

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
async def tree(deps: Deps, out: Output, account: AccountId) -> None:
    """Show the whole structure, including feature sets."""
    found = await structure.tree(deps, account)
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


def _nested(node: Node) -> Row:
    row: dict[str, object] = {"id": node.id, "name": node.name}
    below = [_nested(one) for one in node.below]
    match node.unit:
        case Department():
            return row | {"operations": below}
        case Operation(catalogue_id=entry_id):
            return row | {"calling_operation_id": entry_id, "processes": below}
        case Process(parent_id=None):
            row["sub_processes"] = below
        case Process():
            pass
    return row | {"feature_sets": [_nested_set(one) for one in node.sets]}


def _nested_set(one: HeldFeatureSet) -> Row:
    return {"id": one.id, "name": one.name, "status": one.state, "number_count": one.number_count}


def _lines(found: Sequence[Node], depth: int = 0) -> Iterator[Row]:
    for node in found:
        yield _line(depth, node.kind.word, node.name, node.id)
        for one in node.sets:
            yield _line(depth + 1, "feature set", one.name, one.id, one.state, str(one.number_count))
        yield from _lines(node.below, depth + 1)


def _line(depth: int, kind: str, name: str, id_: UUID, status: str = "", numbers: str = "") -> Row:
    return {"name": f"{_INDENT * depth}{name}", "kind": kind, "status": status, "numbers": numbers, "id": id_}
