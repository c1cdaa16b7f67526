"""The registrations of an installation, looked up by people, and which of them are connected at this moment."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta

from callmark.domain.deps import Deps
from callmark.domain.handsets import queries
from callmark.domain.handsets.model import COUNT, HandsetFilter, LiveRegistration
from callmark.domain.ids import HandsetAppId
from callmark.kit.errors import NotFound, Unavailable
from callmark.kit.heartbeats import heartbeats
from callmark.kit.phone import PhoneNumber
from callmark.kit.roles import kinds_done_by

MOST_COUNTED = 100_000
_WITHIN = timedelta(seconds=1)
_GATEWAYS_RUN_IN = "http"


async def list_registrations(deps: Deps, wanted: HandsetFilter, after: str, limit: int) -> list[LiveRegistration]:
    """Live registrations by number, those after the number `after`."""
    async with deps.db.connection() as tx:
        return await queries.select_live(tx, wanted, after, limit)


async def get_registration(deps: Deps, phone: PhoneNumber) -> LiveRegistration:
    """A number's live registration. Raises NotFound."""
    found = await list_registrations(deps, HandsetFilter(number=phone), "", 1)
    if not found or found[0].phone_number != phone:
        raise NotFound("no handset with this number is registered")
    return found[0]


async def count_registrations(deps: Deps, app_id: HandsetAppId | None = None) -> int:
    """How many there are (of an app); counting stops after `MOST_COUNTED`."""
    async with deps.db.connection() as tx:
        return await queries.count_live(tx, app_id, MOST_COUNTED + 1)


async def connected_among(deps: Deps, numbers: Sequence[PhoneNumber]) -> set[PhoneNumber] | None:
    """Those whose stream is open at this moment; None when NATS cannot be asked."""
    try:
        found = await asyncio.gather(*(deps.fabric.is_connected(number, _WITHIN) for number in numbers))
    except Unavailable:
        return None
    return {number for number, there in zip(numbers, found, strict=True) if there}


async def count_connected(deps: Deps) -> int | None:
    """How many streams the gateways hold at this moment; None when not every one could be asked."""
    beats = await heartbeats(deps.db)
    alive = sum(beat.is_alive and _GATEWAYS_RUN_IN in kinds_done_by([beat.kind]) for beat in beats)
    try:
        answers = await deps.fabric.ask_all(COUNT, alive, _WITHIN)
    except Unavailable:
        return None
    return sum(map(int, answers)) if len(answers) >= alive else None
