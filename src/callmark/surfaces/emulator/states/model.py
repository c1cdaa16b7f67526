"""What a snapshot is."""

from datetime import datetime
from uuid import UUID

from msgspec import Struct


class Snapshot(Struct, frozen=True):
    """What is known of a snapshot. `last_id` is greater than every id made before it, `clock_at` the product clock."""

    name: str
    schema_number: int
    made_at: datetime
    clock_at: datetime
    last_id: UUID
