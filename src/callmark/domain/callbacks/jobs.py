"""Background steps of callbacks."""

from datetime import timedelta

from callmark.domain.deps import Deps
from callmark.kit.pieces import delete_older


async def drop_old_requests(deps: Deps) -> int:
    """Deletes requests made longer ago than they are kept, and says how many. Safe to repeat."""
    before = deps.clock.now() - timedelta(days=deps.settings.callback_days)
    return await delete_older(deps.db, "callback_request", "requested_at", before)
