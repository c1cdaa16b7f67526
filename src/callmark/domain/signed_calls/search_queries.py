"""The SQL that finds an account's calls on the telephone network for a list."""

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from callmark.domain.ids import AccountId, SignedCallId, VerifiedCallId
from callmark.domain.signed_calls.model import COUNTS_ONCE_FOR, CallKey, NetworkCallFilter
from callmark.kit.postgres.database import Tx


class Steps(NamedTuple):
    """A signing with its verification, or a verification. `is_with_signing`: it stands on the line of its signing.

    `until` is when the pair's next call was signed.
    """

    at: datetime
    id: UUID
    signed_id: SignedCallId | None
    verified_id: VerifiedCallId | None
    until: datetime | None
    is_with_signing: bool

    @property
    def key(self) -> CallKey:
        """Its place in the list."""
        return self.at, self.id


_FITS = """($4 = '' OR (one.receiver_number >= $4 AND one.receiver_number < $4 || ':')
          OR (one.caller_number >= $4 AND one.caller_number < $4 || ':'))"""
_PAIR = """other.receiver_number = one.receiver_number AND other.caller_number = one.caller_number
          AND other.account_id = one.account_id"""
_SIGNED = f"""
      SELECT one.signed_at AS at, one.id, one.id AS signed_id, verified.id AS verified_id, following.at AS until,
        false AS is_with_signing
      FROM signed_call one
      CROSS JOIN LATERAL (
        SELECT min(other.signed_at) AS at FROM signed_call other
        WHERE {_PAIR} AND (other.signed_at, other.id) > (one.signed_at, one.id)
      ) following
      LEFT JOIN LATERAL (
        SELECT other.id FROM verified_call other
        WHERE {_PAIR} AND other.verified_at >= one.signed_at
          AND other.verified_at < least(one.signed_at + $6::interval, following.at)
        ORDER BY other.verified_at, other.id LIMIT 1
      ) verified ON true
      WHERE one.account_id = $1 AND $5::text IS NULL AND {_FITS}
        AND ($2::timestamptz IS NULL OR (one.signed_at, one.id) < ($2, $3::uuid))
      ORDER BY one.signed_at DESC, one.id DESC LIMIT $7"""
_VERIFIED = f"""
      SELECT one.verified_at AS at, one.id, CASE WHEN place.is_first THEN signed.id END AS signed_id,
        one.id AS verified_id, following.at AS until, coalesce(place.is_first, false) AS is_with_signing
      FROM verified_call one
      CROSS JOIN LATERAL (
        SELECT min(other.signed_at) AS at FROM signed_call other WHERE {_PAIR} AND other.signed_at > one.verified_at
      ) following
      LEFT JOIN LATERAL (
        SELECT other.id, other.signed_at FROM signed_call other
        WHERE {_PAIR} AND other.signed_at <= one.verified_at AND other.signed_at > one.verified_at - $6::interval
        ORDER BY other.signed_at DESC, other.id DESC LIMIT 1
      ) signed ON true
      CROSS JOIN LATERAL (
        SELECT signed.id IS NOT NULL AND NOT EXISTS (
          SELECT FROM verified_call other WHERE {_PAIR} AND other.verified_at >= signed.signed_at
            AND (other.verified_at, other.id) < (one.verified_at, one.id)) AS is_first
      ) place
      WHERE one.account_id = $1 AND ($5::text IS NULL OR one.verstat = $5) AND {_FITS}
        AND ($2::timestamptz IS NULL OR (one.verified_at, one.id) < ($2, $3::uuid))
      ORDER BY one.verified_at DESC, one.id DESC LIMIT $7"""


async def select_steps(
    tx: Tx, account_id: AccountId, wanted: NetworkCallFilter, after: CallKey | None, limit: int
) -> list[Steps]:
    """What was signed for and verified of an account, newest first; with a verdict, only what was verified.

    A verification belongs to the pair's newest signing before it, within the life of a token. The first one is on
    the line of its signing, each further one stands for itself: its token may have been sent again. Indexes
    `signed_call_account_newest`, `verified_call_account_newest`, and for the pair `signed_call_once`,
    `verified_call_pair`.
    """
    rows = await tx.fetch(
        f"SELECT * FROM (({_SIGNED}) UNION ALL ({_VERIFIED})) steps ORDER BY at DESC, id DESC LIMIT $7",
        account_id,
        *(after or (None, None)),
        wanted.digits,
        wanted.verstat.value if wanted.verstat else None,
        COUNTS_ONCE_FOR,
        limit,
    )
    return [Steps(*row.values()) for row in rows]
