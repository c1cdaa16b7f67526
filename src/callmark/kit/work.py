"""The one mechanism for background work: rows that carry `due_at` and a lease.

A row is the work: it is claimed in sets with `FOR UPDATE SKIP LOCKED` and a lease, run outside any transaction, then
finished with its next due instant (or none). A worker that dies leaves a lease that runs out; the row is then claimed
again, so every run must be harmless to repeat. `due_at` is a product instant, leases are real ones.

Where rows have owners, each owner's oldest take turns, and one owner has so many running at most, over all workers. A
run that has nothing left to do but wait for somebody outside says so (`Claimed.only_waits`): it keeps its lease and
gives its place to the next (docs/decisions/0013-effects-shares-returns.md).
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Collection, Coroutine, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from time import perf_counter
from typing import Any, LiteralString
from uuid import UUID

import structlog

from callmark.kit.clock import Clock
from callmark.kit.db import Database, Row, Tx, own_names
from callmark.kit.errors import AppError, Unavailable
from callmark.kit.fabric import Fabric
from callmark.kit.health import Health
from callmark.kit.ids import new_id
from callmark.kit.metrics import WORK_SECONDS
from callmark.kit.tasks import run_all

log = structlog.get_logger(__name__)

POLL = timedelta(seconds=1)
LEASE = timedelta(seconds=15)
"""A killed worker's rows wait this long; a living one renews every third of it."""


MOST_COUNTED = 10_000
"""Where counting of what waits stops."""


@dataclass(frozen=True)
class Queue:
    """How one kind of work stands. Counts stop at `MOST_COUNTED`, and `is_more` then says so.

    `waiting` rows are due and nobody's, `running` ones leased, `later` ones not due yet; `oldest_due_at` is the first
    instant at which one of those that are due and nobody's became due.
    """

    name: str
    waiting: int
    running: int
    later: int
    oldest_due_at: datetime | None
    is_more: bool = False


@dataclass(frozen=True)
class PeriodicJob:
    """A job that comes round by itself, and when next."""

    name: str
    due_at: datetime | None
    is_running: bool


def _nothing() -> None:
    """A run outside a worker has no place to give up."""


@dataclass(frozen=True)
class Claimed:
    """A row taken under a lease; `only_waits` gives up its run's place among those that work, for good."""

    row: Row
    lease_id: UUID
    only_waits: Callable[[], None] = _nothing


@dataclass(frozen=True)
class Work:
    """A kind of due work: where its rows are, how many run at once, what runs.

    `run` returns the next due instant of the row, or None when nothing is left to do. When it raises, the row stays
    due and is tried again after `retry_after`. `ready` says whether it makes sense to claim at this moment. `columns`
    is what `run` gets of the row and begins with `key`. At most `at_once` rows are worked at by one worker, at most
    `most_held` are leased by it. With `owner` (a column), only the oldest `share` due rows of an owner run, over all
    workers, and of several owners' rows those come first whose owner has fewer before them.
    """

    name: str
    table: LiteralString
    key: LiteralString
    columns: LiteralString
    run: Callable[[Claimed], Awaitable[datetime | None]]
    at_once: int
    retry_after: timedelta = timedelta(seconds=1)
    ready: Callable[[], bool] = lambda: True
    most_held: int = 2048
    owner: LiteralString | None = None
    share: int = 256

    @property
    def claim_sql(self) -> LiteralString:
        """Takes up to $4 rows due at $1 (product) whose lease, if any, ended before $2 (real), oldest first.

        Index `<table>_due`, or with owners `<table>_due_<owner>`; rows that another worker is claiming are skipped.
        """
        free = "due_at <= $1 AND (leased_until IS NULL OR leased_until < $2)"
        if self.owner is None:
            chosen = f"SELECT {self.key} FROM {self.table} WHERE {free} ORDER BY due_at LIMIT $4"
        else:
            chosen = f"SELECT {self.key} FROM {self.table} WHERE {free} AND {self.key} = ANY (ARRAY ({self._turns}))"
        return (
            f"UPDATE {self.table} SET lease_id = $3, leased_until = $2::timestamptz + $5 WHERE {self.key} IN ("
            f"{chosen} FOR UPDATE SKIP LOCKED) RETURNING {self.columns}"
        )

    @property
    def _turns(self) -> LiteralString:
        """The keys whose turn it is: of each owner's oldest due rows, leased ones counted, those that are free.

        Owners are found by one look into the index for each, however many rows they have.
        """
        table, key, owner = self.table, self.key, self.owner or ""
        return f"""
            WITH RECURSIVE owner AS (
              (SELECT {owner} AS id FROM {table} WHERE due_at IS NOT NULL ORDER BY {owner} LIMIT 1)
              UNION ALL
              SELECT (SELECT t.{owner} FROM {table} t WHERE t.due_at IS NOT NULL AND t.{owner} > o.id
                ORDER BY t.{owner} LIMIT 1) FROM owner o WHERE o.id IS NOT NULL
            )
            SELECT w.{key} FROM owner o CROSS JOIN LATERAL (
              SELECT t.{key}, t.due_at, t.leased_until, row_number() OVER (ORDER BY t.due_at, t.{key}) AS turn FROM (
                SELECT {key}, due_at, leased_until FROM {table} d WHERE d.{owner} = o.id AND d.due_at <= $1
                ORDER BY d.due_at, d.{key} LIMIT {own_names(str(self.share))}
              ) t
            ) w
            WHERE w.leased_until IS NULL OR w.leased_until < $2 ORDER BY w.turn, w.due_at LIMIT $4
        """

    @property
    def release_sql(self) -> LiteralString:
        """Drops lease $2 of row $1, which stays due; does nothing when the lease is another's."""
        return f"UPDATE {self.table} SET lease_id = NULL, leased_until = NULL WHERE {self.key} = $1 AND lease_id = $2"

    @property
    def renew_sql(self) -> LiteralString:
        """Extends the leases $2 of rows $1 to $3; leaves out those whose lease is another's."""
        return f"UPDATE {self.table} SET leased_until = $3 WHERE {self.key} = ANY ($1) AND lease_id = ANY ($2::uuid[])"

    @property
    def finish_sql(self) -> LiteralString:
        """Sets the next due instant $3 of row $1 and drops lease $2; does nothing when the lease is another's."""
        return (
            f"UPDATE {self.table} SET due_at = $3, lease_id = NULL, leased_until = NULL"
            f" WHERE {self.key} = $1 AND lease_id = $2"
        )


class _Places:
    """The runs of one kind of work in one worker: which are at work, which only wait."""

    def __init__(self, work: Work, news: Callable[[], None]) -> None:
        self.held: dict[asyncio.Task[None], Claimed] = {}
        self._work = work
        self._news = news
        self._busy: set[UUID] = set()

    @property
    def free(self) -> int:
        """How many rows may be claimed now."""
        return max(min(self._work.at_once - len(self._busy), self._work.most_held - len(self.held)), 0)

    def start(self, claimed: Claimed, run: Callable[[Claimed], Coroutine[Any, Any, None]]) -> None:
        """Runs a claimed row in a place of its own."""
        place = new_id()
        self._busy.add(place)
        mine = replace(claimed, only_waits=partial(self._leave, place))
        task = asyncio.create_task(run(mine))
        self.held[task] = mine
        task.add_done_callback(partial(self._ended, place))

    def _leave(self, place: UUID) -> None:
        self._busy.discard(place)
        self._news()

    def _ended(self, place: UUID, task: asyncio.Task[None]) -> None:
        del self.held[task]
        self._leave(place)


class Worker:
    """Claims and runs the due rows of some kinds of work until stopped."""

    def __init__(
        self, db: Database, fabric: Fabric, clock: Clock, real_clock: Clock, health: Health | None = None
    ) -> None:
        self._health = health or Health()
        self._db = db
        self._fabric = fabric
        self._clock = clock
        self._real = real_clock

    async def run(self, works: Sequence[Work]) -> None:
        """Runs for ever; cancel it to stop. Rows under way keep their lease and are claimed again when it ends."""
        await run_all(*(self._attend(work) for work in works))

    async def run_due(self, work: Work) -> int:
        """Runs everything of one kind that is due now, once; how many rows. For tests and one-shot commands."""
        count = 0
        while claimed := await self.claim(work, work.at_once):
            async with self._leases_kept(work, lambda claimed=claimed: claimed):
                await asyncio.gather(*(self._run_one(work, one) for one in claimed))
            count += len(claimed)
        return count

    async def claim(self, work: Work, most: int) -> list[Claimed]:
        """Takes up to `most` due rows under one lease."""
        lease = new_id()
        async with self._db.connection() as tx:
            rows = await tx.fetch(work.claim_sql, self._clock.now(), self._real.now(), lease, most, LEASE)
        return [Claimed(row, lease) for row in rows]

    async def _attend(self, work: Work) -> None:
        wake = asyncio.Event()
        places = _Places(work, wake.set)
        self._health.turned(work.name)
        await self._fabric.listen(wake_topic(work.name), _setter(wake))
        async with self._leases_kept(work, places.held.values):
            try:
                while True:
                    self._health.turned(work.name)
                    wake.clear()
                    free = places.free
                    claimed = await self._try_claim(work, free) if free and work.ready() else []
                    for one in claimed:
                        places.start(one, partial(self._run_one, work))
                    if len(claimed) < free or not free:
                        await _woken(wake)
            finally:
                if running := set(places.held):
                    for task in running:
                        task.cancel()
                    # They give their leases back, so that the next worker need not wait for them to end.
                    await asyncio.wait(running, timeout=1)

    async def _try_claim(self, work: Work, most: int) -> list[Claimed]:
        try:
            return await self.claim(work, most)
        except AppError as exc:
            log.warning("claim_failed", work=work.name, error=exc.detail)
            await self._real.sleep(POLL)
            return []

    async def _run_one(self, work: Work, claimed: Claimed) -> None:
        began = perf_counter()
        result = "done"
        try:
            due_at = await work.run(claimed)
        except asyncio.CancelledError:
            await self._write(work.release_sql, claimed)
            raise
        except AppError as exc:
            result, due_at = "put_off", self._clock.now() + work.retry_after
            log.warning("work_put_off", work=work.name, key=str(claimed.row[0]), error=exc.detail)
        except Exception:
            result, due_at = "failed", self._clock.now() + 10 * work.retry_after
            log.exception("work_failed", work=work.name, key=str(claimed.row[0]))
        WORK_SECONDS.labels(work.name, result).observe(perf_counter() - began)
        await self._write(work.finish_sql, claimed, due_at)

    async def _write(self, statement: LiteralString, claimed: Claimed, *args: object) -> None:
        """Runs a statement on a row we hold. Where PostgreSQL is away the lease runs out and the row is run again."""
        try:
            async with self._db.connection() as tx:
                await tx.execute(statement, claimed.row[0], claimed.lease_id, *args)
        except Unavailable as exc:
            log.warning("lease_not_written", key=str(claimed.row[0]), error=exc.reason)

    @asynccontextmanager
    async def _leases_kept(self, work: Work, held: Callable[[], Collection[Claimed]]) -> AsyncGenerator[None]:
        keeper = asyncio.create_task(self._keep_leases(work, held))
        try:
            yield
        finally:
            keeper.cancel()

    async def _keep_leases(self, work: Work, held: Callable[[], Collection[Claimed]]) -> None:
        while True:
            await self._real.sleep(LEASE / 3)
            rows = [(one.row[0], one.lease_id) for one in held()]
            if not rows:
                continue
            try:
                async with self._db.connection() as tx:
                    await tx.execute(work.renew_sql, *map(list, zip(*rows, strict=True)), self._real.now() + LEASE)
            except Unavailable as exc:
                log.warning("leases_not_renewed", work=work.name, error=exc.reason)


async def _woken(wake: asyncio.Event) -> None:
    """Returns when woken, which the end of a run does too, or after `POLL`."""
    with suppress(TimeoutError):
        async with asyncio.timeout(POLL.total_seconds()):  # `wait_for` may swallow a stop that comes with news
            await wake.wait()


async def finish(tx: Tx, work: Work, claimed: Claimed, due_at: datetime | None) -> None:
    """Gives a claimed row back: due again at `due_at`, or done when None."""
    await tx.execute(work.finish_sql, claimed.row[0], claimed.lease_id, due_at)


async def make_periodic_due(tx: Tx, now: datetime) -> None:
    """Every periodic job is due now, taken from whoever runs it: what that run would write is of another time."""
    await tx.execute("UPDATE periodic_job SET due_at = $1, lease_id = NULL, leased_until = NULL", now)


def wake_topic(name: str) -> str:
    """What a worker that does the work of this name listens to."""
    return f"wake.{name}"


def _setter(event: asyncio.Event) -> Callable[[bytes], Awaitable[Any]]:
    async def wake(_: bytes) -> None:
        event.set()

    return wake


async def look_at(tx: Tx, work: Work, now: datetime, real_now: datetime) -> Queue:
    """How that work stands. Index `<table>_due_<owner>`, or `<table>_due`."""
    row = await tx.fetchrow(
        "SELECT count(*) AS total, count(*) FILTER (WHERE held) AS running,"
        " count(*) FILTER (WHERE NOT held AND due_at <= $1) AS waiting,"
        " count(*) FILTER (WHERE NOT held AND due_at > $1) AS later,"
        " min(due_at) FILTER (WHERE NOT held AND due_at <= $1) AS oldest_due_at"
        " FROM (SELECT due_at, coalesce(leased_until >= $2, false) AS held FROM"
        f" {work.table} WHERE due_at IS NOT NULL ORDER BY due_at LIMIT $3) d",
        now,
        real_now,
        MOST_COUNTED + 1,
    )
    assert row is not None  # noqa: S101 - an aggregate gives one row
    more = row["total"] > MOST_COUNTED
    return Queue(work.name, row["waiting"], row["running"], row["later"], row["oldest_due_at"], more)


async def periodic_jobs(tx: Tx, real_now: datetime) -> list[PeriodicJob]:
    """The jobs that come round by themselves, next first."""
    rows = await tx.fetch(
        "SELECT name, due_at, coalesce(leased_until >= $1, false) AS held FROM periodic_job ORDER BY due_at, name",
        real_now,
    )
    return [PeriodicJob(row["name"], row["due_at"], row["held"]) for row in rows]
