"""Whether an installation is the original or a copy, and its history."""

from datetime import datetime
from uuid import UUID

from msgspec import Struct


class InstallationState(Struct, frozen=True):
    """Its id; the place where it first ran and where it is now (empty: not known); what waits to be sent."""

    id: UUID
    place: str
    found_at: str
    held_at: datetime | None
    waiting_deliveries: int
    waiting_mails: int

    @property
    def is_elsewhere(self) -> bool:
        """Whether it is in another place than the recorded one: a copy, or moved."""
        return bool(self.place and self.found_at) and self.place != self.found_at


class Dropped(Struct, frozen=True):
    """What was deleted, so that it is never sent."""

    webhooks: int
    mails: int
