"""Walks over the structure of a file or an account."""

from collections.abc import Sequence

from msgspec import UNSET, UnsetType

from callmark.client.account_file.entries import (
    DepartmentEntry,
    FeatureSetEntry,
    OperationEntry,
    ProcessEntry,
    SubProcessEntry,
    UnitEntry,
)
from callmark.client.account_file.plans import given


def trail(*names: str) -> str:
    """A place of the structure for people."""
    return " / ".join(names)


def sets_of(unit: UnitEntry | None) -> list[FeatureSetEntry] | UnsetType:
    """The feature sets of a process or sub-process."""
    return unit.feature_sets if isinstance(unit, (ProcessEntry, SubProcessEntry)) else UNSET


def children_of(unit: UnitEntry | None) -> list[UnitEntry] | UnsetType:
    """What belongs to a unit; UNSET where its file does not say."""
    match unit:
        case DepartmentEntry():
            found = unit.operations
        case OperationEntry():
            found = unit.processes
        case ProcessEntry():
            found = unit.sub_processes
        case _:
            found = UNSET
    return found if isinstance(found, UnsetType) else [*found]


def all_sets(units: Sequence[UnitEntry], *above: str) -> list[tuple[tuple[str, ...], FeatureSetEntry]]:
    """Every feature set below the units, with all names from the department to its own."""
    found: list[tuple[tuple[str, ...], FeatureSetEntry]] = []
    for unit in units:
        names = (*above, unit.name)
        found += [((*names, one.name), one) for one in given(sets_of(unit))]
        found += all_sets(given(children_of(unit)), *names)
    return found
