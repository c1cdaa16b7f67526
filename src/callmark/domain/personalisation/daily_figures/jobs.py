"""The job that counts an account's records by day.

It follows the batches in the order of their ids and counts each once, when it is done. What handsets take late is found
by an index of its own. What a clock counted that was ahead is taken back once the clock is right: beyond a mark in the
future nothing would be counted until then.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from uuid import UUID

import structlog

from callmark.domain.deps import Deps
from callmark.domain.ids import AccountId, BatchId
from callmark.domain.personalisation.daily_figures import queries
from callmark.domain.personalisation.daily_figures.queries import Added, taken_back
from callmark.domain.personalisation.model import Batch, Outcome
from callmark.domain.work_names import WorkName
from callmark.instants import EPOCH, from_ms, to_ms
from callmark.kit.clock_watch import AHEAD_WITHIN
from callmark.kit.postgres.database import Row, Tx

log = structlog.get_logger(__name__)

_KEPT_DAYS = 400
_SKEW = timedelta(seconds=30)
"""How long ago an id may have been made, by clocks a little apart, before its transaction began to write: its request
waits for its turn for 8 s at most, then a statement that has not written yet may wait for 15 s."""
_IN_FLIGHT = timedelta(seconds=30)
"""How long a statement that was given its instant may take to be committed."""
_BATCHES_A_STEP = 2_000
_RECORDS_A_STEP = 20_000
_MOST_STEPS = 25


async def count_days(deps: Deps) -> None:
    """Counts what has come since the last time, in steps of bounded size; after a limit others have a turn."""
    for step in (_take_batches_back, _count_batches, _take_late_back, _count_late):
        for _ in range(_MOST_STEPS):
            if not await step(deps):
                break
    await queries.drop_days_before(deps.db, (deps.clock.now() - timedelta(days=_KEPT_DAYS)).date())


async def _count_batches(deps: Deps) -> bool:
    """One step; whether there may be more. Each batch is counted once: the mark moves in the same transaction.

    One that no worker has left to do while records of it have no outcome is not counted: it is due again. The mark's
    instant says from which id on remembered batches come next; without one, from the first.
    """
    async with deps.db.transaction() as tx:
        looked_to, mark = await queries.lock_mark(tx, "batches")
        new = await queries.batches_between(tx, mark, await _settled_ids(deps, tx), _BATCHES_A_STEP)
        step = _first_of(new)
        before, looked_to_id = await queries.take_done(tx, _first_id(looked_to), _RECORDS_A_STEP // 500)
        done = before + [batch for batch, is_done in step if is_done]
        outcomes = await queries.outcomes_of(tx, done)
        left = [batch for batch in done if Outcome.PENDING in outcomes.get(batch.id, {})]
        if later := [batch for batch, is_done in step if not is_done] + left:
            await queries.postpone(tx, later)
        if left:
            await queries.make_due_again(tx, left, deps.clock.now())
            tx.after_commit(partial(deps.wake, WorkName.BATCHES))
        await queries.add(tx, _added([batch for batch in done if batch not in left], outcomes))
        if step or _instant_of(looked_to_id) != looked_to:
            await queries.set_mark(tx, "batches", _instant_of(looked_to_id), step[-1][0].id if step else mark)
    if left:
        log.warning("batches_due_again", batches=[str(batch.id) for batch in left])
    return len(step) < len(new) or len(new) == _BATCHES_A_STEP or bool(before) or looked_to_id is not None


async def _take_batches_back(deps: Deps) -> bool:
    """One step back of a mark that is ahead, from the newest batch on; whether there may be more.

    Each batch comes again at its time, whether it was counted or remembered.
    """
    now = deps.real_clock.now()
    async with deps.db.transaction() as tx:
        looked_to, mark = await queries.lock_mark(tx, "batches")
        if mark < _first_id(now + AHEAD_WITHIN):
            return False
        found = await queries.batches_back(tx, _first_id(now), mark, _BATCHES_A_STEP)
        step = [batch for batch, _ in _first_of(found)]
        remembered = await queries.forget_postponed(tx, step)
        counted = [batch for batch in step if batch.id not in remembered]
        await queries.add(tx, taken_back(_added(counted, await queries.outcomes_of(tx, counted))))
        is_more = len(step) < len(found) or len(found) == _BATCHES_A_STEP
        await queries.set_mark(tx, "batches", looked_to, UUID(int=step[-1].id.int - 1) if is_more else _first_id(now))
    return is_more


async def _settled_ids(deps: Deps, tx: Tx) -> UUID:
    """Below it, every batch that will ever be written is written: no transaction that wrote so early is still open."""
    now = deps.real_clock.now()
    oldest = await queries.oldest_writer(tx)
    return _first_id((min(now, oldest) if oldest else now) - _SKEW)


def _first_id(at: datetime | None) -> UUID:
    """The first that a batch accepted at that instant may have; the first of all where there is none."""
    return UUID(int=to_ms(at) << 80 if at and at > EPOCH else 0)  # a UUIDv7 begins with 48 bits of milliseconds


def _instant_of(batch_id: UUID | None) -> datetime | None:
    return from_ms(batch_id.int >> 80) if batch_id else None


def _first_of(batches: Sequence[tuple[Batch, bool]]) -> list[tuple[Batch, bool]]:
    """As many of the first as make a step."""
    records = 0
    for i, (batch, _) in enumerate(batches):
        records += batch.record_count
        if records >= _RECORDS_A_STEP:
            return list(batches[: i + 1])
    return list(batches)


def _added(done: Sequence[Batch], outcomes: Mapping[BatchId, Mapping[str, int]]) -> Iterable[Added]:
    for batch in done:
        day = batch.accepted_at.date()
        yield batch.account_id, day, "accepted", batch.record_count
        for outcome, count in outcomes.get(batch.id, {}).items():
            yield batch.account_id, day, outcome, count


async def _count_late(deps: Deps) -> bool:
    """One step of what handsets took after a first failure; whether there may be more."""
    async with deps.db.transaction() as tx:
        mark = await queries.lock_mark(tx, "late")
        rows = await queries.late_between(tx, mark, deps.clock.now() - _IN_FLIGHT, _BATCHES_A_STEP)
        await queries.add(tx, _added_late(rows))
        if rows:
            await queries.set_mark(tx, "late", rows[-1]["delivered_late_at"], rows[-1]["id"])
    return len(rows) == _BATCHES_A_STEP


async def _take_late_back(deps: Deps) -> bool:
    """As `_take_batches_back`, of what handsets took late."""
    now = deps.clock.now()
    async with deps.db.transaction() as tx:
        if not await queries.is_ahead(tx, "late", now + AHEAD_WITHIN):
            return False
        rows = await queries.late_back(tx, now, await queries.lock_mark(tx, "late"), _BATCHES_A_STEP)
        await queries.add(tx, taken_back(_added_late(rows)))
        is_more = len(rows) == _BATCHES_A_STEP
        to = (rows[-1]["delivered_late_at"], UUID(int=rows[-1]["id"].int - 1)) if is_more else (now, UUID(int=0))
        await queries.set_mark(tx, "late", *to)
    return is_more


def _added_late(rows: Iterable[Row]) -> Iterable[Added]:
    for row in rows:
        account_id, day = AccountId(row["account_id"]), row["accepted_at"].date()
        yield from ((account_id, day, "late", 1), (account_id, day, "success", 1))
        yield account_id, day, row["first_outcome"], -1
