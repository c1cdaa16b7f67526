"""Use cases of call personalisation: push one record now, read status, acknowledge, withdraw.

Batches are taken in by `accepting`.
"""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import NamedTuple
from uuid import UUID

import structlog

from callmark.domain import news
from callmark.domain.accounts import service as accounts
from callmark.domain.audit import service as audit
from callmark.domain.audit.model import AuditAction
from callmark.domain.deps import Deps
from callmark.domain.handsets import service as handsets, waking
from callmark.domain.handsets.model import Reach
from callmark.domain.idempotency import service as idempotency
from callmark.domain.idempotency.model import Claim
from callmark.domain.ids import AccountId, BatchId, RecordId
from callmark.domain.personalisation import handset_queries, metrics, queries
from callmark.domain.personalisation.dry_run import lint
from callmark.domain.personalisation.handset_messages import encode_identity, encode_withdraw
from callmark.domain.personalisation.known import look_up_one
from callmark.domain.personalisation.model import (
    NearestRecord,
    OpenRecord,
    Outcome,
    RecordKey,
    RingingPair,
    Settlement,
    StoredRecord,
)
from callmark.domain.personalisation.push_spans import PushSpans
from callmark.domain.personalisation.queries import AcceptedSingle
from callmark.domain.personalisation.validation import (
    GoodRecord,
    KnownLabels,
    RecordRefused,
    Rules,
    console_rules,
    validate,
)
from callmark.domain.policy.model import Actor
from callmark.instants import to_ms
from callmark.kit import patience
from callmark.kit.errors import Conflict, Forbidden, StillRunning, Unavailable, found
from callmark.kit.fabric.fanout import Answer, Push
from callmark.kit.ids import new_id
from callmark.kit.phone import PhoneNumber, shorten
from callmark.kit.postgres.database import Tx
from callmark.kit.telemetry import logs
from callmark.kit.workload import aside
from callmark.record_rules.fields import Faulty, NewRecord

log = structlog.get_logger(__name__)

TAKEN_OVER_AFTER = timedelta(seconds=10)
"""When a worker takes over a real-time record whose process did not settle it."""

_FIRST_PAGE_WEIGHT = 40
"""Of a first page of a handset's records among gathered items: most handsets have few. A further one may be full."""

WRITTEN_AGAIN_AFTER = timedelta(seconds=1)
SETTLING_S = 0.3
"""What is kept of a request's time for writing down the outcome of a push."""

UNREACHABLE = {
    Reach.NOT_REGISTERED: Outcome.NOT_REGISTERED,
    Reach.OS_NOT_SUPPORTED: Outcome.OS_NOT_SUPPORTED,
    Reach.APP_VERSION_NOT_SUPPORTED: Outcome.APP_VERSION_NOT_SUPPORTED,
}


class PushResult(NamedTuple):
    """The outcome of a real-time push."""

    batch_id: BatchId
    outcome: Outcome


async def push_now(
    deps: Deps, account_id: AccountId, rules: Rules, record: NewRecord, *, claim: Claim | None = None
) -> PushResult:
    """Validates, writes, pushes and settles one record, all within the real-time deadline. Raises Faulty.

    The record is committed before it is pushed. Should this process die in between, a worker finishes it. A `claim` is
    tied to the record's batch, in a transaction of their own instead of one gathered with other requests'. If an
    earlier holder of the claim wrote the record and died, nothing is pushed: it is the outcome of that record, or
    StillRunning while a worker is about to settle it.
    """
    if claim and claim.batch_id and (earlier := await records_of_batch(deps, claim.batch_id, account_id)):
        if earlier[0].outcome is Outcome.PENDING:
            raise StillRunning
        return PushResult(claim.batch_id, earlier[0].outcome)
    began = deps.real_clock.now()
    now = deps.clock.now()
    known, make = await look_up_one(deps, account_id, rules, record)
    try:
        good = validate(record, rules, known, to_ms(now))
    except Faulty:
        metrics.REAL_TIME[Outcome.INVALID].inc()
        raise
    batch_id = BatchId(new_id())
    logs.bind(batch=str(batch_id))
    single = _single(account_id, good, known, deps.accepted_now())
    await _insert(deps, batch_id, _insertable(single, batch_id, good, now + TAKEN_OVER_AFTER), claim)
    return await push_written(deps, single, batch_id, make, began)


async def push_written(
    deps: Deps, single: OpenRecord, batch_id: BatchId, make: handsets.Make | None, began: datetime, stream: str = ""
) -> PushResult:
    """Pushes and settles a real-time record that is committed; its request `began` at that instant of the real clock.

    `stream` is the handset's newest when the record was written, if that is known.
    """
    reach = handsets.reach_by(make, deps.settings.min_app_version)
    waits_from = waits_until = deps.real_clock.now()
    if reach is Reach.REACHABLE:
        taken_s = (waits_from - began).total_seconds()
        with aside(), patience.waiting() as left_s:
            within_s = max(min(deps.settings.real_time_deadline_s - taken_s, left_s - SETTLING_S), 0)
            outcome, sent_at = await _push_one(deps, single, timedelta(seconds=within_s), stream), single.accepted_at
        waits_until = deps.real_clock.now()
    else:
        outcome, sent_at = UNREACHABLE[reach], None
    settled = Settlement(single.key, outcome, sent_at, deps.clock.now(), batch_id, stream)
    (has_newer_stream,) = await deps.gather(queries.settle, [settled])
    if has_newer_stream and sent_at:
        deps.fabric.push_again(as_push(deps, single))
    if outcome is Outcome.FAILED_TO_PUSH:
        outcome = await _on_record(deps, single.account_id, single.key, outcome)
    metrics.REAL_TIME[outcome].inc()
    taken = deps.real_clock.now() - waits_until + (waits_from - began)
    metrics.REAL_TIME_SECONDS.observe(max(taken.total_seconds(), 0))
    return PushResult(batch_id, outcome)


async def _on_record(deps: Deps, account_id: AccountId, key: RecordKey, outcome: Outcome) -> Outcome:
    """How the record ended first: its handset may have acknowledged it to a process that could not tell this one.

    `outcome`, which is written, where there is no time left to look.
    """
    try:
        async with deps.db.connection() as tx:
            record = await queries.find_record(tx, account_id, key.id)
    except Unavailable:
        return outcome
    return (record.first_outcome or record.outcome) if record else outcome


async def _insert(deps: Deps, batch_id: BatchId, row: AcceptedSingle, claim: Claim | None) -> None:
    if claim is None:
        await deps.gather(queries.insert_singles, [row])
        return
    async with deps.db.transaction() as tx:
        await queries.insert_singles(tx, [row])
        await idempotency.attach_batch(tx, claim, batch_id)


async def push_by_hand(deps: Deps, account_id: AccountId, record: NewRecord, *, by: Actor) -> StoredRecord:
    """As `push_now`, for a person: numbers as people write them, and the record as it is stored with its outcome.

    Raises RecordRefused with everything wrong with it, Forbidden for a suspended account: operators may look after
    one, but nothing of it may show (contract D51).
    """
    async with deps.db.connection() as tx:
        if await accounts.is_suspended(tx, account_id):
            raise Forbidden("This account is suspended, so handsets cannot show its identity.")
    rules = console_rules()
    (faults,) = await lint(deps, account_id, rules, [record])
    if faults:
        raise RecordRefused(faults)
    try:
        result = await push_now(deps, account_id, rules, record)
    except Faulty as fault:
        raise RecordRefused([fault]) from fault
    (pushed,) = await records_of_batch(deps, result.batch_id, account_id)
    async with deps.db.transaction() as tx:
        await _note(tx, by, AuditAction.RECORD_PUSHED, pushed, deps.clock.now(), outcome=result.outcome)
    return pushed


def _single(account_id: AccountId, good: GoodRecord, known: KnownLabels, accepted_at: datetime) -> OpenRecord:
    label = next(label for label in (*known.by_text.values(), known.default) if label and label.id == good.label_id)
    key = RecordKey(good.receiver_number, good.ends_at, RecordId(new_id()))
    return OpenRecord(
        key=key,
        account_id=account_id,
        caller_number=good.caller_number,
        label_name=good.label_name,
        logo_sha256=label.logo_sha256,
        call_reason=good.call_reason,
        starts_at=good.starts_at,
        accepted_at=accepted_at,
        position=0,
    )


def _insertable(record: OpenRecord, batch_id: BatchId, good: GoodRecord, due_at: datetime) -> AcceptedSingle:
    key = record.key
    return AcceptedSingle(
        receiver_number=key.receiver_number,
        ends_at=key.ends_at,
        id=key.id,
        batch_id=batch_id,
        account_id=record.account_id,
        caller_number=good.caller_number,
        label_id=good.label_id,
        label_name=good.label_name,
        call_reason=good.call_reason,
        starts_at=good.starts_at,
        accepted_at=record.accepted_at,
        due_at=due_at,
    )


async def _push_one(deps: Deps, record: OpenRecord, within: timedelta, stream: str) -> Outcome:
    spans, ends = PushSpans([record]), {record.key.receiver_number: record.key.ends_at}
    push = as_push(deps, record, spans.traceparent(0), stream)
    owner = waking.real_time_of(record.account_id)
    expected, wake = (partial(asked, deps, owner, ends) for asked in (waking.expected, waking.wake))
    answer = await deps.fabric.push_one(push, within, expected, wake)
    spans.answered([(0, answer)])
    return Outcome.SUCCESS if answer is Answer.ACKNOWLEDGED else Outcome.FAILED_TO_PUSH


def as_push(deps: Deps, record: OpenRecord, traceparent: str | None = None, stream: str = "") -> Push:
    """The record as the fabric carries it."""
    payload = encode_identity(record, deps.public_url, traceparent)
    return Push(record.key.receiver_number, record.key.token(), payload, stream)


async def records_of_batch(deps: Deps, batch_id: UUID, account_id: AccountId | None) -> list[StoredRecord]:
    """A batch's records in the order of submission; empty for an unknown batch and for another account's (D8).

    Without an account, for the operator, whosever batch it is.
    """
    async with deps.db.connection() as tx:
        batch = await queries.find_batch(tx, batch_id)
        if batch is None or account_id not in (None, batch.account_id):
            return []
        return await queries.records_of(tx, batch)


async def get_record(deps: Deps, account_id: AccountId, record_id: UUID) -> StoredRecord:
    """One record by its id. Raises NotFound, also for another account's."""
    async with deps.db.connection() as tx:
        record = await queries.find_record(tx, account_id, record_id)
    return found(record, "no call record with this id in this account")


async def withdraw_record(deps: Deps, account_id: AccountId, record_id: UUID, *, by: Actor) -> StoredRecord:
    """Takes a record back from its handset, at once if connected, else at its next sync. Safe to repeat.

    Raises NotFound; Conflict when there is nothing to take back (an invalid record, a window that has ended).
    """
    record = await get_record(deps, account_id, record_id)
    now = deps.clock.now()
    if record.outcome is Outcome.INVALID:
        raise Conflict("this call record is invalid and was never sent to a handset")
    if record.withdrawn_at is None and record.key.ends_at <= now:
        raise Conflict("the window of this call record has ended; there is nothing to withdraw")
    while record.withdrawn_at is None:  # more than once only where its row was moved to another partition meanwhile
        async with deps.db.transaction() as tx:
            withdrawn = await queries.withdraw(tx, record.key, now)
            if withdrawn:
                tx.after_commit(partial(news.tell, deps, news.of_batch(withdrawn.batch_id)))
                await queries.note_withdrawal(tx, record.batch_id, now)
                await _note(tx, by, AuditAction.RECORD_WITHDRAWN, withdrawn, now)
        record = withdrawn or await get_record(deps, account_id, record_id)
    await deps.fabric.send_to_handset(record.key.receiver_number, encode_withdraw(record.key))
    log.info("record_withdrawn", record=str(record_id), receiver=shorten(record.key.receiver_number))
    return record


async def _note(tx: Tx, by: Actor, action: AuditAction, record: StoredRecord, at: datetime, **facts: object) -> None:
    name, record_id = record.label_name or "", str(record.key.id)
    await audit.note(tx, by, action, name, account_id=record.account_id, at=at, record_id=record_id, **facts)


async def acknowledge(deps: Deps, keys: Sequence[RecordKey]) -> None:
    """Settles records as held by their handset; what had failed before becomes a late delivery. Safe to repeat."""
    if keys:
        now = deps.clock.now()
        await deps.gather(queries.settle, [Settlement(key, Outcome.SUCCESS, None, now) for key in keys])


async def acknowledge_token(deps: Deps, token: str) -> None:
    """As `acknowledge`, for the key of an acknowledgement that nothing waits for; tried until it is written.

    Its handset takes it for received, and would say it again with its next stream only. While PostgreSQL is away
    nothing is pushed, so these are few. It is given the instant at which it is written: the job that counts late
    deliveries follows at a distance.
    """
    key = RecordKey.parse(token)
    await deps.gather.until_done(
        queries.settle,
        lambda: [Settlement(key, Outcome.SUCCESS, None, deps.clock.now())],
        real_clock=deps.real_clock,
        again_after=WRITTEN_AGAIN_AFTER,
        late="acknowledgement_waits",
    )


async def records_for_handset(
    deps: Deps, receiver: PhoneNumber, *, after: tuple[datetime, UUID] | None, limit: int
) -> list[OpenRecord]:
    """Valid, not withdrawn records whose window is open or to come, by (ends_at, id), up to `limit` after `after`."""
    wanted, weight = _page(deps, receiver, after, limit)
    (page,) = await deps.gather(handset_queries.page_each, [wanted], weight=weight)
    return page


async def withdrawn_for_handset(
    deps: Deps, receiver: PhoneNumber, *, after: tuple[datetime, UUID] | None, limit: int
) -> list[RecordKey]:
    """Records that the receiver's handset must drop, whichever it holds, by (ends_at, id), as above."""
    wanted, weight = _page(deps, receiver, after, limit)
    (page,) = await deps.gather(handset_queries.withdrawn_page_each, [wanted], weight=weight)
    return page


def _page(
    deps: Deps, receiver: PhoneNumber, after: tuple[datetime, UUID] | None, limit: int
) -> tuple[handset_queries.WantedPage, int]:
    """That page, and how much it weighs."""
    now = deps.clock.now()
    wanted = handset_queries.WantedPage(receiver, now, after or (now, UUID(int=0)), limit)
    return wanted, limit if after else _FIRST_PAGE_WEIGHT


async def withdrawn_among(deps: Deps, receiver: PhoneNumber, ids: Collection[UUID]) -> list[RecordKey]:
    """Which of the records with these ids the receiver's handset must drop."""
    if not ids:
        return []
    held = handset_queries.HeldRecords(receiver, deps.clock.now(), frozenset(ids))
    (withdrawn,) = await deps.gather(handset_queries.withdrawn_each, [held], weight=len(held.ids))
    return withdrawn


async def newest_open_each(tx: Tx, asked: Sequence[RingingPair]) -> list[OpenRecord | None]:
    """For each call: the record that shows. One statement."""
    return await handset_queries.newest_open_each(tx, asked)


async def latest_of_pair(
    tx: Tx, receiver: PhoneNumber, caller: PhoneNumber, now: datetime, account_id: AccountId | None = None
) -> NearestRecord | None:
    """The latest record of a pair that ended within a day or is to come, whatever became of it; to say why not.

    With an account, of its records only.
    """
    return await handset_queries.latest_of_pair(tx, receiver, caller, now, account_id)
