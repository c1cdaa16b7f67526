"""Makes the attempts that are due, at most four of a webhook at once over all workers.

A worker leases the webhook, not the delivery (`kit.work.OwnerLease`), and makes all its attempts while it holds it. So
the bound is kept without asking others, an attempt costs one gathered write, and a receiver that does not respond keeps
only its own webhook busy. A worker that dies leaves a lease that runs out; what it had under way is still due and is
attempted again, so a receiver may see an event twice, with the same id.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from functools import cache
from time import perf_counter

import structlog

from callmark.domain.accounts import service as accounts
from callmark.domain.deps import Deps
from callmark.domain.ids import AccountId, DeliveryId, WebhookId
from callmark.domain.webhooks import signing
from callmark.domain.webhooks.dispatch import attempts, failures, metrics, queries as dispatch_queries, recording
from callmark.domain.webhooks.dispatch.queries import DueSearch, EndedAttempt, HeldWebhook
from callmark.domain.webhooks.model import MOST_IN_FLIGHT, Attempt, DeliveryState, DueDelivery, Verdict
from callmark.domain.webhooks.outages import service as outages
from callmark.domain.webhooks.outages.model import has_failed_for_long
from callmark.domain.work_names import WorkName
from callmark.kit.errors import AppError, SetupError, Unavailable
from callmark.kit.outbound.client import Outbound
from callmark.kit.tasks import end
from callmark.kit.telemetry.metrics import WORK_SECONDS
from callmark.kit.work import POLL, Claimed, OwnerLease, Work

log = structlog.get_logger(__name__)
_seconds = cache(WORK_SECONDS.labels)

MOST_DUE_HELD = 1000
"""Webhooks that one worker attends to at once."""

MOST_AHEAD = 8
"""Deliveries of a webhook that a look finds beyond the room, where attempts end quickly."""

_TURN = timedelta(seconds=10)
"""How long a webhook is attended to while others wait for their turn."""

AHEAD_FOR_S = 0.25
"""How long what a look found beyond the room may be begun without another look, which could find it changed."""

_RECORD_TRIES = 10

STOP_WITHIN_S = 1.5
"""How long attempts under way may take to end when the worker stops: what was answered should not be sent again."""


class _Attention:
    """A webhook under our lease, and what is under way for it."""

    def __init__(self, lease: HeldWebhook, is_turn_over: Callable[[], bool]) -> None:
        self.lease = lease
        self.is_turn_over = is_turn_over
        self.in_flight: set[DeliveryId] = set()
        self.running: set[asyncio.Task[None]] = set()
        self.news = asyncio.Event()
        self.look = True
        """Whether something may be due that is not under way."""
        self.more = False
        """Whether our last look found as much as it asked for: then there may be more behind it."""
        self._ahead: deque[DueDelivery] = deque()
        self._ahead_until = 0.0
        self._looked_at = 0.0
        self._is_looking = False
        self._has_news = False
        self.pauses: AccountId | None = None
        """Set once the webhook has failed for so long that it may have to be paused: whose it is.

        Nothing more is begun then; what is under way ends first, because it may be a success.
        """
        self.rests = False
        """Whether something went wrong through us in an attempt: then the webhook rests before its next turn."""

    @property
    def has_room(self) -> bool:
        """Whether another attempt may be made at once."""
        return len(self.in_flight) < MOST_IN_FLIGHT

    def look_again(self) -> None:
        """Something may have become due, or have changed."""
        self.look = self._has_news = True
        self.news.set()

    def begin_look(self) -> int:
        """Forgets what the last look found; how much to look for beyond the room. Nothing where attempts are slow."""
        now = asyncio.get_running_loop().time()
        is_quick = self.more and now - self._looked_at < AHEAD_FOR_S
        self._ahead.clear()
        self._is_looking, self._has_news, self._looked_at = True, False, now
        return MOST_AHEAD if is_quick else 0

    def end_look(self, wanted: Sequence[DueDelivery] = ()) -> Sequence[DueDelivery]:
        """Of what was found, that for which there is room now, as under way; the rest is kept for a moment."""
        room = MOST_IN_FLIGHT - len(self.in_flight)
        self._is_looking = False
        self._ahead.extend(wanted[room:])
        self._ahead_until = self._looked_at + AHEAD_FOR_S
        self.in_flight.update(due.delivery_id for due in wanted[:room])
        self._look_for_more()
        return wanted[:room]

    def ended(self, due: DueDelivery) -> DueDelivery | None:
        """An attempt has ended; what is to be begun in its place at once, as under way."""
        self.in_flight.discard(due.delivery_id)
        following = self._next_ahead()
        if following:
            self.in_flight.add(following.delivery_id)
        else:
            self._look_for_more()
            self.news.set()
        return following

    def begin_nothing_more(self) -> None:
        """What was found and not begun stays due."""
        self.look = self.look or bool(self._ahead)
        self._ahead.clear()

    def _next_ahead(self) -> DueDelivery | None:
        if not self._ahead:
            return None
        is_late = asyncio.get_running_loop().time() > self._ahead_until
        if is_late or self._has_news or self.pauses or self.rests or self.is_turn_over():
            self.begin_nothing_more()
            return None
        return self._ahead.popleft()

    def _look_for_more(self) -> None:
        if self.more and self.has_room and not self._ahead and not self._is_looking:
            self.look = True


class Dispatcher:
    """Attends to webhooks."""

    def __init__(self, deps: Deps, outbound: Outbound, *, most_held: int = MOST_DUE_HELD) -> None:
        self._deps = deps
        self._outbound = outbound
        self._opener = signing.opener(deps.settings)
        self._most_held = most_held
        self._held: set[_Attention] = set()

    @property
    def work(self) -> Work:
        """The work of making attempts."""
        return Work(
            name=WorkName.DELIVERIES,
            table="webhook_queue",
            key="webhook_id",
            columns="webhook_id",
            run=self._attend,
            at_once=self._most_held,
            most_held=self._most_held,
            is_outgoing=True,
            leases_owner=OwnerLease(
                free=dispatch_queries.FREE,
                give_back=self._give_back,
                look_again=self._look_again,
                turn=_TURN,
                ends_within=timedelta(seconds=STOP_WITHIN_S + 1),
            ),
        )

    async def _attend(self, claimed: Claimed) -> datetime | None:
        """Makes every attempt of a webhook that is due, until there is none, or its turn is over."""
        held = _Attention(_lease(claimed), claimed.is_turn_over)
        self._held.add(held)
        try:
            while held.look or held.in_flight or held.pauses:
                held.news.clear()
                if held.pauses and not held.in_flight:
                    await self._pause(held, held.pauses)
                elif held.pauses:
                    await held.news.wait()
                elif held.look and held.has_room and (claimed.is_turn_over() or self._deps.health.clock_trouble()):
                    held.look = False  # it is given back once its attempts have ended
                elif held.look and held.has_room:
                    await self._start_due(held)
                else:
                    await held.news.wait()
        finally:
            self._held.discard(held)
            held.begin_nothing_more()
            await _let_end(held.running)
        return self._deps.clock.now() + POLL if held.rests else None

    async def _pause(self, held: _Attention, account_id: AccountId) -> None:
        """Pauses a webhook for which nothing is under way, if it still is ours and has failed for long."""
        held.pauses = None
        try:
            async with self._deps.db.transaction() as tx:
                await accounts.lock_account(tx, account_id)  # first, as everyone does who changes a webhook
                if await dispatch_queries.lock_held(tx, held.lease, self._deps.database_now()):
                    await outages.pause_if_due(tx, self._deps, account_id, held.lease.webhook_id)
        except AppError as exc:
            log.warning("pause_postponed", webhook=str(held.lease.webhook_id), error=exc.detail)
            held.rests = True

    async def _start_due(self, held: _Attention) -> None:
        # What is under way now may end while we read; this look leaves its result alone.
        held.look, under_way = False, frozenset(held.in_flight)
        ahead = held.begin_look()
        search = DueSearch(held.lease, under_way, self._deps.clock.now(), self._deps.database_now(), ahead)
        try:
            (found,) = await self._deps.gather(dispatch_queries.take_due, [search])
            await self._end_unwanted(held, [due for due in found if not due.is_wanted])
        except AppError as exc:
            log.warning("dispatch_postponed", webhook=str(held.lease.webhook_id), error=exc.detail)
            held.end_look()
            held.look = True
            await self._deps.real_clock.sleep(POLL)
            return
        held.more = len(found) >= search.most
        for due in held.end_look([due for due in found if due.is_wanted]):
            task = asyncio.create_task(self._make_attempts(due, held))
            held.running.add(task)
            task.add_done_callback(held.running.discard)

    async def _end_unwanted(self, held: _Attention, found: Sequence[DueDelivery]) -> None:
        """No attempt for a webhook that was deleted or has left the event's type (contract, section 9.2, D54)."""
        now = self._deps.clock.now()
        gone = Verdict(DeliveryState.WEBHOOK_NOT_FOUND, None)
        if found:
            await self._deps.gather(recording.record, [EndedAttempt(due, None, gone, now) for due in found])
            metrics.count_unwanted(len(found))
            held.look = True  # there may be more

    async def _make_attempts(self, first: DueDelivery, held: _Attention) -> None:
        """Attempts one delivery after the other, as long as there is one to follow at once."""
        due: DueDelivery | None = first
        while due:
            try:
                await self._make_attempt(due, held)
            except BaseException:  # its place is free, whatever ended it
                held.begin_nothing_more()
                held.ended(due)
                raise
            due = held.ended(due)

    async def _make_attempt(self, due: DueDelivery, held: _Attention) -> None:
        began = perf_counter()
        result = "failed"
        try:
            made = await attempts.make(self._deps, self._outbound, self._opener, due)
            _log(due, made.attempt, made.verdict)
            await self._record(EndedAttempt(due, made.attempt, made.verdict, self._deps.clock.now()))
            result = made.verdict.state.value
            metrics.count_attempt(made.attempt, made.verdict.state)
            if made.verdict.state is not DeliveryState.SUCCESS and has_failed_for_long(
                due.failing_since, self._deps.clock.now()
            ):
                held.pauses = due.to.account_id
        except Exception as exc:  # a bug, no key for the secret, or PostgreSQL stays away: the delivery is due still
            what = "webhook_secret_unreadable" if isinstance(exc, SetupError) else "attempt_failed"
            log.exception(what, webhook=str(due.to.webhook_id), delivery=str(due.delivery_id))
            held.rests = True
            # It keeps its place, so that a receiver is not called in a loop.
            await self._deps.real_clock.sleep(10 * POLL)
        finally:
            _seconds(WorkName.DELIVERIES, result).observe(perf_counter() - began)

    async def _record(self, ended: EndedAttempt) -> None:
        """Writes the result, patiently: an event that was delivered should not be sent again."""
        for left in reversed(range(_RECORD_TRIES)):
            try:
                if ended.verdict.state is DeliveryState.FAILED:
                    await failures.record_and_tell(self._deps, ended)
                else:
                    await self._deps.gather(recording.record, [ended])
            except Unavailable:
                if not left:
                    raise
                await self._deps.real_clock.sleep(POLL)
            else:
                return

    async def _give_back(self, claimed: Claimed, due_at: datetime | None) -> bool:
        ahead = max(self._deps.health.clock_ahead(), timedelta())  # or a wrong clock would keep it from others
        now = self._deps.clock.now() - ahead
        (next_due,) = await self._deps.gather(dispatch_queries.give_back, [(_lease(claimed), due_at or now)])
        return next_due is not None and next_due <= now

    def _look_again(self) -> None:
        for held in self._held:
            held.look_again()


def _lease(claimed: Claimed) -> HeldWebhook:
    return HeldWebhook(WebhookId(claimed.row["webhook_id"]), claimed.lease_id)


async def _let_end(running: set[asyncio.Task[None]]) -> None:
    """Attempts under way get a moment to end; the rest are cut and made again by the next worker."""
    if running:
        await asyncio.wait(running, timeout=STOP_WITHIN_S)
        await end(running, again_after_s=1)


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
