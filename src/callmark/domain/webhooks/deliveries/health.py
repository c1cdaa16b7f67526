"""A webhook's health, and since when it is so, from the results of its newest attempts."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import takewhile

from msgspec import Struct

from callmark.domain.deps import Deps
from callmark.domain.events.model import oldest_shown
from callmark.domain.ids import AccountId
from callmark.domain.webhooks import service as webhooks
from callmark.domain.webhooks.deliveries import queries as delivery_queries
from callmark.domain.webhooks.deliveries.queries import AttemptOutcome, WaitingDeliveries
from callmark.domain.webhooks.model import Webhook

LATE_AFTER = timedelta(seconds=15)
"""How long an attempt may be due, without any result since, before the webhook counts as late."""

RECENT = timedelta(days=1)
"""How long a failure says something about now, when nothing waits to be tried again."""


class HealthState(StrEnum):
    """How a webhook does."""

    IDLE = "idle"  # nothing to say about now
    WORKING = "working"  # the last attempt succeeded
    FAILING = "failing"  # the last attempt failed, a short time ago or with a retry to come
    LATE = "late"  # an attempt is due and has no result: the receiver does not respond, or nobody makes attempts
    PAUSED = "paused"


class WebhookHealth(Struct, frozen=True):
    """A webhook and its health: `since` when it is so, `last_at` the end of the last attempt and `last_error` of it.

    `retries` counts deliveries that wait for a retry. Tests do not count.
    """

    webhook: Webhook
    health: HealthState
    since: datetime | None
    last_at: datetime | None
    last_error: str | None
    retries: int
    newest_at: datetime | None


async def list_health(deps: Deps, account_id: AccountId) -> list[WebhookHealth]:
    """How each of the account's webhooks does, oldest first. NotFound for an unknown account."""
    return [await look(deps, webhook) for webhook in await webhooks.list_webhooks(deps, account_id)]


async def look(deps: Deps, webhook: Webhook) -> WebhookHealth:
    """The webhook's health, as of now."""
    now = deps.clock.now()
    async with deps.db.connection() as tx:
        outcomes = await delivery_queries.select_outcomes(tx, webhook.id, oldest_shown(now), now)
        waiting = await delivery_queries.select_waiting(tx, webhook.id)
        newest_at = await delivery_queries.select_newest(tx, webhook.id, oldest_shown(now))
    health, since = health_of(webhook.paused_at, outcomes, waiting, now)
    last = outcomes[0] if outcomes else None
    return WebhookHealth(webhook, health, since, last and last.at, last and last.error, waiting.retries, newest_at)


def health_of(
    paused_at: datetime | None, outcomes: Sequence[AttemptOutcome], waiting: WaitingDeliveries, now: datetime
) -> tuple[HealthState, datetime | None]:
    """The health, and since when it is so. `outcomes` are those of the newest attempts, the last one first."""
    last = outcomes[0] if outcomes else None
    if paused_at is not None:
        return HealthState.PAUSED, paused_at
    if (due := waiting.first_due_at) and now - due >= LATE_AFTER and (last is None or last.at < due):
        return HealthState.LATE, due
    if last is None:
        return HealthState.IDLE, None
    since = list(takewhile(lambda one: (one.error is None) == (last.error is None), outcomes))[-1].at
    if last.error is None:
        return HealthState.WORKING, since
    return (HealthState.FAILING if waiting.retries or now - last.at <= RECENT else HealthState.IDLE), since
