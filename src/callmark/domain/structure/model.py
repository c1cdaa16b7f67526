"""An account's structure: department → operation → process → sub-process → feature set (contract, 12.1, 12.3)."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace

from callmark.domain.ids import AccountId, CatalogueId, DepartmentId, FeatureSetId, OperationId, ProcessId
from callmark.domain.policy.model import Path, Scope
from callmark.kit.errors import Conflict
from callmark.kit.text import clean_line, in_one_line, some_names
from callmark.record_rules.same_names import alike

LONGEST_NAME = 100


class NodeKind(StrEnum):
    """What a node of the structure is, from the top down."""

    DEPARTMENT = "department"
    OPERATION = "operation"
    PROCESS = "process"
    SUB_PROCESS = "sub_process"

    @property
    def word(self) -> str:
        """The kind in a sentence."""
        return self.value.replace("_", "-")


class Department(Struct, frozen=True):
    """An autonomous unit of an account."""

    id: DepartmentId
    account_id: AccountId
    name: str
    created_at: datetime

    @property
    def kind(self) -> NodeKind:
        """A department."""
        return NodeKind.DEPARTMENT

    @property
    def above_id(self) -> None:
        """Nothing is above it."""
        return


class Operation(Struct, frozen=True):
    """A calling operation of a department; `catalogue_id` names the entry of the catalogue, which gives `name`."""

    id: OperationId
    account_id: AccountId
    department_id: DepartmentId
    catalogue_id: CatalogueId
    name: str
    created_at: datetime

    @property
    def kind(self) -> NodeKind:
        """An operation."""
        return NodeKind.OPERATION

    @property
    def above_id(self) -> UUID:
        """Its department."""
        return self.department_id


class Process(Struct, frozen=True):
    """A process, or (`parent_id` set) a sub-process of one."""

    id: ProcessId
    account_id: AccountId
    operation_id: OperationId
    parent_id: ProcessId | None
    name: str
    created_at: datetime

    @property
    def kind(self) -> NodeKind:
        """A process or sub-process."""
        return NodeKind.SUB_PROCESS if self.parent_id else NodeKind.PROCESS

    @property
    def above_id(self) -> UUID:
        """The process of a sub-process, else its operation."""
        return self.parent_id or self.operation_id


Unit = Department | Operation | Process
"""What is in a node of the tree."""


class HeldFeatureSet(Struct, frozen=True):
    """What the tree shows of a feature set: `state` as `FeatureSetState` has it."""

    id: FeatureSetId
    name: str
    state: str
    number_count: int


class Node(Struct, frozen=True):
    """A unit in its place. `path` and `trail` are ids and names from the top to itself.

    One that is not `is_inside` is outside someone's scope and only on the way to what is inside: nothing else of it is
    shown.
    """

    unit: Unit
    path: Path
    trail: tuple[str, ...]
    below: "Sequence[Node]"
    sets: Sequence[HeldFeatureSet]
    is_inside: bool = True

    @property
    def id(self) -> UUID:
        """The unit's id."""
        return self.unit.id

    @property
    def name(self) -> str:
        """The unit's name."""
        return self.unit.name

    @property
    def kind(self) -> NodeKind:
        """The unit's kind."""
        return self.unit.kind

    @property
    def where(self) -> str:
        """Its names from the top, for a line of text."""
        return in_one_line(self.trail)

    @property
    def all_sets(self) -> list[HeldFeatureSet]:
        """The feature sets on it and on all below it."""
        return [*self.sets, *(one for node in self.below for one in node.all_sets)]

    @property
    def number_count(self) -> int:
        """How many numbers these hold."""
        return sum(one.number_count for one in self.all_sets)

    @property
    def is_empty(self) -> bool:
        """Whether nothing belongs to it: only then can it be deleted."""
        return not self.below and not self.sets

    @property
    def has_sets(self) -> bool:
        """Whether feature sets can belong to it."""
        return self.kind in {NodeKind.PROCESS, NodeKind.SUB_PROCESS}


def tree_of(units: Iterable[Unit], sets: Mapping[UUID, Sequence[HeldFeatureSet]]) -> list[Node]:
    """Departments with all that is below them, in alphabetical order; `sets` are those of each process."""
    below: dict[UUID | None, list[Unit]] = {}
    for unit in sorted(units, key=lambda unit: (unit.name.casefold(), unit.id)):
        below.setdefault(unit.above_id, []).append(unit)
    return [_node(unit, (), (), below, sets) for unit in below.get(None, ())]


def seen_in(tree: Iterable[Node], scope: Scope) -> list[Node]:
    """The tree as someone of that scope sees it: places inside whole, and the way to them without the rest."""
    found: list[Node] = []
    for node in tree:
        if scope.includes(node.path):
            found.append(node)
        elif below := seen_in(node.below, scope):
            found.append(replace(node, below=below, sets=(), is_inside=False))
    return found


def flat(tree: Iterable[Node]) -> dict[UUID, Node]:
    """Every node that is inside the scope by its id, in the order of the tree."""
    return {one.id: one for node in tree for one in _each(node) if one.is_inside}


def node_name(text: str, what: str) -> str:
    """A name of a department, process or feature set as it is stored: outer spaces dropped, 1 to 100. InvalidInput."""
    return clean_line(text, "name", longest=LONGEST_NAME, what=f"{what} name")


def refuse_taken(name: str, others: Iterable[str], what: str, where: str) -> None:
    """Raises Conflict about `name` when one of `others`, which belong to the same parent, is called so."""
    if any(alike(name, other) for other in others):
        raise Conflict(f"a {what} named {name!r} already exists in this {where}", field="name")


def refuse_full(node: Node) -> None:
    """Raises Conflict that says what is still in it, unless it is empty."""
    inside = [(node.below[0].kind.word, [one.name for one in node.below])] if node.below else []
    inside += [("feature set", [one.name for one in node.sets])] if node.sets else []
    if inside:
        still = " and ".join(some_names(kind, names) for kind, names in inside)
        raise Conflict(f"this {node.kind.word} still contains {still}")


def _node(
    unit: Unit,
    above: Path,
    names: tuple[str, ...],
    below: Mapping[UUID | None, Sequence[Unit]],
    sets: Mapping[UUID, Sequence[HeldFeatureSet]],
) -> Node:
    path, trail = (*above, unit.id), (*names, unit.name)
    inside = [_node(one, path, trail, below, sets) for one in below.get(unit.id, ())]
    return Node(unit, path, trail, inside, sets.get(unit.id, ()))


def _each(node: Node) -> Iterable[Node]:
    yield node
    for one in node.below:
        yield from _each(one)
