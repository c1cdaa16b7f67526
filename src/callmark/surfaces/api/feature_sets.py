"""Feature sets on the wire. Source: contract, section 7.4 ("Feature set ids"); D29, D30."""

from math import ceil
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from callmark.domain.feature_sets import service as feature_sets
from callmark.domain.feature_sets.model import FeatureSetState, NodeFilter, PlacedFeatureSet
from callmark.domain.ids import DepartmentId, OperationId, ProcessId
from callmark.instants import iso_us
from callmark.surfaces.api.doc_parts import BAD_LIMIT, BAD_PAGE, DATE_TIME, LIMIT, PAGE, UUID
from callmark.surfaces.api.example_values import ACCOUNT_ID, LABEL_ID
from callmark.surfaces.api.filters import DEPARTMENT, OPERATION, PROCESS, TWO_FILTERS, bad_filter, one_filter
from callmark.surfaces.api.request import ApiRequest, page_of, page_size_of
from callmark.surfaces.api.route import Doc
from callmark.surfaces.http import Response, render

FILTERS = (DEPARTMENT, OPERATION, PROCESS)
_NOTHING: dict[str, Any] = {"type": "null"}

_Id = Annotated[str, Meta(extra_json_schema=UUID)]


class FeatureSetOut(msgspec.Struct):
    """One feature set and its place in the structure."""

    id: Annotated[_Id, Meta(description="The id to use as `featureSetId` in paths.")]
    name: Annotated[str, Meta(description="Unique in its process or sub-process.")]
    description: Annotated[str, Meta(description="May be empty.")]
    status: Annotated[
        str,
        Meta(
            description="Only the numbers of a published feature set show its identity.",
            extra_json_schema={"enum": [state.value for state in FeatureSetState]},
        ),
    ]
    process_id: Annotated[_Id, Meta(description="The process it is in.")]
    client_account_id: Annotated[_Id, Meta(description="The account it belongs to.")]
    label_id: Annotated[_Id | None, Meta(description="Its static label; a draft can have none.")]
    call_reason_id: Annotated[_Id | None, Meta(description="Its call reason, if it has one.")]
    video_caller_id: Annotated[str | None, Meta(description="Always `null`.", extra_json_schema=_NOTHING)]
    business_profile_id: Annotated[str | None, Meta(description="Always `null`.", extra_json_schema=_NOTHING)]
    call_me_back: Annotated[bool, Meta(description="Whether receivers can request a callback.")]
    survey: Annotated[bool, Meta(description="Whether receivers are asked for feedback.")]
    department_id: Annotated[_Id, Meta(description="The department it is in.")]
    department_name: Annotated[str, Meta(description="Its name.")]
    operation_id: Annotated[_Id, Meta(description="The department's calling operation.")]
    calling_operation_id: Annotated[_Id, Meta(description="The catalogue's entry for that operation.")]
    calling_operation_name: Annotated[str, Meta(description="The entry's name.")]
    process_name: Annotated[str, Meta(description="The process's name.")]
    sub_process_name: Annotated[
        str, Meta(description="The sub-process's name; empty if the feature set belongs to the process itself.")
    ]
    created_at: Annotated[str, Meta(description="UTC, microseconds.", extra_json_schema=DATE_TIME)]
    updated_at: Annotated[str, Meta(description="UTC, microseconds.", extra_json_schema=DATE_TIME)]


class PagingOut(msgspec.Struct):
    """The length of the whole list."""

    total_page_count: Annotated[int, Meta(description="Number of pages with this `limit`; 0 if nothing matches.", ge=0)]


class FeatureSetsOut(msgspec.Struct):
    """One page of feature sets."""

    feature_sets: Annotated[list[FeatureSetOut], Meta(description="Newest first; empty past the end.")]
    pagination_information: Annotated[PagingOut, Meta(description="Totals over all pages.")]


DOC = Doc(
    name="listFeatureSets",
    summary="List feature sets",
    description=(
        "Returns the account's feature sets, newest first, with their ids and their place in"
        " the structure. Give at most one filter; an id that matches nothing returns an empty"
        " list."
    ),
    tag="Number management",
    response=FeatureSetsOut,
    responses={
        "One feature set": {
            "feature_sets": [
                {
                    "id": "77aa11bb-2233-4455-8899-aabbccddeeff",
                    "name": "Delivery default",
                    "description": "",
                    "status": "published",
                    "process_id": "9b0c1d2e-3f40-4152-8637-48596a7b8c9d",
                    "client_account_id": ACCOUNT_ID,
                    "label_id": LABEL_ID,
                    "call_reason_id": "0aa1bb2c-c3dd-4ee4-85ff-00112233aabb",
                    "video_caller_id": None,
                    "business_profile_id": None,
                    "call_me_back": False,
                    "survey": False,
                    "department_id": "d1e2f3a4-b5c6-4d7e-8f90-a1b2c3d4e5f6",
                    "department_name": "Retail",
                    "operation_id": "e2f3a4b5-c6d7-4e8f-90a1-b2c3d4e5f607",
                    "calling_operation_id": "ca110000-0000-4000-8000-000000000008",
                    "calling_operation_name": "Delivery",
                    "process_name": "Last mile",
                    "sub_process_name": "",
                    "created_at": "2025-11-03T08:15:30.204511Z",
                    "updated_at": "2025-11-03T08:15:30.204511Z",
                }
            ],
            "pagination_information": {"total_page_count": 1},
        },
        "None": {"feature_sets": [], "pagination_information": {"total_page_count": 0}},
    },
    params=(*FILTERS, LIMIT, PAGE),
    errors=(TWO_FILTERS, *map(bad_filter, FILTERS), BAD_LIMIT, BAD_PAGE),
)


async def list_feature_sets(request: ApiRequest) -> Response:
    """`GET /clients/{id}/number_management/feature_sets`: a page, newest first, with the count of pages."""
    within = _within(request)
    limit, page = page_size_of(request), page_of(request)
    found, total = await feature_sets.list_placed(request.deps, request.account_id, within, page=page, limit=limit)
    return render(FeatureSetsOut([_shown(placed) for placed in found], PagingOut(ceil(total / limit))))


def _within(request: ApiRequest) -> NodeFilter:
    match one_filter(request, *FILTERS):
        case {"department_id": given}:
            return NodeFilter(department_id=DepartmentId(given))
        case {"operation_id": given}:
            return NodeFilter(operation_id=OperationId(given))
        case {"process_id": given}:
            return NodeFilter(process_id=ProcessId(given))
        case _:
            return NodeFilter()


def _shown(placed: PlacedFeatureSet) -> FeatureSetOut:
    one, place = placed.feature_set, placed.place
    return FeatureSetOut(
        id=str(one.id),
        name=one.name,
        description=one.description,
        status=one.state.value,
        process_id=str(place.process_id),
        client_account_id=str(one.account_id),
        label_id=None if one.label_id is None else str(one.label_id),
        call_reason_id=None if one.call_reason_id is None else str(one.call_reason_id),
        video_caller_id=None,
        business_profile_id=None,
        call_me_back=one.call_me_back,
        survey=one.survey,
        department_id=str(place.department_id),
        department_name=place.department_name,
        operation_id=str(place.operation_id),
        calling_operation_id=str(place.catalogue_id),
        calling_operation_name=place.operation_name,
        process_name=place.process_name,
        sub_process_name=place.sub_process_name,
        created_at=iso_us(one.created_at),
        updated_at=iso_us(one.updated_at),
    )
