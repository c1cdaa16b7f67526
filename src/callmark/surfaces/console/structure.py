"""The structure on one page, and the forms that change it. Source: contract, section 12.1."""

from collections.abc import Iterable
from typing import ClassVar
from uuid import UUID

from starlette.responses import Response

from callmark.domain.ids import DepartmentId, OperationId, ProcessId
from callmark.domain.policy.model import Action
from callmark.domain.stale_confirmations import digest_of
from callmark.domain.structure import service as structure
from callmark.domain.structure.catalogue import CATALOGUE, CatalogueEntry
from callmark.domain.structure.model import LONGEST_NAME, Node, NodeKind, flat
from callmark.kit.errors import Conflict, InvalidInput
from callmark.surfaces.console import consequences, display_names
from callmark.surfaces.console.confirm import SEEN, Blocked, Confirm, confirmed
from callmark.surfaces.console.pages import Page, page
from callmark.surfaces.console.request import ConsoleRequest, Form
from callmark.surfaces.console.route import get, post

LIST = "/console/structure"
_OPEN_AT_MOST = 60
"""A tree of more nodes opens with its departments only."""
_INSIDE = {NodeKind.DEPARTMENT: "calling operation", NodeKind.OPERATION: "process", NodeKind.PROCESS: "sub-process"}


class StructurePage(Page, frozen=True):
    """The tree; `is_short` opens all of it."""

    template: ClassVar[str] = "structure/tree.html"
    tree: list[Node]
    is_short: bool


class NamePage(Page, frozen=True):
    """One name: of a new node, or of one there is."""

    template: ClassVar[str] = "structure/name.html"
    title: str
    label: str
    hint: str
    button: str
    form: Form
    to: str
    back: str
    longest: int = LONGEST_NAME


class OperationsPage(Page, frozen=True):
    """The catalogue's entries that a department does not have yet, to choose from."""

    template: ClassVar[str] = "structure/operations.html"
    node: Node
    entries: list[CatalogueEntry]
    form: Form
    back: str


class MovePage(Page, frozen=True):
    """Where something may be moved: `options` are ids and names."""

    template: ClassVar[str] = "structure/move.html"
    title: str
    text: str
    label: str
    options: list[tuple[str, str]]
    form: Form
    to: str
    back: str


async def show_tree(request: ConsoleRequest) -> Response:
    """The whole of what the actor may see."""
    tree = await structure.tree(request.deps, request.account_id, request.by.scope)
    return page(request, StructurePage(tree, len(flat(tree)) <= _OPEN_AT_MOST))


async def show_create_department(request: ConsoleRequest) -> Response:
    return page(request, _new_department(Form()))


async def create_department(request: ConsoleRequest) -> Response:
    form = request.form
    try:
        made = await structure.create_department(
            request.deps, request.account_id, name=form.text("name"), by=request.by
        )
    except (InvalidInput, Conflict) as refused:
        return page(request, _new_department(form.refused(refused)), 422)
    return request.go(_at(made.id), f"{made.name} was added. Next: choose its calling operations.")


async def show_add(request: ConsoleRequest) -> Response:
    """What may be added inside this node."""
    node = await _node(request)
    if node.kind is NodeKind.SUB_PROCESS:
        return request.go(f"/console/feature-sets/new?process={node.id}")
    return page(request, _adding(node, Form()))


async def add(request: ConsoleRequest) -> Response:
    """Adds calling operations to a department, a process to an operation, a sub-process to a process."""
    form = request.form
    node = await _node(request)
    try:
        made, names = await _add(request, node, form)
    except (InvalidInput, Conflict) as refused:
        return page(request, _adding(await _node(request), form.refused(refused)), 422)
    return request.go(_at(made), f"{names} {'were' if ',' in names else 'was'} added to {node.name}.")


async def show_rename(request: ConsoleRequest) -> Response:
    node = await _node(request)
    return page(request, _renaming(node, _named(node)))


async def rename(request: ConsoleRequest) -> Response:
    """Gives it another name."""
    node = await _node(request)
    wanted = request.form.onto(_named(node))
    try:
        new = await structure.rename_node(
            request.deps, request.account_id, node.id, name=wanted.text("name"), by=request.by
        )
    except (InvalidInput, Conflict) as refused:
        return page(request, _renaming(node, wanted.refused(refused)), 422)
    return request.go(_at(node.id), f"Renamed to {new.name}.")


async def show_move(request: ConsoleRequest) -> Response:
    """Where it may go."""
    node = await _node_below(request)
    options = await _targets(request, node)
    if not options:
        above = "operation" if node.kind is NodeKind.PROCESS else "process"
        why = f"There is no other {above} to move it to."
        if node.kind not in {NodeKind.PROCESS, NodeKind.SUB_PROCESS}:
            why = "Only processes and sub-processes can be moved."
        return page(request, Blocked(f"{node.name} cannot be moved", [why], None, _at(node.id)))
    return page(request, _moving(node, options, Form()))


async def move(request: ConsoleRequest) -> Response:
    form, node = request.form, await _node_below(request)
    options = await _targets(request, node)
    try:
        to = await _move(request, node, options)
    except (InvalidInput, Conflict) as refused:
        return page(request, _moving(node, options, refused_move(form, refused)), 422)
    return request.go(_at(node.id), f"{node.name} was moved to {to.where}.")


async def ask_delete(request: ConsoleRequest) -> Page:
    """Says what is lost, or why it cannot be."""
    node = await _node_below(request)
    if not node.is_empty:
        return Blocked(f"{node.name} cannot be deleted yet", _inside(node), None, _at(node.id))
    owners = await structure.list_owners(request.deps, request.account_id, node.id)
    lost = [
        "It is empty, so nothing else is deleted.",
        f"Its id {node.id} no longer works as an API filter.",
        *(f"{email} loses access until you assign another place." for email in owners),
    ]
    kind = display_names.NODES[node.kind].lower()
    return Confirm(f"Delete {node.name}?", lost, f"Delete {kind}", _at(node.id), seen=digest_of(owners))


async def delete(request: ConsoleRequest) -> Response:
    """Removes an empty node."""
    of, shown = (request.deps, request.account_id, _id(request)), request.form.text(SEEN)
    node = await structure.delete_node(*of, by=request.by, shown=shown)
    return request.go(_at(node.path[-2]) if len(node.path) > 1 else LIST, f"{node.name} was deleted.")


def refused_move(form: Form, refused: InvalidInput | Conflict) -> Form:
    """The form with what was refused: beside the choice, or above it for a name that is taken there."""
    if isinstance(refused, InvalidInput):
        return form.refused(InvalidInput(refused.for_people, field="to"))
    return form.refused(Conflict(refused.message))


def options_of(nodes: Iterable[Node]) -> list[tuple[str, str]]:
    """Nodes to choose from: ids, and names from the top."""
    return [(str(node.id), node.where) for node in nodes]


async def _add(request: ConsoleRequest, node: Node, form: Form) -> tuple[UUID, str]:
    """The last node that was made, and the names of all."""
    of, name, by = (request.deps, request.account_id), form.text("name"), request.by
    if node.kind is NodeKind.DEPARTMENT:
        return await _add_operations(request, DepartmentId(node.id), form)
    if node.kind is NodeKind.OPERATION:
        process = await structure.create_process(*of, OperationId(node.id), name=name, by=by)
        return process.id, process.name
    sub_process = await structure.create_sub_process(*of, ProcessId(node.id), name=name, by=by)
    return sub_process.id, sub_process.name


async def _add_operations(request: ConsoleRequest, department_id: DepartmentId, form: Form) -> tuple[UUID, str]:
    """As `_add`: all that were chosen, or none."""
    chosen = [entry for entry in CATALOGUE if str(entry.id) in form.all("operations")]
    if not chosen:
        raise InvalidInput("choose at least one", field="operations")
    of = request.deps, request.account_id, department_id
    made = await structure.create_operations(*of, catalogue_ids=[entry.id for entry in chosen], by=request.by)
    return made[-1].id, ", ".join(entry.name for entry in chosen)


async def _move(request: ConsoleRequest, node: Node, options: list[Node]) -> Node:
    """Where it is now."""
    of, by = (request.deps, request.account_id, ProcessId(node.id)), request.by
    to = next((one for one in options if str(one.id) == request.form.text("to")), None)
    if to is None:
        raise InvalidInput("choose where to move it", field="to")
    if node.kind is NodeKind.PROCESS:
        await structure.move_process(*of, operation_id=OperationId(to.id), by=by)
    else:
        await structure.move_sub_process(*of, process_id=ProcessId(to.id), by=by)
    return to


async def _node(request: ConsoleRequest) -> Node:
    """The node that the path names."""
    return await structure.get_node(request.deps, request.account_id, _id(request), scope=request.by.scope)


async def _node_below(request: ConsoleRequest) -> Node:
    """As `_node`, one that may be moved or deleted. Raises Forbidden for the visitor's own place."""
    node = await _node(request)
    structure.check_above(request.by.scope, node)
    return node


async def _targets(request: ConsoleRequest, node: Node) -> list[Node]:
    """Where the node may be moved: other operations for a process, other processes for a sub-process."""
    wanted = {NodeKind.PROCESS: NodeKind.OPERATION, NodeKind.SUB_PROCESS: NodeKind.PROCESS}.get(node.kind)
    found = flat(await structure.tree(request.deps, request.account_id, request.by.scope)).values()
    return [one for one in found if one.kind is wanted and one.id != node.path[-2]]


def _new_department(form: Form) -> NamePage:
    return NamePage(
        "Add department",
        "Name",
        "A unit of your business, such as Retail or Support.",
        "Add department",
        form,
        f"{LIST}/new",
        LIST,
    )


def _adding(node: Node, form: Form) -> Page:
    if node.kind is NodeKind.DEPARTMENT:
        there = {one.name for one in node.below}
        return OperationsPage(node, [entry for entry in CATALOGUE if entry.name not in there], form, _at(node.id))
    what = _INSIDE[node.kind]
    hint = "What the calls are for, such as Last mile." if node.kind is NodeKind.OPERATION else "A part of the process."
    to = f"{LIST}/{node.id}/add"
    return NamePage(f"Add a {what} to {node.name}", "Name", hint, f"Add {what}", form, to, _at(node.id))


def _named(node: Node) -> Form:
    return Form.stored(name=node.name)


def _renaming(node: Node, form: Form) -> NamePage:
    kind = display_names.NODES[node.kind].lower()
    return NamePage(
        f"Rename {node.name}",
        f"Name of the {kind}",
        "Its id and your API filters stay the same.",
        "Rename",
        form,
        f"{LIST}/{node.id}/rename",
        _at(node.id),
    )


def _moving(node: Node, options: list[Node], form: Form) -> MovePage:
    return MovePage(
        f"Move {node.name}",
        consequences.place_moves(len(node.all_sets), node.number_count),
        "Move to",
        options_of(options),
        form,
        f"{LIST}/{node.id}/move",
        _at(node.id),
    )


def _inside(node: Node) -> list[str]:
    """What has to go first."""
    below = [f"{display_names.NODES[one.kind]} {one.name} is in it." for one in node.below]
    sets = [
        f"Feature set {one.name} with {display_names.count(one.number_count, 'number')} is in it." for one in node.sets
    ]
    return [*below, *sets, "Delete or move its contents first."]


def _id(request: ConsoleRequest) -> UUID:
    """The id of a node of whatever kind."""

    def same(found: UUID) -> UUID:
        return found

    return request.id(same)


def _at(node_id: UUID) -> str:
    """The page, at that node."""
    return f"{LIST}#n-{node_id}"


ROUTES = (
    get("/structure", show_tree, Action.STRUCTURE_VIEW),
    get("/structure/new", show_create_department, Action.DEPARTMENTS_MANAGE),
    post("/structure/new", create_department, Action.DEPARTMENTS_MANAGE),
    get("/structure/{id}/add", show_add, Action.STRUCTURE_MANAGE),
    post("/structure/{id}/add", add, Action.STRUCTURE_MANAGE),
    get("/structure/{id}/rename", show_rename, Action.STRUCTURE_MANAGE),
    post("/structure/{id}/rename", rename, Action.STRUCTURE_MANAGE),
    get("/structure/{id}/move", show_move, Action.STRUCTURE_MANAGE),
    post("/structure/{id}/move", move, Action.STRUCTURE_MANAGE),
    *confirmed("/structure/{id}/delete", ask_delete, delete, Action.STRUCTURE_MANAGE),
)
