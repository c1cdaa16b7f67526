"""Tells an account's admins, or the recipients it has chosen, that a delivery has failed permanently (contract D40)."""

from callmark.domain.accounts import service as accounts
from callmark.domain.alerts import service as alerts
from callmark.domain.alerts.model import Alert, AlertKind
from callmark.domain.deps import Deps
from callmark.domain.webhooks.dispatch import queries as dispatch_queries, recording
from callmark.domain.webhooks.dispatch.queries import EndedAttempt
from callmark.domain.webhooks.model import address_in_mails
from callmark.instants import iso_ms


async def record_and_tell(deps: Deps, ended: EndedAttempt) -> None:
    """Writes a last failed attempt and queues the mails about it, in one transaction; one mail per delivery, once."""
    async with deps.db.transaction() as tx:
        await recording.record_within(tx, [ended])
        if not await dispatch_queries.mark_mailed(tx, ended.due, ended.at):
            return
        account = await accounts.get_account_in(tx, ended.due.to.account_id)
        alert = Alert(
            AlertKind.DELIVERY_FAILED,
            account.id,
            f"{account.name}: webhook {ended.due.to.name} could not get an event",
            _lines(deps, ended, account.name),
            _links(deps, ended),
        )
        await alerts.tell(tx, deps, alert)


def _lines(deps: Deps, ended: EndedAttempt, account_name: str) -> list[str]:
    due, attempt = ended.due, ended.attempt
    return [
        (
            f"Callmark could not deliver an event of {account_name} to the webhook {due.to.name}"
            f" ({address_in_mails(due.to.url)}). It will not try again."
        ),
        (
            f"Event {due.event_id}, created {iso_ms(due.created_at)}. Attempts: {due.attempt_count + 1}."
            f" Last error: {(attempt and attempt.error) or 'unknown'}."
        ),
        (
            "When your receiver works again, resend the event, or everything that failed. While it is down, you can"
            f" pause the webhook. Its events are kept for up to {deps.settings.event_retention_days} days."
        ),
    ]


def _links(deps: Deps, ended: EndedAttempt) -> list[tuple[str, str]]:
    console, webhook_id = f"{deps.public_url}/console", ended.due.to.webhook_id
    return [
        ("Open the event", f"{console}/webhook-events/{ended.due.delivery_id}"),
        ("The webhook", f"{console}/webhooks#hook-{webhook_id}"),
        ("Send again what failed", f"{console}/webhooks/{webhook_id}/recover"),
    ]
