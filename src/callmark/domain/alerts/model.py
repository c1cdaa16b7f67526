"""The kinds of alerts, their content, and their recipients."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from urllib.parse import urlsplit

import msgspec
from msgspec import Struct

from callmark.domain.ids import AccountId, RecipientId
from callmark.domain.policy.model import Role
from callmark.instants import iso_ms
from callmark.kit.errors import InvalidInput

MOST_RECIPIENTS = 20
LONGEST_NAME = 50
CONFIRMED_WITHIN = timedelta(days=7)
"""How long the link that confirms an address works."""

RETRIES = (timedelta(minutes=1), timedelta(minutes=5), timedelta(minutes=30))
"""Before each retry of a post, from the failure before it."""

KEPT_ONCE = timedelta(days=40)
"""How long it is remembered that something was announced."""

_SHOWN_END = 4


class AlertKind(StrEnum):
    """What an alert is about."""

    WEBHOOK_FAILING = "webhook_failing"  # no attempt has succeeded for an hour, a day, three days
    WEBHOOK_PAUSED = "webhook_paused"  # the platform paused it, after five days
    WEBHOOK_WORKING = "webhook_working"  # it works again
    DELIVERY_FAILED = "delivery_failed"  # an event is not tried again (contract D40)
    OVERLAP_ENDING = "overlap_ending"  # a replaced secret of a webhook stops signing within a day
    NUMBERS_REVIEWED = "numbers_reviewed"  # the operator approved or rejected numbers
    RECORDS_INVALID = "records_invalid"  # many of a day's call records have faults
    PUSHES_FAILING = "pushes_failing"  # far fewer of a day's records reach handsets than in the days before


DEFAULT_KINDS = frozenset(AlertKind) - {AlertKind.RECORDS_INVALID, AlertKind.PUSHES_FAILING}
"""What an account's admins get until someone chooses."""


class RecipientKind(StrEnum):
    """The kind of a recipient: members, an address or a channel."""

    ROLE = "role"  # the account's active members of a role, by mail
    EMAIL = "email"  # an address that was confirmed by a link
    CHANNEL = "channel"  # a URL that takes posts, such as a chat's incoming webhook


class Alert(Struct, frozen=True):
    """What an alert says: a subject, paragraphs, and where to act, as (what it leads to, address)."""

    kind: AlertKind
    account_id: AccountId
    subject: str
    lines: Sequence[str]
    links: Sequence[tuple[str, str]]


class Recipient(Struct, frozen=True):
    """A recipient and the kinds of alerts that it gets. `last_error` is that of the last post, None after a success."""

    id: RecipientId
    account_id: AccountId
    kind: RecipientKind
    alert_kinds: frozenset[AlertKind]
    created_by_email: str
    created_at: datetime
    role: Role | None = None
    email: str | None = None
    name: str | None = None
    url: str | None = None
    confirmed_at: datetime | None = None
    last_sent_at: datetime | None = None
    last_failed_at: datetime | None = None
    last_error: str | None = None

    @property
    def is_admins(self) -> bool:
        """Whether these are the account's admins, who stay recipients, though perhaps of nothing."""
        return self.id == self.account_id

    @property
    def is_waiting(self) -> bool:
        """Whether it is an address that has not been confirmed."""
        return self.kind is RecipientKind.EMAIL and self.confirmed_at is None

    @property
    def short_url(self) -> str:
        """A channel's address as it is shown after it was saved: its host and its end, because the rest is a secret."""
        url = self.url or ""
        return f"{urlsplit(url).hostname}/…{url[-_SHOWN_END:]}"

    def takes(self, kind: AlertKind) -> bool:
        """Whether it gets alerts of that kind now."""
        return kind in self.alert_kinds and not self.is_waiting


def admins_by_default(account_id: AccountId, created_at: datetime) -> Recipient:
    """The admins of an account where nobody has chosen yet."""
    return Recipient(
        RecipientId(account_id), account_id, RecipientKind.ROLE, DEFAULT_KINDS, "", created_at, role=Role.ADMIN
    )


def wanted_kinds(names: Collection[str], *, is_admins: bool) -> frozenset[AlertKind]:
    """The kinds that were chosen: at least one, but for admins. Raises InvalidInput."""
    chosen = frozenset(kind for kind in AlertKind if kind.value in names)
    if not chosen and not is_admins:
        raise InvalidInput("choose at least one kind of alert", field="alert_kinds")
    return chosen


def post_body(alert: Alert, account_name: str, now: datetime, *, is_test: bool = False) -> str:
    """What is posted to a channel: JSON with `text`, as chats take it, and the same in parts for programs.

    The kind of a test is `test`.
    """
    links = "\n".join(f"{what}: {address}" for what, address in alert.links)
    text = "\n".join([f"*{chat_text(alert.subject)}*", *map(chat_text, alert.lines), links])
    return msgspec.json.encode(
        {
            "text": text,
            "kind": "test" if is_test else alert.kind.value,
            "client_account_id": str(alert.account_id),
            "account_name": account_name,
            "subject": alert.subject,
            "lines": list(alert.lines),
            "links": [{"text": what, "url": address} for what, address in alert.links],
            "created_at": iso_ms(now),
        }
    ).decode()


def chat_text(text: str) -> str:
    """Text in which a chat sees no commands: `<!channel>` or `@everyone` in a webhook's name calls nobody."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("@", "@\u200b")


def next_post_at(failed_at: datetime, failures: int) -> datetime | None:
    """When to post again after failure number `failures` (from 1); None when it is given up."""
    return failed_at + RETRIES[failures - 1] if failures <= len(RETRIES) else None
