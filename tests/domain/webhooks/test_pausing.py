"""A webhook that fails for five days, with the real dispatcher and a moved clock: announced, paused, resumed."""

import asyncio
from collections.abc import AsyncGenerator
from datetime import datetime, timedelta

import pytest
from aiohttp import web
from tests.domain.webhooks.members import make_members, tail
from tests.domain.webhooks.receiving import Receiver, Stage, receiver, staged, status
from tests.support.factories import ALICE
from tests.support.fake_clock import FakeClock
from tests.support.written_mails import written_mails

from callmark.domain.audit import service as audit
from callmark.domain.audit.model import AuditFilter
from callmark.domain.deps import Deps
from callmark.domain.ids import WebhookId
from callmark.domain.mail.model import Mail
from callmark.domain.webhooks import service as webhooks
from callmark.domain.webhooks.deliveries import service as deliveries
from callmark.domain.webhooks.model import SCHEDULE, DeliveryState, PauseReason, Webhook
from callmark.domain.webhooks.outages import queries as outage_queries, service as outages
from callmark.domain.webhooks.outages.jobs import watch_outages
from callmark.domain.webhooks.outages.model import PAUSED_AFTER, SETTLED_AFTER
from callmark.domain.webhooks.outages.service import AttemptEnd
from callmark.kit.ids import new_id
from callmark.kit.outbound.client import Patience

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@pytest.fixture
async def stage(deps: Deps) -> AsyncGenerator[Stage]:
    async with staged(deps, Patience(30, 30, 30)) as made:
        await make_members(made)
        yield made


async def mails(stage: Stage) -> list[Mail]:
    """What members were sent of the webhook's state, oldest first; those about single events are apart."""
    return [one for one in await written_mails(stage.deps) if "could not get an event" not in one.subject]


async def subjects(stage: Stage) -> list[str]:
    """Subjects of those to Alice."""
    return [one.subject for one in await mails(stage) if one.to == f"alice@{tail(stage)}"]


async def passes(stage: Stage, clock: FakeClock, duration: timedelta, step: timedelta = HOUR) -> None:
    """Time passes; workers do in each step what is due."""
    for _ in range(round(duration / step)):
        clock.advance(step)
        await stage.run_due()
        await watch_outages(stage.deps)


async def now_is(stage: Stage, webhook: Webhook) -> Webhook:
    return await webhooks.get_webhook(stage.deps, stage.account_id, webhook.id)


async def fail_until_paused(stage: Stage, clock: FakeClock) -> datetime:
    """Two events a day fail until the webhook is paused; when the first attempt failed."""
    since = clock.now()
    for _ in range(11):
        await stage.append()
        await stage.run_due()
        await passes(stage, clock, 12 * HOUR)
    return since


async def test_five_days_without_a_success_are_announced_and_then_pause_the_webhook(
    stage: Stage, clock: FakeClock
) -> None:
    async with receiver(status(500)) as there:
        webhook = await stage.webhook(there.url)
        since = await fail_until_paused(stage, clock)
        paused = await now_is(stage, webhook)
        assert paused.pause_reason is PauseReason.FAILING
        assert paused.paused_at
        assert timedelta() <= paused.paused_at - since - PAUSED_AFTER <= 12 * HOUR
        assert await subjects(stage) == [
            "Acme: webhook orders is failing",
            "Acme: webhook orders is still failing",
            "Acme: webhook orders is still failing",
            "Acme: webhook orders was paused",
        ]
        attempts = len(there.requests)
        await stage.append()
        await passes(stage, clock, 3 * DAY, 6 * HOUR)
        assert len(there.requests) == attempts
        assert (await subjects(stage))[4:] == []
        # Of the first three days' events, the last retry failed before: those are what can be recovered.
        assert {one.state for one in await stage.log()} == {
            DeliveryState.FAILED,
            DeliveryState.RESCHEDULED,
            DeliveryState.PENDING,
        }
        there.answer = status(200)
        resumed = await webhooks.resume_webhook(stage.deps, stage.account_id, webhook.id, by=ALICE)
        assert resumed.pause_reason is None
        await stage.run_due()
        await deliveries.recover(stage.deps, stage.account_id, webhook.id, since=since, by=ALICE)
        await stage.run_due()
        assert {one.state for one in await stage.log()} == {DeliveryState.SUCCESS}
        clock.advance(SETTLED_AFTER)
        await watch_outages(stage.deps)
    assert (await subjects(stage))[4:] == ["Acme: webhook orders works again"]
    noted = await audit.list_entries(stage.deps, stage.account_id, AuditFilter(action="webhook.paused"))
    assert [(one.actor_email, one.subject) for one in noted] == [("system", "orders")]


async def test_mails_name_webhook_account_and_links_and_no_key_of_the_address(stage: Stage, clock: FakeClock) -> None:
    async with receiver(status(500)) as there:
        webhook = await stage.webhook(there.url)
        await fail_until_paused(stage, clock)
    sent = await mails(stage)
    assert {one.to for one in sent} == {f"alice@{tail(stage)}", f"anna@{tail(stage)}"}
    for one in sent:
        for part in ("Acme", "orders", f"/console/webhooks#hook-{webhook.id}", "1 January 2026 at 10:00 UTC"):
            assert part in one.text
            assert part in one.html
        assert "key=" not in one.text + one.html


async def test_one_success_within_the_five_days_prevents_the_pause(stage: Stage, clock: FakeClock) -> None:
    async with receiver(status(500)) as there:
        webhook = await stage.webhook(there.url)
        for day in range(8):
            there.answer = status(200) if day == 4 else status(500)
            await stage.append()
            await passes(stage, clock, DAY, 4 * HOUR)
    assert (await now_is(stage, webhook)).paused_at is None
    assert "Acme: webhook orders was paused" not in await subjects(stage)


async def test_a_success_that_is_under_way_when_the_pause_is_due_prevents_it(stage: Stage, clock: FakeClock) -> None:
    arrived, may_answer = asyncio.Event(), asyncio.Event()

    async def slow(request: web.Request) -> web.Response:
        if request.headers["webhook-id"] != str(lucky.id):
            return web.Response(status=500)
        arrived.set()
        await may_answer.wait()
        return web.Response()

    async with receiver(status(500)) as there:
        webhook = await five_days_of_failing(stage, there, clock)
        (lucky, *_) = await stage.append(4)
        there.answer = slow
        working = asyncio.create_task(stage.run_due())
        await arrived.wait()
        assert (await now_is(stage, webhook)).paused_at is None
        may_answer.set()
        await working
    assert (await now_is(stage, webhook)).paused_at is None


async def test_nothing_is_begun_while_a_pause_waits_for_what_is_under_way(stage: Stage, clock: FakeClock) -> None:
    arrived, may_answer = asyncio.Event(), asyncio.Event()

    async def slow(request: web.Request) -> web.Response:
        if request.headers["webhook-id"] == str(first.id):
            arrived.set()
            await may_answer.wait()
        return web.Response(status=500)

    async with receiver(status(500)) as there:
        webhook = await five_days_of_failing(stage, there, clock)
        before = len(there.requests)
        (first, *_) = await stage.append(10)
        there.answer = slow
        working = asyncio.create_task(stage.run_due())
        await arrived.wait()
        await there.has(before + 4)
        may_answer.set()
        await working
        assert len(there.requests) == before + 4
        assert (await now_is(stage, webhook)).pause_reason is PauseReason.FAILING


async def test_a_new_address_and_a_pause_by_hand_begin_the_time_again(stage: Stage, clock: FakeClock) -> None:
    async with receiver(status(500)) as there:
        webhook = await five_days_of_failing(stage, there, clock)
        await webhooks.update_webhook(stage.deps, stage.account_id, webhook.id, url=f"{there.url}&new", by=ALICE)
        await stage.append()
        await passes(stage, clock, DAY, 4 * HOUR)
        assert (await now_is(stage, webhook)).paused_at is None
        await webhooks.pause_webhook(stage.deps, stage.account_id, webhook.id, by=ALICE)
        assert (await now_is(stage, webhook)).pause_reason is PauseReason.REQUESTED
        await passes(stage, clock, 6 * DAY, DAY)
        assert not [one for one in await subjects(stage) if "paused" in one]


async def five_days_of_failing(stage: Stage, there: Receiver, clock: FakeClock) -> Webhook:
    """A webhook whose next failed attempt pauses it; nothing waits for it."""
    webhook = await stage.webhook(there.url)
    await stage.append()
    for pause in (timedelta(), *SCHEDULE):
        clock.advance(pause)
        await stage.run_due()
    assert {one.state for one in await stage.log()} == {DeliveryState.FAILED}
    clock.advance(2 * DAY)
    assert (await now_is(stage, webhook)).paused_at is None
    return webhook


async def test_a_failure_of_a_webhook_that_is_gone_is_not_noted_and_those_beside_it_are(stage: Stage) -> None:
    """A reset of the emulator takes webhooks away under their attempts."""
    webhook, gone, at = await stage.webhook("http://127.0.0.1:1"), WebhookId(new_id()), stage.deps.clock.now()
    async with stage.deps.db.transaction() as tx:
        await outages.note(tx, [AttemptEnd(one, at, is_success=False) for one in (gone, webhook.id)])
        assert [*await outage_queries.lock_outages(tx, [gone, webhook.id])] == [webhook.id]
