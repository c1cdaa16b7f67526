"""Labels on the wire. Source: contract, section 6 ("Label list")."""

from typing import Annotated

import msgspec
from msgspec import Meta

from callmark.domain.labels import service as labels
from callmark.instants import iso_us
from callmark.surfaces.api.doc_parts import BAD_LIMIT, BAD_PAGE, DATE_TIME, LIMIT, PAGE, UUID
from callmark.surfaces.api.example_values import LABEL_ID
from callmark.surfaces.api.request import ApiRequest, page_of, page_size_of
from callmark.surfaces.api.route import Doc
from callmark.surfaces.http import Response, render


class LabelOut(msgspec.Struct):
    """One dynamic label."""

    id: Annotated[str, Meta(description="The id to use as a call record's `label_id`.", extra_json_schema=UUID)]
    name: Annotated[str, Meta(description="Shown unless a record has its own name.", max_length=39)]
    logo_url: Annotated[
        str, Meta(description="A 200 by 200 PNG that never changes.", extra_json_schema={"format": "uri"})
    ]
    category: Annotated[int, Meta(description="Number of the business category.")]
    sub_category: Annotated[int, Meta(description="Number of the category below it.")]
    created_by_email: Annotated[
        str, Meta(description="Email of the creator, or `user@host` of an operator's command; can be empty.")
    ]
    created_at: Annotated[str, Meta(description="UTC, microseconds.", extra_json_schema=DATE_TIME)]
    label_type: Annotated[str, Meta(description="Always `dynamic` here.", extra_json_schema={"enum": ["dynamic"]})]


DOC = Doc(
    name="listLabels",
    summary="List dynamic labels",
    description=(
        "Returns the account's dynamic labels, newest first, as an array that can be empty."
        " Call records refer to these ids. Static labels, which belong to listed numbers, are"
        " not included."
    ),
    tag="Labels",
    response=list[LabelOut],
    responses={
        "One label": [
            {
                "id": LABEL_ID,
                "name": "Acme Deliveries",
                "logo_url": "https://callmark.example/logos/5f0c4a.png",
                "category": 12,
                "sub_category": 44,
                "created_by_email": "ops@acme.example",
                "created_at": "2025-11-03T08:15:30.204511Z",
                "label_type": "dynamic",
            }
        ],
        "None": [],
    },
    params=(PAGE, LIMIT),
    errors=(BAD_PAGE, BAD_LIMIT),
)


async def list_labels(request: ApiRequest) -> Response:
    """`GET /clients/{id}/labels`: a bare array, newest first, empty when there is none."""
    page, limit = page_of(request), page_size_of(request)
    found = await labels.list_dynamic(request.deps, request.account_id, page=page, limit=limit)
    return render(
        [
            LabelOut(
                str(label.id),
                label.name,
                labels.logo_url(request.deps.public_url, label),
                label.category,
                label.sub_category,
                label.created_by_email,
                iso_us(label.created_at),
                label.label_type,
            )
            for label in found
        ]
    )
