"""Who looks at virtual handsets now: pages' processes ask for what shows, and hear that something has changed."""

import asyncio

import msgspec

from callmark.kit.fabric.client import Fabric
from callmark.kit.phone import PhoneNumber
from callmark.surfaces.emulator.handsets import farm_api

WALL = PhoneNumber("")
"""In the place of a number: all handsets."""

WATCHES_FOR_S = 3.0
"""How long a page counts as watching after it asked what shows; pages' processes ask every second."""


class Audience:
    """Whether anyone watches a handset, or at the wall of all.

    An announcement is a hint, which may be lost, and says nothing of what has changed. So pages ask, and what they are
    answered is whole and the newest.
    """

    def __init__(self, fabric: Fabric) -> None:
        self._fabric = fabric
        self._until: dict[PhoneNumber, float] = {}
        self._changed: set[PhoneNumber] = set()
        self._announcing: asyncio.Task[None] | None = None

    def looks_at(self, phone: PhoneNumber) -> None:
        """Someone watches this handset, or `WALL`."""
        self._until = {one: until for one, until in self._until.items() if until > _now()}
        self._until[phone] = _now() + WATCHES_FOR_S

    def watches(self, phone: PhoneNumber) -> bool:
        """Whether a page of this handset, or `WALL`, is open."""
        return bool(self._until) and self._until.get(phone, 0.0) > _now()

    def changed(self, phone: PhoneNumber) -> None:
        """Something that shows of this handset has changed."""
        if self.watches(phone) or self.watches(WALL):
            self._changed.add(phone)
            if self._announcing is None or self._announcing.done():
                self._announcing = asyncio.create_task(self._announce())

    async def _announce(self) -> None:
        while self._changed:
            changed, self._changed = self._changed, set()
            await self._fabric.announce(farm_api.CHANGED, msgspec.json.encode(sorted(changed)))


def _now() -> float:
    return asyncio.get_running_loop().time()
