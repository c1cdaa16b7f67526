"""The routes of the structure, with their texts for the reference."""

from callmark.domain.policy.model import Action
from callmark.surfaces.api.doc_parts import bad, conflict
from callmark.surfaces.api.example_values import (
    AT,
    CATALOGUE_ID,
    DEPARTMENT_ID,
    FEATURE_SET_ID,
    OPERATION_ID,
    PROCESS_ID,
)
from callmark.surfaces.api.management import structure
from callmark.surfaces.api.management.route import ManagedRoute
from callmark.surfaces.api.management.structure import (
    CatalogueView,
    NewOperationBody,
    NodeView,
    ProcessMoveBody,
    StructureView,
    UnitNameBody,
    UnitView,
)

_SUB_PROCESS_ID = "a1c2d3e4-4f50-4263-9748-5969a7b8c9d0"
_DEPARTMENT = {
    "id": DEPARTMENT_ID,
    "kind": "department",
    "name": "Retail",
    "parent_id": None,
    "calling_operation_id": None,
    "created_at": AT,
}
_OPERATION = _DEPARTMENT | {
    "id": OPERATION_ID,
    "kind": "operation",
    "name": "Delivery",
    "parent_id": DEPARTMENT_ID,
    "calling_operation_id": CATALOGUE_ID,
}
_PROCESS = _DEPARTMENT | {"id": PROCESS_ID, "kind": "process", "name": "Last mile", "parent_id": OPERATION_ID}
_SUB_PROCESS = _PROCESS | {
    "id": _SUB_PROCESS_ID,
    "kind": "sub_process",
    "name": "Evening",
    "parent_id": PROCESS_ID,
}
_SET = {"id": FEATURE_SET_ID, "name": "Delivery default", "status": "published", "number_count": 40}
_PROCESS_NODE = _PROCESS | {"feature_sets": [_SET], "children": []}
_TREE = _DEPARTMENT | {
    "feature_sets": [],
    "children": [_OPERATION | {"feature_sets": [], "children": [_PROCESS_NODE]}],
}
_NAMES = (
    bad("department name is required", "the name is empty, too long, or has characters that are not allowed", "name"),
    conflict("a department named 'Retail' already exists in this account", "the name is taken there", "name"),
)
_FULL = (conflict("this process still contains the feature set 'Delivery default'", "it is not empty"),)
_EMPTY_ONLY = "Deletes it when it is empty, and returns what it was."

ROUTES = (
    ManagedRoute(
        "GET",
        "structure",
        structure.get_structure,
        Action.STRUCTURE_VIEW,
        name="getStructure",
        summary="Get the structure",
        description="Returns the departments with their calling operations, processes, sub-processes and feature sets.",
        response=StructureView,
        answer={"departments": [_TREE]},
    ),
    ManagedRoute(
        "GET",
        "structure/{unitId}",
        structure.get_unit,
        Action.STRUCTURE_VIEW,
        name="getUnit",
        summary="Get a part of the structure",
        description="Returns one department, operation, process or sub-process with everything in it.",
        response=NodeView,
        answer=_PROCESS_NODE,
    ),
    ManagedRoute(
        "GET",
        "calling_operations",
        structure.list_catalogue,
        Action.STRUCTURE_VIEW,
        name="listCallingOperations",
        summary="List the catalogue of calling operations",
        description="Returns the calling operations that departments can have.",
        response=CatalogueView,
        answer={
            "calling_operations": [
                {
                    "id": CATALOGUE_ID,
                    "name": "Delivery",
                    "description": "Arranges the hand-over of parcels, food or goods",
                }
            ]
        },
    ),
    ManagedRoute(
        "POST",
        "departments",
        structure.create_department,
        Action.DEPARTMENTS_MANAGE,
        name="createDepartment",
        summary="Create a department",
        description="Creates a department, the top level of the structure.",
        request=UnitNameBody,
        sent={"name": "Retail"},
        response=UnitView,
        answer=_DEPARTMENT,
        errors=_NAMES,
        creates=True,
    ),
    ManagedRoute(
        "PATCH",
        "departments/{departmentId}",
        structure.rename_department,
        Action.STRUCTURE_MANAGE,
        name="renameDepartment",
        summary="Rename a department",
        description="Changes the name; ids stay.",
        request=UnitNameBody,
        sent={"name": "Shops"},
        response=UnitView,
        answer=_DEPARTMENT | {"name": "Shops"},
        errors=_NAMES,
    ),
    ManagedRoute(
        "DELETE",
        "departments/{departmentId}",
        structure.delete_department,
        Action.STRUCTURE_MANAGE,
        name="deleteDepartment",
        summary="Delete a department",
        description=_EMPTY_ONLY,
        response=UnitView,
        answer=_DEPARTMENT,
        errors=_FULL,
    ),
    ManagedRoute(
        "POST",
        "departments/{departmentId}/operations",
        structure.create_operation,
        Action.STRUCTURE_MANAGE,
        name="createOperation",
        summary="Add a calling operation",
        description="Adds a calling operation of the catalogue to a department.",
        request=NewOperationBody,
        sent={"calling_operation_id": CATALOGUE_ID},
        response=UnitView,
        answer=_OPERATION,
        errors=(
            bad("no calling operation with this id is in the catalogue", "an unknown entry", "calling_operation_id"),
            conflict("this department already has the operation 'Delivery'", "the department has it"),
        ),
        creates=True,
    ),
    ManagedRoute(
        "DELETE",
        "operations/{operationId}",
        structure.delete_operation,
        Action.STRUCTURE_MANAGE,
        name="deleteOperation",
        summary="Remove a calling operation",
        description=_EMPTY_ONLY,
        response=UnitView,
        answer=_OPERATION,
        errors=_FULL,
    ),
    ManagedRoute(
        "POST",
        "operations/{operationId}/processes",
        structure.create_process,
        Action.STRUCTURE_MANAGE,
        name="createProcess",
        summary="Create a process",
        description="Creates a process in a calling operation.",
        request=UnitNameBody,
        sent={"name": "Last mile"},
        response=UnitView,
        answer=_PROCESS,
        errors=_NAMES,
        creates=True,
    ),
    ManagedRoute(
        "POST",
        "processes/{processId}/sub_processes",
        structure.create_sub_process,
        Action.STRUCTURE_MANAGE,
        name="createSubProcess",
        summary="Create a sub-process",
        description="Creates a sub-process in a process.",
        request=UnitNameBody,
        sent={"name": "Evening"},
        response=UnitView,
        answer=_SUB_PROCESS,
        errors=(*_NAMES, bad("a sub-process cannot have sub-processes", "the path is a sub-process", "process_id")),
        creates=True,
    ),
    ManagedRoute(
        "PATCH",
        "processes/{processId}",
        structure.rename_process,
        Action.STRUCTURE_MANAGE,
        name="renameProcess",
        summary="Rename a process or sub-process",
        description="Changes the name; ids stay.",
        request=UnitNameBody,
        sent={"name": "Doorstep"},
        response=UnitView,
        answer=_PROCESS | {"name": "Doorstep"},
        errors=_NAMES,
    ),
    ManagedRoute(
        "POST",
        "processes/{processId}/move",
        structure.move_process,
        Action.STRUCTURE_MANAGE,
        name="moveProcess",
        summary="Move a process or sub-process",
        description="Moves a process to another calling operation, or a sub-process to another process, with its"
        " feature sets and numbers. What the numbers show stays.",
        request=ProcessMoveBody,
        sent={"operation_id": OPERATION_ID},
        response=UnitView,
        answer=_PROCESS,
        errors=(
            bad("give either operation_id or process_id", "both or neither are given", "operation_id"),
            bad("a process can only be moved to another operation", "a target of the other kind", "process_id"),
            conflict("a process named 'Last mile' already exists in this operation", "the name is taken there", "name"),
        ),
    ),
    ManagedRoute(
        "DELETE",
        "processes/{processId}",
        structure.delete_process,
        Action.STRUCTURE_MANAGE,
        name="deleteProcess",
        summary="Delete a process or sub-process",
        description=_EMPTY_ONLY,
        response=UnitView,
        answer=_PROCESS,
        errors=_FULL,
    ),
)
