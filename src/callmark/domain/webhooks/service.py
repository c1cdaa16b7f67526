"""Use cases of webhooks: what an account has configured. What they were sent is in `deliveries`."""

from collections.abc import Callable, Collection
from datetime import datetime, timedelta
from functools import partial
from typing import Any, NotRequired, TypedDict, Unpack

import structlog
from msgspec import Struct
from msgspec.structs import replace

from callmark.domain.accounts import service as accounts
from callmark.domain.audit import service as audit
from callmark.domain.audit.model import AuditAction
from callmark.domain.deps import Deps, in_own_transaction
from callmark.domain.events.model import EventType
from callmark.domain.ids import AccountId, WebhookId
from callmark.domain.limits.model import WEBHOOKS
from callmark.domain.policy.model import Actor
from callmark.domain.policy.plan import Feature, check_wanted
from callmark.domain.stale_confirmations import refuse_changed
from callmark.domain.webhooks import model, queries, signing
from callmark.domain.webhooks.model import LONGEST_OVERLAP, Webhook
from callmark.domain.webhooks.outages import service as outages
from callmark.domain.work_names import WorkName
from callmark.kit.changes import carried_out
from callmark.kit.choices import SetChange, chosen
from callmark.kit.errors import Conflict, InvalidInput, found
from callmark.kit.ids import new_id
from callmark.kit.outbound.client import allowed_networks
from callmark.kit.outbound.signed_posts import shown_secret
from callmark.kit.outbound.urls import outbound_url
from callmark.kit.postgres.database import Transaction, Tx
from callmark.kit.text import kept_or

log = structlog.get_logger(__name__)

UNKNOWN = "no webhook with this id in this account"


class NewSecret(Struct, frozen=True):
    """A webhook with the secret that signs its deliveries, in the form a verifier takes (`whsec_…`); shown once."""

    webhook: Webhook
    secret: str


class NewWebhook(TypedDict):
    """What a webhook is made of."""

    name: str
    url: str
    event_types: Collection[EventType]
    honours_retry_after: NotRequired[bool]
    stops_on_gone: NotRequired[bool]


async def create_webhook_in(
    tx: Transaction, deps: Deps, account_id: AccountId, *, by: Actor, **new: Unpack[NewWebhook]
) -> NewSecret:
    """The new webhook; it gets the events that are appended from now on.

    Raises InvalidInput for a name, an address or types that cannot be used, Conflict for a taken name or a sixth
    webhook (contract D36), NotFound for an unknown account.
    """
    now = deps.clock.now()
    webhook = Webhook(
        id=WebhookId(new_id()),
        account_id=account_id,
        name=model.webhook_name(new["name"]),
        url=outbound_url(new["url"], allowed_networks(deps.settings)),
        event_types=model.subscription(new["event_types"]),
        honours_retry_after=new.get("honours_retry_after", False),
        stops_on_gone=new.get("stops_on_gone", False),
        created_by_email=by.email,
        created_at=now,
        updated_at=now,
    )
    secret = signing.new_secret()
    account = await accounts.lock_account(tx, account_id)
    check_wanted(account.features, _features(webhook.event_types), (), "event_types")
    sealed = (await signing.sealer(tx, deps.settings)).seal(secret, webhook.id.bytes)
    await _refuse_without_room(tx, webhook, account.limits.of(WEBHOOKS))
    await queries.insert_webhook(tx, webhook, sealed)
    await _note(tx, by, AuditAction.WEBHOOK_CREATED, webhook, now, **_facts(webhook), is_address_new=True)
    log.info("webhook_created", webhook=str(webhook.id))
    return NewSecret(webhook, shown_secret(secret))


create_webhook = in_own_transaction(create_webhook_in)


async def _refuse_without_room(tx: Tx, webhook: Webhook, most: int) -> None:
    """Raises Conflict for one more than the account can have and for a taken name (contract D36)."""
    others = await queries.select_webhooks(tx, webhook.account_id)
    if len(others) >= most:
        raise Conflict(f"an account can have at most {most} webhooks; delete one first")
    model.refuse_taken(webhook.name, others)


def _features(types: Collection[EventType]) -> frozenset[Feature]:
    return frozenset(kind.feature for kind in types)


async def list_webhooks(deps: Deps, account_id: AccountId) -> list[Webhook]:
    """The account's existing webhooks, oldest first. NotFound for an unknown account."""
    await accounts.get_account(deps, account_id)
    async with deps.db.connection() as tx:
        return await queries.select_webhooks(tx, account_id)


async def list_deleted(deps: Deps, account_id: AccountId) -> list[Webhook]:
    """The account's deleted webhooks whose events may still be in the log, the last deleted first."""
    since = deps.clock.now() - timedelta(days=deps.settings.event_retention_days)
    async with deps.db.connection() as tx:
        return await queries.select_deleted(tx, account_id, since)


async def get_webhook(deps: Deps, account_id: AccountId, webhook_id: WebhookId) -> Webhook:
    """The account's existing webhook. Raises NotFound."""
    async with deps.db.connection() as tx:
        return _only(await queries.select_webhooks(tx, account_id), webhook_id)


class WebhookChange(TypedDict, total=False):
    """What may change of a webhook; None leaves a part as it is."""

    name: str | None
    url: str | None
    event_types: Collection[EventType] | SetChange[EventType] | None
    honours_retry_after: bool | None
    stops_on_gone: bool | None


async def update_webhook(
    deps: Deps, account_id: AccountId, webhook_id: WebhookId, *, by: Actor, **change: Unpack[WebhookChange]
) -> Webhook:
    """The webhook after the change, which rules every attempt from now on.

    Also those of events that wait already: of a type that is removed they are not sent. Raises as `create_webhook`.
    """
    async with deps.db.transaction() as tx:
        account = await accounts.lock_account(tx, account_id)
        all_ = await queries.select_webhooks(tx, account_id)
        old = _only(all_, webhook_id)
        new = replace(old, **_checked(deps, old, change), updated_at=deps.clock.now())
        check_wanted(account.features, _features(new.event_types), _features(old.event_types), "event_types")
        if new.name != old.name:
            model.refuse_taken(new.name, [other for other in all_ if other.id != webhook_id])
        return await carried_out(old, new, lambda: _write_change(deps, tx, old, new, by))


async def _write_change(deps: Deps, tx: Transaction, old: Webhook, new: Webhook, by: Actor) -> None:
    await queries.update_webhook(tx, new)
    if old.url != new.url:
        await outages.begin_again(tx, new.id)
    facts = {**_facts(new), "is_address_new": old.url != new.url}
    await _note(tx, by, AuditAction.WEBHOOK_CHANGED, new, new.updated_at, **facts)
    tx.after_commit(partial(deps.wake, WorkName.DELIVERIES))


def _checked(deps: Deps, old: Webhook, change: WebhookChange) -> dict[str, Any]:
    """The parts that change, as they are stored. Raises InvalidInput."""
    stored: dict[str, Callable[[Any], object]] = {
        "name": lambda name: kept_or(old.name, name, model.webhook_name),
        "url": lambda url: kept_or(old.url, url, lambda new: outbound_url(new, allowed_networks(deps.settings))),
        "event_types": lambda types: model.subscription(chosen(old.event_types, types)),
    }
    return {part: stored.get(part, bool)(value) for part, value in change.items() if value is not None}


async def delete_webhook(deps: Deps, account_id: AccountId, webhook_id: WebhookId, *, by: Actor) -> Webhook:
    """Ends the webhook; what it was. Its name and place are free at once. Raises NotFound.

    What waits for it ends as `webhook_not_found` when its next attempt would be due.
    """
    now = deps.clock.now()
    async with deps.db.transaction() as tx:
        await accounts.lock_account(tx, account_id)
        webhook = _only(await queries.select_webhooks(tx, account_id), webhook_id)
        await queries.mark_deleted(tx, webhook_id, now)
        await _note(tx, by, AuditAction.WEBHOOK_DELETED, webhook, now)
        tx.after_commit(partial(deps.wake, WorkName.DELIVERIES))
    log.info("webhook_deleted", webhook=str(webhook_id))
    return webhook


async def delete_all(tx: Tx, now: datetime, *, by: Actor) -> int:
    """Deletes every webhook of every account, in the transaction that is open; how many."""
    webhooks = await queries.select_living(tx)
    for webhook in webhooks:
        await queries.mark_deleted(tx, webhook.id, now)
        await _note(tx, by, AuditAction.WEBHOOK_DELETED, webhook, now)
    return len(webhooks)


async def rotate_secret(
    deps: Deps, account_id: AccountId, webhook_id: WebhookId, *, overlap: timedelta, by: Actor, shown: str = ""
) -> NewSecret:
    """A new secret; the present one signs beside it for `overlap` (at most seven days), so that receivers can change.

    One that was replaced earlier stays valid until its own overlap ends (contract D53b). `shown` is the digest of the
    webhook's `signing`, as it was shown. Raises NotFound, InvalidInput, ChangedMeanwhile, Conflict when too many would
    sign at once.
    """
    if not timedelta() <= overlap <= LONGEST_OVERLAP:
        raise InvalidInput(f"overlap must be between 0 and {LONGEST_OVERLAP.days} days", field="overlap")
    now = deps.clock.now()
    secret = signing.new_secret()
    async with deps.db.transaction() as tx:
        await accounts.lock_account(tx, account_id)
        webhook = _only(await queries.select_webhooks(tx, account_id), webhook_id)
        refuse_changed(shown, webhook.signing)
        sealed = (await signing.sealer(tx, deps.settings)).seal(secret, webhook_id.bytes)
        changed = model.rotated(await queries.select_secrets(tx, webhook_id), sealed, now + overlap, now)
        await queries.update_secrets(tx, webhook_id, changed, now)
        hours = round(overlap.total_seconds() / 3600)
        await _note(tx, by, AuditAction.WEBHOOK_ROTATED, webhook, now, overlap_hours=hours)
        tx.after_commit(partial(deps.wake, WorkName.DELIVERIES))
    log.info("webhook_secret_rotated", webhook=str(webhook_id))
    until = tuple(one.until for one in changed.old)
    return NewSecret(replace(webhook, updated_at=now, old_secrets_until=until), shown_secret(secret))


async def pause_webhook(deps: Deps, account_id: AccountId, webhook_id: WebhookId, *, by: Actor) -> Webhook:
    """Makes no attempts from now on; events are still kept for it. Safe to repeat. Raises NotFound."""
    return await _set_paused(deps, account_id, webhook_id, paused=True, by=by)


async def resume_webhook(deps: Deps, account_id: AccountId, webhook_id: WebhookId, *, by: Actor) -> Webhook:
    """Attempts what has become due meanwhile, and continues. Safe to repeat. Raises NotFound."""
    return await _set_paused(deps, account_id, webhook_id, paused=False, by=by)


async def _set_paused(deps: Deps, account_id: AccountId, webhook_id: WebhookId, *, paused: bool, by: Actor) -> Webhook:
    now, action = deps.clock.now(), AuditAction.WEBHOOK_PAUSED if paused else AuditAction.WEBHOOK_RESUMED
    async with deps.db.transaction() as tx:
        await accounts.lock_account(tx, account_id)
        old = _only(await queries.select_webhooks(tx, account_id), webhook_id)
        if (old.paused_at is not None) == paused:
            return old
        await _note(tx, by, action, old, now)
        new = replace(old, paused_at=now if paused else None, paused_for_failing=False, updated_at=now)
        await queries.update_webhook(tx, new)
        await outages.begin_again(tx, webhook_id)
        tx.after_commit(partial(deps.wake, WorkName.DELIVERIES))
    log.info("webhook_paused" if paused else "webhook_resumed", webhook=str(webhook_id))
    return new


async def _note(tx: Tx, by: Actor, action: AuditAction, webhook: Webhook, at: datetime, **facts: object) -> None:
    webhook_id = str(webhook.id)
    await audit.note(tx, by, action, webhook.name, account_id=webhook.account_id, at=at, webhook_id=webhook_id, **facts)


def _facts(webhook: Webhook) -> dict[str, object]:
    """What the audit log keeps of it. Not the address, because it may carry the business's key."""
    return {
        "event_types": sorted(webhook.event_types),
        "honours_retry_after": webhook.honours_retry_after,
        "stops_on_gone": webhook.stops_on_gone,
    }


def _only(webhooks: Collection[Webhook], webhook_id: WebhookId) -> Webhook:
    return found(next((one for one in webhooks if one.id == webhook_id), None), UNKNOWN)
