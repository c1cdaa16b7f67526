"""What workers do about outages: announce them, and say when they are over."""

from callmark.domain.accounts import service as accounts
from callmark.domain.alerts import service as alerts
from callmark.domain.deps import Deps
from callmark.domain.ids import WebhookId
from callmark.domain.webhooks import queries as webhook_queries
from callmark.domain.webhooks.outages import alerts as outage_alerts, model, queries


async def watch_outages(deps: Deps) -> None:
    """Announces what is due about each webhook, once, in the transaction that notes it."""
    async with deps.db.transaction() as tx:
        await queries.delete_of_deleted(tx)
        watched = await queries.select_watched(tx)
    for webhook_id in watched:
        await _watch(deps, webhook_id)


async def _watch(deps: Deps, webhook_id: WebhookId) -> None:
    now = deps.clock.now()
    async with deps.db.transaction() as tx:
        outage = (await queries.lock_outages(tx, [webhook_id])).get(webhook_id)
        webhook = await webhook_queries.select_unpaused(tx, webhook_id)
        if outage is None or webhook is None:  # gone or paused meanwhile
            return
        told, notice = model.after_look(outage, now)
        if notice:
            account = await accounts.get_account_in(tx, webhook.account_id)
            await alerts.tell(tx, deps, outage_alerts.alert_of(deps, notice, webhook, outage, account.name))
        if model.is_over(told, now):
            await queries.delete_outages(tx, [webhook_id])
        elif told != outage:
            await queries.save_outages(tx, [told])
