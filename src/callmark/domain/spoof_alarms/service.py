"""Use cases of spoof alarms: raise one, read an account's."""

from datetime import datetime
from functools import partial
from uuid import UUID

import structlog

from callmark.domain.deps import Deps
from callmark.domain.events import service as events
from callmark.domain.events.model import EventType
from callmark.domain.ids import AccountId
from callmark.domain.spoof_alarms import queries
from callmark.domain.spoof_alarms.model import MOST_IN_PERIOD, PERIOD, SAME_CALL, PossibleSpoof, SpoofCause
from callmark.kit.clock_watch import past
from callmark.kit.errors import AppError
from callmark.kit.ids import new_id
from callmark.kit.phone import PhoneNumber, shorten
from callmark.kit.postgres.database import Tx
from callmark.kit.telemetry.metrics import counter

log = structlog.get_logger(__name__)

_RAISED = counter(
    "callmark_possible_spoofs_total",
    "Calls that may forge an account's number, by cause, including those that get no event.",
    ["cause"],
    known=SpoofCause,
)


async def raise_possible_spoof(
    deps: Deps, account_id: AccountId, caller: PhoneNumber, receiver: PhoneNumber, cause: SpoofCause
) -> bool:
    """Tells the account of a call from its number that it may not have made; whether an event was written.

    Once for each call, and at most `MOST_IN_PERIOD` times an hour for each cause. A fault is logged and not raised: it
    must not decide how the call continues.
    """
    _RAISED.labels(cause.value).inc()
    spoof = PossibleSpoof(new_id(), account_id, caller, receiver, cause, deps.clock.now())
    try:
        if not await _keep(deps, spoof):
            return False
    except AppError as exc:
        log.warning("possible_spoof_not_told", account=str(account_id), error=exc.detail)
        return False
    log.warning("possible_spoof", account=str(account_id), cause=cause.value, caller=shorten(caller))
    return True


async def _keep(deps: Deps, spoof: PossibleSpoof) -> bool:
    """Keeps the alarm and its event, both or neither; not when the account has heard of the call or of enough."""
    now = spoof.raised_at
    async with deps.db.connection() as tx:  # without the lock, for the many that an attack brings
        if await _is_enough(tx, spoof):
            return False
    async with deps.db.transaction() as tx:
        await queries.lock_alarms(tx, spoof.account_id)
        if await _is_enough(tx, spoof):
            return False
        await queries.insert_spoof(tx, spoof)
        tx.after_commit(partial(events.announce, deps, spoof.account_id))
        await events.append(tx, spoof.account_id, EventType.POSSIBLE_SPOOF, spoof.payload(), now)
    return True


async def _is_enough(tx: Tx, spoof: PossibleSpoof) -> bool:
    at = spoof.raised_at
    same, recent = await queries.count_recent(tx, spoof, at - SAME_CALL, past(PERIOD, at))
    return same > 0 or recent >= MOST_IN_PERIOD


async def newest_alarms(
    deps: Deps, account_id: AccountId, *, after: tuple[datetime, UUID] | None = None, limit: int = 100
) -> list[PossibleSpoof]:
    """The account's alarms, newest first, those after the key."""
    async with deps.db.connection() as tx:
        return await queries.select_newest(tx, account_id, after, limit)
