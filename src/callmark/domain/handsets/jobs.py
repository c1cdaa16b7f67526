"""Deletes registrations that have ended: of handsets that were forgotten, and of apps that were revoked."""

from callmark.domain.deps import Deps
from callmark.domain.handsets import queries
from callmark.domain.handsets.model import FORGOTTEN_FOR
from callmark.kit.postgres.database import Tx
from callmark.kit.postgres.piecewise import in_pieces


async def forget_ended(deps: Deps) -> None:
    """Ends the registrations of revoked apps, then deletes what ended long ago. Safe to repeat."""
    await in_pieces(deps.db, queries.end_of_revoked_apps)
    before = deps.clock.now() - FORGOTTEN_FOR

    async def delete(tx: Tx, most: int) -> int:
        return await queries.delete_forgotten(tx, before, most)

    await in_pieces(deps.db, delete)
