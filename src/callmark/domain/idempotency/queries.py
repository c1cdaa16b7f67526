"""The SQL of idempotency keys."""

from datetime import datetime
from typing import LiteralString
from uuid import UUID

from callmark.domain.idempotency.model import Claim, IdempotencyKey
from callmark.domain.ids import AccountId, BatchId
from callmark.kit.clock_watch import TRUSTED_WITHIN
from callmark.kit.postgres.database import Row, Tx, affected

_CLAIM = """
INSERT INTO idempotency_key AS k (account_id, key, request_sha256, created_at, lease_id, leased_until)
VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (account_id, key) DO UPDATE SET
  request_sha256 = excluded.request_sha256,
  created_at = CASE WHEN k.batch_id IS NOT NULL AND k.created_at > $7 THEN k.created_at
    ELSE excluded.created_at END,
  batch_id = CASE WHEN k.created_at > $7 THEN k.batch_id END,
  lease_id = excluded.lease_id,
  leased_until = excluded.leased_until,
  status = NULL,
  body = NULL
WHERE (k.created_at <= $7 AND (k.status IS NOT NULL OR NOT k.leased_until BETWEEN $8 AND $9))
  OR (k.status IS NULL AND NOT k.leased_until BETWEEN $8 AND $9
    AND (k.batch_id IS NULL OR k.request_sha256 = excluded.request_sha256))
RETURNING batch_id
"""
"""A lease that ends after $9 is of a clock that was ahead, and of nobody who still lives."""


async def claim(
    tx: Tx,
    wanted: Claim,
    request_sha256: bytes,
    *,
    now: datetime,
    kept_since: datetime,
    real_now: datetime,
    leased_until: datetime,
) -> Row | None:
    """Takes a key that is new, forgotten (older than `kept_since`) or left by a holder that died; its `batch_id`.

    No row: it is kept or held. A key whose dead holder wrote a batch is taken over only for the very same request, and
    keeps its age. Concurrent claims of one key wait for each other on its row.
    """
    return await tx.fetchrow(
        _CLAIM,
        wanted.account_id,
        wanted.key,
        request_sha256,
        now,
        wanted.lease_id,
        leased_until,
        kept_since,
        real_now,
        leased_until + TRUSTED_WITHIN,
    )


async def find(tx: Tx, account_id: AccountId, key: IdempotencyKey) -> Row | None:
    """What is known of a key: `request_sha256`, and `status` and `body` once it is answered."""
    return await tx.fetchrow(
        "SELECT request_sha256, status, body FROM idempotency_key WHERE account_id = $1 AND key = $2", account_id, key
    )


async def attach_batch(tx: Tx, claim: Claim, batch_id: BatchId) -> bool:
    """Notes the batch that is written in this transaction; False when the claim is another's by now."""
    return await _held(tx, "batch_id = $4", claim, batch_id)


async def keep(tx: Tx, claim: Claim, status: int, body: bytes) -> bool:
    """Keeps the answer and ends the lease; False when the claim is another's by now."""
    return await _held(tx, "status = $4, body = $5, lease_id = NULL, leased_until = NULL", claim, status, body)


async def _held(tx: Tx, change: LiteralString, claim: Claim, *values: object) -> bool:
    tag = await tx.execute(
        f"UPDATE idempotency_key SET {change} WHERE account_id = $1 AND key = $2 AND lease_id = $3",
        claim.account_id,
        claim.key,
        claim.lease_id,
        *values,
    )
    return tag == "UPDATE 1"


async def give_back(tx: Tx, account_id: AccountId, key: IdempotencyKey, lease_id: UUID, real_now: datetime) -> None:
    """Frees a claim: forgotten when nothing was written under it, else to be taken over from now on.

    Does nothing when the answer is kept or the claim is another's.
    """
    await tx.execute(
        "DELETE FROM idempotency_key WHERE account_id = $1 AND key = $2 AND lease_id = $3 AND batch_id IS NULL",
        account_id,
        key,
        lease_id,
    )
    await tx.execute(
        "UPDATE idempotency_key SET leased_until = $4 WHERE account_id = $1 AND key = $2 AND lease_id = $3",
        account_id,
        key,
        lease_id,
        real_now,
    )


async def forget_older(tx: Tx, kept_since: datetime, real_now: datetime, most: int) -> int:
    """Deletes up to `most` keys claimed up to `kept_since` that nobody holds; how many.

    Index `idempotency_key_created`.
    """
    tag = await tx.execute(
        "DELETE FROM idempotency_key WHERE ctid = ANY (ARRAY (SELECT ctid FROM idempotency_key"
        " WHERE created_at <= $1 AND (leased_until IS NULL OR leased_until < $2) LIMIT $3))"
        " AND created_at <= $1 AND (leased_until IS NULL OR leased_until < $2)",
        kept_since,
        real_now,
        most,
    )
    return affected(tag)
