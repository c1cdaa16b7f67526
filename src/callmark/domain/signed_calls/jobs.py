"""Background steps of signed calls."""

from callmark.domain.deps import Deps
from callmark.domain.signed_calls.model import COUNTS_ONCE_FOR
from callmark.kit.postgres.piecewise import delete_older


async def forget_counted_tokens(deps: Deps) -> None:
    """Forgets tokens that are too old to count anyway. Safe to repeat."""
    before = deps.real_clock.now() - COUNTS_ONCE_FOR
    await delete_older(deps.db, "counted_token", "counted_at", before)
