"""Background steps of campaigns."""

from datetime import timedelta

from callmark.domain.deps import Deps
from callmark.domain.feedback import queries


async def drop_old_answers(deps: Deps) -> None:
    """Deletes answers that are older than they are kept, where the installation has a bound. Safe to repeat."""
    if days := deps.settings.answer_retention_days:
        async with deps.db.transaction() as tx:
            await queries.drop_answered_before(tx, deps.clock.now() - timedelta(days=days))
