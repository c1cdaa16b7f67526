"""An idempotency key's life: claimed before the work, then kept with the answer, or given back.

A claim is held under a lease. Every write of its holder is fenced by the lease's id, so that a holder that was too slow
cannot write once another has taken over.
"""

from datetime import timedelta
from typing import NewType
from uuid import UUID

from msgspec import Struct

from callmark.domain.ids import AccountId, BatchId
from callmark.kit.errors import InvalidHeader

IdempotencyKey = NewType("IdempotencyKey", str)

LONGEST_KEY = 255
KEPT_FOR = timedelta(hours=24)
"""How long an answer is kept after its key was claimed, by the product clock."""
LEASE = timedelta(seconds=30)
"""How long a holder that died blocks its key, by the real clock: past the longest request and a worker's takeover."""


class Claim(Struct, frozen=True):
    """The right to do a request. With a `batch_id` an earlier holder wrote that batch, and died before it answered."""

    account_id: AccountId
    key: IdempotencyKey
    lease_id: UUID
    batch_id: BatchId | None = None


class KeptAnswer(Struct, frozen=True):
    """What the first request with the key was answered."""

    status: int
    body: bytes


def parse_key(values: list[str]) -> IdempotencyKey:
    """The key of a request's `Idempotency-Key` headers: one, of 1 to 255 printable ASCII characters.

    Raises InvalidHeader. The characters are taken as they are: quotes around them are a part of the key.
    """
    text = values[0]
    if len(values) > 1 or not 1 <= len(text) <= LONGEST_KEY or not (text.isascii() and text.isprintable()):
        raise InvalidHeader(
            "Idempotency-Key", f"Idempotency-Key must be one value of 1 to {LONGEST_KEY} printable ASCII characters"
        )
    return IdempotencyKey(text)
