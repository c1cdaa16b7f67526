"""Notes which handsets lost their stream a moment ago, so that pushes wait for them to connect again.

A gateway notes each stream when it opens and when it ends. When the gateway itself ends, it notes that once for all its
streams; if it was killed, the next gateway that starts finds its last heartbeat old, and notes it then. So after an
outage of any length, the time that handsets have begins when they can connect again.
"""

from collections.abc import Collection
from datetime import timedelta
from uuid import UUID

import structlog

from callmark.domain.deps import Deps
from callmark.domain.handsets import presence_queries
from callmark.domain.handsets.presence_queries import StreamEnded, StreamOpened
from callmark.kit.clock_watch import TRUSTED_WITHIN
from callmark.kit.errors import AppError
from callmark.kit.phone import PhoneNumber

log = structlog.get_logger(__name__)

RETURNS_WITHIN = timedelta(seconds=30)
"""How long after its stream was lost a handset is expected back. Longer, and it is simply offline."""

NOTED_AGAIN_AFTER = timedelta(seconds=2)
BEAT_EVERY = timedelta(seconds=5)
_SILENT_AFTER = 3 * BEAT_EVERY
_FORGOTTEN_AFTER = timedelta(days=1)


async def note_opened(deps: Deps, gateway_id: UUID, number: PhoneNumber, stream: str) -> None:
    """A handset's stream is open on that gateway. Raises Unavailable."""
    await deps.gather(presence_queries.note, [StreamOpened(number, stream, gateway_id)])


async def note_ended(deps: Deps, number: PhoneNumber, stream: str, *, said_goodbye: bool) -> None:
    """It has ended, by the handset's wish or not; returns when that is written, however long PostgreSQL is away.

    Until then the handset is expected back, as long as its gateway lives.
    """
    ended = StreamEnded(number, stream, None if said_goodbye else deps.database_now())
    await deps.gather.until_done(
        presence_queries.note,
        lambda: [ended],
        real_clock=deps.real_clock,
        again_after=NOTED_AGAIN_AFTER,
        late="stream_end_not_noted",
    )


async def returning(deps: Deps, numbers: Collection[str]) -> set[str]:
    """Those of numbers without a stream at this moment whose handsets are expected back.

    Without PostgreSQL nobody knows, and all are waited for: while it fails over, gateways may restart too.
    """
    asked = list(set(numbers))
    now = deps.database_now()
    since, to = now - RETURNS_WITHIN, now + TRUSTED_WITHIN
    try:
        found = await deps.gather(presence_queries.lost_within, [(PhoneNumber(number), since, to) for number in asked])
    except AppError as exc:
        log.warning("presence_not_known", error=exc.detail)
        return set(asked)
    return {number for number, is_near in zip(asked, found, strict=True) if is_near}


async def beat(deps: Deps, gateway_id: UUID) -> None:
    """Notes that the gateway is alive."""
    async with deps.db.connection() as tx:
        await presence_queries.beat(tx, gateway_id, deps.database_now())


async def note_gone(deps: Deps, gateway_id: UUID) -> None:
    """Notes that the gateway has ended, and its streams with it."""
    async with deps.db.connection() as tx:
        await presence_queries.mark_lost(tx, gateway_id, deps.database_now())


async def find_lost(deps: Deps) -> None:
    """Notes gateways that were killed. Before the first push of a process, so that it waits for their handsets."""
    now = deps.database_now()
    async with deps.db.connection() as tx:
        await presence_queries.find_lost(tx, now - _SILENT_AFTER, now - _FORGOTTEN_AFTER, now)
