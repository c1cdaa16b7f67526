"""Use cases of the event log: it is appended to in the transaction of the answer, and read by number."""

from collections.abc import Mapping
from datetime import datetime

from callmark.domain import news
from callmark.domain.deps import Deps
from callmark.domain.events import queries
from callmark.domain.events.model import Event, EventType, envelope, oldest_shown
from callmark.domain.ids import AccountId, CampaignId, EventId
from callmark.domain.work_names import WorkName
from callmark.kit.ids import random_uuid
from callmark.kit.postgres.database import Tx
from callmark.kit.telemetry import tracing


async def append(
    tx: Tx,
    account_id: AccountId,
    kind: EventType,
    payload: Mapping[str, object],
    now: datetime,
    campaign_id: CampaignId | None = None,
) -> Event:
    """The new event with the account's next number, and its deliveries to the webhooks that get such events.

    Call it last in the transaction, because the account's counter is locked from here on; `announce` the event after
    the commit.
    """
    event_id = EventId(random_uuid())
    body = envelope(event_id, account_id, kind, now, payload)
    number = await queries.insert_event(tx, account_id, event_id, kind, campaign_id, now, body)
    event = Event(account_id, number, event_id, kind, campaign_id, now, body)
    await queries.insert_deliveries(tx, event, tracing.current())
    return event


async def announce(deps: Deps, account_id: AccountId) -> None:
    """Wakes the workers that deliver, and the requests that wait for events of the account."""
    await deps.wake(WorkName.DELIVERIES)
    await news.tell(deps, news.of_events(account_id))


async def events_after(deps: Deps, account_id: AccountId, after: int, limit: int) -> tuple[list[Event], int]:
    """Up to `limit` events with numbers above `after`, in order, and the number of the account's newest event.

    Of those that are still shown (contract D53).
    """
    async with deps.db.connection() as tx:
        found = await queries.select_after(tx, account_id, after, oldest_shown(deps.clock.now()), limit)
        return found, await queries.select_last_number(tx, account_id)
