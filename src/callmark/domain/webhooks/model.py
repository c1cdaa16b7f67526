"""Webhooks, their deliveries and attempts: limits, states, and the schedule. Source: contract, section 9."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from enum import StrEnum
from urllib.parse import urlsplit, urlunsplit
from uuid import UUID

from msgspec import Struct

from callmark.domain.events.model import EventType, event_type_of
from callmark.domain.ids import AccountId, DeliveryId, EventId, WebhookId
from callmark.kit.errors import Conflict, InvalidInput
from callmark.kit.outbound.client import Answered, Unreachable
from callmark.kit.text import clean_line
from callmark.record_rules.same_names import in_small

LONGEST_NAME = 50
MOST_IN_FLIGHT = 4
"""Attempts of one webhook at the same time, over all workers."""

LONGEST_OVERLAP = timedelta(days=7)
"""How long a replaced secret may keep signing."""

MOST_OLD_SECRETS = 10
"""Replaced secrets that sign at the same time, so that the header stays one that receivers take."""

SCHEDULE: tuple[timedelta, ...] = (
    timedelta(minutes=2),
    timedelta(minutes=6),
    timedelta(minutes=30),
    timedelta(hours=1),
    timedelta(hours=5),
    timedelta(days=1),
    timedelta(days=2),
)
"""The pause before each retry, from the failure before it. Source: Verified Business APIs, "Automatic Retries"."""

_GONE = 410


class DeliveryState(StrEnum):
    """A delivery's way. Source: contract, sections 9.2 and 11."""

    PENDING = "pending"  # the first attempt of a schedule is to come
    RESCHEDULED = "rescheduled"  # an attempt failed, a retry is to come
    SUCCESS = "success"
    WEBHOOK_NOT_FOUND = "webhook_not_found"  # deleted before an attempt, or no longer subscribed to the event type
    FAILED = "failed"  # the last retry failed, or a test did
    STOPPED = "stopped"  # the receiver answered 410, and the webhook says that this is final


class PauseReason(StrEnum):
    """Why a webhook is paused."""

    REQUESTED = "requested"  # someone paused it
    FAILING = "failing"  # the platform did, after five days without a success


RESENDABLE = frozenset(
    {DeliveryState.SUCCESS, DeliveryState.FAILED, DeliveryState.STOPPED, DeliveryState.WEBHOOK_NOT_FOUND}
)
RECOVERABLE = frozenset({DeliveryState.FAILED, DeliveryState.STOPPED})


class Webhook(Struct, frozen=True):
    """An endpoint of an account; `old_secrets_until` is when each of its replaced secrets stops signing, or did."""

    id: WebhookId
    account_id: AccountId
    name: str
    url: str
    event_types: frozenset[EventType]
    honours_retry_after: bool
    stops_on_gone: bool
    created_by_email: str
    created_at: datetime
    updated_at: datetime
    paused_at: datetime | None = None
    old_secrets_until: tuple[datetime, ...] = ()
    paused_for_failing: bool = False
    """Whether the platform paused it, because it had failed for long."""

    @property
    def pause_reason(self) -> PauseReason | None:
        """Why it is paused; None when it is not."""
        if self.paused_at is None:
            return None
        return PauseReason.FAILING if self.paused_for_failing else PauseReason.REQUESTED

    @property
    def signing(self) -> list[str]:
        """What tells a rotation of its secrets: it counts as changed then, as by any other change."""
        return [at.isoformat() for at in (self.updated_at, *self.old_secrets_until)]

    @property
    def old_secret_until(self) -> datetime | None:
        """When the last of the replaced secrets stops signing; None without any."""
        return max(self.old_secrets_until, default=None)

    def overlap_ends(self, now: datetime) -> list[datetime]:
        """When each of the replaced secrets that still sign stops, the next one first."""
        return sorted(until for until in self.old_secrets_until if until > now)


class OldSecret(Struct, frozen=True):
    """A secret that was replaced, still encrypted, and until when it signs beside the new one."""

    sealed: bytes
    until: datetime


class Secrets(Struct, frozen=True):
    """What signs a webhook's deliveries, still encrypted."""

    sealed: bytes
    old: tuple[OldSecret, ...] = ()
    """Those that were replaced, newest first."""


class Configuration(Struct, frozen=True):
    """A webhook as an attempt finds it."""

    webhook_id: WebhookId
    account_id: AccountId
    name: str
    url: str
    secrets: Secrets
    honours_retry_after: bool
    stops_on_gone: bool
    is_deleted: bool
    event_types: frozenset[EventType]


class DueDelivery(Struct, frozen=True):
    """A delivery whose next attempt is due. `failures` counts those of the present schedule, `attempt_count` all."""

    delivery_id: DeliveryId
    created_at: datetime
    event_id: EventId
    attempt_count: int
    failures: int
    body: bytes
    to: Configuration
    failing_since: datetime | None = None
    """Since when no attempt of the webhook has succeeded; None when the last one did."""
    traceparent: str | None = None
    """The trace of what the event came from."""

    @property
    def is_wanted(self) -> bool:
        """Whether an attempt is to be made, by the configuration that is valid now (contract, section 9.2, D54)."""
        if self.to.is_deleted:
            return False
        return len(self.to.event_types) == len(EventType) or event_type_of(self.body) in self.to.event_types


class Attempt(Struct, frozen=True):
    """One HTTP request of a delivery. `began_at` is of the product clock.

    `error` says in words what went wrong, None after a success; `note` what was odd about an answer that was read.
    """

    id: UUID
    number: int
    began_at: datetime
    duration_ms: int
    url: str
    request_headers: str
    status: int | None
    answer_headers: str | None
    answer_body: bytes | None
    error: str | None
    note: str | None = None


class Verdict(Struct, frozen=True):
    """What an attempt makes of its delivery; `due_at` is its next attempt's instant, None when there is none."""

    state: DeliveryState
    due_at: datetime | None


class Delivery(Struct, frozen=True):
    """One event to one webhook, as the log shows it; a test has no number."""

    id: DeliveryId
    account_id: AccountId
    webhook_id: WebhookId
    webhook_name: str
    event_id: EventId
    event_type: EventType
    event_number: int | None
    created_at: datetime
    state: DeliveryState
    attempt_count: int
    next_attempt_at: datetime | None
    ended_at: datetime | None

    @property
    def is_test(self) -> bool:
        """Whether someone asked for it to try the webhook (contract D23)."""
        return self.event_number is None


class DeliveryDetails(Struct, frozen=True):
    """A delivery with its body as it is sent, and its attempts, oldest first."""

    delivery: Delivery
    body: str
    attempts: Sequence[Attempt]


def webhook_name(text: str) -> str:
    """The name as it is stored: outer spaces dropped, 1 to 50 characters. Raises InvalidInput."""
    return clean_line(text, "name", longest=LONGEST_NAME, what="webhook name")


def refuse_taken(name: str, others: Collection[Webhook]) -> None:
    """Raises Conflict when one of the account's other webhooks has this name, whatever its case (contract D36)."""
    if any(in_small(other.name) == in_small(name) for other in others):
        raise Conflict(f"a webhook named {name!r} already exists", field="name")


def address_in_mails(url: str) -> str:
    """A webhook's address without its query and user part, because they may carry the business's key."""
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "…" if parts.query else "", ""))


def subscription(types: Collection[EventType]) -> frozenset[EventType]:
    """One or both event types. Raises InvalidInput for none."""
    if not types:
        raise InvalidInput("choose at least one event type", field="event_types")
    return frozenset(types)


def signing_at(secrets: Secrets, now: datetime) -> tuple[OldSecret, ...]:
    """The replaced secrets that sign at `now` (contract D53b)."""
    return tuple(one for one in secrets.old if now < one.until)


def rotated(secrets: Secrets, sealed: bytes, until: datetime, now: datetime) -> Secrets:
    """The secrets after a rotation: `sealed` is new, the one before it signs until `until`, others as long as before.

    Raises Conflict when too many would sign at once.
    """
    old = tuple(one for one in (OldSecret(secrets.sealed, until), *signing_at(secrets, now)) if now < one.until)
    if len(old) > MOST_OLD_SECRETS:
        raise Conflict(f"{MOST_OLD_SECRETS} earlier secrets still sign; wait until one of them ends")
    return Secrets(sealed, old)


def next_attempt_at(failed_at: datetime, failures: int, asked: timedelta = timedelta()) -> datetime | None:
    """When to try again after failure number `failures` (from 1) at `failed_at`; None when the schedule is spent.

    A receiver may have `asked` for a pause: it delays the attempt to at most twice the planned pause and never brings
    it forward (contract D43b). Source: Verified Business APIs, "Automatic Retries".
    """
    if failures > len(SCHEDULE):
        return None
    planned = SCHEDULE[failures - 1]
    return failed_at + min(max(planned, asked), 2 * planned)


def verdict_on(result: Answered | Unreachable, due: DueDelivery, now: datetime, real_now: datetime) -> Verdict:
    """What the result of an attempt that ended at `now` makes of its delivery.

    Any 2xx is success (contract D19), unless the answer did not come to its end in time (contract D48).
    """
    asked = timedelta()
    if isinstance(result, Answered):
        if result.is_success:
            return Verdict(DeliveryState.SUCCESS, None)
        if result.status == _GONE and due.to.stops_on_gone:
            return Verdict(DeliveryState.STOPPED, None)
        if due.to.honours_retry_after:
            asked = retry_after(result.retry_after, real_now)
    due_at = next_attempt_at(now, due.failures + 1, asked=asked)
    return Verdict(DeliveryState.RESCHEDULED if due_at else DeliveryState.FAILED, due_at)


def retry_after(text: str | None, now: datetime) -> timedelta:
    """The pause that a `Retry-After` header asks for: seconds, or an HTTP date; zero for anything else."""
    if text is None:
        return timedelta()
    text = text.strip()
    if text.isascii() and text.isdigit():
        return timedelta(seconds=min(int(text[:10]), 10**9))
    try:
        return max(parsedate_to_datetime(text) - now, timedelta())
    except (ValueError, TypeError, OverflowError):  # not a date, one without a time zone, or numbers beyond any date
        return timedelta()
