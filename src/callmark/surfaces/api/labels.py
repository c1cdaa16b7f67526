"""Labels on the wire. Source: contract, section 6 ("Label list")."""

import msgspec

from callmark.domain.labels import service as labels
from callmark.kit.clock import iso_us
from callmark.surfaces.api.call import Call, page_and_limit
from callmark.surfaces.http import Response, render


class LabelOut(msgspec.Struct):
    """One dynamic label."""

    id: str
    name: str
    logo_url: str
    category: int
    sub_category: int
    created_by_email: str
    created_at: str
    label_type: str


async def list_labels(call: Call) -> Response:
    """`GET /clients/{id}/labels`: a bare array, newest first, empty when there is none."""
    page, limit = page_and_limit(call)
    found = await labels.list_dynamic(call.deps, call.account_id, page=page, limit=limit)
    return render(
        [
            LabelOut(
                str(label.id),
                label.name,
                labels.logo_url(call.deps.public_url, label),
                label.category,
                label.sub_category,
                label.created_by_email,
                iso_us(label.created_at),
                label.label_type,
            )
            for label in found
        ]
    )
