"""What the bodies of our own routes have in common: types of fields, and values of examples (all invented)."""

from datetime import datetime
from typing import Annotated

from msgspec import Meta

from callmark.instants import iso_ms
from callmark.surfaces.api.documented import DATE_TIME, UUID

Id = Annotated[str, Meta(extra_json_schema=UUID)]
Instant = Annotated[str, Meta(extra_json_schema=DATE_TIME)]
NextAfter = Annotated[str | None, Meta(description="The `after` of the next page; null when this page is the last.")]
CreatedBy = Annotated[str, Meta(description="Email of the creator; for an API key, of the account's oldest admin.")]
CreatedAt = Annotated[Instant, Meta(description="When it was created, UTC.")]
UpdatedAt = Annotated[Instant, Meta(description="When it was last changed, UTC.")]

EMAIL = "ops@acme.example"
AT = "2026-01-01T10:00:05.412Z"
STATIC_LABEL_ID = "6d2c0a1f-8e2b-4b66-8b1f-1a7e9d3c5f21"
CALL_REASON_ID = "0aa1bb2c-c3dd-4ee4-85ff-00112233aabb"
FEATURE_SET_ID = "77aa11bb-2233-4455-8899-aabbccddeeff"
DEPARTMENT_ID = "d1e2f3a4-b5c6-4d7e-8f90-a1b2c3d4e5f6"
OPERATION_ID = "e2f3a4b5-c6d7-4e8f-90a1-b2c3d4e5f607"
PROCESS_ID = "9b0c1d2e-3f40-4152-8637-48596a7b8c9d"
CATALOGUE_ID = "ca110000-0000-4000-8000-000000000008"


def instant(at: datetime | None) -> str | None:
    """An instant that may be missing."""
    return None if at is None else iso_ms(at)


def text_id(found: object) -> str | None:
    """An id that may be missing."""
    return None if found is None else str(found)
