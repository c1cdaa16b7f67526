"""Background steps of calls."""

from datetime import timedelta

from callmark.domain.deps import Deps
from callmark.kit.pieces import delete_older


async def drop_old_calls(deps: Deps) -> int:
    """Deletes calls that were reported longer ago than they are kept, and says how many. Safe to repeat."""
    before = deps.clock.now() - timedelta(days=deps.settings.call_days)
    return await delete_older(deps.db, "call", "reported_at", before)
