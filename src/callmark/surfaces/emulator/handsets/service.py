"""What other parts of the emulator ask of the virtual handsets' table; the farm is asked by `farm_api`."""

from callmark.domain.deps import Deps
from callmark.surfaces.emulator.handsets import queries
from callmark.surfaces.emulator.handsets.model import VirtualHandset


async def list_handsets(deps: Deps) -> list[VirtualHandset]:
    """Every virtual handset, by number."""
    async with deps.db.connection() as tx:
        return await queries.select_all(tx)
