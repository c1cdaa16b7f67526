"""The alerts about a webhook that fails, is paused, or works again."""

from datetime import datetime

from callmark.domain.alerts.model import Alert, AlertKind
from callmark.domain.deps import Deps
from callmark.domain.webhooks.model import Webhook, address_in_mails
from callmark.domain.webhooks.outages.model import PAUSED_AFTER, Notice, Outage
from callmark.kit.text import moment


def alert_of(deps: Deps, notice: Notice, webhook: Webhook, outage: Outage, account_name: str) -> Alert:
    """The alert for a notice. `outage` is as it was before it."""
    if notice is Notice.WORKING:
        return _alert(
            deps,
            AlertKind.WEBHOOK_WORKING,
            webhook,
            f"{account_name}: webhook {webhook.name} works again",
            f"The webhook {webhook.name} of {account_name} ({address_in_mails(webhook.url)}) has accepted events since"
            f" {_moment(outage.working_since)}.",
            "Events that wait for a retry are sent automatically. You can send again what had failed before.",
        )
    still = "still " if notice is Notice.STILL_FAILING else ""
    pause_at = outage.failing_since and outage.failing_since + PAUSED_AFTER
    return _alert(
        deps,
        AlertKind.WEBHOOK_FAILING,
        webhook,
        f"{account_name}: webhook {webhook.name} is {still}failing",
        _failing(webhook, outage, account_name),
        f"Events are kept for {deps.settings.event_retention_days} days and their attempts continue. If none has"
        f" succeeded by {_moment(pause_at)}, Callmark pauses the webhook.",
        "Look at the last error in the event log, correct your receiver, and send a test event.",
    )


def paused(deps: Deps, webhook: Webhook, outage: Outage, account_name: str) -> Alert:
    """The alert that the platform has paused a webhook."""
    return _alert(
        deps,
        AlertKind.WEBHOOK_PAUSED,
        webhook,
        f"{account_name}: webhook {webhook.name} was paused",
        f"{_failing(webhook, outage, account_name)} Callmark has paused it and makes no more attempts.",
        f"New events are kept for {deps.settings.event_retention_days} days. When your receiver works again, send a"
        " test event and resume the webhook. Waiting events are then sent, and you can send again what had failed.",
    )


def _alert(deps: Deps, kind: AlertKind, webhook: Webhook, subject: str, *lines: str) -> Alert:
    console = f"{deps.public_url}/console"
    links = [
        ("Open the webhook", f"{console}/webhooks#hook-{webhook.id}"),
        ("Its events", f"{console}/webhook-events?webhook={webhook.id}"),
    ]
    return Alert(kind, webhook.account_id, subject, lines, links)


def _failing(webhook: Webhook, outage: Outage, account_name: str) -> str:
    return (
        f"The webhook {webhook.name} of {account_name} ({address_in_mails(webhook.url)}) has accepted no event since"
        f" {_moment(outage.failing_since)}. Failed attempts since then: {outage.failures}."
    )


def _moment(at: datetime | None) -> str:
    return moment(at) if at else "an unknown time"
