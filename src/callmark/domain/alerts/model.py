"""The kinds of alerts, and what one says."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from callmark.domain.ids import AccountId


class AlertKind(StrEnum):
    """What an alert is about."""

    WEBHOOK_FAILING = "webhook_failing"  # no attempt has succeeded for an hour, a day, three days
    WEBHOOK_PAUSED = "webhook_paused"  # the platform paused it, after five days
    WEBHOOK_WORKING = "webhook_working"  # it works again
    DELIVERY_FAILED = "delivery_failed"  # an event is not tried again (contract D40)


@dataclass(frozen=True)
class Alert:
    """What is told: a subject, paragraphs, and where to act, as (what it leads to, address)."""

    kind: AlertKind
    account_id: AccountId
    subject: str
    lines: Sequence[str]
    links: Sequence[tuple[str, str]]
