"""Wakes requests that wait for news (`surfaces.api.waiting`). An announcement is a hint, and may be lost."""

from callmark.domain.deps import Deps
from callmark.domain.ids import AccountId, BatchId


def of_events(account_id: AccountId) -> str:
    """The topic that says that the account's log has a new event."""
    return f"news.events.{account_id.hex}"


def of_batch(batch_id: BatchId) -> str:
    """The topic that says that every record of the batch may have an outcome now."""
    return f"news.batch.{batch_id.hex}"


async def tell(deps: Deps, topic: str) -> None:
    """Wakes the requests that wait for it; for after the commit."""
    await deps.fabric.announce(topic)
