"""Counting of the home page's figures, in a database that tests share."""

from datetime import timedelta

from callmark.domain.deps import Deps
from callmark.kit.ids import new_id


async def count_until_now(deps: Deps) -> None:
    """Whatever other tests did, by whatever clock, is counted or forgotten: the marks stand at this moment."""
    async with deps.db.connection() as tx:
        just_before = deps.clock.now() - timedelta(microseconds=1)
        await tx.execute("DELETE FROM call WHERE reported_at > $1", just_before)
        await tx.execute("UPDATE call_record SET delivered_late_at = NULL WHERE delivered_late_at > $1", just_before)
        await tx.execute("UPDATE count_mark SET up_to_at = $1 WHERE what <> 'batches'", just_before)
        await tx.execute("UPDATE count_mark SET up_to_id = $1", new_id())
