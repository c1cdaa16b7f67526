"""The buckets requests are counted in, and what is left of one.

The counting itself is the SQL function `take_request` (an exact sliding window), which the admission statement of
`credentials` calls, so that authentication and limit are one round trip and exact across processes.
Assumption: an answer 429 does not count, else a client that keeps knocking would lock itself out for ever.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil


@dataclass(frozen=True)
class Bucket:
    """At most `quota` requests of one token in any `window`."""

    name: str
    quota: int
    window: timedelta


# Source: contract D7; figures of section 1.7.
BULK_V1 = Bucket("bulk-v1", 10, timedelta(seconds=1))
BATCH = Bucket("batch", 60, timedelta(minutes=1))
REAL_TIME = Bucket("real-time", 100, timedelta(seconds=1))

# Ours, for extension routes: not to ask about receivers faster than a push could, nor to burn the judge's time.
EXTENSIONS = Bucket("extensions", 100, timedelta(seconds=1))
LINT = Bucket("lint", 60, timedelta(minutes=1))
MANAGING = Bucket("management", 50, timedelta(seconds=1))
"""Of the management API: more than people do by hand, and no way to slow the pushes of the same account down."""

BUCKETS = (REAL_TIME, BATCH, BULK_V1, EXTENSIONS, LINT, MANAGING)

TOKENS_QUOTA = 10
TOKENS_WINDOW = timedelta(minutes=30)
TOKENS = Bucket("token", TOKENS_QUOTA, TOKENS_WINDOW)
"""Tokens that an account makes; counted by `credentials` where they are stored, and only when one is made."""


@dataclass(frozen=True, slots=True)
class Allowance:
    """What one request found in its bucket: may it go on, how many more may now, when is the next place free."""

    bucket: Bucket
    granted: bool
    remaining: int
    reset_in: timedelta

    @property
    def retry_after_s(self) -> int:
        """Whole seconds until a place is free, at least one."""
        return whole_seconds(self.reset_in)


def whole_seconds(duration: timedelta) -> int:
    """`duration` rounded up to whole seconds, at least one, as `Retry-After` and `RateLimit` carry it."""
    return max(ceil(duration.total_seconds()), 1)


def allowance(bucket: Bucket, *, granted: bool, remaining: int, reset_at: datetime | None, now: datetime) -> Allowance:
    """The allowance of a row that `take_request` returned at `now`."""
    return Allowance(bucket, granted, remaining, reset_at - now if reset_at else timedelta())


def untouched(bucket: Bucket) -> Allowance:
    """What is told of a bucket to someone who may not learn what others have taken out of it."""
    return Allowance(bucket, granted=True, remaining=bucket.quota, reset_in=timedelta())
