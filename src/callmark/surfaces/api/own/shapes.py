"""What the bodies of our own routes have in common: types of fields."""

from datetime import datetime
from typing import Annotated

from msgspec import Meta

from callmark.instants import iso_ms
from callmark.surfaces.api.doc_parts import DATE_TIME, UUID

Id = Annotated[str, Meta(extra_json_schema=UUID)]
Instant = Annotated[str, Meta(extra_json_schema=DATE_TIME)]
NextAfter = Annotated[str | None, Meta(description="The `after` of the next page; null when this page is the last.")]
CreatedBy = Annotated[str, Meta(description="Email of the creator; for an API key, of the account's oldest admin.")]
CreatedAt = Annotated[Instant, Meta(description="When it was created, UTC.")]
UpdatedAt = Annotated[Instant, Meta(description="When it was last changed, UTC.")]


def instant(at: datetime | None) -> str | None:
    """An instant that may be missing."""
    return None if at is None else iso_ms(at)


def text_id(found: object) -> str | None:
    """An id that may be missing."""
    return None if found is None else str(found)
