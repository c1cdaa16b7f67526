"""The structure as the API answers it, as entries of a file."""

from collections.abc import Callable, Sequence

from msgspec import Struct

from callmark.client.account_file.entries import (
    DepartmentEntry,
    FeatureSetEntry,
    OperationEntry,
    ProcessEntry,
    SubProcessEntry,
)
from callmark.client.account_file.plans import Key, unit_key
from callmark.client.account_file.trees import trail

SetsOf = Callable[[str, Key], list[FeatureSetEntry]]
"""The feature sets of a process or sub-process, by its id and key."""
Known = Callable[[Key, str, str], None]
"""Takes the key and id of something that the account has, and what to call it."""


class TreeNode(Struct):
    """A department, operation, process or sub-process with what is in it."""

    id: str
    name: str
    children: list["TreeNode"] = []


def tree_of(departments: Sequence[TreeNode], known: Known, sets: SetsOf) -> list[DepartmentEntry]:
    """The departments as entries; `known` gets each unit."""
    return [
        DepartmentEntry(name=one.name, operations=_operations(one, (one.name,), known, sets))
        for one in _noted(departments, (), known)
    ]


def _operations(node: TreeNode, above: tuple[str, ...], known: Known, sets: SetsOf) -> list[OperationEntry]:
    return [
        OperationEntry(name=one.name, processes=_processes(one, (*above, one.name), known, sets))
        for one in _noted(node.children, above, known)
    ]


def _processes(node: TreeNode, above: tuple[str, ...], known: Known, sets: SetsOf) -> list[ProcessEntry]:
    return [
        ProcessEntry(
            name=one.name,
            feature_sets=sets(one.id, unit_key(*above, one.name)),
            sub_processes=[
                SubProcessEntry(name=sub.name, feature_sets=sets(sub.id, unit_key(*above, one.name, sub.name)))
                for sub in _noted(one.children, (*above, one.name), known)
            ],
        )
        for one in _noted(node.children, above, known)
    ]


def _noted(nodes: Sequence[TreeNode], above: tuple[str, ...], known: Known) -> Sequence[TreeNode]:
    for one in nodes:
        known(unit_key(*above, one.name), one.id, trail(*above, one.name))
    return nodes
