"""Back to the state as seeded: what `POST reset` does, step by step; each may be done again."""

from datetime import timedelta

import structlog

from callmark.domain.background import service as background
from callmark.domain.callbacks import service as callbacks
from callmark.domain.calls import service as calls
from callmark.domain.credentials import service as credentials
from callmark.domain.deps import Deps
from callmark.domain.drafts import service as drafts
from callmark.domain.events import service as events
from callmark.domain.feedback import service as feedback
from callmark.domain.idempotency import service as idempotency
from callmark.domain.personalisation import partitions
from callmark.domain.personalisation import service as personalisation
from callmark.domain.webhooks import service as webhooks
from callmark.domain.work_names import WorkName
from callmark.kit import mail
from callmark.kit.errors import Unavailable
from callmark.kit.heartbeats import clock_offset, reset_clock
from callmark.surfaces.emulator import control, sink_store, store

log = structlog.get_logger(__name__)

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
        await credentials.end_expired_tokens(tx, deps.clock.now())
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
        await personalisation.forget_all(tx)
        await drafts.forget_all(tx)
        await calls.forget_all(tx)
        await callbacks.forget_all(tx)
        await feedback.forget_all(tx)
        await webhooks.forget_all(tx)
        await events.forget_all(tx)
        await mail.delete_all(tx)
        await sink_store.delete_all(tx)
        await idempotency.forget_all(tx)
        await credentials.forget_limits(tx, now)
        await background.make_periodic_due(tx, now)
