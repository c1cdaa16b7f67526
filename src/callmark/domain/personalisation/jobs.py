"""What workers do for call personalisation: push due batches."""

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import aclosing
from datetime import datetime, timedelta
from functools import partial

import structlog

from callmark.domain import news
from callmark.domain.deps import Deps
from callmark.domain.handsets import service as handsets, waking
from callmark.domain.handsets.model import Reach
from callmark.domain.personalisation import metrics, pushing_queries, queries
from callmark.domain.personalisation.batches.service import look_again
from callmark.domain.personalisation.model import Batch, OpenRecord, Outcome, RecordKey, Settlement
from callmark.domain.personalisation.push_spans import PushSpans
from callmark.domain.personalisation.pushing_queries import Pending
from callmark.domain.personalisation.service import UNREACHABLE, as_push
from callmark.domain.personalisation.suspension.jobs import LOOK_AFTER, withdraw_pushed
from callmark.domain.work_names import WorkName
from callmark.kit.fabric.fanout import Answer
from callmark.kit.phone import PhoneNumber
from callmark.kit.telemetry import tracing
from callmark.kit.telemetry.tracing import SpanKind
from callmark.kit.work import Claimed, Work

log = structlog.get_logger(__name__)

AT_ONCE = 16
"""Batches that one worker sends at once. One that has been sent and waits for its handsets is not among them."""

ATTENDED_S = 0.25
"""How long after it was sent a batch keeps its place: as long as handsets that answer take, and gateways under load."""

AGAIN_AFTER = timedelta(seconds=2)
"""When a batch is tried again some of whose records have no outcome yet: as a rule their pushes were lost with NATS."""


def batches(deps: Deps) -> Work:
    """The work of pushing batches; none is started while NATS is away or has only just come back."""

    async def run(claimed: Claimed) -> datetime | None:
        batch, parent = str(claimed.row["id"]), claimed.row["traceparent"]
        with tracing.following(parent, "push batch", SpanKind.CONSUMER, batch=batch):
            return await run_batch(deps, claimed)

    return Work(
        name=WorkName.BATCHES,
        table="batch",
        key="id",
        columns=f"{queries.BATCH}, traceparent",
        run=run,
        at_once=AT_ONCE,
        owner="account_id",
        ready=lambda: deps.fabric.settled,
    )


async def run_batch(deps: Deps, claimed: Claimed) -> datetime | None:
    """Pushes a batch's pending records and settles each; when to come again, unless every record has an outcome now.

    Idempotent by the record's id: only pending records are pushed, and a handset ignores a record that it holds.
    """
    began = deps.real_clock.now()
    batch = queries.batch_of(claimed.row)
    (found,) = await deps.gather(pushing_queries.to_push, [batch], weight=batch.record_count)
    if found.is_suspended and not await _is_settled(deps, batch):
        return max(batch.ends_to, deps.clock.now() + LOOK_AFTER)
    if not found.pending:  # handsets have asked for the rest, or its windows ended while its account was suspended
        await look_again(deps, [batch])  # who pushed them may have been killed before it looked
        await news.tell(deps, news.of_batch(batch.id))
        return None
    refused, sendable = _sort_out(found.pending, deps.settings.min_app_version, deps.clock.now())
    await _settle(deps, refused)
    lost = await _fan_out(deps, sendable, claimed.only_waits)
    (pushed,) = await look_again(deps, [batch])
    if pushed.is_done:
        await news.tell(deps, news.of_batch(batch.id))
    if pushed.is_suspended:
        await withdraw_pushed(deps, batch)
    log.info(
        "batch_pushed",
        batch=str(batch.id),
        pushed=len(sendable) - lost,
        refused=len(refused),
        lost=lost,
        is_done=pushed.is_done,
        ms=round((deps.real_clock.now() - began).total_seconds() * 1000),
    )
    return None if pushed.is_done else deps.clock.now() + AGAIN_AFTER


async def _is_settled(deps: Deps, batch: Batch) -> bool:
    (left,) = await deps.gather(pushing_queries.look_again, [batch])
    return left.is_done


def _sort_out(
    pending: Sequence[Pending], min_app_version: str, now: datetime
) -> tuple[list[Settlement], list[OpenRecord]]:
    """What can be settled without a push (window over, receiver not reachable), and what is to be pushed."""
    refused: list[Settlement] = []
    sendable: list[OpenRecord] = []
    reaches: dict[handsets.Make | None, Reach] = {}
    for record, make in pending:
        if make not in reaches:
            reaches[make] = handsets.reach_by(make, min_app_version)
        found = reaches[make]
        if record.key.ends_at < now:
            refused.append(Settlement(record.key, Outcome.FAILED_TO_PUSH, None, now))
        elif found is Reach.REACHABLE:
            sendable.append(record)
        else:
            refused.append(Settlement(record.key, UNREACHABLE[found], None, now))
    return refused, sendable


async def _fan_out(deps: Deps, records: Sequence[OpenRecord], only_waits: Callable[[], None]) -> int:
    """Pushes and settles in groups as answers come; how many were lost with NATS and stay pending."""
    if not records:
        return 0
    attended = asyncio.get_running_loop().call_later(ATTENDED_S, only_waits)
    try:
        return await _push_and_settle(deps, records)
    finally:
        attended.cancel()


async def _push_and_settle(deps: Deps, records: Sequence[OpenRecord]) -> int:
    lost = 0
    sent_at = deps.clock.now()
    within = timedelta(seconds=deps.settings.bulk_deadline_s)
    spans = PushSpans(records)
    pushes = [as_push(deps, record, spans.traceparent(i)) for i, record in enumerate(records)]
    ends = _last_ends([record.key for record in records])
    owner = waking.batches_of(records[0].account_id)
    expected, wake = (partial(asked, deps, owner, ends) for asked in (waking.expected, waking.wake))
    async with aclosing(deps.fabric.push(pushes, within, expected, wake)) as groups:
        async for group in groups:
            spans.answered(group)
            at = deps.clock.now()
            settled = [
                Settlement(records[i].key, _outcome(answer), sent_at, at)
                for i, answer in group
                if answer is not Answer.FABRIC_LOST
            ]
            lost += len(group) - len(settled)
            await _settle(deps, settled)
    return lost


def _last_ends(keys: Sequence[RecordKey]) -> dict[PhoneNumber, datetime]:
    """Until when there is something to show on each receiver's handset."""
    ends: dict[PhoneNumber, datetime] = {}
    for key in keys:
        ends[key.receiver_number] = max(key.ends_at, ends.get(key.receiver_number, key.ends_at))
    return ends


async def _settle(deps: Deps, settled: Sequence[Settlement]) -> None:
    if settled:
        await deps.gather(queries.settle, settled)
        for outcome, count in Counter(one.outcome for one in settled).items():
            metrics.BULK[outcome].inc(count)


def _outcome(answer: Answer) -> Outcome:
    return Outcome.SUCCESS if answer is Answer.ACKNOWLEDGED else Outcome.FAILED_TO_PUSH
