"""Departments, calling operations, processes and sub-processes (contract, section 12.1)."""

from collections.abc import Collection
from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import UNSET, Meta, UnsetType

from callmark.domain.ids import CatalogueId, DepartmentId, OperationId, ProcessId
from callmark.domain.structure import service as structure
from callmark.domain.structure.catalogue import CATALOGUE
from callmark.domain.structure.model import LONGEST_NAME, Node, NodeKind, Operation, Unit
from callmark.domain.structure.service import ANY, PROCESSES
from callmark.instants import iso_ms
from callmark.kit.errors import InvalidInput
from callmark.surfaces.api.actor import actor_of
from callmark.surfaces.api.idempotency import kept
from callmark.surfaces.api.own.request import any_id, body_of, id_of
from callmark.surfaces.api.own.shapes import CreatedAt, Id, text_id
from callmark.surfaces.api.request import ApiRequest
from callmark.surfaces.http import Response, render

_NAME = f"1 to {LONGEST_NAME} characters; different from its neighbours, in any spelling of case, accents and spaces."
_OPERATION_ID = "An operation that the account has, not the catalogue's entry."


class UnitView(msgspec.Struct):
    """A department, a calling operation, a process or a sub-process."""

    id: Annotated[Id, Meta(description="Its id.")]
    kind: Annotated[NodeKind, Meta(description="What it is.")]
    name: Annotated[str, Meta(description="Its name; an operation's comes from the catalogue.")]
    parent_id: Annotated[Id | None, Meta(description="What it belongs to; null for a department.")]
    calling_operation_id: Annotated[Id | None, Meta(description="The catalogue's entry of an operation; else null.")]
    created_at: CreatedAt


class HeldSetView(msgspec.Struct):
    """A feature set as the structure shows it."""

    id: Annotated[Id, Meta(description="The feature set.")]
    name: Annotated[str, Meta(description="Its name.")]
    status: Annotated[str, Meta(description="`draft`, `published` or `unpublished`.")]
    number_count: Annotated[int, Meta(description="How many numbers it has.")]


class NodeView(UnitView):
    """A unit with everything in it."""

    feature_sets: Annotated[list[HeldSetView], Meta(description="The feature sets of a process or sub-process.")]
    children: Annotated[list["NodeView"], Meta(description="What belongs to it, by name.")]


class StructureView(msgspec.Struct):
    """The account's whole structure."""

    departments: Annotated[list[NodeView], Meta(description="The departments, by name.")]


class CatalogueEntryView(msgspec.Struct):
    """A calling operation that departments can have."""

    id: Annotated[Id, Meta(description="The `calling_operation_id` of operations.")]
    name: Annotated[str, Meta(description="Its name.")]
    description: Annotated[str, Meta(description="What it is for.")]


class CatalogueView(msgspec.Struct):
    """The catalogue of calling operations."""

    calling_operations: Annotated[list[CatalogueEntryView], Meta(description="All entries, by name.")]


class UnitNameBody(msgspec.Struct, forbid_unknown_fields=True):
    """The name of a department, process or sub-process."""

    name: Annotated[str, Meta(description=_NAME)]


class NewOperationBody(msgspec.Struct, forbid_unknown_fields=True):
    """The calling operation that a department gets."""

    calling_operation_id: Annotated[UUID, Meta(description="An entry of `GET calling_operations`.")]


class ProcessMoveBody(msgspec.Struct, forbid_unknown_fields=True):
    """Where to: exactly one of the two."""

    operation_id: Annotated[UUID | UnsetType, Meta(description=f"For a process. {_OPERATION_ID}")] = UNSET
    process_id: Annotated[UUID | UnsetType, Meta(description="For a sub-process: another process.")] = UNSET


async def get_structure(request: ApiRequest) -> Response:
    """`GET structure`."""
    tree = await structure.tree(request.deps, request.account_id)
    return render(StructureView([_node(one) for one in tree]))


async def get_unit(request: ApiRequest) -> Response:
    """`GET structure/{unitId}`."""
    unit_id = id_of(request, "unitId", any_id)
    return render(_node(await structure.get_node(request.deps, request.account_id, unit_id)))


async def list_catalogue(_: ApiRequest) -> Response:
    """`GET calling_operations`."""
    return render(CatalogueView([CatalogueEntryView(str(one.id), one.name, one.description) for one in CATALOGUE]))


async def create_department(request: ApiRequest) -> Response:
    """`POST departments`."""
    name, by = body_of(request, UnitNameBody).name, await actor_of(request)
    async with request.deps.db.transaction() as tx:
        made = await structure.create_department_in(tx, request.deps, request.account_id, name=name, by=by)
        return await kept(tx, request, render(_unit(made), 201))


async def create_operation(request: ApiRequest) -> Response:
    """`POST departments/{departmentId}/operations`."""
    department_id = id_of(request, "departmentId", DepartmentId)
    catalogue_id, by = CatalogueId(body_of(request, NewOperationBody).calling_operation_id), await actor_of(request)
    async with request.deps.db.transaction() as tx:
        of = tx, request.deps, request.account_id, department_id
        made = await structure.create_operation_in(*of, catalogue_id=catalogue_id, by=by)
        return await kept(tx, request, render(_unit(made), 201))


async def create_process(request: ApiRequest) -> Response:
    """`POST operations/{operationId}/processes`."""
    operation_id = id_of(request, "operationId", OperationId)
    name, by = body_of(request, UnitNameBody).name, await actor_of(request)
    async with request.deps.db.transaction() as tx:
        of = tx, request.deps, request.account_id, operation_id
        made = await structure.create_process_in(*of, name=name, by=by)
        return await kept(tx, request, render(_unit(made), 201))


async def create_sub_process(request: ApiRequest) -> Response:
    """`POST processes/{processId}/sub_processes`."""
    process_id = id_of(request, "processId", ProcessId)
    name, by = body_of(request, UnitNameBody).name, await actor_of(request)
    async with request.deps.db.transaction() as tx:
        of = tx, request.deps, request.account_id, process_id
        made = await structure.create_sub_process_in(*of, name=name, by=by)
        return await kept(tx, request, render(_unit(made), 201))


async def rename_department(request: ApiRequest) -> Response:
    """`PATCH departments/{departmentId}`."""
    return await _rename(request, id_of(request, "departmentId", any_id), [NodeKind.DEPARTMENT])


async def rename_process(request: ApiRequest) -> Response:
    """`PATCH processes/{processId}`."""
    return await _rename(request, id_of(request, "processId", any_id), PROCESSES)


async def move_process(request: ApiRequest) -> Response:
    """`POST processes/{processId}/move`."""
    body, by = body_of(request, ProcessMoveBody), await actor_of(request)
    of = request.deps, request.account_id, id_of(request, "processId", ProcessId)
    match body.operation_id, body.process_id:
        case UUID() as to, UnsetType():
            moved = await structure.move_process(*of, operation_id=OperationId(to), by=by)
        case UnsetType(), UUID() as to:
            moved = await structure.move_sub_process(*of, process_id=ProcessId(to), by=by)
        case _:
            raise InvalidInput("give either operation_id or process_id", field="operation_id")
    return render(_unit(moved))


async def delete_department(request: ApiRequest) -> Response:
    """`DELETE departments/{departmentId}`."""
    return await _delete(request, id_of(request, "departmentId", any_id), [NodeKind.DEPARTMENT])


async def delete_operation(request: ApiRequest) -> Response:
    """`DELETE operations/{operationId}`."""
    return await _delete(request, id_of(request, "operationId", any_id), [NodeKind.OPERATION])


async def delete_process(request: ApiRequest) -> Response:
    """`DELETE processes/{processId}`."""
    return await _delete(request, id_of(request, "processId", any_id), PROCESSES)


async def _rename(request: ApiRequest, unit_id: UUID, kinds: Collection[NodeKind] = ANY) -> Response:
    name, by = body_of(request, UnitNameBody).name, await actor_of(request)
    return render(
        _unit(await structure.rename_node(request.deps, request.account_id, unit_id, kinds, name=name, by=by))
    )


async def _delete(request: ApiRequest, unit_id: UUID, kinds: Collection[NodeKind]) -> Response:
    by = await actor_of(request)
    gone = await structure.delete_node(request.deps, request.account_id, unit_id, kinds, by=by)
    return render(_unit(gone.unit))


def _unit(unit: Unit) -> UnitView:
    return UnitView(
        str(unit.id),
        unit.kind,
        unit.name,
        text_id(unit.above_id),
        str(unit.catalogue_id) if isinstance(unit, Operation) else None,
        iso_ms(unit.created_at),
    )


def _node(node: Node) -> NodeView:
    return NodeView(
        **msgspec.structs.asdict(_unit(node.unit)),
        feature_sets=[HeldSetView(str(one.id), one.name, one.state, one.number_count) for one in node.sets],
        children=[_node(one) for one in node.below],
    )
