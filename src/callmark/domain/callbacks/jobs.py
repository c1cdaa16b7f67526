"""Background steps of callbacks."""

from datetime import timedelta

from callmark.domain.callbacks import queries
from callmark.domain.deps import Deps
from callmark.kit.pieces import delete_in_pieces


async def drop_old_requests(deps: Deps) -> int:
    """Deletes requests made longer ago than they are kept, and says how many. Safe to repeat."""
    before = deps.clock.now() - timedelta(days=deps.settings.callback_days)
    return await delete_in_pieces(deps.db, lambda tx, most: queries.drop_requested_before(tx, before, most))
