"""Deliveries under any order of events, against a model of the schedule. Source: contract, section 9.2, D39."""

from contextlib import AsyncExitStack
from datetime import datetime, timedelta
from pathlib import Path

from aiohttp import web
from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, precondition, rule
from msgspec import Struct
from tests.domain.webhooks.receiving import Receiver, Stage, receiver, staged
from tests.support.engines import Engines
from tests.support.factories import ALICE
from tests.support.state_machines import Machine, run_machine

from callmark.domain.ids import EventId, WebhookId
from callmark.domain.webhooks import service as webhooks
from callmark.domain.webhooks.model import DeliveryState, Webhook
from callmark.kit.errors import Conflict

_MINUTE = timedelta(minutes=1)
PAUSES = (2 * _MINUTE, 6 * _MINUTE, 30 * _MINUTE, 60 * _MINUTE, 300 * _MINUTE, timedelta(days=1), timedelta(days=2))
MOST = 5
WAITING = frozenset({DeliveryState.PENDING, DeliveryState.RESCHEDULED})


class Endpoint(Struct):
    """A webhook of the model."""

    id: WebhookId
    is_deleted: bool = False
    is_paused: bool = False


class Sending(Struct):
    """A delivery of the model: one event to one endpoint."""

    event: EventId
    to: Endpoint
    due_at: datetime | None
    state: DeliveryState = DeliveryState.PENDING
    failures: int = 0
    attempts: int = 0


class DeliveryLife(Machine):
    """An account with webhooks at one receiver, which answers as the rules say."""

    stack: AsyncExitStack
    stage: Stage
    there: Receiver
    endpoints: list[Endpoint]
    sent: list[Sending]
    status: int

    @initialize()
    def begin(self) -> None:
        self.stack, self.endpoints, self.sent, self.status = AsyncExitStack(), [], [], 200
        self.stage = self.run(self.stack.enter_async_context(staged(self.deps)))
        self.there = self.run(self.stack.enter_async_context(receiver(self._answer)))

    async def _answer(self, _: web.Request) -> web.Response:
        return web.Response(status=self.status, headers={"Location": "/elsewhere"})

    def teardown(self) -> None:
        if hasattr(self, "stack"):
            self.run(self.stack.aclose())

    @property
    def present(self) -> list[Endpoint]:
        return [one for one in self.endpoints if not one.is_deleted]

    @rule()
    def create(self) -> None:
        made = self.attempt(self.stage.webhook(self.there.url, name=f"hook {len(self.endpoints)}"))
        if len(self.present) < MOST:
            assert isinstance(made, Webhook)
            self.endpoints.append(Endpoint(made.id))
        else:
            assert made is Conflict

    @precondition(lambda self: self.present)
    @rule(data=st.data())
    def delete(self, data: st.DataObject) -> None:
        one = data.draw(st.sampled_from(self.present))
        self.run(webhooks.delete_webhook(self.deps, self.stage.account_id, one.id, by=ALICE))
        one.is_deleted = True

    @precondition(lambda self: self.present)
    @rule(data=st.data())
    def pause_or_resume(self, data: st.DataObject) -> None:
        one = data.draw(st.sampled_from(self.present))
        change = webhooks.resume_webhook if one.is_paused else webhooks.pause_webhook
        self.run(change(self.deps, self.stage.account_id, one.id, by=ALICE))
        one.is_paused = not one.is_paused

    @rule()
    def append(self) -> None:
        (event,) = self.run(self.stage.append())
        self.sent += [Sending(event.id, one, self.clock.now()) for one in self.present]

    @rule(status=st.sampled_from([200, 204, 302, 404, 500]))
    def answer_from_now_on(self, status: int) -> None:
        self.status = status

    @rule(before=st.sampled_from([timedelta(), timedelta(seconds=1)]))
    def wait_for_the_next_attempt(self, before: timedelta) -> None:
        due = [one.due_at for one in self.sent if one.due_at and one.due_at - before > self.clock.now()]
        if due:
            self.clock.advance(min(due) - before - self.clock.now())

    @rule()
    def work(self) -> None:
        now, is_success = self.clock.now(), self.status < 300
        due = [one for one in self.sent if one.due_at and one.due_at <= now and not one.to.is_paused]
        tried = [one for one in due if not one.to.is_deleted]
        before = len(self.there.requests)
        self.run(self.stage.run_due())
        assert len(self.there.requests) == before + len(tried)
        for one in due:
            _go_on(one, now, is_success=is_success)

    @invariant()
    def every_delivery_stands_where_the_schedule_has_it(self) -> None:
        kept = {(one.event_id, one.webhook_id): one for one in self.run(self.stage.log())}
        assert kept.keys() == {(one.event, one.to.id) for one in self.sent}
        for one in self.sent:
            found = kept[one.event, one.to.id]
            assert found.attempt_count == one.attempts
            if one.to.is_deleted and one.state in WAITING:  # it ends at its next attempt at the latest
                assert found.state in {one.state, DeliveryState.WEBHOOK_NOT_FOUND}
            else:
                assert (found.state, found.next_attempt_at) == (one.state, one.due_at)


def _go_on(one: Sending, now: datetime, *, is_success: bool) -> None:
    """What an attempt makes of a delivery, by the contract's table."""
    if one.to.is_deleted:
        one.state, one.due_at = DeliveryState.WEBHOOK_NOT_FOUND, None
        return
    one.attempts += 1
    if is_success:
        one.state, one.due_at = DeliveryState.SUCCESS, None
        return
    one.failures += 1
    if one.failures > len(PAUSES):
        one.state, one.due_at = DeliveryState.FAILED, None
    else:
        one.state, one.due_at = DeliveryState.RESCHEDULED, now + PAUSES[one.failures - 1]


def test_every_order_of_events_keeps_the_rules(engines: Engines, tmp_path: Path) -> None:
    run_machine(DeliveryLife, engines, tmp_path)
