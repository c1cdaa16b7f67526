"""Back to an earlier state: what `POST reset` does, and restoring a snapshot, step by step; each may be done again.

No process keeps in memory what tables say, but for the product clock and the handsets, which are reset too. Workers
hold leases on rows; no row comes back with one, and what a worker writes for a row that has gone changes nothing.
"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from functools import partial
from typing import LiteralString
from uuid import UUID

import structlog

from callmark.domain.credentials.model import TOKEN_LIFETIME
from callmark.domain.deps import Deps
from callmark.domain.handsets import service as handsets
from callmark.domain.limits.model import TOKENS_WINDOW
from callmark.domain.personalisation import partitions
from callmark.domain.work_names import WorkName
from callmark.kit.errors import Unavailable
from callmark.kit.heartbeats import clock_offset, set_clock
from callmark.kit.postgres.database import Transaction
from callmark.surfaces.emulator import state_queries
from callmark.surfaces.emulator.handsets import farm_api
from callmark.surfaces.emulator.states import reset_queries, snapshot_queries, snapshots
from callmark.surfaces.emulator.states.model import Snapshot

log = structlog.get_logger(__name__)

FORGOTTEN = frozenset(
    {
        "announced_call",
        "batch",
        "call_record",
        "upload",
        "upload_part",
        "record_day",
        "uncounted_batch",
        "file_draft",
        "call",
        "possible_spoof",
        "signed_call",
        "verified_call",
        "counted_token",
        "callback_request",
        "feedback",
        "attempt",
        "waiting_delivery",
        "webhook_outage",
        "alert_post",
        "alert_once",
        "delivery",
        "event",
        "event_counter",
        "mail",
        "reset_request",
        "wake_up",
        "sink_request",
        "sink",
        "idempotency_key",
        "number_code",
        "request_window",
    }
)
"""The tables of what happened since the seed."""

_OF_FARM = ("virtual_handset",)
_JOBS_END_WITHIN_S = 20.0
"""More than the lease of a worker that was killed."""

_LOCK_WITHIN_MS: tuple[LiteralString, ...] = ("20", "40", "80") + ("200",) * 17
"""How long a change waits for each lock, each time it is tried: less than the engine waits before it ends a deadlock.

Of us and a push, we give way. As a rule the push is over soon, so the first tries are short.
"""
_PAUSE = timedelta(milliseconds=20)
_NONE_FORGOTTEN = UUID(int=(1 << 128) - 1)
"""Greater than the id of any record: all that there are stay."""


async def reset(deps: Deps) -> None:
    """Forgets faults, seed, moved clock, all that happened and counted limits; then every handset is as seeded.

    Accounts, keys, labels, webhooks and live tokens stay. Returns when every process has confirmed the clock and every
    handset is as online as it should be; Unavailable when that takes too long. In this order: the handsets sync when
    nothing is left to be synced.
    """
    async with deps.db.transaction() as tx:
        await state_queries.put_faults(tx, state_queries.Faults())
        await state_queries.put_seed(tx, None)
        await reset_queries.end_expired_tokens(tx, deps.clock.now())
    moved = await _set_clock(deps, timedelta())
    await _patiently(deps, partial(_forget, deps, moved))
    await tell_of_clock(deps)
    await farm_api.ask(deps, farm_api.Reset(), farm_api.Done)
    log.info("emulator_reset")


async def reset_to_seed(deps: Deps) -> None:
    """As `reset`, and everything else is as seeded: accounts, people, keys, labels, structure, numbers, webhooks.

    Raises Conflict when the installation was not seeded by this version. A token stays valid while its key is there.
    """
    async with deps.db.connection() as tx:
        seeded = await snapshots.get_seed(tx)
    at = deps.clock.now()
    moved = await _set_clock(deps, timedelta())
    await _patiently(deps, partial(_put_rows, deps, seeded, at, moved))
    await tell_of_clock(deps)
    await handsets.recheck(deps)
    await farm_api.ask(deps, farm_api.Reset(), farm_api.Done)
    log.info("emulator_reset_to_seed")


async def restore(deps: Deps, name: str) -> None:
    """Everything is as it was when the snapshot was made, the product clock too; handsets sync again.

    Raises NotFound, and Conflict for a snapshot of another version.
    """
    async with deps.db.connection() as tx:
        snapshot = await snapshots.get_snapshot(tx, name)
    at, forgotten_after = deps.clock.now(), _NONE_FORGOTTEN
    await farm_api.ask(deps, farm_api.Halt(), farm_api.Done)
    try:
        moved = await _set_clock(deps, snapshot.clock_at - deps.clock.now() + await clock_offset(deps.db))
        await _patiently(deps, partial(_put_rows, deps, snapshot, at, moved))
        forgotten_after = snapshot.last_id
        await tell_of_clock(deps)
    finally:
        await farm_api.ask(deps, farm_api.Reload(forgotten_after), farm_api.Done)
    await handsets.recheck(deps)
    log.info("emulator_restored", snapshot=name)


async def _set_clock(deps: Deps, offset: timedelta) -> timedelta:
    """The product clock is that far from the real one; the days of then are there before. By how much it has moved.

    When it goes back, no job still deletes what was old by the clock of before.
    """
    before = await clock_offset(deps.db)
    then = deps.clock.now() - before + offset
    if offset != before:
        await partitions.keep_partitions_at(deps, then)
    await set_clock(deps.db, deps.fabric, offset)
    if offset < before:
        await _end_jobs(deps)
        await partitions.keep_partitions_at(deps, then)  # a job may have dropped days since
    return offset - before


async def _end_jobs(deps: Deps) -> None:
    """Returns when the periodic jobs that run now have ended. Raises Unavailable when one runs for long."""
    leases: list[UUID] | None = None
    try:
        async with asyncio.timeout(_JOBS_END_WITHIN_S):
            while True:
                async with deps.db.connection() as tx:
                    leases = await reset_queries.select_running_jobs(tx, deps.database_now(), leases)
                if not leases:
                    return
                await deps.real_clock.sleep(_PAUSE)
    except TimeoutError:
        raise Unavailable("clock: a job still runs by the time of before") from None


async def _put_rows(deps: Deps, snapshot: Snapshot, moved_from: datetime, moved: timedelta, tx: Transaction) -> None:
    """The rows of the snapshot in the place of those there are.

    Tokens that were valid before the clock moved stay while their keys are there. With a seed, virtual handsets stay:
    the farm puts them right.
    """
    now = deps.clock.now()
    is_seed = snapshot.name == snapshots.SEED
    tables = await snapshot_queries.stored_tables(tx, besides=_OF_FARM if is_seed else ())
    await snapshot_queries.lock_all(tx, tables)
    tokens, apps = await reset_queries.keep_tokens(tx), await reset_queries.keep_apps(tx) if is_seed else None
    await snapshot_queries.empty(tx, tables)
    await snapshot_queries.fill(tx, tables, snapshot.name)
    if apps:
        await reset_queries.bring_back_apps(tx, apps)
    await reset_queries.bring_back_tokens(tx, tokens, moved_from)
    await reset_queries.age_tokens(tx, now - TOKENS_WINDOW, now + TOKEN_LIFETIME)
    await reset_queries.take_jobs_back(tx, now, moved)


async def tell_of_clock(deps: Deps) -> None:
    """Wakes the workers, and the pages that show the time."""
    await deps.fabric.announce(farm_api.CLOCK_MOVED)
    await deps.wake(*WorkName)


async def _patiently(deps: Deps, change: Callable[[Transaction], Awaitable[None]]) -> None:
    """Makes the change, in a transaction, when the pushes under way leave a moment for it."""
    for tries, within_ms in enumerate(_LOCK_WITHIN_MS, 1):
        try:
            async with deps.db.transaction() as tx:
                await reset_queries.wait_shortly(tx, within_ms)
                await change(tx)
        except Unavailable:
            if tries == len(_LOCK_WITHIN_MS):
                raise
            await deps.real_clock.sleep(_PAUSE)
        else:
            return


async def _forget(deps: Deps, moved: timedelta, tx: Transaction) -> None:
    now = deps.clock.now()
    tables = [one for one in await snapshot_queries.stored_tables(tx) if one.name in FORGOTTEN]
    await snapshot_queries.lock_all(tx, tables)
    await snapshot_queries.empty(tx, tables)
    await reset_queries.count_from_the_beginning(tx)
    await reset_queries.empty_queues(tx)
    await reset_queries.end_pauses(tx)
    await reset_queries.age_tokens(tx, now - TOKENS_WINDOW, now + TOKEN_LIFETIME)
    await reset_queries.take_jobs_back(tx, now, moved)
