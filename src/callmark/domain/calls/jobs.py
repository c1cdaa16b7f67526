"""Background steps of calls."""

from datetime import timedelta

from callmark.domain.calls import queries
from callmark.domain.deps import Deps
from callmark.kit.pieces import delete_in_pieces


async def drop_old_calls(deps: Deps) -> int:
    """Deletes calls that were reported longer ago than they are kept, and says how many. Safe to repeat."""
    before = deps.clock.now() - timedelta(days=deps.settings.call_days)
    return await delete_in_pieces(deps.db, lambda tx, most: queries.drop_reported_before(tx, before, most))
