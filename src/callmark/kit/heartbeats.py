"""Live processes of an installation, and the product clock they share.

Each process keeps a heartbeat row, by the database's clock, so that all judge it alike. The product clock's offset is a
row too: the process that moves it waits until every live process has confirmed the new version, so that after the
answer no role still acts by the old time.
"""

import asyncio
import contextlib
from collections.abc import Collection
from datetime import datetime, timedelta
from typing import LiteralString
from uuid import UUID

import structlog
from msgspec import Struct

from callmark.kit import patience
from callmark.kit.clock import Clock, ProductClock
from callmark.kit.clock_watch import TRUSTED_WITHIN, ClockWatch
from callmark.kit.errors import AppError, Unavailable
from callmark.kit.fabric.client import Fabric
from callmark.kit.ids import new_id
from callmark.kit.postgres.database import Database, Tx, fetch_one
from callmark.kit.roles import PROCESS_KINDS
from callmark.kit.telemetry.metrics import gauge

log = structlog.get_logger(__name__)

_CLOCK_OFFSET = gauge(
    "callmark_clock_offset_seconds",
    "How far the database's clock is ahead of this machine's, as the last heartbeat saw it.",
)

HEARTBEAT = timedelta(seconds=1)
DEAD_AFTER = timedelta(seconds=5)
FORGOTTEN_AFTER = timedelta(minutes=10)
ANSWER_WITHIN_S = 2.0
"""A database that does not answer a beat in this time is taken to be in trouble: another server may be the primary."""
CONFIRM_WITHIN = timedelta(seconds=10)
TOPIC = "clock"
_BEAT_SINCE: LiteralString = (
    "heartbeat_at BETWEEN clock_timestamp() - $1::interval AND clock_timestamp() + $2::interval"
)
"""A beat from the future is no sign of life: someone has set the database's clock back since."""


class Heartbeat(Struct, frozen=True):
    """A process's row. `is_alive`: its last beat is fresh; `is_on_time`: it acts by the product clock as it is now."""

    id: UUID
    kind: str
    started_at: datetime
    at: datetime
    is_alive: bool
    is_on_time: bool


class LiveProcess:
    """Our own row, our copy of the product clock's offset, and how far this machine's clock is from the database's."""

    def __init__(self, kind: str, db: Database, fabric: Fabric, clock: ProductClock, real: Clock) -> None:
        self.id: UUID = new_id()
        self._kind = kind
        self._db = db
        self._fabric = fabric
        self._clock = clock
        self._real = real
        self.clock_watch = ClockWatch(real)
        self._version = -1
        self._beat: asyncio.Task[None] | None = None
        self._stopped = False

    async def start(self) -> None:
        """Reads the offset, writes the row, and keeps both current until `stop`."""
        await self._fabric.listen(TOPIC, self._announced)
        await self._refresh()
        async with self._db.connection() as tx:  # killed processes leave their rows behind
            await tx.execute(f"DELETE FROM process WHERE NOT {_BEAT_SINCE}", FORGOTTEN_AFTER, TRUSTED_WITHIN)
        self._beat = asyncio.create_task(self._keep_beating())

    async def stop(self) -> None:
        """Deletes the row, so that no one waits for this process."""
        self._stopped = True  # a refresh that is on its way must not bring the row back
        if self._beat:
            self._beat.cancel()
        with contextlib.suppress(AppError):
            async with self._db.connection() as tx:
                await self._delete(tx)

    async def _announced(self, _: bytes) -> None:
        if self._stopped:
            return
        with contextlib.suppress(AppError):
            await self._refresh()

    async def _keep_beating(self) -> None:
        while True:
            await self._real.sleep(HEARTBEAT)
            try:
                with patience.of(total_s=ANSWER_WITHIN_S):
                    await self._refresh()
            except AppError as exc:
                log.debug("heartbeat_missed", error=exc.detail)
            except Exception:
                log.exception("heartbeat_failed")

    async def _refresh(self) -> None:
        async with self._db.transaction() as tx:
            asked_at, began = self._real.now(), self.clock_watch.begin()
            row = await fetch_one(
                tx, "SELECT clock_offset, clock_version, clock_timestamp() AS theirs FROM installation"
            )
            _CLOCK_OFFSET.set(apart(row["theirs"], asked_at, self._real.now()).total_seconds())
            self.clock_watch.heard(row["theirs"], began)
            if row["clock_version"] >= self._version:  # two refreshes may overlap
                self._clock.offset, self._version = row["clock_offset"], row["clock_version"]
            await tx.execute(
                "INSERT INTO process AS p (id, kind, started_at, heartbeat_at, clock_version)"
                " VALUES ($1, $2, $3, $3, $4) ON CONFLICT (id) DO UPDATE"
                " SET heartbeat_at = $3, clock_version = greatest(p.clock_version, $4)",
                self.id,
                self._kind,
                row["theirs"],
                self._version,
            )
            if self._stopped:  # meanwhile, and `stop` may have deleted the row before it was written
                await self._delete(tx)

    async def _delete(self, tx: Tx) -> None:
        await tx.execute("DELETE FROM process WHERE id = $1", self.id)


def apart(theirs: datetime, asked_at: datetime, told_at: datetime) -> timedelta:
    """How far a clock that was asked is ahead of ours: it was read in the middle of question and answer."""
    return theirs - (asked_at + (told_at - asked_at) / 2)


async def is_eldest(tx: Tx, process_id: UUID, kinds: Collection[str]) -> bool:
    """Whether of the processes of these kinds that are alive this one started first."""
    return process_id == await tx.fetchval(
        f"SELECT id FROM process WHERE {_BEAT_SINCE} AND kind = ANY ($3) ORDER BY started_at, id LIMIT 1",
        DEAD_AFTER,
        TRUSTED_WITHIN,
        list(kinds),
    )


async def move_clock(db: Database, fabric: Fabric, offset_by: timedelta, *, within: timedelta = CONFIRM_WITHIN) -> None:
    """Moves the product clock by `offset_by`; returns when every live process has confirmed.

    Raises Unavailable when one does not `within` that time (the offset has moved, and the process will follow).
    """
    async with db.transaction() as tx:
        version = await tx.fetchval(
            "UPDATE installation SET clock_offset = clock_offset + $1, clock_version = clock_version + 1"
            " RETURNING clock_version",
            offset_by,
        )
    await _confirmed(db, fabric, version, within)


async def set_clock(db: Database, fabric: Fabric, offset: timedelta) -> None:
    """As `move_clock`, to that offset from the real time."""
    async with db.transaction() as tx:
        version = await tx.fetchval(
            "UPDATE installation SET clock_version = clock_version + (clock_offset <> $1)::integer, clock_offset = $1"
            " RETURNING clock_version",
            offset,
        )
    await _confirmed(db, fabric, version, CONFIRM_WITHIN)


async def clock_offset(db: Database) -> timedelta:
    """How far the product clock is from the real one."""
    async with db.connection() as tx:
        return await tx.fetchval("SELECT clock_offset FROM installation")


async def _confirmed(db: Database, fabric: Fabric, version: int, within: timedelta) -> None:
    if not await _lagging(db, version):  # the clock stays where it was
        return
    await fabric.announce(TOPIC)
    deadline = asyncio.get_running_loop().time() + within.total_seconds()
    while await _lagging(db, version):
        if asyncio.get_running_loop().time() > deadline:
            raise Unavailable("clock: a process has not confirmed the new time")
        await asyncio.sleep(0.01)


async def _lagging(db: Database, version: int) -> int:
    async with db.connection() as tx:
        return await tx.fetchval(
            f"SELECT count(*) FROM process WHERE {_BEAT_SINCE} AND clock_version < $3",
            DEAD_AFTER,
            TRUSTED_WITHIN,
            version,
        )


async def heartbeats(db: Database) -> list[Heartbeat]:
    """Every process that has been heard of in the last minutes, by kind, oldest first."""
    async with db.connection() as tx:
        return await heartbeats_of(tx)


async def heartbeats_of(tx: Tx) -> list[Heartbeat]:
    """As `heartbeats`, on a connection of the caller's."""
    rows = await tx.fetch(
        "SELECT p.id, p.kind, p.started_at, p.heartbeat_at AS at, p.clock_version >= i.clock_version AS is_on_time,"
        " p.heartbeat_at > clock_timestamp() - $3::interval AS is_alive"
        f" FROM process p, installation i WHERE {_BEAT_SINCE} ORDER BY p.kind, p.started_at, p.id",
        FORGOTTEN_AFTER,
        TRUSTED_WITHIN,
        DEAD_AFTER,
    )
    return [Heartbeat(**row) for row in rows]


async def connected_kinds(tx: Tx) -> list[str]:
    """The kinds of the processes that are connected to this database, whatever their heartbeats say, in order.

    A beat is missed while PostgreSQL is slow or a process is suspended.
    """
    rows = await tx.fetch(
        "SELECT DISTINCT split_part(application_name, ' ', 2) AS kind FROM pg_stat_activity"
        " WHERE datname = current_database() AND application_name LIKE 'callmark %'"
        " AND split_part(application_name, ' ', 2) = ANY ($1::text[]) ORDER BY 1",
        list(PROCESS_KINDS),
    )
    return [row["kind"] for row in rows]
