"""Background steps of callbacks."""

from datetime import timedelta

from callmark.domain.callbacks import queries
from callmark.domain.deps import Deps


async def drop_old_requests(deps: Deps) -> int:
    """Deletes requests made longer ago than they are kept, and says how many. Safe to repeat."""
    before = deps.clock.now() - timedelta(days=deps.settings.callback_days)
    async with deps.db.transaction() as tx:
        return await queries.drop_requested_before(tx, before)
