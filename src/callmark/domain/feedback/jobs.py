"""Background steps of campaigns."""

from datetime import timedelta

from callmark.domain.deps import Deps
from callmark.domain.feedback import queries
from callmark.kit.pieces import delete_in_pieces


async def drop_old_answers(deps: Deps) -> None:
    """Deletes answers that are older than they are kept, where the installation has a bound. Safe to repeat."""
    if days := deps.settings.answer_retention_days:
        before = deps.clock.now() - timedelta(days=days)
        await delete_in_pieces(deps.db, lambda tx, most: queries.drop_answered_before(tx, before, most))
