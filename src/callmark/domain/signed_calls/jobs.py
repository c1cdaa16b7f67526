"""Background steps of signed calls."""

from datetime import timedelta

from callmark.domain.deps import Deps
from callmark.domain.signed_calls.model import COUNTS_ONCE_FOR
from callmark.kit.pieces import delete_older, delete_older_by_id


async def forget_counted_tokens(deps: Deps) -> None:
    """Forgets tokens that are too old to count anyway. Safe to repeat."""
    before = deps.real_clock.now() - COUNTS_ONCE_FOR
    await delete_older(deps.db, "counted_token", "counted_at", before)


async def drop_old_calls(deps: Deps) -> None:
    """Deletes what was signed and verified longer ago than it is kept. Safe to repeat."""
    before = deps.clock.now() - timedelta(days=deps.settings.signed_call_days)
    await delete_older_by_id(deps.db, "signed_call", "signed_at", before)
    await delete_older_by_id(deps.db, "verified_call", "verified_at", before)
