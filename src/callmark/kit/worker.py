"""Claims the due rows of `kit.work` and runs them.

The wake-up of a row is no claim of its own: what becomes due within `CLAIMS_APART_S` is claimed together, and what ends
together is given back together (docs/decisions/0069-small-batches.md).
"""

import asyncio
from collections.abc import AsyncGenerator, Callable, Collection, Coroutine, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import datetime, timedelta
from functools import partial
from time import perf_counter
from typing import Any, LiteralString
from uuid import UUID

import structlog
from msgspec.structs import replace

from callmark.kit.clock import Clock
from callmark.kit.errors import AppError, Unavailable
from callmark.kit.fabric.client import Fabric
from callmark.kit.health import Health
from callmark.kit.ids import new_id
from callmark.kit.postgres.database import Database
from callmark.kit.postgres.statement_batcher import StatementBatcher
from callmark.kit.tasks import end, run_all
from callmark.kit.telemetry.metrics import WORK_SECONDS, begin_work
from callmark.kit.work import LEASE, POLL, Claimed, OwnerLease, Work, wake_topic

log = structlog.get_logger(__name__)

POLL_S = POLL.total_seconds()
CLAIMS_APART_S = 0.01
"""Between two claims of one kind of work: a claim costs as much as to push a small batch, and more takes no longer."""


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

    async def first_news(self, until: float) -> None:
        """Returns when woken, which the end of a run does too, or at an instant of the event loop."""
        with suppress(TimeoutError):
            async with asyncio.timeout_at(until):  # `wait_for` may swallow a stop that comes with news
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
    """Claims and runs the due rows of some kinds of work until stopped.

    Nothing is claimed while this machine's clock is wrong (`Health.clock_trouble`): a day ahead of its time, retention
    and schedules would do what others cannot undo. Those whose clocks are right do it.
    """

    def __init__(
        self,
        db: Database,
        gather: StatementBatcher,
        fabric: Fabric,
        clock: Clock,
        real_clock: Clock,
        health: Health | None = None,
    ) -> None:
        self._health = health or Health()
        self._db = db
        self._gather = gather
        self._fabric = fabric
        self._clock = clock
        self._real = real_clock

    async def run(self, works: Sequence[Work]) -> None:
        """Runs until it is cancelled: leases of what is under way are given back."""
        self._health.ask("clock", self._health.clock_trouble, role="worker")
        await run_all(*(self._attend(work, POLL_S * n / len(works)) for n, work in enumerate(works)))

    async def run_due(self, work: Work) -> int:
        """Runs everything of one kind that is due now, once; how many rows. For tests."""
        begin_work(work.name)
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
        """Takes up to `most` due rows under one lease, none by a wrong clock or while others renew their leases.

        Gives back what it took unseen when it is cancelled.
        """
        lease = new_id()
        try:
            async with self._db.connection() as tx:
                if self._health.clock_trouble() or self._health.is_set_back():
                    return []
                rows = await tx.fetch(work.claim_sql, self._clock.now(), self._database_now(), lease, most, LEASE)
        except asyncio.CancelledError:  # PostgreSQL may have done it: the cancellation only asks it not to
            await self._write(work, work.release_lease_sql, lease)
            raise
        return [Claimed(row, lease) for row in rows]

    def _database_now(self) -> datetime:
        return self._health.database_now(self._real)

    async def _attend(self, work: Work, looks_after: float) -> None:
        begin_work(work.name)
        places = _Places(work, self._real)
        self._health.turned(work.name)
        await self._fabric.listen(wake_topic(work.name), places.look_again)
        async with self._leases_kept(work, places.held.values):
            try:
                await self._turn_for_ever(work, places, looks_after)
            finally:
                await self._stop(work, dict(places.held))

    async def _turn_for_ever(self, work: Work, places: _Places, looks_after: float) -> None:
        """Looks at once, `looks_after` seconds later, and then each `POLL`: so no two kinds look at one instant."""
        loop = asyncio.get_running_loop()
        look_at = loop.time() + looks_after
        while True:
            self._health.turned(work.name)
            places.news.clear()
            if places.may_be_more and places.free and work.ready():
                await self._claim_and_start(work, places)
            await places.first_news(look_at)
            if (late := loop.time() - look_at) >= 0:
                look_at += POLL_S * (1 + late // POLL_S)
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
        await asyncio.sleep(CLAIMS_APART_S)
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
        await self._write_held(work, work.release_sql, [held[task] for task in ended])

    async def _run_one(self, work: Work, claimed: Claimed) -> bool:
        """Whether something may be due now that was not before: the row, or what its owner may run besides."""
        began = perf_counter()
        result = "done"
        try:
            due_at = await work.run(claimed)
        except AppError as exc:
            result, due_at = "postponed", self._clock.now() + work.retry_after
            log.warning("work_postponed", work=work.name, key=str(claimed.row[0]), error=exc.detail)
        except Exception:
            result, due_at = "failed", self._clock.now() + 10 * work.retry_after
            log.exception("work_failed", work=work.name, key=str(claimed.row[0]))
        if work.leases_owner:
            return await self._give_back(work.leases_owner, claimed, due_at)
        WORK_SECONDS.labels(work.name, result).observe(perf_counter() - began)
        try:
            await self._gather(work.finish, [(claimed.row[0], claimed.lease_id, due_at)])
        except Unavailable as exc:  # the lease runs out and the row is run again
            log.warning("lease_not_written", key=str(claimed.row[0]), error=exc.reason)
        return True

    async def _give_back(self, owner: OwnerLease, claimed: Claimed, due_at: datetime | None) -> bool:
        try:
            return await owner.give_back(claimed, due_at)
        except Unavailable as exc:
            log.warning("lease_not_written", key=str(claimed.row[0]), error=exc.reason)
            return False

    async def _write_held(self, work: Work, statement: LiteralString, held: Sequence[Claimed], *args: object) -> None:
        if held:
            await self._write(work, statement, [one.row[0] for one in held], [one.lease_id for one in held], *args)

    async def _write(self, work: Work, statement: LiteralString, *args: object) -> None:
        """Runs a statement on leases. Where PostgreSQL is away they run out, and the rows are run again."""
        try:
            async with self._db.connection() as tx:
                await tx.execute(statement, *args)
        except Unavailable as exc:
            log.warning("leases_not_written", work=work.name, error=exc.reason)

    @asynccontextmanager
    async def _leases_kept(self, work: Work, held: Callable[[], Collection[Claimed]]) -> AsyncGenerator[None]:
        keeper = asyncio.create_task(self._keep_leases(work, held))
        try:
            yield
        finally:
            await end([keeper])

    async def _keep_leases(self, work: Work, held: Callable[[], Collection[Claimed]]) -> None:
        while True:
            await self._real.sleep(LEASE / 3)
            try:
                await self._write_held(work, work.renew_sql, list(held()), self._database_now() + LEASE)
            except Exception:  # or every run from now on would be claimed a second time
                log.exception("leases_not_kept", work=work.name)
