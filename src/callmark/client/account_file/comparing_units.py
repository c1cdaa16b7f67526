"""What a file changes in the structure: departments, calling operations, processes and sub-processes."""

import difflib
from collections.abc import Sequence

from msgspec import UnsetType

from callmark.client.account_file.comparing import Comparison
from callmark.client.account_file.comparing_sets import compare_feature_sets
from callmark.client.account_file.entries import UnitEntry
from callmark.client.account_file.plans import AccountChange, ApiStep, FieldDifference, Key, Phase, Ref, unit_key
from callmark.client.account_file.trees import children_of, sets_of, trail
from callmark.record_rules.same_names import folded

Level = tuple[str, str, str, Phase, Phase]
"""A level's name, the collection of its routes, that below what it belongs to, and its two phases."""

LEVELS: tuple[Level, ...] = (
    ("department", "departments", "", Phase.DEPARTMENTS, Phase.NO_DEPARTMENTS),
    ("operation", "operations", "departments", Phase.OPERATIONS, Phase.NO_OPERATIONS),
    ("process", "processes", "operations", Phase.PROCESSES, Phase.NO_PROCESSES),
    ("sub-process", "sub_processes", "processes", Phase.SUB_PROCESSES, Phase.NO_SUB_PROCESSES),
)
_OPERATION = 1


def compare_structure(of: Comparison) -> None:
    """The tree from the top, each level by the names within what it belongs to, in any spelling of case."""
    _compare_units(of, (), of.wanted.departments, of.present.entries.departments)


def _compare_units(
    of: Comparison,
    above: tuple[str, ...],
    wanted: Sequence[UnitEntry] | UnsetType,
    present: Sequence[UnitEntry] | UnsetType,
) -> None:
    level = LEVELS[len(above)]

    def key(unit: UnitEntry) -> Key:
        return unit_key(*above, unit.name)

    def told(unit: UnitEntry) -> str:
        return f"{level[0]} {trail(*above, unit.name)}"

    for _, wanted_one, present_one in of.pairs(wanted, present, key, told):
        if wanted_one is not None:
            _compare_unit(of, above, wanted_one, present_one)
        elif present_one is not None:
            _take_down(of, above, present_one)


def _compare_unit(of: Comparison, above: tuple[str, ...], wanted: UnitEntry, present: UnitEntry | None) -> None:
    what, collection, _, phase, _ = LEVELS[len(above)]
    names = (*above, wanted.name.strip())
    if present is None:
        _create(of, names)
    elif what != "operation" and wanted.name.strip() != present.name:
        path = ("processes" if collection == "sub_processes" else collection, Ref(unit_key(*names)))
        fields = [FieldDifference("name", present.name, wanted.name)]
        step = ApiStep(phase, "PATCH", path, {"name": wanted.name})
        of.add(AccountChange("change", what, trail(*names), fields, [step]))
    compare_feature_sets(of, names, sets_of(wanted), sets_of(present))
    if len(names) < len(LEVELS):
        _compare_units(of, names, children_of(wanted), children_of(present))


def _create(of: Comparison, names: tuple[str, ...]) -> None:
    what, collection, parent, phase, _ = LEVELS[len(names) - 1]
    path = (parent, Ref(unit_key(*names[:-1])), collection) if parent else (collection,)
    body = {"name": names[-1]}
    if len(names) - 1 == _OPERATION:
        catalogue = {folded(name): entry for name, entry in of.present.calling_operations.items()}
        found = catalogue.get(folded(names[-1]))
        if found is None:
            known = list(of.present.calling_operations)
            near = difflib.get_close_matches(names[-1], known, 1, 0.5)
            why = f"do you mean {near[0]}?" if near else f"possible: {', '.join(known)}"
            of.fault(what, trail(*names), f"is not in the catalogue of calling operations; {why}")
        body = {"calling_operation_id": found or ""}
    step = ApiStep(phase, "POST", path, body, unit_key(*names))
    of.add(AccountChange("create", what, trail(*names), steps=[step]))


def _take_down(of: Comparison, above: tuple[str, ...], present: UnitEntry) -> None:
    """Everything in it too; what is inside stands first, as it goes first."""
    what, collection, _, _, phase = LEVELS[len(above)]
    names = (*above, present.name)
    if not of.prune:
        of.gone(what, trail(*names))
        return
    compare_feature_sets(of, names, [], sets_of(present))
    if len(names) < len(LEVELS):
        _compare_units(of, names, [], children_of(present))
    path = ("processes" if collection == "sub_processes" else collection, Ref(unit_key(*names)))
    of.gone(what, trail(*names), ApiStep(phase, "DELETE", path))
