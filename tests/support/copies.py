"""An installation that is a copy, for a moment."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from callmark.domain.deps import Deps


@asynccontextmanager
async def held(deps: Deps) -> AsyncGenerator[None]:
    """Within the block it sends nothing, as a copy that was not released."""
    async with deps.db.connection() as tx:
        await tx.execute("UPDATE installation SET held_at = $1", deps.real_clock.now())
    try:
        yield
    finally:
        async with deps.db.connection() as tx:
            await tx.execute("UPDATE installation SET held_at = NULL")
