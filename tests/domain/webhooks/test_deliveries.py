"""The delivery log: reading, testing, resending, recovering."""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Callable
from datetime import timedelta
from functools import partial

import msgspec
import pytest
from tests.domain.webhooks.receiving import Stage, receiver, staged, status
from tests.support.factories import ALICE
from tests.support.fake_clock import FakeClock
from tests.support.written_mails import written_mails

from callmark.domain.audit import service as audit
from callmark.domain.audit.service import AuditFilter
from callmark.domain.deps import Deps
from callmark.domain.events import service as events
from callmark.domain.events.model import EventType
from callmark.domain.webhooks import service as webhooks
from callmark.domain.webhooks.deliveries import service as deliveries
from callmark.domain.webhooks.deliveries.service import DeliveryFilter
from callmark.domain.webhooks.model import SCHEDULE, DeliveryState
from callmark.domain.work_names import WorkName
from callmark.kit.errors import Conflict, NotFound
from callmark.kit.tasks import end


@pytest.fixture
async def stage(deps: Deps) -> AsyncGenerator[Stage]:
    async with staged(deps) as made:
        yield made


async def exhaust(stage: Stage, clock: FakeClock) -> None:
    for pause in (timedelta(), *SCHEDULE):
        clock.advance(pause)
        await stage.run_due()


@pytest.mark.parametrize("kind", list(EventType))
async def test_a_test_is_one_attempt_whose_result_is_there_at_once(stage: Stage, kind: EventType) -> None:
    async with receiver(status(500, 200)) as there:
        webhook = await stage.webhook(there.url)
        found = [
            await deliveries.send_test(
                stage.deps, stage.account_id, webhook.id, kind, outbound=stage.outbound, by=ALICE
            )
            for _ in range(2)
        ]
        assert await stage.run_due() == 0
        assert len(there.requests) == 2
    assert [one.delivery.state for one in found] == [DeliveryState.FAILED, DeliveryState.SUCCESS]
    assert found[0].delivery.event_id != found[1].delivery.event_id
    assert there.requests[1].body.decode() == found[1].body
    body = msgspec.json.decode(found[1].body)
    assert (body["event_id"], body["event_type"]) == (str(found[1].delivery.event_id), kind.value)
    assert f"{kind.value}_payload" in body
    assert [(one.is_test, one.attempt_count) for one in await stage.log()] == [(True, 1)] * 2
    logged = await deliveries.delivery_details(stage.deps, stage.account_id, found[0].delivery.id)
    assert logged == found[0]
    assert await written_mails(stage.deps) == []


async def test_a_test_goes_to_a_paused_webhook_and_cannot_be_resent(stage: Stage) -> None:
    async with receiver() as there:
        webhook = await stage.webhook(there.url)
        await webhooks.pause_webhook(stage.deps, stage.account_id, webhook.id, by=ALICE)
        made = await deliveries.send_test(stage.deps, stage.account_id, webhook.id, outbound=stage.outbound, by=ALICE)
    with pytest.raises(Conflict, match="test"):
        await deliveries.resend(stage.deps, stage.account_id, made.delivery.id, by=ALICE)


async def test_the_log_is_filtered_and_paged_newest_first(stage: Stage, clock: FakeClock) -> None:
    async with receiver() as good, receiver(status(500)) as bad:
        first = await stage.webhook(good.url, name="good")
        await stage.webhook(bad.url, name="bad", types=[EventType.USER_FEEDBACK])
        await stage.append(2)
        clock.advance(timedelta(minutes=1))
        since = clock.now()
        await stage.append(1, EventType.CALL_ME_BACK)
        await stage.run_due()

    async def count(filters: DeliveryFilter) -> int:
        return len(await deliveries.list_deliveries(stage.deps, stage.account_id, filters))

    assert await count(DeliveryFilter()) == 3
    assert await count(DeliveryFilter(webhook_id=first.id)) == 3
    assert await count(DeliveryFilter(state=DeliveryState.SUCCESS)) == 3
    assert await count(DeliveryFilter(state=DeliveryState.FAILED)) == 0
    assert await count(DeliveryFilter(event_type=EventType.USER_FEEDBACK)) == 0
    assert await count(DeliveryFilter(since=since)) == 1
    assert await count(DeliveryFilter(event_id=(await stage.log())[0].event_id)) == 1
    whole = await stage.log()
    assert whole == sorted(whole, key=lambda one: (one.created_at, one.id), reverse=True)
    paged = await deliveries.list_deliveries(stage.deps, stage.account_id, limit=2)
    rest = DeliveryFilter(after=deliveries.page_after(paged))
    assert [*paged, *await deliveries.list_deliveries(stage.deps, stage.account_id, rest)] == whole


async def test_a_failed_delivery_is_resent_with_a_schedule_of_its_own_and_no_second_mail(
    stage: Stage, clock: FakeClock
) -> None:
    async with receiver(status(500)) as there:
        await stage.webhook(there.url)
        await stage.append()
        await exhaust(stage, clock)
        delivery = (await stage.only()).delivery
        assert delivery.state is DeliveryState.FAILED
        await asyncio.gather(
            *(deliveries.resend(stage.deps, stage.account_id, delivery.id, by=ALICE) for _ in range(3))
        )
        assert await stage.run_due() == 1
        again = await stage.only()
        assert (again.delivery.state, again.delivery.next_attempt_at) == (
            DeliveryState.RESCHEDULED,
            clock.now() + SCHEDULE[0],
        )
        assert [attempt.number for attempt in again.attempts] == list(range(1, 10))
        there.answer = status(200)
        clock.advance(SCHEDULE[0])
        await stage.run_due()
    assert (await stage.only()).delivery.state is DeliveryState.SUCCESS


async def test_resending_what_waits_keeps_its_place_in_the_schedule(stage: Stage, clock: FakeClock) -> None:
    async with receiver(status(500)) as there:
        await stage.webhook(there.url)
        await stage.append()
        await stage.run_due()
        await deliveries.resend(stage.deps, stage.account_id, (await stage.only()).delivery.id, by=ALICE)
        await stage.run_due()
        assert len(there.requests) == 2
    assert (await stage.only()).delivery.next_attempt_at == clock.now() + SCHEDULE[1]


async def test_a_delivered_event_can_be_sent_again(stage: Stage) -> None:
    async with receiver() as there:
        await stage.webhook(there.url)
        await stage.append()
        await stage.run_due()
        await deliveries.resend(stage.deps, stage.account_id, (await stage.only()).delivery.id, by=ALICE)
        await stage.run_due()
        assert len({request.event_id for request in there.requests}) == 1
        assert len(there.requests) == 2


async def test_nothing_is_resent_to_a_deleted_webhook(stage: Stage) -> None:
    async with receiver() as there:
        webhook = await stage.webhook(there.url)
        await stage.append()
        await stage.run_due()
        await webhooks.delete_webhook(stage.deps, stage.account_id, webhook.id, by=ALICE)
        with pytest.raises(Conflict, match="deleted"):
            await deliveries.resend(stage.deps, stage.account_id, (await stage.only()).delivery.id, by=ALICE)


async def test_what_failed_since_an_instant_is_counted_and_then_recovered(stage: Stage, clock: FakeClock) -> None:
    async with receiver(status(500)) as there:
        webhook = await stage.webhook(there.url)
        await stage.append(2)
        clock.advance(timedelta(minutes=1))
        since = clock.now()
        await stage.append(3)
        await exhaust(stage, clock)
        there.answer = status(200)
        await stage.append()
        await stage.run_due()
        assert Counter(one.state for one in await stage.log()) == {DeliveryState.FAILED: 5, DeliveryState.SUCCESS: 1}
        before = len(there.requests)
        recover = (stage.deps, stage.account_id, webhook.id)
        assert await deliveries.count_recoverable(*recover, since=since) == 3
        assert await stage.run_due() == 0
        assert await deliveries.recover(*recover, since=since, by=ALICE) == 3
        assert await deliveries.recover(*recover, since=since, by=ALICE) == 0
        assert await stage.run_due() == 3
        assert len(there.requests) == before + 3
    assert Counter(one.state for one in await stage.log()) == {DeliveryState.FAILED: 2, DeliveryState.SUCCESS: 4}


class EagerDeps(Deps, frozen=True, kw_only=True):
    """Deliveries are attempted the moment their workers are woken."""

    attempt: Callable[[], Awaitable[object]]

    async def wake(self, *works: WorkName) -> None:
        if WorkName.DELIVERIES in works:
            await self.attempt()


@pytest.mark.parametrize("at_once", [1, 3])
async def test_what_is_stopped_again_while_more_is_recovered_is_sent_once(stage: Stage, at_once: int) -> None:
    gone = [410] * 20  # an end, for a recovery that has none
    async with receiver(status(*gone, 200)) as there:
        webhook = await stage.webhook(there.url, gone=True)
        (event, *_) = await stage.append(4)
        await stage.run_due()
        assert {one.state for one in await stage.log()} == {DeliveryState.STOPPED}
        parts = {name: getattr(stage.deps, name) for name in stage.deps.__struct_fields__}
        of = EagerDeps(**parts, attempt=stage.run_due), stage.account_id, webhook.id
        assert await deliveries.recover(*of, since=event.created_at, by=ALICE, at_once=at_once) == 4
    assert sorted(Counter(one.event_id for one in there.requests).values()) == [2, 2, 2, 2]


async def test_a_recovery_that_is_broken_off_after_its_first_part_is_in_the_audit_log(stage: Stage) -> None:
    is_written = asyncio.Event()

    async def never() -> None:
        is_written.set()
        await asyncio.Event().wait()

    async with receiver(status(410)) as there:
        webhook = await stage.webhook(there.url, gone=True)
        (event, *_) = await stage.append(4)
        await stage.run_due()
    parts = {name: getattr(stage.deps, name) for name in stage.deps.__struct_fields__}
    of = EagerDeps(**parts, attempt=never), stage.account_id, webhook.id
    recovering = asyncio.create_task(deliveries.recover(*of, since=event.created_at, by=ALICE, at_once=1))
    await is_written.wait()
    await end([recovering])
    assert DeliveryState.PENDING in {one.state for one in await stage.log()}
    (newest, *_) = await audit.list_entries(stage.deps, stage.account_id, AuditFilter())
    assert (newest.action, newest.details["deliveries"]) == ("webhook.recovered", 4)


async def test_what_waits_for_a_webhook_is_counted_up_to_a_most(stage: Stage) -> None:
    async with receiver() as there:
        webhook = await stage.webhook(there.url)
        of = (stage.deps, stage.account_id, webhook.id)
        await webhooks.pause_webhook(*of, by=ALICE)
        await stage.append(3)
        await stage.run_due()
        assert await deliveries.count_waiting(*of, 1_000) == 3
        assert await deliveries.count_waiting(*of, 2) == 2
        await webhooks.resume_webhook(*of, by=ALICE)
        await stage.run_due()
        assert await deliveries.count_waiting(*of, 1_000) == 0
    charlies = await stage.another_account()
    with pytest.raises(NotFound):
        await deliveries.count_waiting(stage.deps, charlies.account_id, webhook.id, 1)


async def test_an_event_is_shown_and_sent_again_until_thirty_days_after_it_to_the_second(
    stage: Stage, clock: FakeClock
) -> None:
    async with receiver(status(500)) as there:
        webhook = await stage.webhook(there.url)
        (event,) = await stage.append()
        await exhaust(stage, clock)
    delivery = (await stage.only()).delivery
    clock.advance(event.created_at + timedelta(days=30) - timedelta(seconds=1) - clock.now())
    recoverable = partial(
        deliveries.count_recoverable, stage.deps, stage.account_id, webhook.id, since=event.created_at
    )
    assert (await stage.only()).attempts
    assert await events.events_after(stage.deps, stage.account_id, 0, 10) == ([event], 1)
    assert await recoverable() == 1
    assert await deliveries.oldest_recoverable(stage.deps, stage.account_id, webhook.id) == event.created_at
    clock.advance(timedelta(seconds=2))
    assert await stage.log() == []
    assert await events.events_after(stage.deps, stage.account_id, 0, 10) == ([], 1)
    assert await recoverable() == 0
    assert await deliveries.oldest_recoverable(stage.deps, stage.account_id, webhook.id) is None
    for use in (deliveries.delivery_details, partial(deliveries.resend, by=ALICE)):
        with pytest.raises(NotFound):
            await use(stage.deps, stage.account_id, delivery.id)
