"""Back to the state as seeded: what `POST reset` does, step by step; each may be done again."""

from datetime import timedelta
from typing import LiteralString

import structlog

from callmark.domain.credentials.model import TOKEN_LIFETIME
from callmark.domain.deps import Deps
from callmark.domain.limits.model import TOKENS_WINDOW
from callmark.domain.personalisation import partitions
from callmark.domain.work_names import WorkName
from callmark.kit.errors import Unavailable
from callmark.kit.heartbeats import clock_offset, reset_clock
from callmark.surfaces.emulator import control, store

log = structlog.get_logger(__name__)

FORGOTTEN: tuple[LiteralString, ...] = (
    "batch",
    "call_record",
    "upload",
    "upload_part",
    "record_day",
    "uncounted_batch",
    "file_draft",
    "call",
    "callback_request",
    "feedback",
    "attempt",
    "waiting_delivery",
    "delivery",
    "event",
    "event_counter",
    "mail",
    "sink_request",
    "sink",
    "idempotency_key",
    "request_window",
)
"""The tables of what happened since the seed. A push takes its locks in this order too."""

_COUNT_FROM_THE_BEGINNING = (
    "UPDATE count_mark SET up_to_at = '-infinity', up_to_id = '00000000-0000-0000-0000-000000000000'"
)

_END_EXPIRED_TOKENS = "DELETE FROM access_token WHERE expires_at < $1"
"""So that a clock that goes back brings none to life."""

_AGE_TOKENS = "UPDATE access_token SET created_at = least(created_at, $1), expires_at = least(expires_at, $2)"
"""Tokens created so far no longer count; those made while the clock was ahead are valid for one lifetime from now."""

_TRIES = 20
_PAUSE = timedelta(milliseconds=100)


async def reset(deps: Deps) -> None:
    """Forgets faults, seed, moved clock, all that happened and counted limits; then every handset is as seeded.

    Accounts, keys, labels, webhooks and live tokens stay. Returns when every process has confirmed the clock and every
    handset is as online as it should be; Unavailable when that takes too long. In this order: the handsets sync when
    nothing is left to be synced.
    """
    async with deps.db.transaction() as tx:
        await store.put_faults(tx, store.Faults())
        await store.put_seed(tx, None)
        await tx.execute(_END_EXPIRED_TOKENS, deps.clock.now())
    await partitions.keep_partitions_at(deps, deps.clock.now() - await clock_offset(deps.db))
    await reset_clock(deps.db, deps.fabric, deps.real_clock)
    await _forget_patiently(deps)
    await tell_of_clock(deps)
    await control.ask(deps, control.Reset(), control.Done)
    log.info("emulator_reset")


async def tell_of_clock(deps: Deps) -> None:
    """Wakes the workers, and the pages that show the time."""
    await deps.fabric.announce(control.CLOCK_MOVED)
    await deps.wake(*WorkName)


async def _forget_patiently(deps: Deps) -> None:
    """Forgets what happened, when the pushes under way leave a moment for it."""
    for left in reversed(range(_TRIES)):
        try:
            await _forget(deps)
        except Unavailable:
            if not left:
                raise
            await deps.real_clock.sleep(_PAUSE)
        else:
            return


async def _forget(deps: Deps) -> None:
    now = deps.clock.now()
    async with deps.db.transaction() as tx:
        # Shorter than the engine's patience with deadlocks: of us and a push, we give way.
        await tx.execute("SET LOCAL lock_timeout = '200ms'")
        await tx.execute(f"TRUNCATE {', '.join(FORGOTTEN)}")
        await tx.execute(_COUNT_FROM_THE_BEGINNING)
        await tx.execute("UPDATE webhook_queue SET due_at = NULL")
        await tx.execute(_AGE_TOKENS, now - TOKENS_WINDOW, now + TOKEN_LIFETIME)
        # Taken from the worker that runs them: what it would write is of another time.
        await tx.execute("UPDATE periodic_job SET due_at = $1, lease_id = NULL, leased_until = NULL", now)
