"""What a page shows of a handset, gathered from its parts."""

from itertools import islice
from typing import Any

from callmark.surfaces.emulator.call_screen import CallScreen
from callmark.surfaces.emulator.handset import Handset
from callmark.surfaces.emulator.held import MOST_HELD
from callmark.surfaces.emulator.view import HandsetGlimpse, HandsetView

MOST_HELD_SHOWN = 200
"""All of a full memory would be half a megabyte each time something changes."""

_CALLS_ON_WALL, _CALLS_ON_PAGE = 3, 20


def glimpse_of(handset: Handset, screen: CallScreen | None, *, is_watched: bool) -> HandsetGlimpse:
    """What the wall shows; without a `screen` it has not rung yet."""
    return HandsetGlimpse(is_watched=is_watched, **_shared(handset, screen, _CALLS_ON_WALL))


def view_of(handset: Handset, screen: CallScreen | None) -> HandsetView:
    """What the handset's own page shows."""
    return HandsetView(
        is_watched=True,
        reason=handset.lost.partition("; ")[2],
        held=handset.held.newest(MOST_HELD_SHOWN),
        most_held=MOST_HELD,
        after=screen.after if screen else None,
        **_shared(handset, screen, _CALLS_ON_PAGE),
    )


def _shared(handset: Handset, screen: CallScreen | None, most_calls: int) -> dict[str, Any]:
    row = handset.row
    return {
        "phone_number": row.phone_number,
        "os": row.os,
        "app_version": row.app_version,
        "script": row.script,
        "time_zone": row.time_zone,
        "online": row.online,
        "status": handset.status,
        "memory": handset.memory,
        "call": screen.call if screen else None,
        "history": list(islice(screen.history, most_calls)) if screen else [],
    }
