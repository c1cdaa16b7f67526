"""How dispatch stands over all webhooks: what waits, what is delayed, what is paused."""

from datetime import datetime

from msgspec import Struct

from callmark.domain.deps import Deps
from callmark.domain.webhooks.dispatch import queries as dispatch_queries
from callmark.kit.postgres.database import Tx

MOST_COUNTED = 10_000


class Backlog(Struct, frozen=True):
    """Deliveries that have not ended. Counts stop at `MOST_COUNTED`, and `is_more` then says so.

    `waiting` are due, `retrying` have failed and are due later, `paused` belong to paused webhooks or to suspended
    accounts. `webhooks` is how many are being served by a worker at this moment. `oldest_due_at`: of those `waiting`,
    the first.
    """

    waiting: int
    retrying: int
    paused: int
    webhooks: int
    oldest_due_at: datetime | None
    is_more: bool


async def read_backlog(deps: Deps) -> Backlog:
    """The backlog of all webhooks, as of now."""
    async with deps.db.connection() as tx:
        return await read_backlog_in(tx, deps)


async def read_backlog_in(tx: Tx, deps: Deps) -> Backlog:
    """The same as that transaction shows it."""
    row = await dispatch_queries.count_backlog(tx, deps.clock.now(), deps.database_now(), MOST_COUNTED + 1)
    return Backlog(
        row["waiting"],
        row["retrying"],
        row["paused"],
        row["webhooks"],
        row["oldest_due_at"],
        row["total"] > MOST_COUNTED,
    )
