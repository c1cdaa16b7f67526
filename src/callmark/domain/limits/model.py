"""The buckets requests are counted in, and what is left of one.

The counting itself is the SQL function `take_place` (an exact sliding window), which the admission statement of
`credentials` calls, so that authentication and limit are one round trip and exact across processes.
Assumption: an answer 429 does not count, else a client that keeps asking would lock itself out without end.
"""

from collections.abc import Mapping
from datetime import timedelta
from math import ceil

import msgspec
from msgspec import Struct, field
from msgspec.structs import replace

from callmark.kit.errors import InvalidInput, TooManyRequests


class Bucket(Struct, frozen=True):
    """At most `quota` requests of one token in any `window`."""

    name: str
    quota: int
    window: timedelta


# Source: contract D7; figures of section 1.7.
BULK_V1 = Bucket("bulk-v1", 10, timedelta(seconds=1))
BATCH = Bucket("batch", 60, timedelta(minutes=1))
REAL_TIME = Bucket("real-time", 100, timedelta(seconds=1))

# Ours, for extension routes: not to ask about receivers faster than a push could, nor to burn the time of validation.
EXTENSIONS = Bucket("extensions", 100, timedelta(seconds=1))
LINT = Bucket("lint", 60, timedelta(minutes=1))
MANAGING = Bucket("management", 50, timedelta(seconds=1))
"""Of the management API: more than people do by hand, and no way to slow the pushes of the same account down."""

OPERATING = Bucket("operator", 50, timedelta(seconds=1))
"""Of the operator API, of an operator token: no account can have another."""

BUCKETS = (REAL_TIME, BATCH, BULK_V1, EXTENSIONS, LINT, MANAGING)

TOKENS_QUOTA = 10
TOKENS_WINDOW = timedelta(minutes=30)
TOKENS = Bucket("token", TOKENS_QUOTA, TOKENS_WINDOW)
"""Tokens that an account makes; counted by `credentials` where they are stored, and only when one is made."""

MOST_KEYS, MOST_WEBHOOKS = 5, 5
"""Of an account at the same time (contract, sections 3.2 and 9.1)."""
KEYS, WEBHOOKS = "api-keys", "webhooks"

DEFAULTS: Mapping[str, int] = {
    TOKENS.name: TOKENS.quota,
    **{bucket.name: bucket.quota for bucket in BUCKETS},
    KEYS: MOST_KEYS,
    WEBHOOKS: MOST_WEBHOOKS,
}
"""Every limit that an operator can set for an account, by name, with the contract's number."""

MOST_TIMES = 10
"""How often the default a limit can be at most: a window keeps the instant of each request that it counts."""


class AccountLimits(Struct, frozen=True):
    """An account's limits: what an operator has set, else the defaults."""

    own: Mapping[str, int] = field(default_factory=dict[str, int])
    """Only what was set."""

    def of(self, name: str) -> int:
        """The number of a limit."""
        return self.own.get(name, DEFAULTS[name])

    def bucket(self, bucket: Bucket) -> Bucket:
        """The bucket as it is for this account."""
        return with_quota(bucket, self.of(bucket.name))

    def changed(self, changes: Mapping[str, int | None]) -> "AccountLimits":
        """With these set, or (None) back at their default. Raises InvalidInput for what is no limit, or no number."""
        for name, value in changes.items():
            if name not in DEFAULTS:
                raise InvalidInput(f"there is no limit {name}; the limits are {', '.join(DEFAULTS)}", field=name)
            if value is not None and not 1 <= value <= largest(name):
                raise InvalidInput(f"{name} must be a whole number from 1 to {largest(name)}", field=name)
        wanted = {**self.own, **changes}
        return AccountLimits({name: value for name in DEFAULTS if (value := wanted.get(name)) is not None})


DEFAULT_LIMITS = AccountLimits()
"""Of an account for which nothing is set."""


def largest(name: str) -> int:
    """The highest number that a limit can be set to."""
    return DEFAULTS[name] * MOST_TIMES


def with_quota(bucket: Bucket, quota: int) -> Bucket:
    """The bucket, holding that many."""
    return bucket if quota == bucket.quota else replace(bucket, quota=quota)


class Allowance(msgspec.Struct, frozen=True):
    """What one request found in its bucket: may it continue, how many more may now, when is the next place free."""

    bucket: Bucket
    granted: bool
    remaining: int
    reset_in: timedelta

    @property
    def retry_after_s(self) -> int:
        """Whole seconds until a place is free, at least one."""
        return whole_seconds(self.reset_in)


class TooManyTokens(TooManyRequests):
    """The account has created as many tokens as its `bucket` holds; reuse one, or try again after `retry_after`."""

    def __init__(self, bucket: Bucket, retry_after: timedelta) -> None:
        super().__init__(retry_after)
        self.bucket = bucket


def whole_seconds(duration: timedelta) -> int:
    """`duration` rounded up to whole seconds, at least one, as `Retry-After` and `RateLimit` carry it."""
    return max(ceil(duration.total_seconds()), 1)


def allowance(bucket: Bucket, *, granted: bool, remaining: int, reset_in: timedelta | None) -> Allowance:
    """The allowance of a row that `take_place` returned."""
    return Allowance(bucket, granted, remaining, reset_in or timedelta())


def untouched(bucket: Bucket) -> Allowance:
    """What is said of a bucket to someone who may not learn what others have taken out of it."""
    return Allowance(bucket, granted=True, remaining=bucket.quota, reset_in=timedelta())
