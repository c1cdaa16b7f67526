"""The `RateLimit` headers of limited routes. Source: contract D45, draft-ietf-httpapi-ratelimit-headers-11."""

from math import ceil

from callmark.domain.limits.model import Allowance
from callmark.surfaces.http import Header


def rate_headers(left: Allowance) -> list[Header]:
    """What the bucket holds and what is left in it."""
    bucket = left.bucket
    policy = f'"{bucket.name}";q={bucket.quota};w={ceil(bucket.window.total_seconds())}'
    now = f'"{bucket.name}";r={left.remaining};t={left.retry_after_s}'
    return [(b"ratelimit-policy", policy.encode()), (b"ratelimit", now.encode())]
