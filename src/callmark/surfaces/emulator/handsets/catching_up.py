"""Runs of `sync` that bring a handset what it misses: one run at a time."""

from collections.abc import Awaitable, Callable
from uuid import UUID

from callmark.kit.errors import Unavailable
from callmark.surfaces.emulator.handsets.held_identities import HeldIdentities
from callmark.surfaces.emulator.handsets.network import Network
from callmark.surfaces.gateway.wire import MOST_IDS_A_SYNC, Synced

AskForPage = Callable[[list[UUID], str | None], Awaitable[Synced]]
"""Sends a `sync` with these held ids and this cursor. Raises Unavailable, or another AppError when it is refused."""


class CatchUp:
    """The catching up of one stream."""

    __slots__ = ("_again", "is_running")

    def __init__(self) -> None:
        self.is_running = self._again = False

    def begin(self) -> bool:
        """Asks for a run. True if the caller has to start it; otherwise the one that is under way makes another.

        What came before this call may have been left out of the run under way: a record that one held superseded then.
        """
        self._again = self.is_running
        begun, self.is_running = not self.is_running, True
        return begun

    async def run(self, ask: AskForPage, held: HeldIdentities, network: Network) -> None:
        """After `begin`: syncs until nothing more is asked for. Raises AppError when the gateway refuses it."""
        try:
            while True:
                self._again = False
                held.drop_ended(network.now_ms())
                for ids in held.pages(MOST_IDS_A_SYNC):
                    await _run_of(ids, ask, network)
                if not self._again:
                    return
        finally:
            self.is_running = False


async def _run_of(held: list[UUID], ask: AskForPage, network: Network) -> None:
    cursor, more = None, True
    while more:
        try:
            cursor = (await ask(held, cursor)).cursor
        except Unavailable:
            await network.pause(1)
        else:
            more = cursor is not None
