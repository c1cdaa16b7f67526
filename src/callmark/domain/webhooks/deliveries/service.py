"""Use cases of the delivery log: look into it, send again what is in it, try a webhook with a test event."""

from collections.abc import Sequence
from datetime import datetime
from functools import partial
from uuid import UUID

import structlog
from msgspec.structs import replace

from callmark.domain.accounts import service as accounts
from callmark.domain.audit import service as audit
from callmark.domain.audit.model import AuditAction
from callmark.domain.deps import Deps
from callmark.domain.events.model import EventType, envelope, oldest_shown
from callmark.domain.ids import AccountId, DeliveryId, EventId, WebhookId
from callmark.domain.policy.model import Actor
from callmark.domain.webhooks import queries, service as webhooks, signing
from callmark.domain.webhooks.deliveries import queries as delivery_queries, samples
from callmark.domain.webhooks.deliveries.queries import DeliveryFilter, Recoverable
from callmark.domain.webhooks.dispatch import attempts
from callmark.domain.webhooks.dispatch.attempts import MadeAttempt
from callmark.domain.webhooks.model import (
    RESENDABLE,
    Configuration,
    Delivery,
    DeliveryDetails,
    DeliveryState,
    DueDelivery,
    Webhook,
)
from callmark.domain.work_names import WorkName
from callmark.kit.errors import Conflict, found
from callmark.kit.ids import new_id, random_uuid
from callmark.kit.installation import held_since
from callmark.kit.outbound.client import Outbound, allowed_networks
from callmark.kit.workload import aside

log = structlog.get_logger(__name__)

__all__ = ["DeliveryFilter"]

_RECOVERED_AT_ONCE = 2000
_UNKNOWN = "no delivery with this id in this account"


async def list_deliveries(
    deps: Deps, account_id: AccountId, filters: DeliveryFilter | None = None, *, limit: int = 100
) -> list[Delivery]:
    """Up to `limit` deliveries of the account, newest first; the next page begins after the last one's key.

    The key is (created_at, id), given as `DeliveryFilter.after`. NotFound for an unknown account.
    """
    await accounts.get_account(deps, account_id)
    async with deps.db.connection() as tx:
        return await delivery_queries.select_page(
            tx, account_id, filters or DeliveryFilter(), oldest_shown(deps.clock.now()), limit
        )


async def delivery_details(deps: Deps, account_id: AccountId, delivery_id: DeliveryId) -> DeliveryDetails:
    """A delivery with the body it sends and its attempts, oldest first. Raises NotFound."""
    async with deps.db.connection() as tx:
        oldest = oldest_shown(deps.clock.now())
        row = await delivery_queries.select_delivery(tx, account_id, delivery_id, oldest)
        delivery, body = found(row, _UNKNOWN)
        return DeliveryDetails(delivery, body, await delivery_queries.select_attempts(tx, delivery))


async def count_waiting(deps: Deps, account_id: AccountId, webhook_id: WebhookId, most: int) -> int:
    """How many deliveries to the webhook have an attempt to come, `most` at the highest. Raises NotFound."""
    await webhooks.get_webhook(deps, account_id, webhook_id)
    async with deps.db.connection() as tx:
        return await delivery_queries.count_waiting(tx, webhook_id, most)


async def send_test(
    deps: Deps,
    account_id: AccountId,
    webhook_id: WebhookId,
    kind: EventType = EventType.CALL_ME_BACK,
    *,
    by: Actor,
    outbound: Outbound | None = None,
) -> DeliveryDetails:
    """Tries a webhook, also a paused one: one attempt with sample values and an id of its own, its result at once.

    No retry, no mail, no event in the log of events; the delivery is marked as a test (contract D23). Raises NotFound;
    Conflict on a copy that sends nothing.
    """
    if outbound is None:
        async with Outbound(allowed_networks(deps.settings)) as opened:
            return await send_test(deps, account_id, webhook_id, kind, by=by, outbound=opened)
    async with deps.db.connection() as tx:
        to, is_held = await queries.select_configuration(tx, account_id, webhook_id), await held_since(tx)
    to = found(to, webhooks.UNKNOWN)
    if is_held:
        raise Conflict("this installation is a copy that sends nothing until its operator releases it")
    due = _sample(to, kind, deps.clock.now())
    with aside():
        made = await attempts.make(deps, outbound, signing.opener(deps.settings), due)
    delivery = _ended(due, kind, made, deps.clock.now())
    body = due.body.decode()
    async with deps.db.transaction() as tx:
        await delivery_queries.insert_test(tx, delivery, body, made.attempt)
        facts = {"webhook_id": str(webhook_id), "event_type": kind.value, "state": delivery.state.value}
        await audit.note(
            tx, by, AuditAction.WEBHOOK_TESTED, to.name, account_id=account_id, at=deps.clock.now(), **facts
        )
    log.info("webhook_tested", webhook=str(webhook_id), state=delivery.state.value, status=made.attempt.status)
    return DeliveryDetails(delivery, body, [made.attempt])


async def resend(deps: Deps, account_id: AccountId, delivery_id: DeliveryId, *, by: Actor) -> Delivery:
    """Sends one again: the next attempt is due now.

    One that waits for a retry keeps its place in the schedule; one that has ended starts the schedule from its
    beginning, also after a success. Raises NotFound; Conflict for a test, and when the webhook is deleted or
    does not get this type now.
    """
    now = deps.clock.now()
    async with deps.db.transaction() as tx:
        row = await delivery_queries.select_delivery(tx, account_id, delivery_id, oldest_shown(now))
        delivery, body = found(row, _UNKNOWN)
        if delivery.is_test:
            raise Conflict("test deliveries cannot be resent; send another test instead")
        to = await queries.select_configuration(tx, account_id, delivery.webhook_id)
        if to is None:
            raise Conflict("the webhook of this delivery has been deleted")
        if delivery.event_type not in to.event_types:
            raise Conflict("the webhook no longer receives events of this type")
        await delivery_queries.send_now(tx, delivery, body, now)
        ids = {"delivery_id": str(delivery_id), "event_id": str(delivery.event_id)}
        await audit.note(
            tx, by, AuditAction.DELIVERY_RESENT, delivery.webhook_name, account_id=account_id, at=now, **ids
        )
        tx.after_commit(partial(deps.wake, WorkName.DELIVERIES))
    log.info("delivery_resent", delivery=str(delivery_id))
    if delivery.state in RESENDABLE:
        return replace(delivery, state=DeliveryState.PENDING, ended_at=None, next_attempt_at=now)
    return replace(delivery, next_attempt_at=now)


async def recover(
    deps: Deps,
    account_id: AccountId,
    webhook_id: WebhookId,
    *,
    since: datetime,
    by: Actor,
    at_once: int = _RECOVERED_AT_ONCE,
) -> int:
    """Sends again every event created at or after `since` whose delivery failed or was stopped; how many.

    Each starts the schedule from its beginning, once, also when it has ended without success again by then. `at_once`
    are written in a transaction; the first of these has the line of the audit log, with how many were found. Safe to
    repeat: what waits again is not counted. Raises NotFound.
    """
    webhook = await webhooks.get_webhook(deps, account_id, webhook_id)
    those, count, is_noted = await _recoverable(deps, webhook, since), 0, False
    facts = {"webhook_id": str(webhook_id), "since": since.isoformat(), "deliveries": those.count}
    after = (those.oldest_at or since, delivery_queries.NO_ID)
    while after:  # in parts, so that none holds rows for long; each begins after the one before
        async with deps.db.transaction() as tx:
            now = deps.clock.now()
            part = await delivery_queries.lock_recoverable(
                tx, webhook_id, after, those.newest_at or since, webhook.event_types, at_once
            )
            if part:
                count += await delivery_queries.reopen(tx, part, now)
                await delivery_queries.make_due(tx, webhook_id, now)
                tx.after_commit(partial(deps.wake, WorkName.DELIVERIES))
            if not is_noted:
                action = AuditAction.WEBHOOK_RECOVERED
                await audit.note(tx, by, action, webhook.name, account_id=account_id, at=now, **facts)
        after, is_noted = part[-1] if len(part) == at_once else None, True
    log.info("deliveries_recovered", webhook=str(webhook_id), count=count)
    return count


async def count_recoverable(deps: Deps, account_id: AccountId, webhook_id: WebhookId, *, since: datetime) -> int:
    """How many deliveries `recover` would send again. Raises NotFound."""
    webhook = await webhooks.get_webhook(deps, account_id, webhook_id)
    return (await _recoverable(deps, webhook, since)).count


async def oldest_recoverable(deps: Deps, account_id: AccountId, webhook_id: WebhookId) -> datetime | None:
    """When the oldest event was created that `recover` could send again; None without any. Raises NotFound."""
    webhook = await webhooks.get_webhook(deps, account_id, webhook_id)
    return (await _recoverable(deps, webhook, oldest_shown(deps.clock.now()))).oldest_at


async def _recoverable(deps: Deps, webhook: Webhook, since: datetime) -> Recoverable:
    oldest = max(since, oldest_shown(deps.clock.now()))
    async with deps.db.connection() as tx:
        return await delivery_queries.look_for_recoverable(tx, webhook.id, oldest, webhook.event_types)


def _ended(due: DueDelivery, kind: EventType, made: MadeAttempt, ended_at: datetime) -> Delivery:
    """A test after its one attempt."""
    is_success = made.verdict.state is DeliveryState.SUCCESS
    return Delivery(
        id=due.delivery_id,
        account_id=due.to.account_id,
        webhook_id=due.to.webhook_id,
        webhook_name=due.to.name,
        event_id=due.event_id,
        event_type=kind,
        event_number=None,
        created_at=made.attempt.began_at,
        state=DeliveryState.SUCCESS if is_success else DeliveryState.FAILED,
        attempt_count=1,
        next_attempt_at=None,
        ended_at=ended_at,
    )


def _sample(to: Configuration, kind: EventType, now: datetime) -> DueDelivery:
    event_id = EventId(random_uuid())
    body = envelope(event_id, to.account_id, kind, now, samples.payload(kind, now))
    return DueDelivery(DeliveryId(new_id()), now, event_id, 0, 0, body.encode(), to)


def page_after(page: Sequence[Delivery]) -> tuple[datetime, UUID] | None:
    """Where the page after this one begins; None after an empty one."""
    return (page[-1].created_at, page[-1].id) if page else None
