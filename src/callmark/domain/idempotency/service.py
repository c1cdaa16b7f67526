"""Use cases of idempotency keys: claim one, keep its answer, give it back, forget old ones."""

import asyncio
import contextlib

import structlog
from msgspec.structs import replace

from callmark.domain.deps import Deps
from callmark.domain.idempotency import queries
from callmark.domain.idempotency.model import KEPT_FOR, LEASE, Claim, IdempotencyKey, KeptAnswer
from callmark.domain.ids import AccountId, BatchId
from callmark.kit.errors import KeyReused, StillRunning, Unavailable
from callmark.kit.ids import new_id
from callmark.kit.postgres.database import Tx
from callmark.kit.postgres.piecewise import in_pieces
from callmark.kit.tasks import to_the_end

log = structlog.get_logger(__name__)

_TRIES = 3
"""A key that is given back between the two statements of a claim is tried again this often."""


async def claim(deps: Deps, account_id: AccountId, key: IdempotencyKey, request_sha256: bytes) -> Claim | KeptAnswer:
    """The right to do the request, or what it was answered before.

    `request_sha256` is of all that makes two requests the same. Raises KeyReused when the key names another request,
    StillRunning while its first request is not answered.
    """
    wanted = Claim(account_id, key, new_id())
    try:
        return await _claim(deps, wanted, request_sha256)
    except asyncio.CancelledError:  # PostgreSQL may have done it: the cancellation only asks it not to
        await give_back(deps, wanted)
        raise


async def _claim(deps: Deps, wanted: Claim, request_sha256: bytes) -> Claim | KeptAnswer:
    now, real_now = deps.clock.now(), deps.database_now()
    for _ in range(_TRIES):
        async with deps.db.connection() as tx:
            taken = await queries.claim(
                tx,
                wanted,
                request_sha256,
                now=now,
                kept_since=now - KEPT_FOR,
                real_now=real_now,
                leased_until=real_now + LEASE,
            )
            if taken:
                return replace(wanted, batch_id=taken["batch_id"])
            known = await queries.find(tx, wanted.account_id, wanted.key)
        if known is None:
            continue
        if known["request_sha256"] != request_sha256:
            raise KeyReused
        if known["status"] is not None:
            return KeptAnswer(known["status"], known["body"])
        break
    raise StillRunning


async def attach_batch(tx: Tx, claim: Claim, batch_id: BatchId) -> None:
    """Ties the claim to the batch written in this transaction, so that a repetition finds it should we die now.

    Raises StillRunning, and so undoes the transaction, when another has taken the claim over.
    """
    if not await queries.attach_batch(tx, claim, batch_id):
        raise StillRunning


async def keep(tx: Tx, claim: Claim, answer: KeptAnswer) -> None:
    """Keeps the answer; in the transaction that does the work, the two stand or fall together. Raises as above."""
    if not await queries.keep(tx, claim, answer.status, answer.body):
        raise StillRunning


async def keep_alone(deps: Deps, claim: Claim, answer: KeptAnswer) -> None:
    """Keeps an answer whose work is done, or needed none. A claim that another has taken over is left to it."""
    async with deps.db.connection() as tx:
        if not await queries.keep(tx, claim, answer.status, answer.body):
            log.warning("idempotency_key_taken_over", account=str(claim.account_id))


async def give_back(deps: Deps, claim: Claim) -> None:
    """Lets the key be used again at once, after a request that came to no answer worth keeping.

    What of the request is written meanwhile stays: it ended the claim, or tied it to its batch. Where PostgreSQL is
    away the lease runs out instead.
    """
    await to_the_end(_give_back(deps, claim), "idempotency_key_not_given_back")


async def _give_back(deps: Deps, claim: Claim) -> None:
    with contextlib.suppress(Unavailable):
        async with deps.db.connection() as tx:
            await queries.give_back(tx, claim.account_id, claim.key, claim.lease_id, deps.database_now())


async def forget_old_keys(deps: Deps) -> int:
    """Deletes keys whose answers are not kept any longer; how many."""
    since, now = deps.clock.now() - KEPT_FOR, deps.database_now()
    return await in_pieces(deps.db, lambda tx, most: queries.forget_older(tx, since, now, most))
