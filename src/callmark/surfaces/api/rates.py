"""The `RateLimit` headers of limited routes. Source: contract D45, draft-ietf-httpapi-ratelimit-headers-11."""

from datetime import timedelta
from functools import lru_cache
from math import ceil

from callmark.domain.limits.model import Allowance
from callmark.surfaces.http import Header


def rate_headers(left: Allowance) -> list[Header]:
    """What the bucket holds and what is left in it."""
    bucket = left.bucket
    now = f'"{bucket.name}";r={left.remaining};t={left.retry_after_s}'
    return [_policy(bucket.name, bucket.quota, bucket.window), (b"ratelimit", now.encode())]


@lru_cache(maxsize=256)
def _policy(name: str, quota: int, window: timedelta) -> Header:
    """Every answer has it; there are as many as operators have set limits."""
    return b"ratelimit-policy", f'"{name}";q={quota};w={ceil(window.total_seconds())}'.encode()
