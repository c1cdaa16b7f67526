"""SQL that admits a request by its token: a part that several statements contain.

`queries.admit` does nothing else. A statement that also does what was asked for spares a round trip
(`personalisation.admitted_push_queries`).
"""

from collections.abc import Sequence
from datetime import datetime
from typing import LiteralString, NamedTuple
from uuid import UUID

from callmark.domain.credentials.model import Admission
from callmark.domain.ids import AccountId, KeyId
from callmark.domain.limits.model import Bucket, allowance, with_quota
from callmark.domain.policy.plan import MANAGEMENT, KeyAccess
from callmark.kit.errors import Forbidden, Unauthenticated
from callmark.kit.postgres.database import Row


class AdmissionRequest(NamedTuple):
    """A request to be admitted: the token that it carries, the account and feature that it is for, and its bucket.

    `at` is its instant by the product's clock. Its bucket counts by the database's, unless the product's `is_moved`.
    """

    token_sha256: bytes
    account_id: UUID
    feature: KeyAccess | None
    bucket: Bucket | None
    at: datetime
    is_moved: bool


_EACH = """unnest($1::bytea[], $2::uuid[], $3::timestamptz[], $4::text[], $5::text[], $6::integer[], $7::interval[])
    WITH ORDINALITY AS n (sha256, account, at, feature, bucket, quota, per, number)"""
_ALIKE = """(SELECT *, $4::text AS feature, $5::text AS bucket, $6::integer AS quota, $7::interval AS per
    FROM unnest($1::bytea[], $2::uuid[], $3::timestamptz[]) WITH ORDINALITY AS u (sha256, account, at, number)) n"""


def _admitted(requests: LiteralString) -> LiteralString:
    return f"""
token AS MATERIALIZED (
  SELECT n.sha256, n.at, n.bucket, n.per, n.number, t.account_id, t.key_id,
    coalesce((a.limits -> n.bucket)::integer, n.quota) AS quota,
    t.account_id = n.account AND a.state = 'active'
      AND (n.feature IS NULL OR (n.feature = ANY (k.features)
        AND (n.feature = ANY (a.features) OR n.feature = $8))) AS allowed
  FROM {requests}
  JOIN access_token t ON t.sha256 = n.sha256 AND t.expires_at > n.at
  JOIN api_key k ON k.id = t.key_id AND k.revoked_at IS NULL
  JOIN client_account a ON a.id = t.account_id
  ORDER BY n.sha256, n.bucket, n.number
), admitted AS MATERIALIZED (
  SELECT token.number, token.account_id, token.key_id, token.allowed, token.quota, w.granted, w.remaining, w.reset_in
  FROM token
  LEFT JOIN LATERAL take_place(token.sha256, CASE WHEN token.allowed THEN token.bucket END, token.quota,
    token.per, CASE WHEN $9::boolean THEN token.at END) w ON true
)
"""


ADMITTED = _admitted(_EACH)
"""Two members of a WITH; `columns_of` gives $1 to $9. The second has a row for each request with a live token:

its `number` from 1, the token's account and key, whether they are `allowed` here, and one request taken out of the
bucket. The bucket's `quota` is the account's own where an operator has set one. Windows run by the database's
clock, which is the same for all processes, tokens by the product's (docs/decisions/0078-wrong-clocks.md).

One statement, so that revocation holds at once and nothing is cached. The token step is materialised: it runs once, and
only a valid and allowed token reaches its window. Windows are taken in the order of their keys, so that statements at
once cannot deadlock. Must run outside a transaction, so that a window's row is locked for this statement only.
"""

ADMITTED_ALIKE = _admitted(_ALIKE)
"""As `ADMITTED`, for requests of one feature out of one bucket; `alike_columns_of` gives $1 to $9."""


def columns_of(requests: Sequence[AdmissionRequest]) -> tuple[object, ...]:
    """The parameters $1 to $9 of `ADMITTED`."""
    return (
        [one.token_sha256 for one in requests],
        [one.account_id for one in requests],
        [one.at for one in requests],
        [one.feature for one in requests],
        [one.bucket and one.bucket.name for one in requests],
        [one.bucket and one.bucket.quota for one in requests],
        [one.bucket and one.bucket.window for one in requests],
        MANAGEMENT,
        requests[0].is_moved,
    )


def alike_columns_of(requests: Sequence[AdmissionRequest]) -> tuple[object, ...]:
    """The parameters $1 to $9 of `ADMITTED_ALIKE`: each value costs time, so what is the same for all goes once."""
    first = requests[0]
    return (
        [one.token_sha256 for one in requests],
        [one.account_id for one in requests],
        [one.at for one in requests],
        first.feature,
        first.bucket and first.bucket.name,
        first.bucket and first.bucket.quota,
        first.bucket and first.bucket.window,
        MANAGEMENT,
        first.is_moved,
    )


def admission_of(asked: AdmissionRequest, row: Row | None) -> Admission:
    """What the row of `ADMITTED` says. Raises Unauthenticated for none, Forbidden."""
    if row is None:
        raise Unauthenticated
    if not row["allowed"]:
        raise Forbidden(_NO_MANAGEMENT) if asked.feature is MANAGEMENT else Forbidden
    bucket = asked.bucket
    left = bucket and allowance(
        with_quota(bucket, row["quota"]),
        granted=row["granted"],
        remaining=row["remaining"],
        reset_in=row["reset_in"],
    )
    return Admission(AccountId(row["account_id"]), KeyId(row["key_id"]), left)


_NO_MANAGEMENT = "not authorized: this needs an API key of the account with the access `management`"
