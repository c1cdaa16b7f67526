"""A webhook's outage: when it is announced, repeated, ended, and when the webhook is paused for it. Pure rules.

Any success ends the failing. So that a receiver that comes and goes does not fill mailboxes, an outage is announced
after an hour without one success, its end once no attempt has failed for a while, and the next one not too soon.
"""

from datetime import datetime, timedelta
from enum import StrEnum

from msgspec import Struct
from msgspec.structs import replace

from callmark.domain.ids import WebhookId
from callmark.domain.webhooks.model import SCHEDULE

NOTICES = (timedelta(hours=1), timedelta(days=1), timedelta(days=3))
"""How long a webhook has failed when that is announced, and when it is repeated."""

PAUSED_AFTER = timedelta(days=5)
"""How long a webhook fails, with attempts all the while, until it is paused."""

FEWEST_FAILURES = 3
"""Failed attempts without a success between them that make an outage."""

SETTLED_AFTER = timedelta(minutes=15)
"""How long a webhook works before it is said to work again."""

QUIET = timedelta(hours=6)
"""How long after an outage was announced another one of the same webhook is not."""

LAPSES_AFTER = 2 * max(SCHEDULE)
"""The longest pause between two attempts of a delivery (contract D43b). A failure after more than that is a new one."""


class Notice(StrEnum):
    """What is announced about a webhook."""

    FAILING = "failing"
    STILL_FAILING = "still_failing"
    WORKING = "working"


class Outage(Struct, frozen=True):
    """How a webhook has failed. `failures` counts failed attempts since the last success, the first at `failing_since`.

    `notices` says how many of `NOTICES` have been given since then, `announced_at` when the first was. `is_open`: it
    was said that it fails, and not yet that it works; `working_since` is then the first success.
    """

    webhook_id: WebhookId
    failing_since: datetime | None = None
    last_failed_at: datetime | None = None
    failures: int = 0
    notices: int = 0
    is_open: bool = False
    announced_at: datetime | None = None
    working_since: datetime | None = None


def after_attempt(outage: Outage, at: datetime, *, is_success: bool) -> Outage:
    """The outage after an attempt that ended at `at`. A success changes nothing for a webhook that works."""
    if is_success:
        is_end = outage.is_open and (outage.failing_since is not None or outage.working_since is None)
        working_since = at if is_end else outage.working_since
        return replace(
            outage, failing_since=None, last_failed_at=None, failures=0, notices=0, working_since=working_since
        )
    if outage.last_failed_at is not None and at - outage.last_failed_at > LAPSES_AFTER:
        outage = begun_again(outage)
    since = outage.failing_since or at
    return replace(outage, failing_since=since, last_failed_at=at, failures=outage.failures + 1)


def begun_again(outage: Outage) -> Outage:
    """The outage once someone resumed the webhook or changed its address: its time is counted from the next failure.

    The next outage may be announced at once; that it works again still has to be, if it was announced.
    """
    return Outage(outage.webhook_id, is_open=outage.is_open)


def after_look(outage: Outage, now: datetime) -> tuple[Outage, Notice | None]:
    """What to announce at `now`, and the outage once that is done."""
    if outage.failing_since is None:
        return _after_end(outage, now)
    given = sum(now - outage.failing_since >= after for after in NOTICES)
    if given <= outage.notices or outage.failures < FEWEST_FAILURES or _is_lapsed(outage, now):
        return outage, None
    if outage.notices:
        return replace(outage, notices=given), Notice.STILL_FAILING
    if outage.announced_at is not None and now - outage.announced_at < QUIET:
        return outage, None
    told = replace(outage, notices=given, is_open=True, announced_at=now, working_since=None)
    return told, Notice.FAILING


def is_pause_due(outage: Outage, now: datetime) -> bool:
    """Whether a webhook whose attempt has just failed has failed for long enough to be paused."""
    return has_failed_for_long(outage.failing_since, now) and outage.failures >= FEWEST_FAILURES


def has_failed_for_long(failing_since: datetime | None, now: datetime) -> bool:
    """Whether `PAUSED_AFTER` is over since the first failure."""
    return failing_since is not None and now - failing_since >= PAUSED_AFTER


def is_over(outage: Outage, now: datetime) -> bool:
    """Whether nothing of it is needed now."""
    is_quiet = outage.announced_at is None or now - outage.announced_at >= QUIET
    return is_quiet and not outage.is_open and outage.failing_since is None


def _after_end(outage: Outage, now: datetime) -> tuple[Outage, Notice | None]:
    if not outage.is_open or outage.working_since is None or now - outage.working_since < SETTLED_AFTER:
        return outage, None
    return replace(outage, is_open=False, working_since=None), Notice.WORKING


def _is_lapsed(outage: Outage, now: datetime) -> bool:
    """Whether no attempt was made for so long that the outage says nothing about now."""
    return outage.last_failed_at is not None and now - outage.last_failed_at > LAPSES_AFTER
