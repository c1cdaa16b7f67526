"""Webhooks and the log of their deliveries, for people (contract, section 9)."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from callmark.domain.access.changes import Change, changing, note
from callmark.domain.access.home import healths
from callmark.domain.access.model import Actor, check
from callmark.domain.deps import Deps
from callmark.domain.events import service as events
from callmark.domain.events.model import EventType
from callmark.domain.ids import DeliveryId, WebhookId
from callmark.domain.policy.model import Action
from callmark.domain.webhooks import log
from callmark.domain.webhooks import service as webhooks
from callmark.domain.webhooks.health import WebhookHealth
from callmark.domain.webhooks.log import Filters
from callmark.domain.webhooks.model import Delivery, Details, Webhook
from callmark.domain.webhooks.service import NewSecret

__all__ = ["Filters", "NewSecret"]

MOST_COUNTED = 1_000
"""Where counting of what waits stops."""


@dataclass(frozen=True)
class Wanted:
    """What a form says about a webhook."""

    name: str
    url: str
    event_types: Collection[EventType]
    honours_retry_after: bool = False
    stops_on_gone: bool = False


async def list_health(deps: Deps, actor: Actor) -> list[tuple[WebhookHealth, int]]:
    """Every webhook, oldest first, with how it does and how many deliveries wait for it. Raises Forbidden."""
    check(actor, Action.WEBHOOKS_VIEW)
    found = await healths(deps, actor)
    return [(one, await _waiting(deps, actor, one.webhook.id)) for one in found]


async def list_webhooks(deps: Deps, actor: Actor) -> list[Webhook]:
    """Every webhook, oldest first. Raises Forbidden."""
    check(actor, Action.WEBHOOKS_VIEW)
    return await webhooks.list_webhooks(deps, actor.account_id)


async def get_webhook(deps: Deps, actor: Actor, webhook_id: WebhookId) -> Webhook:
    """One webhook. Raises Forbidden, NotFound."""
    check(actor, Action.WEBHOOKS_VIEW)
    return await webhooks.get_webhook(deps, actor.account_id, webhook_id)


async def count_waiting(deps: Deps, actor: Actor, webhook_id: WebhookId) -> int:
    """How many deliveries wait for it, at most 1,000. Raises Forbidden, NotFound."""
    check(actor, Action.WEBHOOKS_VIEW)
    return await _waiting(deps, actor, webhook_id)


async def create_webhook(deps: Deps, actor: Actor, wanted: Wanted) -> NewSecret:
    """A new webhook with its secret, shown this once. Raises Forbidden, InvalidInput, Conflict."""
    check(actor, Action.WEBHOOKS_MANAGE)
    async with changing(deps, actor) as change:
        made = await webhooks.create_webhook(
            change.deps,
            actor.account_id,
            name=wanted.name,
            url=wanted.url,
            event_types=wanted.event_types,
            created_by_email=actor.email,
            honours_retry_after=wanted.honours_retry_after,
            stops_on_gone=wanted.stops_on_gone,
        )
        await _note(change, "webhook.created", made.webhook)
    return made


async def update_webhook(deps: Deps, actor: Actor, webhook_id: WebhookId, wanted: Wanted) -> Webhook:
    """The webhook after the change. Raises Forbidden, NotFound, InvalidInput, Conflict."""
    check(actor, Action.WEBHOOKS_MANAGE)
    async with changing(deps, actor) as change:
        old = await webhooks.get_webhook(change.deps, actor.account_id, webhook_id)
        new = await webhooks.update_webhook(
            change.deps,
            actor.account_id,
            webhook_id,
            name=wanted.name,
            url=wanted.url,
            event_types=wanted.event_types,
            honours_retry_after=wanted.honours_retry_after,
            stops_on_gone=wanted.stops_on_gone,
        )
        await _note(change, "webhook.changed", new, is_address_new=old.url != new.url)
    return new


async def set_paused(deps: Deps, actor: Actor, webhook_id: WebhookId, *, paused: bool) -> Webhook:
    """The webhook, paused or at work again. Safe to repeat. Raises Forbidden, NotFound."""
    check(actor, Action.WEBHOOKS_MANAGE)
    change_it = webhooks.pause_webhook if paused else webhooks.resume_webhook
    async with changing(deps, actor) as change:
        webhook = await change_it(change.deps, actor.account_id, webhook_id)
        await change.note("webhook.paused" if paused else "webhook.resumed", webhook.name, webhook_id=str(webhook_id))
    if not paused:
        await events.announce(deps)  # once more, now that it is committed
    return webhook


async def rotate_secret(deps: Deps, actor: Actor, webhook_id: WebhookId, overlap: timedelta) -> NewSecret:
    """A new secret, shown this once; the old one signs beside it for `overlap`. Raises Forbidden, NotFound."""
    check(actor, Action.WEBHOOKS_MANAGE)
    async with changing(deps, actor) as change:
        made = await webhooks.rotate_secret(change.deps, actor.account_id, webhook_id, overlap=overlap)
        hours = round(overlap.total_seconds() / 3600)
        await change.note("webhook.rotated", made.webhook.name, webhook_id=str(webhook_id), overlap_hours=hours)
    return made


async def delete_webhook(deps: Deps, actor: Actor, webhook_id: WebhookId) -> Webhook:
    """Ends the webhook; what it was. Raises Forbidden, NotFound."""
    check(actor, Action.WEBHOOKS_MANAGE)
    async with changing(deps, actor) as change:
        webhook = await webhooks.get_webhook(change.deps, actor.account_id, webhook_id)
        await webhooks.delete_webhook(change.deps, actor.account_id, webhook_id)
        await change.note("webhook.deleted", webhook.name, webhook_id=str(webhook_id))
    return webhook


async def send_test(deps: Deps, actor: Actor, webhook_id: WebhookId, kind: EventType) -> Details:
    """One attempt with sample values, and what came of it. As slow as the receiver. Raises Forbidden, NotFound."""
    check(actor, Action.WEBHOOKS_MANAGE)
    tried = await log.send_test(deps, actor.account_id, webhook_id, kind)
    await note(
        deps,
        actor,
        "webhook.tested",
        tried.delivery.webhook_name,
        webhook_id=str(webhook_id),
        event_type=kind.value,
        state=tried.delivery.state.value,
    )
    return tried


async def list_deliveries(deps: Deps, actor: Actor, filters: Filters, limit: int) -> list[Delivery]:
    """Deliveries of the account, newest first. Raises Forbidden."""
    check(actor, Action.WEBHOOKS_VIEW)
    return await log.list_deliveries(deps, actor.account_id, filters, limit=limit)


async def get_delivery(deps: Deps, actor: Actor, delivery_id: DeliveryId) -> Details:
    """A delivery with its body and attempts. Raises Forbidden, NotFound."""
    check(actor, Action.WEBHOOKS_VIEW)
    return await log.delivery_details(deps, actor.account_id, delivery_id)


async def resend(deps: Deps, actor: Actor, delivery_id: DeliveryId) -> Delivery:
    """The delivery, whose next attempt is due now. Raises Forbidden, NotFound, Conflict."""
    check(actor, Action.WEBHOOKS_MANAGE)
    async with changing(deps, actor) as change:
        delivery = await log.resend(change.deps, actor.account_id, delivery_id)
        await change.note(
            "delivery.resent", delivery.webhook_name, delivery_id=str(delivery_id), event_id=str(delivery.event_id)
        )
    await events.announce(deps)  # once more, now that it is committed
    return delivery


async def oldest_recoverable(deps: Deps, actor: Actor, webhook_id: WebhookId) -> datetime | None:
    """When the oldest event was created that `recover` would send again. Raises Forbidden, NotFound."""
    check(actor, Action.WEBHOOKS_MANAGE)
    return await log.oldest_recoverable(deps, actor.account_id, webhook_id)


async def count_recoverable(deps: Deps, actor: Actor, webhook_id: WebhookId, since: datetime) -> int:
    """How many deliveries `recover` would send again. Raises Forbidden, NotFound."""
    check(actor, Action.WEBHOOKS_MANAGE)
    return (await log.recover(deps, actor.account_id, webhook_id, since=since, dry_run=True)).count


async def recover(deps: Deps, actor: Actor, webhook_id: WebhookId, since: datetime) -> int:
    """Sends again all that failed or was stopped since; how many. Raises Forbidden, NotFound."""
    check(actor, Action.WEBHOOKS_MANAGE)
    webhook = await webhooks.get_webhook(deps, actor.account_id, webhook_id)
    done = await log.recover(deps, actor.account_id, webhook_id, since=since)
    await note(
        deps,
        actor,
        "webhook.recovered",
        webhook.name,
        webhook_id=str(webhook_id),
        since=since.isoformat(),
        deliveries=done.count,
    )
    return done.count


async def _waiting(deps: Deps, actor: Actor, webhook_id: WebhookId) -> int:
    return await log.count_waiting(deps, actor.account_id, webhook_id, MOST_COUNTED)


async def _note(change: Change, action: str, webhook: Webhook, *, is_address_new: bool = True) -> None:
    """The address stays out of the audit log, because it may carry the business's key."""
    await change.note(
        action,
        webhook.name,
        webhook_id=str(webhook.id),
        event_types=sorted(webhook.event_types),
        honours_retry_after=webhook.honours_retry_after,
        stops_on_gone=webhook.stops_on_gone,
        is_address_new=is_address_new,
    )
