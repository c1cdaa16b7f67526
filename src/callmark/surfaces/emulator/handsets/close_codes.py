"""How the gateway ends a stream, and what that leaves of the handset."""

GOODBYE, NO_CODE, TOKEN_ENDED, REPLACED, SUPERSEDED = 1000, 1006, 4401, 4409, 4410

LOST = {
    REPLACED: "is not connected; another stream with its token replaced it",
    SUPERSEDED: "is no longer registered; its number was registered on another device",
}
"""Of a handset whose place someone else took, to be read after its number."""
