"""Use cases of a batch as a whole: read it page by page, count how far it got, take it back."""

from collections.abc import Sequence
from functools import partial
from uuid import UUID

import structlog
from msgspec import Struct

from callmark.domain import news
from callmark.domain.audit import service as audit
from callmark.domain.audit.model import AuditAction
from callmark.domain.deps import Deps
from callmark.domain.ids import AccountId
from callmark.domain.personalisation import pushing_queries, queries as record_queries
from callmark.domain.personalisation.batches import queries
from callmark.domain.personalisation.batches.model import Stages, stages
from callmark.domain.personalisation.handset_messages import encode_withdraw
from callmark.domain.personalisation.model import Batch, Outcome, RecordKey, StoredRecord
from callmark.domain.personalisation.pushing_queries import Pushed
from callmark.domain.policy.model import Actor
from callmark.kit.errors import NotFound
from callmark.kit.postgres.database import Tx

log = structlog.get_logger(__name__)


class BatchRecords(Struct, frozen=True):
    """Some of a batch's records; `is_done` when every record of the batch has an outcome."""

    batch: Batch
    is_done: bool
    records: list[StoredRecord]


class BatchWithdrawal(Struct, frozen=True):
    """The outcome of each record of a batch that was taken back."""

    batch: Batch
    withdrawn: int
    withdrawn_before: int
    ended: int
    invalid: int


async def read_page(
    deps: Deps, account_id: AccountId, batch_id: UUID, *, after: int, limit: int, outcome: Outcome | None = None
) -> BatchRecords:
    """Up to `limit` records behind position `after`, of one outcome or (None) of any.

    A batch that is done shows no record without an outcome: that it is done is read first, and outcomes stay. Raises
    NotFound, also for another account's batch.
    """
    async with deps.db.connection() as tx:
        batch = await _get(tx, account_id, batch_id)
        done = await queries.is_done(tx, batch)
        return BatchRecords(batch, done, await record_queries.records_of(tx, batch, after, limit, outcome))


async def is_done(deps: Deps, account_id: AccountId, batch_id: UUID) -> bool:
    """Whether every record of the batch has an outcome. Raises NotFound as above."""
    async with deps.db.connection() as tx:
        return await queries.is_done(tx, await _get(tx, account_id, batch_id))


async def count_stages(deps: Deps, account_id: AccountId, batch_id: UUID) -> Stages:
    """How far the batch's records got, in one statement beside the batch's own. Raises NotFound as above."""
    async with deps.db.connection() as tx:
        batch = await _get(tx, account_id, batch_id)
        rows = await queries.counts_of(tx, batch, deps.clock.now())
    return stages(batch, rows)


async def withdraw_batch(deps: Deps, account_id: AccountId, batch_id: UUID, *, by: Actor) -> BatchWithdrawal:
    """Takes back every record of the batch whose window has not ended. Safe to repeat. Raises NotFound as above.

    Handsets that are connected drop theirs at once, the others with their next sync.
    """
    now = deps.clock.now()
    async with deps.db.transaction() as tx:
        batch = await _get(tx, account_id, batch_id)
        tx.after_commit(partial(news.tell, deps, news.of_batch(batch.id)))
        count = await queries.withdraw_batch(tx, batch, now)
        await record_queries.note_withdrawal(tx, batch.id, now)
        rows = await queries.counts_of(tx, batch, now)
        keys = await queries.withdrawn_of(tx, batch, now)
        if count:
            await audit.note(
                tx, by, AuditAction.BATCH_WITHDRAWN, str(batch.id), account_id=account_id, at=now, records=count
            )
    await _tell(deps, keys)
    log.info("batch_withdrawn", batch=str(batch.id), records=count)
    by_outcome = {row["outcome"]: row for row in rows}
    invalid = by_outcome.pop(Outcome.INVALID, None)
    return BatchWithdrawal(
        batch,
        withdrawn=count,
        withdrawn_before=sum(row["withdrawn"] for row in by_outcome.values()) - count,
        ended=sum(row["ended"] for row in by_outcome.values()),
        invalid=invalid["records"] if invalid else 0,
    )


async def look_again(deps: Deps, batches: Sequence[Batch]) -> Sequence[Pushed]:
    """For a worker that has just pushed records of these batches: how each is now.

    What was withdrawn meanwhile may have overtaken its push; handsets are notified again.
    """
    pushed = await deps.gather(pushing_queries.look_again, batches)
    for batch, now in zip(batches, pushed, strict=True):
        if now.has_withdrawals:
            async with deps.db.connection() as tx:
                keys = await queries.withdrawn_of(tx, batch, deps.clock.now())
            await _tell(deps, keys)
    return pushed


async def _tell(deps: Deps, keys: Sequence[RecordKey]) -> None:
    for key in keys:
        await deps.fabric.send_to_handset(key.receiver_number, encode_withdraw(key))


async def _get(tx: Tx, account_id: AccountId, batch_id: UUID) -> Batch:
    batch = await record_queries.find_batch(tx, batch_id)
    if batch is None or batch.account_id != account_id:
        raise NotFound
    return batch
