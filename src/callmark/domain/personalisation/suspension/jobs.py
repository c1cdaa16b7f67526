"""What a suspension does to open records: withdrawn from handsets at once, brought back when it ends (contract D51).

Nothing is written to the records. What a handset asks for (sync, resolve) depends on the account's state of that
moment; this work tells the connected ones, which do not ask. It may run twice, or die half way: a withdrawal that is
said again is ignored, as is an identity that is held. Handsets that are not connected hear of it with their next sync.
"""

from contextlib import aclosing
from datetime import datetime, timedelta
from uuid import UUID

import structlog

from callmark.domain.accounts import service as accounts
from callmark.domain.deps import Deps
from callmark.domain.ids import AccountId
from callmark.domain.personalisation import queries as record_queries
from callmark.domain.personalisation.batches.service import look_again
from callmark.domain.personalisation.handset_messages import encode_withdraw
from callmark.domain.personalisation.model import Batch, OpenRecord, Outcome, Settlement
from callmark.domain.personalisation.service import as_push
from callmark.domain.personalisation.suspension import queries
from callmark.domain.work_names import WorkName
from callmark.instants import LAST_MS, from_ms
from callmark.kit.fabric.fanout import Answer
from callmark.kit.work import Claimed, Work

log = structlog.get_logger(__name__)

AGAIN_AFTER = timedelta(seconds=10)
"""When handsets are notified once more: a push that was under way may have overtaken the first notice."""
LOOK_AFTER = timedelta(seconds=30)
"""When to check again what waits for something that nothing announces. Batches and uploads of a suspended account wait
until their windows end; reinstating the account makes them due before."""
_AFTER_LOSS = timedelta(seconds=2)
_BATCHES_A_PAGE = 50
_END = from_ms(LAST_MS), UUID(int=2**128 - 1)

_SENT = (Outcome.SUCCESS, Outcome.FAILED_TO_PUSH)
_MAY_BE_HELD = (*_SENT, Outcome.PENDING)
"""A sync brings pending records too. They are not brought back: their batch pushes them, and waits for the answer."""


def switches(deps: Deps) -> Work:
    """The work of telling handsets that an account was suspended, or is active again."""

    async def run(claimed: Claimed) -> datetime | None:
        return await _run(deps, AccountId(claimed.row["account_id"]), claimed.row["switched_at"])

    return Work(
        name=WorkName.SWITCHES,
        table="account_switch",
        key="account_id",
        columns="account_id, switched_at",
        run=run,
        at_once=4,
        ready=lambda: deps.fabric.settled,
    )


async def withdraw_pushed(deps: Deps, batch: Batch) -> None:
    """For a worker that has just pushed the batch of an account that was suspended meanwhile."""
    async with deps.db.connection() as tx:
        records = await queries.open_of(tx, [batch], deps.clock.now(), _MAY_BE_HELD)
    await _withdraw(deps, records)


async def _run(deps: Deps, account_id: AccountId, switched_at: datetime) -> datetime | None:
    now = deps.clock.now()
    async with deps.db.connection() as tx:
        is_suspended = await accounts.is_suspended(tx, account_id)
    if not is_suspended:
        await queries.make_due(deps.db, account_id, now)
    told, before, is_lost = 0, _END, False
    while page := await _page(deps, account_id, before, is_suspended=is_suspended):
        batches, records = page
        before = batches[-1].accepted_at, batches[-1].id
        is_sent = await (_withdraw(deps, records) if is_suspended else _bring_back(deps, batches, records))
        is_lost = is_lost or not is_sent
        told += len(records)
    log.info("account_switched", account=str(account_id), suspended=is_suspended, records=told)
    if is_lost or not deps.fabric.settled:
        return now + _AFTER_LOSS
    second = switched_at + AGAIN_AFTER
    return second if is_suspended and now < second else None


async def _page(
    deps: Deps, account_id: AccountId, before: tuple[datetime, UUID], *, is_suspended: bool
) -> tuple[list[Batch], list[OpenRecord]] | None:
    """The next batches whose records may be open, newest first, and those that are; None when there are no more.

    None as well once the account was switched again: that has made the work due again and ended this lease.
    """
    now = deps.clock.now()
    async with deps.db.connection() as tx:
        if await accounts.is_suspended(tx, account_id) != is_suspended:
            return None
        batches = await queries.open_batches(tx, account_id, now, before, _BATCHES_A_PAGE)
        outcomes = _MAY_BE_HELD if is_suspended else _SENT
        return (batches, await queries.open_of(tx, batches, now, outcomes)) if batches else None


async def _withdraw(deps: Deps, records: list[OpenRecord]) -> bool:
    """Whether NATS was there."""
    for record in records:
        await deps.fabric.send_to_handset(record.key.receiver_number, encode_withdraw(record.key))
    return deps.fabric.settled


async def _bring_back(deps: Deps, batches: list[Batch], records: list[OpenRecord]) -> bool:
    """Pushes again what handsets had to drop; whether NATS was there.

    A handset that does not answer gets it with its next sync, as always.
    """
    is_sent = await _push(deps, records) if records else True
    await look_again(deps, batches)
    return is_sent


async def _push(deps: Deps, records: list[OpenRecord]) -> bool:
    within, sent_at = timedelta(seconds=deps.settings.real_time_deadline_s), deps.clock.now()
    is_sent = True
    async with aclosing(deps.fabric.push([as_push(deps, record) for record in records], within)) as groups:
        async for group in groups:
            at = deps.clock.now()
            is_sent = is_sent and all(answer is not Answer.FABRIC_LOST for _, answer in group)
            held = [
                Settlement(records[i].key, Outcome.SUCCESS, sent_at, at)
                for i, answer in group
                if answer is Answer.ACKNOWLEDGED
            ]
            if held:
                await deps.gather(record_queries.settle, held)
    return is_sent
