"""Background steps of campaigns."""

from datetime import timedelta

from callmark.domain.deps import Deps
from callmark.kit.pieces import delete_older_by_id


async def drop_old_answers(deps: Deps) -> None:
    """Deletes answers that are older than they are kept, where the installation has a bound. Safe to repeat."""
    if days := deps.settings.answer_retention_days:
        before = deps.clock.now() - timedelta(days=days)
        await delete_older_by_id(deps.db, "feedback", "responded_at", before)
