"""What a page shows of a handset, gathered from its parts."""

from itertools import islice

from callmark.surfaces.emulator.handsets.call_screen import CallScreen
from callmark.surfaces.emulator.handsets.handset import Handset
from callmark.surfaces.emulator.handsets.held_identities import MOST_HELD
from callmark.surfaces.emulator.handsets.model import HandsetStatus
from callmark.surfaces.emulator.handsets.view_model import HandsetGlimpse, HandsetView

MOST_HELD_SHOWN = 200
"""All of a full memory would be half a megabyte each time something changes."""

_CALLS_ON_WALL, _CALLS_ON_PAGE = 3, 20


def glimpse_of(
    handset: Handset, screen: CallScreen | None, *, is_watched: bool, most_calls: int = _CALLS_ON_WALL
) -> HandsetGlimpse:
    """What the wall shows; without a `screen` it has not rung yet."""
    row = handset.row
    return HandsetGlimpse(
        phone_number=row.phone_number,
        os=row.os,
        app_version=row.app_version,
        script=row.script,
        time_zone=row.time_zone,
        online=row.online,
        status=_status_of(handset),
        memory=handset.memory,
        is_watched=is_watched,
        call=screen.call if screen else None,
        history=list(islice(screen.history, most_calls)) if screen else [],
    )


def view_of(handset: Handset, screen: CallScreen | None) -> HandsetView:
    """What the handset's own page shows."""
    return HandsetView(
        glimpse=glimpse_of(handset, screen, is_watched=True, most_calls=_CALLS_ON_PAGE),
        reason=handset.lost.partition("; ")[2],
        held=handset.held.newest(MOST_HELD_SHOWN),
        most_held=MOST_HELD,
        after=screen.after if screen else None,
    )


def _status_of(handset: Handset) -> HandsetStatus:
    """The state of its link to the gateway."""
    row = handset.row
    if handset.lost:
        return HandsetStatus.TAKEN if row.registered else HandsetStatus.SIGNED_OUT
    if not row.registered:
        return HandsetStatus.UNREGISTERED
    if not row.online:
        return HandsetStatus.OFFLINE
    if handset.connected:
        return HandsetStatus.ONLINE
    if handset.is_asleep:
        return HandsetStatus.SLEEPING
    is_back = handset.ready.is_set() and not row.script.sleeps
    return HandsetStatus.RECONNECTING if is_back else HandsetStatus.CONNECTING
