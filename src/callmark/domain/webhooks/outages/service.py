"""Use cases of outages: note attempts, pause a webhook that fails for long, begin again after it is resumed."""

from collections.abc import Collection
from datetime import datetime
from typing import NamedTuple

from msgspec.structs import replace

from callmark.domain.accounts import service as accounts
from callmark.domain.alerts import service as alerts
from callmark.domain.audit import service as audit
from callmark.domain.audit.model import AuditAction
from callmark.domain.deps import Deps
from callmark.domain.ids import AccountId, WebhookId
from callmark.domain.policy.model import SYSTEM
from callmark.domain.webhooks import queries as webhook_queries
from callmark.domain.webhooks.outages import alerts as outage_alerts, model, queries
from callmark.domain.webhooks.outages.model import Outage
from callmark.kit.postgres.database import Transaction, Tx


class AttemptEnd(NamedTuple):
    """How an attempt ended, and when."""

    webhook_id: WebhookId
    at: datetime
    is_success: bool


async def note(tx: Tx, ends: Collection[AttemptEnd]) -> None:
    """Notes the results of attempts, in the transaction that records them. Writes nothing for webhooks that work."""
    if not ends:
        return
    known = await queries.lock_outages(tx, {one.webhook_id for one in ends})
    now_known = dict(known)
    for one in sorted(ends, key=lambda one: one.at):
        outage = now_known.get(one.webhook_id)
        if outage is None and one.is_success:
            continue  # a success of a webhook that works is nearly every attempt
        outage = outage or Outage(one.webhook_id)
        now_known[one.webhook_id] = model.after_attempt(outage, one.at, is_success=one.is_success)
    changed = [one for one in now_known.values() if one != known.get(one.webhook_id, Outage(one.webhook_id))]
    if changed:
        await queries.save_outages(tx, changed)


async def pause_if_due(tx: Transaction, deps: Deps, account_id: AccountId, webhook_id: WebhookId) -> None:
    """Pauses a webhook that has failed for long, and tells its recipients.

    For the worker that holds the webhook and has nothing under way for it: so no attempt is made once the pause is
    committed, and a success that came meanwhile has been noted and prevents it.
    """
    now = deps.clock.now()
    account = await accounts.lock_account(tx, account_id)
    webhook = next((one for one in await webhook_queries.select_webhooks(tx, account_id) if one.id == webhook_id), None)
    outage = (await queries.lock_outages(tx, [webhook_id])).get(webhook_id)
    if webhook is None or webhook.paused_at is not None or outage is None or not model.is_pause_due(outage, now):
        return
    paused = replace(webhook, paused_at=now, paused_for_failing=True, updated_at=now)
    await webhook_queries.update_webhook(tx, paused)
    await queries.save_outages(tx, [Outage(webhook_id, is_open=True)])
    facts = {"webhook_id": str(webhook_id), "failed_attempts": outage.failures}
    await audit.note(tx, SYSTEM, AuditAction.WEBHOOK_PAUSED, webhook.name, account_id=account_id, at=now, **facts)
    await alerts.tell(tx, deps, outage_alerts.paused(deps, webhook, outage, account.name))


async def begin_again(tx: Tx, webhook_id: WebhookId) -> None:
    """Counts the failing of a webhook from its next failure: it was resumed, or has another address."""
    known = await queries.lock_outages(tx, [webhook_id])
    await queries.save_outages(tx, [model.begun_again(one) for one in known.values()])
