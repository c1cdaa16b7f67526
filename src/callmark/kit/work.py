"""The one mechanism for background work: rows that carry `due_at` and a lease.

A row is the work: it is claimed in sets with `FOR UPDATE SKIP LOCKED` and a lease, run outside any transaction, then
finished with its next due instant (or none). A worker that dies leaves a lease that runs out; the row is then claimed
again, so every run must be harmless to repeat. `due_at` is a product instant, leases are real ones.

Where rows have owners, each owner's oldest take turns, and one owner has so many running at most, over all workers. A
run that has nothing left to do but wait for someone outside says so (`Claimed.only_waits`): it keeps its lease and
gives its place to the next (docs/decisions/0013-effects-shares-returns.md).

A leased row can also be an owner (a webhook) whose own rows its run does, for as long as there are any (`OwnerLease`):
its holder is alone with them, and counts in memory (docs/decisions/0029-one-lease-engine.md).
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
from callmark.kit.installation import NOT_HELD
from callmark.kit.metrics import WORK_SECONDS
from callmark.kit.tasks import run_all

log = structlog.get_logger(__name__)

POLL = timedelta(seconds=1)
LEASE = timedelta(seconds=15)
"""A killed worker's rows wait this long; a running one renews every third of it."""


def _nothing() -> None:
    """A run outside a worker has no place to give up."""


def _no() -> bool:
    """Outside a worker no one waits for a turn."""
    return False


@dataclass(frozen=True)
class Claimed:
    """A row taken under a lease.

    `only_waits` gives up its run's place among those that work, permanently. `is_turn_over` says whether others wait
    for the place of an owner that has had its turn.
    """

    row: Row
    lease_id: UUID
    only_waits: Callable[[], None] = _nothing
    is_turn_over: Callable[[], bool] = _no


@dataclass(frozen=True)
class OwnerLease:
    """What is different where a leased row is not the work but its owner, whose own rows the run does."""

    free: LiteralString
    """Which owners may be leased, in terms of the table's columns."""
    give_back: Callable[[Claimed, datetime | None], Awaitable[bool]]
    """Ends the lease: the owner is due again with its next row, and not before that instant; whether it is due now."""
    look_again: Callable[[], None]
    """Rows may have come to the owners that are leased. Called by a wake-up, and each `POLL`."""
    turn: timedelta
    """How long an owner keeps its place while others wait."""
    ends_within: timedelta
    """How long a run may take to end when its worker stops."""


@dataclass(frozen=True)
class Work:
    """A kind of due work: where its rows are, how many run at once, what runs.

    `run` returns the next due instant of the row, or None when nothing is left to do. When it raises, the row stays
    due and is tried again after `retry_after`. `ready` says whether it makes sense to claim at this moment. `columns`
    is what `run` gets of the row and begins with `key`. At most `at_once` rows are worked at by one worker, at most
    `most_held` are leased by it. With `owner` (a column), only the oldest `share` due rows of an owner run, over all
    workers, and of several owners' rows those come first whose owner has fewer before them. With `leases_owner` the row
    is an owner itself; its run itself says how its rows went, also to the metrics. `is_outgoing` work sends something
    to people or programs outside: none of it is claimed while the installation is held (`kit.installation`).
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
    leases_owner: OwnerLease | None = None
    is_outgoing: bool = False

    @property
    def claim_sql(self) -> LiteralString:
        """Takes up to $4 rows due at $1 (product) whose lease, if any, ended before $2 (real), oldest first.

        Index `<table>_due`, or with owners `<table>_due_<owner>`; rows that another worker is claiming are skipped.
        """
        free: LiteralString = "due_at <= $1 AND (leased_until IS NULL OR leased_until < $2)"
        if self.leases_owner:
            free = f"{free} AND {self.leases_owner.free}"
        if self.is_outgoing:
            free = f"{free} AND {NOT_HELD}"
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
            {self.owners_sql}
            SELECT w.{key} FROM owner o CROSS JOIN LATERAL (
              SELECT t.{key}, t.due_at, t.leased_until, row_number() OVER (ORDER BY t.due_at, t.{key}) AS turn FROM (
                SELECT {key}, due_at, leased_until FROM {table} d WHERE d.{owner} = o.id AND d.due_at <= $1
                ORDER BY d.due_at, d.{key} LIMIT {own_names(str(self.share))}
              ) t
            ) w
            WHERE w.leased_until IS NULL OR w.leased_until < $2 ORDER BY w.turn, w.due_at LIMIT $4
        """

    @property
    def owners_sql(self) -> LiteralString:
        """Begins a statement with `owner (id)`: every owner of a due row, or of one that is due later; null is last."""
        table, owner = self.table, self.owner or ""
        return f"""
            WITH RECURSIVE owner AS (
              (SELECT {owner} AS id FROM {table} WHERE due_at IS NOT NULL ORDER BY {owner} LIMIT 1)
              UNION ALL
              SELECT (SELECT t.{owner} FROM {table} t WHERE t.due_at IS NOT NULL AND t.{owner} > o.id
                ORDER BY t.{owner} LIMIT 1) FROM owner o WHERE o.id IS NOT NULL
            )
        """

    @property
    def release_sql(self) -> LiteralString:
        """Drops the leases $2 of rows $1, which stay due; leaves out those whose lease is another's."""
        return (
            f"UPDATE {self.table} SET lease_id = NULL, leased_until = NULL"
            f" WHERE {self.key} = ANY ($1) AND lease_id = ANY ($2::uuid[])"
        )

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

    def __init__(self, work: Work, real_clock: Clock) -> None:
        self.held: dict[asyncio.Task[None], Claimed] = {}
        self.news = asyncio.Event()
        self.may_be_more = True
        """Whether something may be due that was not claimed when we last looked."""
        self._work = work
        self._real = real_clock
        self._busy: set[UUID] = set()

    @property
    def free(self) -> int:
        """How many rows may be claimed now."""
        return max(min(self._work.at_once - len(self._busy), self._work.most_held - len(self.held)), 0)

    def start(self, claimed: Claimed, run: Callable[[Claimed], Coroutine[Any, Any, bool]]) -> None:
        """Runs a claimed row in its own place; `run` says whether more may be due after it."""
        place = new_id()
        self._busy.add(place)
        over = partial(self._is_turn_over, self._real.now())
        mine = replace(claimed, only_waits=partial(self._leave, place), is_turn_over=over)
        task = asyncio.create_task(self._run(run, mine))
        self.held[task] = mine
        task.add_done_callback(partial(self._ended, place))

    async def look_again(self, _: bytes = b"") -> None:
        """Something may have become due."""
        self.may_be_more = True
        if self._work.leases_owner:
            self._work.leases_owner.look_again()
        self.news.set()

    async def first_news(self) -> None:
        """Returns when woken, which the end of a run does too, or after `POLL`."""
        with suppress(TimeoutError):
            async with asyncio.timeout(POLL.total_seconds()):  # `wait_for` may swallow a stop that comes with news
                await self.news.wait()

    def _is_turn_over(self, since: datetime) -> bool:
        owner = self._work.leases_owner
        return owner is not None and not self.free and self._real.now() - since > owner.turn

    def _leave(self, place: UUID) -> None:
        self._busy.discard(place)
        self.news.set()

    async def _run(self, run: Callable[[Claimed], Coroutine[Any, Any, bool]], claimed: Claimed) -> None:
        if await run(claimed):
            self.may_be_more = True

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
        """Runs until it is cancelled: leases of what is under way are given back."""
        await run_all(*(self._attend(work) for work in works))

    async def run_due(self, work: Work) -> int:
        """Runs everything of one kind that is due now, once; how many rows. For tests and one-shot commands."""
        count = 0
        while claimed := await self.claim(work, work.at_once):
            held = {asyncio.create_task(self._run_one(work, one)): one for one in claimed}
            async with self._leases_kept(work, held.values):
                try:
                    await asyncio.wait(held)
                finally:
                    await self._stop(work, held)
            for task in held:
                task.result()
            count += len(claimed)
        return count

    async def claim(self, work: Work, most: int) -> list[Claimed]:
        """Takes up to `most` due rows under one lease."""
        lease = new_id()
        async with self._db.connection() as tx:
            rows = await tx.fetch(work.claim_sql, self._clock.now(), self._real.now(), lease, most, LEASE)
        return [Claimed(row, lease) for row in rows]

    async def _attend(self, work: Work) -> None:
        places = _Places(work, self._real)
        self._health.turned(work.name)
        await self._fabric.listen(wake_topic(work.name), places.look_again)
        async with self._leases_kept(work, places.held.values):
            try:
                await self._turn_for_ever(work, places)
            finally:
                await self._stop(work, dict(places.held))

    async def _turn_for_ever(self, work: Work, places: _Places) -> None:
        loop = asyncio.get_running_loop()
        looked_at = loop.time()
        while True:
            self._health.turned(work.name)
            places.news.clear()
            if places.may_be_more and places.free and work.ready():
                await self._claim_and_start(work, places)
            await places.first_news()
            if loop.time() - looked_at >= POLL.total_seconds():
                looked_at = loop.time()
                await places.look_again()

    async def _claim_and_start(self, work: Work, places: _Places) -> None:
        places.may_be_more, free = False, places.free
        try:
            claimed = await self.claim(work, free)
        except AppError as exc:
            log.warning("claim_failed", work=work.name, error=exc.detail)
            places.may_be_more = True
            await self._real.sleep(POLL)
            return
        for one in claimed:
            places.start(one, partial(self._run_one, work))
        if len(claimed) == free:
            places.may_be_more = True
            places.news.set()

    async def _stop(self, work: Work, held: dict[asyncio.Task[Any], Claimed]) -> None:
        """Ends runs and gives their leases back, so that the next worker need not wait for them to run out."""
        running = {task for task in held if not task.done()}
        if not running:
            return
        for task in running:
            task.cancel()
        within = work.leases_owner.ends_within if work.leases_owner else timedelta(seconds=1)
        ended, _ = await asyncio.wait(running, timeout=within.total_seconds())
        await self._write(work, work.release_sql, [held[task] for task in ended])

    async def _run_one(self, work: Work, claimed: Claimed) -> bool:
        """Whether something may be due now that was not before: the row, or what its owner may run besides."""
        began = perf_counter()
        result = "done"
        try:
            due_at = await work.run(claimed)
        except AppError as exc:
            result, due_at = "put_off", self._clock.now() + work.retry_after
            log.warning("work_put_off", work=work.name, key=str(claimed.row[0]), error=exc.detail)
        except Exception:
            result, due_at = "failed", self._clock.now() + 10 * work.retry_after
            log.exception("work_failed", work=work.name, key=str(claimed.row[0]))
        if work.leases_owner:
            return await self._give_back(work.leases_owner, claimed, due_at)
        WORK_SECONDS.labels(work.name, result).observe(perf_counter() - began)
        try:
            async with self._db.connection() as tx:
                await finish(tx, work, claimed, due_at)
        except Unavailable as exc:  # the lease runs out and the row is run again
            log.warning("lease_not_written", key=str(claimed.row[0]), error=exc.reason)
        return True

    async def _give_back(self, owner: OwnerLease, claimed: Claimed, due_at: datetime | None) -> bool:
        try:
            return await owner.give_back(claimed, due_at)
        except Unavailable as exc:
            log.warning("lease_not_written", key=str(claimed.row[0]), error=exc.reason)
            return False

    async def _write(self, work: Work, statement: LiteralString, held: Sequence[Claimed], *args: object) -> None:
        """Runs a statement on leases. Where PostgreSQL is away they run out, and the rows are run again."""
        if not held:
            return
        try:
            async with self._db.connection() as tx:
                await tx.execute(statement, [one.row[0] for one in held], [one.lease_id for one in held], *args)
        except Unavailable as exc:
            log.warning("leases_not_written", work=work.name, error=exc.reason)

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
            await self._write(work, work.renew_sql, list(held()), self._real.now() + LEASE)


async def finish(tx: Tx, work: Work, claimed: Claimed, due_at: datetime | None) -> None:
    """Gives a claimed row back: due again at `due_at`, or done when None."""
    await tx.execute(work.finish_sql, claimed.row[0], claimed.lease_id, due_at)


def wake_topic(name: str) -> str:
    """What a worker that does the work of this name listens to."""
    return f"wake.{name}"
