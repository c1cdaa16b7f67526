"""Use cases of webhooks: what an account has configured. The log is in `log.py`, attempts in `dispatch.py`."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import timedelta

import structlog

from callmark.domain.accounts import service as accounts
from callmark.domain.deps import Deps
from callmark.domain.events import service as events
from callmark.domain.events.model import EventType
from callmark.domain.ids import AccountId, WebhookId
from callmark.domain.policy.plan import Feature, check_wanted
from callmark.domain.webhooks import log_queries, model, queries, signing
from callmark.domain.webhooks.model import LONGEST_OVERLAP, MOST_WEBHOOKS, Webhook
from callmark.kit.db import Tx
from callmark.kit.errors import Conflict, InvalidInput, NotFound
from callmark.kit.ids import new_id
from callmark.kit.outbound import allowed_networks
from callmark.kit.text import kept_or

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class NewSecret:
    """A webhook with the secret that signs its deliveries, in the form a verifier takes (`whsec_…`); shown once."""

    webhook: Webhook
    secret: str


async def create_webhook(
    deps: Deps,
    account_id: AccountId,
    *,
    name: str,
    url: str,
    event_types: Collection[EventType],
    created_by_email: str,
    honours_retry_after: bool = False,
    stops_on_gone: bool = False,
) -> NewSecret:
    """The new webhook; it gets the events that are appended from now on.

    Raises InvalidInput for a name, an address or types that cannot be used, Conflict for a taken name or a sixth
    webhook (contract D36), NotFound for an unknown account.
    """
    now = deps.clock.now()
    webhook = Webhook(
        id=WebhookId(new_id()),
        account_id=account_id,
        name=model.webhook_name(name),
        url=model.webhook_url(url, allowed_networks(deps.settings)),
        event_types=model.subscription(event_types),
        honours_retry_after=honours_retry_after,
        stops_on_gone=stops_on_gone,
        created_by_email=created_by_email,
        created_at=now,
        updated_at=now,
    )
    secret = signing.new_secret()
    async with deps.db.transaction() as tx:
        account = await accounts.lock_account(tx, account_id)
        check_wanted(account.features, _features(webhook.event_types), (), "event_types")
        sealed = (await signing.sealer(tx, deps.settings)).seal(secret, webhook.id.bytes)
        await _refuse_without_room(tx, webhook)
        await queries.insert_webhook(tx, webhook, sealed)
    log.info("webhook_created", webhook=str(webhook.id))
    return NewSecret(webhook, signing.shown(secret))


async def _refuse_without_room(tx: Tx, webhook: Webhook) -> None:
    """Raises Conflict for a sixth webhook of its account and for a taken name (contract D36)."""
    others = await queries.select_webhooks(tx, webhook.account_id)
    if len(others) >= MOST_WEBHOOKS:
        raise Conflict(f"an account can have at most {MOST_WEBHOOKS} webhooks; delete one first")
    model.refuse_taken(webhook.name, others)


def _features(types: Collection[EventType]) -> frozenset[Feature]:
    return frozenset(kind.feature for kind in types)


async def list_webhooks(deps: Deps, account_id: AccountId) -> list[Webhook]:
    """The account's living webhooks, oldest first. NotFound for an unknown account."""
    await accounts.get_account(deps, account_id)
    async with deps.db.connection() as tx:
        return await queries.select_webhooks(tx, account_id)


async def get_webhook(deps: Deps, account_id: AccountId, webhook_id: WebhookId) -> Webhook:
    """The account's living webhook. Raises NotFound."""
    async with deps.db.connection() as tx:
        return _only(await queries.select_webhooks(tx, account_id), webhook_id)


async def update_webhook(
    deps: Deps,
    account_id: AccountId,
    webhook_id: WebhookId,
    *,
    name: str | None = None,
    url: str | None = None,
    event_types: Collection[EventType] | None = None,
    honours_retry_after: bool | None = None,
    stops_on_gone: bool | None = None,
) -> Webhook:
    """The webhook after the change (None leaves a part as it is), which rules every attempt from now on.

    Also those of events that wait already; the types rule which new events it gets. Raises as `create_webhook` does.
    """
    async with deps.db.transaction() as tx:
        account = await accounts.lock_account(tx, account_id)
        all_ = await queries.select_webhooks(tx, account_id)
        old = _only(all_, webhook_id)
        new = replace(
            old,
            name=kept_or(old.name, name, model.webhook_name),
            url=old.url if url is None else model.webhook_url(url, allowed_networks(deps.settings)),
            event_types=old.event_types if event_types is None else model.subscription(event_types),
            honours_retry_after=old.honours_retry_after if honours_retry_after is None else honours_retry_after,
            stops_on_gone=old.stops_on_gone if stops_on_gone is None else stops_on_gone,
            updated_at=deps.clock.now(),
        )
        check_wanted(account.features, _features(new.event_types), _features(old.event_types), "event_types")
        model.refuse_taken(new.name, [other for other in all_ if other.id != webhook_id])
        await queries.update_webhook(tx, new)
    return new


async def delete_webhook(deps: Deps, account_id: AccountId, webhook_id: WebhookId) -> None:
    """Ends the webhook; its name and place are free at once. Raises NotFound.

    What waits for it ends as `webhook_not_found` when its next attempt would be due.
    """
    async with deps.db.transaction() as tx:
        await accounts.lock_account(tx, account_id)
        _only(await queries.select_webhooks(tx, account_id), webhook_id)
        await queries.mark_deleted(tx, webhook_id, deps.clock.now())
    log.info("webhook_deleted", webhook=str(webhook_id))
    await events.announce(deps)


async def rotate_secret(deps: Deps, account_id: AccountId, webhook_id: WebhookId, *, overlap: timedelta) -> NewSecret:
    """A new secret; the present one signs beside it for `overlap` (at most seven days), so that receivers can change.

    One that was replaced earlier goes on until its own overlap ends (contract D53b). Raises NotFound, InvalidInput,
    Conflict when too many would sign at once.
    """
    if not timedelta() <= overlap <= LONGEST_OVERLAP:
        raise InvalidInput(f"overlap must be between 0 and {LONGEST_OVERLAP.days} days", field="overlap")
    now = deps.clock.now()
    secret = signing.new_secret()
    async with deps.db.transaction() as tx:
        await accounts.lock_account(tx, account_id)
        webhook = _only(await queries.select_webhooks(tx, account_id), webhook_id)
        sealed = (await signing.sealer(tx, deps.settings)).seal(secret, webhook_id.bytes)
        changed = model.rotated(await queries.select_secrets(tx, webhook_id), sealed, now + overlap, now)
        await queries.update_secrets(tx, webhook_id, changed, now)
    log.info("webhook_secret_rotated", webhook=str(webhook_id))
    until = max((one.until for one in changed.old), default=None)
    return NewSecret(replace(webhook, updated_at=now, old_secret_until=until), signing.shown(secret))


async def pause_webhook(deps: Deps, account_id: AccountId, webhook_id: WebhookId) -> Webhook:
    """Makes no attempts from now on; events go on to be kept for it. Safe to repeat. Raises NotFound."""
    return await _set_paused(deps, account_id, webhook_id, paused=True)


async def resume_webhook(deps: Deps, account_id: AccountId, webhook_id: WebhookId) -> Webhook:
    """Attempts what has become due meanwhile, and goes on. Safe to repeat. Raises NotFound."""
    webhook = await _set_paused(deps, account_id, webhook_id, paused=False)
    await events.announce(deps)
    return webhook


async def forget_all(tx: Tx) -> None:
    """Deletes every delivery and attempt (emulator: reset); webhooks stay."""
    await log_queries.delete_all(tx)


async def _set_paused(deps: Deps, account_id: AccountId, webhook_id: WebhookId, *, paused: bool) -> Webhook:
    now = deps.clock.now()
    async with deps.db.transaction() as tx:
        await accounts.lock_account(tx, account_id)
        old = _only(await queries.select_webhooks(tx, account_id), webhook_id)
        if (old.paused_at is not None) == paused:
            return old
        new = replace(old, paused_at=now if paused else None, updated_at=now)
        await queries.update_webhook(tx, new)
    log.info("webhook_paused" if paused else "webhook_resumed", webhook=str(webhook_id))
    return new


def _only(webhooks: Collection[Webhook], webhook_id: WebhookId) -> Webhook:
    for webhook in webhooks:
        if webhook.id == webhook_id:
            return webhook
    raise NotFound("no webhook with this id in this account")
