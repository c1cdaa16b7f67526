"""Background steps of calls."""

from datetime import timedelta

from callmark.domain.calls import queries
from callmark.domain.deps import Deps


async def drop_old_calls(deps: Deps) -> int:
    """Deletes calls that were reported longer ago than they are kept, and says how many. Safe to repeat."""
    before = deps.clock.now() - timedelta(days=deps.settings.call_days)
    async with deps.db.transaction() as tx:
        return await queries.drop_reported_before(tx, before)
