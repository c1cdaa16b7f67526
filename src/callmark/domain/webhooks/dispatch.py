"""The worker's dispatcher: makes the attempts that are due, at most four of a webhook at once over all workers.

It has the manners of `kit.due_work`, with one difference: a worker leases the webhook, not the delivery. Whoever holds
a webhook makes all its attempts, so the bound is kept without asking anybody, an attempt costs one gathered write, and
a receiver that hangs keeps only its own webhook busy. A worker that dies leaves a lease that runs out; what it had
under way is still due and is attempted again, so a receiver may see an event twice, with the same id.
"""

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncGenerator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from time import perf_counter

import structlog

from callmark.domain.deps import Deps
from callmark.domain.ids import DeliveryId, WebhookId
from callmark.domain.webhooks import attempts, dispatch_queries, failures
from callmark.domain.webhooks.dispatch_queries import EndedAttempt
from callmark.domain.webhooks.failures import Enqueue
from callmark.domain.webhooks.model import MOST_IN_FLIGHT, Attempt, DeliveryState, DueDelivery, Verdict
from callmark.domain.webhooks.signing import Opener
from callmark.domain.work_names import WorkName
from callmark.kit.errors import AppError, Unavailable
from callmark.kit.ids import new_id
from callmark.kit.metrics import WORK_SECONDS
from callmark.kit.outbound import Outbound
from callmark.kit.tasks import end
from callmark.kit.work import LEASE, POLL, wake_topic

log = structlog.get_logger(__name__)

MOST_HELD = 1000
"""Webhooks that one worker attends to at once."""

_TURN = timedelta(seconds=10)
"""How long a webhook is attended to while others wait for their turn."""

_RECORD_TRIES = 10

STOP_WITHIN_S = 1.5
"""How long attempts under way may take to end when the worker stops: what was answered should not be sent again."""


@dataclass
class _Held:
    """A webhook under our lease."""

    since: datetime
    in_flight: set[DeliveryId] = field(default_factory=set[DeliveryId])
    look: bool = True
    """Whether something may be due that is not under way."""
    more: bool = False
    """Whether as much was found due, when we last looked, as may be under way: then there may be more behind it."""


class Dispatcher:
    """Attends to webhooks until stopped. `enqueue` takes the mails about deliveries that failed for good."""

    def __init__(self, deps: Deps, outbound: Outbound, enqueue: Enqueue, *, most_held: int = MOST_HELD) -> None:
        self._deps = deps
        self._enqueue = enqueue
        self._outbound = outbound
        self._opener = Opener(deps.settings)
        self._most_held = most_held
        self._lease_id = new_id()
        self._held: dict[WebhookId, _Held] = {}
        self._running: set[asyncio.Task[None]] = set()
        self._turning = asyncio.Lock()
        self._news = asyncio.Event()
        self._look_around = True
        self._others_wait = False  # whether more webhooks had work due than we had room for
        self._made = 0
        self._failure: Exception | None = None

    async def run(self) -> None:
        """Runs for ever; cancel it to stop.

        Attempts under way get a moment to end; the rest are cut and made again by the next worker.
        """
        self._deps.health.turned(WorkName.DELIVERIES)
        await self._deps.fabric.listen(wake_topic(WorkName.DELIVERIES), self._woken)
        loop = asyncio.get_running_loop()
        looked_at = loop.time()
        async with self._leases_kept():
            while True:
                self._deps.health.turned(WorkName.DELIVERIES)
                self._news.clear()
                try:
                    await self._turn()
                except AppError as exc:
                    log.warning("dispatch_put_off", error=exc.detail)
                    await self._deps.real_clock.sleep(POLL)
                await self._first_news()
                if loop.time() - looked_at >= POLL.total_seconds():
                    looked_at = loop.time()
                    self._look_at_all()

    async def run_due(self) -> int:
        """Makes every attempt that is due now; how many. For tests and one-shot commands. Raises what goes wrong."""
        before = self._made
        async with self._leases_kept():
            while True:
                self._news.clear()
                self._look_at_all()
                await self._turn()
                if not self._running and not self._held and not self._look_around:
                    return self._made - before
                if self._running:
                    await self._first_news()
                if self._failure:
                    raise self._failure

    # turns ------------------------------------------------------------------------------------------------------------

    async def _turn(self) -> None:
        """Claims webhooks, starts what is due of those we hold, gives back those that have nothing left."""
        async with self._turning:
            if self._look_around:
                await self._claim()
            if hungry := [webhook for webhook, held in self._held.items() if self._is_hungry(held)]:
                await self._start_due(hungry)
            if idle := [webhook for webhook, held in self._held.items() if not held.in_flight and not held.look]:
                await self._give_back(idle)

    async def _claim(self) -> None:
        self._look_around = False
        room = self._most_held - len(self._held)
        claimed: list[WebhookId] = []
        if room > 0:
            now = self._deps.real_clock.now()
            async with self._deps.db.connection() as tx:
                claimed = await dispatch_queries.claim_webhooks(
                    tx, self._lease_id, self._deps.clock.now(), now, LEASE, room
                )
            self._held |= {webhook: _Held(now) for webhook in claimed}
        self._others_wait = len(claimed) >= room

    def _is_hungry(self, held: _Held) -> bool:
        if not held.look or len(held.in_flight) >= MOST_IN_FLIGHT:
            return False
        if len(self._held) >= self._most_held and self._deps.real_clock.now() - held.since > _TURN:
            held.look = False  # it is given back once its attempts have ended, for others to have their turn
            return False
        return True

    async def _start_due(self, hungry: list[WebhookId]) -> None:
        # What is under way now may end while we read: then it looks due to us, and is not under way any more.
        busy: set[DeliveryId] = set()
        for webhook in hungry:
            self._held[webhook].look = False
            busy |= self._held[webhook].in_flight
        async with self._deps.db.connection() as tx:
            found = await dispatch_queries.take_due(
                tx, self._lease_id, hungry, self._deps.clock.now(), self._deps.real_clock.now()
            )
        await self._end_unwanted([due for due in found if not due.is_wanted and due.delivery_id not in busy])
        counts = Counter(due.to.webhook_id for due in found)
        for webhook in hungry:
            self._held[webhook].more = counts[webhook] >= MOST_IN_FLIGHT
        for due in found:
            held = self._held[due.to.webhook_id]
            if not due.is_wanted or due.delivery_id in busy:
                continue
            if len(held.in_flight) < MOST_IN_FLIGHT:
                held.in_flight.add(due.delivery_id)
                task = asyncio.create_task(self._attend(due, held))
                self._running.add(task)
                task.add_done_callback(self._running.discard)

    async def _end_unwanted(self, found: Iterable[DueDelivery]) -> None:
        """No attempt for a webhook that was deleted or has left the event's type (contract, section 9.2, D54)."""
        now = self._deps.clock.now()
        gone = Verdict(DeliveryState.WEBHOOK_NOT_FOUND, None)
        if ended := [EndedAttempt(due, None, gone, now) for due in found]:
            await self._deps.gather(dispatch_queries.record, ended)
            for due in found:
                self._held[due.to.webhook_id].look = True  # there may be more
            self._news.set()

    async def _give_back(self, webhooks: Iterable[WebhookId]) -> None:
        for webhook in (given := list(webhooks)):
            del self._held[webhook]
        if self._others_wait and given:
            self._look_around = True
            self._news.set()
        async with self._deps.db.transaction() as tx:
            await dispatch_queries.give_back(tx, self._lease_id, given, self._deps.clock.now())

    # attempts ---------------------------------------------------------------------------------------------------------

    async def _attend(self, due: DueDelivery, held: _Held) -> None:
        began = perf_counter()
        result = "failed"
        try:
            made = await attempts.make(self._deps, self._outbound, self._opener, due)
            _log(due, made.attempt, made.verdict)
            await self._record(EndedAttempt(due, made.attempt, made.verdict, self._deps.clock.now()))
            result = made.verdict.state.value
            self._made += 1
        except Exception as exc:  # a bug, or PostgreSQL stays away: the delivery is due still
            log.exception("attempt_failed", webhook=str(due.to.webhook_id), delivery=str(due.delivery_id))
            self._failure = exc
            await self._put_off()
        finally:
            WORK_SECONDS.labels(WorkName.DELIVERIES, result).observe(perf_counter() - began)
            held.in_flight.discard(due.delivery_id)
            held.look = held.look or held.more
            self._news.set()

    async def _put_off(self) -> None:
        """Keeps the place of an attempt that went wrong through us, so that a receiver is not called in a loop."""
        self._news.set()
        await self._deps.real_clock.sleep(10 * POLL)

    async def _record(self, ended: EndedAttempt) -> None:
        """Writes the result, patiently: an event that was delivered should not be sent again for want of a note."""
        for left in reversed(range(_RECORD_TRIES)):
            try:
                if ended.verdict.state is DeliveryState.FAILED:
                    await failures.record_and_tell(self._deps, ended, self._enqueue)
                else:
                    await self._deps.gather(dispatch_queries.record, [ended])
            except Unavailable:
                if not left:
                    raise
                await self._deps.real_clock.sleep(POLL)
            else:
                return

    # waking and leases ------------------------------------------------------------------------------------------------

    async def _woken(self, _: bytes) -> None:
        self._look_at_all()
        self._news.set()

    def _look_at_all(self) -> None:
        self._look_around = True
        for held in self._held.values():
            held.look = True

    async def _first_news(self) -> None:
        """Returns when an attempt has ended, when somebody woke us, or after `POLL`."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(POLL.total_seconds()):  # `wait_for` may swallow a stop that comes with news
                await self._news.wait()

    @asynccontextmanager
    async def _leases_kept(self) -> AsyncGenerator[None]:
        keeper = asyncio.create_task(self._keep_leases())
        try:
            yield
        finally:
            await self._let_end()
            keeper.cancel()
            with contextlib.suppress(AppError):  # so that the next worker need not wait for them to end
                await self._give_back(self._held)

    async def _let_end(self) -> None:
        if self._running:
            await asyncio.wait(self._running, timeout=STOP_WITHIN_S)
        await end(self._running, again_after_s=1)

    async def _keep_leases(self) -> None:
        while True:
            await self._deps.real_clock.sleep(LEASE / 3)
            async with self._turning:
                try:
                    async with self._deps.db.connection() as tx:
                        until = self._deps.real_clock.now() + LEASE
                        kept = await dispatch_queries.renew(tx, self._lease_id, self._held, until)
                except AppError as exc:
                    log.warning("lease_not_written", error=exc.detail)
                    continue
                except Exception:
                    log.exception("lease_not_written")
                    continue
                self._held = {webhook: held for webhook, held in self._held.items() if webhook in kept}


def _log(due: DueDelivery, attempt: Attempt, verdict: Verdict) -> None:
    """One line an attempt; the address stays out of it, because it may carry the business's key."""
    log.info(
        "attempt",
        webhook=str(due.to.webhook_id),
        event_id=str(due.event_id),
        number=attempt.number,
        state=verdict.state.value,
        status=attempt.status,
        error=attempt.error,
        ms=attempt.duration_ms,
    )
