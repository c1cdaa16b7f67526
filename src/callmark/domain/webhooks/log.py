"""Use cases of the delivery log: look into it, send again what is in it, try a webhook with a test event."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

import structlog

from callmark.domain.accounts import service as accounts
from callmark.domain.deps import Deps
from callmark.domain.events import service as events
from callmark.domain.events.model import EventType, envelope, oldest_shown
from callmark.domain.ids import AccountId, DeliveryId, EventId, WebhookId
from callmark.domain.webhooks import attempts, log_queries, queries, samples
from callmark.domain.webhooks import service as webhooks
from callmark.domain.webhooks.log_queries import Filters
from callmark.domain.webhooks.model import (
    RESENDABLE,
    Configuration,
    Delivery,
    DeliveryState,
    Details,
    Due,
)
from callmark.domain.webhooks.signing import Opener
from callmark.kit.errors import Conflict, NotFound
from callmark.kit.ids import new_id, random_uuid
from callmark.kit.outbound import Outbound, allowed_networks

log = structlog.get_logger(__name__)

__all__ = [
    "Filters",
    "Recovery",
    "count_waiting",
    "delivery_details",
    "list_deliveries",
    "oldest_recoverable",
    "page_after",
    "recover",
    "resend",
    "send_test",
]


@dataclass(frozen=True)
class Recovery:
    """What `recover` found, or did."""

    count: int
    is_dry_run: bool


async def list_deliveries(
    deps: Deps, account_id: AccountId, filters: Filters | None = None, *, limit: int = 100
) -> list[Delivery]:
    """Up to `limit` deliveries of the account, newest first; the next page begins after the last one's key.

    The key is (created_at, id), given as `Filters.after`. NotFound for an unknown account.
    """
    await accounts.get_account(deps, account_id)
    async with deps.db.connection() as tx:
        return await log_queries.select_page(
            tx, account_id, filters or Filters(), oldest_shown(deps.clock.now()), limit
        )


async def delivery_details(deps: Deps, account_id: AccountId, delivery_id: DeliveryId) -> Details:
    """A delivery with the body it sends and its attempts, oldest first. Raises NotFound."""
    async with deps.db.connection() as tx:
        oldest = oldest_shown(deps.clock.now())
        delivery, body = _found(await log_queries.select_delivery(tx, account_id, delivery_id, oldest))
        return Details(delivery, body, await log_queries.select_attempts(tx, delivery))


async def count_waiting(deps: Deps, account_id: AccountId, webhook_id: WebhookId, most: int) -> int:
    """How many deliveries to the webhook have an attempt to come, `most` at the highest. Raises NotFound."""
    await webhooks.get_webhook(deps, account_id, webhook_id)
    async with deps.db.connection() as tx:
        return await log_queries.count_waiting(tx, webhook_id, most)


async def send_test(
    deps: Deps,
    account_id: AccountId,
    webhook_id: WebhookId,
    kind: EventType = EventType.CALL_ME_BACK,
    *,
    outbound: Outbound | None = None,
) -> Details:
    """Tries a webhook, also a paused one: one attempt with sample values and an id of its own, its result at once.

    No retry, no mail, no event in the log of events; the delivery is marked as a test (contract D23). Raises NotFound.
    """
    if outbound is None:
        async with Outbound(allowed_networks(deps.settings)) as opened:
            return await send_test(deps, account_id, webhook_id, kind, outbound=opened)
    async with deps.db.connection() as tx:
        to = await queries.select_configuration(tx, account_id, webhook_id)
    if to is None:
        raise NotFound("no webhook with this id in this account")
    due = _sample(to, kind, deps.clock.now())
    made = await attempts.make(deps, outbound, Opener(deps.settings), due)
    delivery = Delivery(
        id=due.delivery_id,
        account_id=account_id,
        webhook_id=webhook_id,
        webhook_name=to.name,
        event_id=due.event_id,
        event_type=kind,
        event_number=None,
        created_at=made.attempt.began_at,
        state=DeliveryState.SUCCESS if made.verdict.state is DeliveryState.SUCCESS else DeliveryState.FAILED,
        attempt_count=1,
        next_attempt_at=None,
        ended_at=deps.clock.now(),
    )
    body = due.body.decode()
    async with deps.db.connection() as tx:
        await log_queries.insert_test(tx, delivery, body, made.attempt)
    log.info("webhook_tested", webhook=str(webhook_id), state=delivery.state.value, status=made.attempt.status)
    return Details(delivery, body, [made.attempt])


async def resend(deps: Deps, account_id: AccountId, delivery_id: DeliveryId) -> Delivery:
    """Sends one again: the next attempt is due now.

    One that waits for a retry keeps its place in the schedule; one that has ended begins the schedule anew, also after
    a success. Raises NotFound; Conflict for a test, and when the webhook is deleted or does not get this type now.
    """
    now = deps.clock.now()
    async with deps.db.transaction() as tx:
        delivery, body = _found(await log_queries.select_delivery(tx, account_id, delivery_id, oldest_shown(now)))
        if delivery.is_test:
            raise Conflict("test deliveries cannot be resent; send another test instead")
        to = await queries.select_configuration(tx, account_id, delivery.webhook_id)
        if to is None:
            raise Conflict("the webhook of this delivery has been deleted")
        if delivery.event_type not in to.event_types:
            raise Conflict("the webhook no longer receives events of this type")
        await log_queries.send_now(tx, delivery, body, now)
    await events.announce(deps)
    log.info("delivery_resent", delivery=str(delivery_id))
    if delivery.state in RESENDABLE:
        return replace(delivery, state=DeliveryState.PENDING, ended_at=None, next_attempt_at=now)
    return replace(delivery, next_attempt_at=now)


async def recover(
    deps: Deps, account_id: AccountId, webhook_id: WebhookId, *, since: datetime, dry_run: bool = False
) -> Recovery:
    """Sends again every event created at or after `since` whose delivery failed or was stopped; how many.

    Each begins the schedule anew. A dry run counts only. Safe to repeat: what waits again is not counted. Raises
    NotFound.
    """
    types = (await webhooks.get_webhook(deps, account_id, webhook_id)).event_types
    since = max(since, oldest_shown(deps.clock.now()))
    if dry_run:
        async with deps.db.connection() as tx:
            count, _ = await log_queries.look_for_recoverable(tx, webhook_id, since, types)
        return Recovery(count, is_dry_run=True)
    count = 0
    while True:
        async with deps.db.transaction() as tx:  # in parts, so that none holds rows for long
            now = deps.clock.now()
            part = await log_queries.recover(tx, webhook_id, since, types, now)
            await log_queries.make_due(tx, webhook_id, now)
        if not part:
            break
        count += part
        await events.announce(deps)
    log.info("deliveries_recovered", webhook=str(webhook_id), count=count)
    return Recovery(count, is_dry_run=False)


async def oldest_recoverable(deps: Deps, account_id: AccountId, webhook_id: WebhookId) -> datetime | None:
    """When the oldest event was created that `recover` could send again; None without any. Raises NotFound."""
    webhook = await webhooks.get_webhook(deps, account_id, webhook_id)
    since = oldest_shown(deps.clock.now())
    async with deps.db.connection() as tx:
        _, oldest = await log_queries.look_for_recoverable(tx, webhook_id, since, webhook.event_types)
    return oldest


def _sample(to: Configuration, kind: EventType, now: datetime) -> Due:
    event_id = EventId(random_uuid())
    body = envelope(event_id, to.account_id, kind, now, samples.payload(kind, now))
    return Due(DeliveryId(new_id()), now, event_id, 0, 0, body.encode(), to)


def _found(found: tuple[Delivery, str] | None) -> tuple[Delivery, str]:
    if found is None:
        raise NotFound("no delivery with this id in this account")
    return found


def page_after(page: Sequence[Delivery]) -> tuple[datetime, UUID] | None:
    """Where the page after this one begins; None after an empty one."""
    return (page[-1].created_at, page[-1].id) if page else None
