"""Background steps of signed calls."""

from datetime import timedelta

from callmark.domain.deps import Deps
from callmark.domain.signed_calls import queries
from callmark.domain.signed_calls.model import COUNTS_ONCE_FOR
from callmark.kit.pieces import delete_in_pieces


async def forget_counted_tokens(deps: Deps) -> None:
    """Forgets tokens that are too old to count anyway. Safe to repeat."""
    before = deps.real_clock.now() - COUNTS_ONCE_FOR
    await delete_in_pieces(deps.db, lambda tx, most: queries.drop_counted_before(tx, before, most))


async def drop_old_calls(deps: Deps) -> None:
    """Deletes what was signed and verified longer ago than it is kept. Safe to repeat."""
    before = deps.clock.now() - timedelta(days=deps.settings.signed_call_days)
    await delete_in_pieces(deps.db, lambda tx, most: queries.drop_signed_before(tx, before, most))
    await delete_in_pieces(deps.db, lambda tx, most: queries.drop_verified_before(tx, before, most))
