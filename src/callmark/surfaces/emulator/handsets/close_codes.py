"""How the gateway ends a stream, and what that leaves of the handset."""

from callmark.surfaces.emulator.handsets.magic_receivers import NEVER_REGISTERED
from callmark.surfaces.emulator.handsets.model import VirtualHandset

GOODBYE, NO_CODE, TOKEN_ENDED, REPLACED, SUPERSEDED = 1000, 1006, 4401, 4409, 4410

LOST = {
    REPLACED: "is not connected; another stream with its token replaced it",
    SUPERSEDED: "is no longer registered; its number was registered on another device",
}
"""Of a handset whose place someone else took, to be read after its number."""


def lost_before(row: VirtualHandset) -> str:
    """What the table's row says: one that is there without a registration has lost it to another device."""
    return "" if row.registered or row.phone_number in NEVER_REGISTERED else LOST[SUPERSEDED]
