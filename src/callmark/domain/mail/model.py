"""A mail to one recipient, its way, and when a mail that was not taken is tried again."""

from datetime import datetime, timedelta
from enum import StrEnum

from callmark.kit.outbound.smtp import OutgoingMail

LONGEST_SUBJECT = 200

PAUSES = tuple(timedelta(minutes=minutes) for minutes in (1, 5, 15, 60, 180))
"""Before each retry, from the failure before it; the last is repeated."""

GIVES_UP_AFTER = timedelta(days=4)
"""A mail that could not be sent for this long, or waited this long for settings, is given up."""


class MailState(StrEnum):
    """Whether a mail still waits, and if not, how it ended."""

    WAITING = "waiting"  # an attempt is to come
    SENT = "sent"  # a mail server took it
    FAILED = "failed"  # refused permanently, or given up
    CAUGHT = "caught"  # emulator mode: kept instead of sent


class Mail(OutgoingMail, frozen=True):
    """A mail that is kept; `last_error` is the last attempt's, in words.

    `text` and `html` are empty once it was sent, and while they are `sealed` (`sealing`).
    """

    state: MailState
    attempt_count: int
    ended_at: datetime | None
    last_error: str | None
    sealed: bytes | None
    expires_at: datetime | None

    def is_too_late(self, now: datetime) -> bool:
        """Whether the link or the code in it counts no longer, so that it is not sent from now on."""
        return self.expires_at is not None and now >= self.expires_at


def next_try_at(failed_at: datetime, attempts: int, mail: Mail) -> datetime | None:
    """When to try again after failure number `attempts` (from 1); None when that is too late."""
    due_at = failed_at + PAUSES[min(attempts, len(PAUSES)) - 1]
    return None if due_at >= mail.created_at + GIVES_UP_AFTER or mail.is_too_late(due_at) else due_at
