"""The life of deliveries over real sockets, by the moved clock. Source: contract, section 9.2."""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator
from datetime import timedelta

import pytest
from aiohttp import web
from msgspec.structs import replace
from tests.domain.webhooks.members import make_members, tail
from tests.domain.webhooks.receiving import ENOUGH, QUICK, Stage, drip, hang, receiver, reset, staged, status
from tests.support.factories import ALICE
from tests.support.fake_clock import FakeClock
from tests.support.loop_time import LoopTime, when_heard
from tests.support.written_mails import written_mails

from callmark.domain.accounts import service as accounts
from callmark.domain.accounts.model import AccountState
from callmark.domain.deps import Deps
from callmark.domain.events.model import EventType
from callmark.domain.mail.model import Mail
from callmark.domain.policy.model import SYSTEM
from callmark.domain.webhooks import service as webhooks
from callmark.domain.webhooks.deliveries import service as deliveries
from callmark.domain.webhooks.model import SCHEDULE, DeliveryState
from callmark.kit.errors import Conflict
from callmark.kit.outbound.addresses import LOOPBACK
from callmark.kit.outbound.client import Outbound

_SECOND = timedelta(seconds=1)


@pytest.fixture
async def stage(deps: Deps) -> AsyncGenerator[Stage]:
    async with staged(deps) as made:
        yield made


@pytest.fixture
async def hasty(deps: Deps) -> AsyncGenerator[Stage]:
    """The same, where an answer has half a second."""
    async with staged(deps, QUICK) as made:
        yield made


async def test_an_event_reaches_its_webhook_byte_for_byte_at_exactly_its_address(stage: Stage) -> None:
    async with receiver() as there:
        await stage.webhook(there.url)
        (event,) = await stage.append()
        assert await stage.run_due() == 1
        (request,) = there.requests
    assert request.body == event.body.encode()
    assert request.target == "/hook?key=s%2fecret&x"
    assert request.headers["Content-Length"] == str(len(event.body.encode()))
    assert request.headers["Content-Type"] == "application/json"
    assert request.headers["User-Agent"].startswith("Callmark/")
    assert set(request.headers) == {
        "Host",
        "Content-Type",
        "Content-Length",
        "User-Agent",
        "webhook-id",
        "webhook-timestamp",
        "webhook-signature",
    }
    found = await stage.only()
    assert (found.delivery.state, found.delivery.event_id, found.body) == (DeliveryState.SUCCESS, event.id, event.body)
    (attempt,) = found.attempts
    assert (attempt.number, attempt.status, attempt.answer_body, attempt.error) == (1, 200, b"noted", None)
    assert await stage.run_due() == 0


async def test_the_whole_schedule_is_kept_to_the_second_and_then_the_admins_are_told(
    stage: Stage, clock: FakeClock
) -> None:
    await make_members(stage)
    async with receiver(status(503)) as there:
        webhook = await stage.webhook(there.url)
        (event,) = await stage.append()
        began = clock.now()
        assert await stage.run_due() == 1
        for pause in SCHEDULE:
            assert (await stage.only()).delivery.state is DeliveryState.RESCHEDULED
            assert (await stage.only()).delivery.next_attempt_at == clock.now() + pause
            clock.advance(pause - _SECOND)
            assert await stage.run_due() == 0
            assert await written_mails(stage.deps) == []
            clock.advance(_SECOND)
            assert await stage.run_due() == 1
        found = await stage.only()
        assert found.delivery.state is DeliveryState.FAILED
        minutes = [(attempt.began_at - began) / timedelta(minutes=1) for attempt in found.attempts]
        assert minutes == [0, 2, 8, 38, 98, 398, 398 + 24 * 60, 398 + 72 * 60]
        assert [attempt.number for attempt in found.attempts] == list(range(1, 9))
        assert {request.event_id for request in there.requests} == {str(event.id)}
        clock.advance(timedelta(days=5))
        assert await stage.run_due() == 0
        assert len(there.requests) == 8
    mails = await written_mails(stage.deps)
    assert sorted(mail.to for mail in mails) == ["alice@" + tail(stage), "anna@" + tail(stage)]
    console = f"{stage.deps.public_url}/console"
    links = (
        f"{console}/webhook-events/{found.delivery.id}",
        f"{console}/webhooks#hook-{webhook.id}",
        f"{console}/webhooks/{webhook.id}/recover",
    )
    url = f"{there.url.partition('?')[0]}?…"
    says(mails[0], webhook.name, "Acme", str(event.id), "the answer was 503", url, *links)


def says(mail: Mail, webhook: str, account: str, *parts: str) -> None:
    """A mail names its webhook and account, has these parts in both of its forms, and no key of the URL."""
    assert webhook in mail.subject
    assert account in mail.subject
    for part in (account, *parts):
        assert part in mail.text
        assert part in mail.html
    assert "key=" not in mail.text + mail.html


async def test_success_on_the_third_attempt_ends_it(stage: Stage, clock: FakeClock) -> None:
    async with receiver(status(500, 302, 204)) as there:
        await stage.webhook(there.url)
        await stage.append()
        for pause in (timedelta(), *SCHEDULE):
            clock.advance(pause)
            await stage.run_due()
        assert len(there.requests) == 3
    found = await stage.only()
    assert found.delivery.state is DeliveryState.SUCCESS
    assert [attempt.status for attempt in found.attempts] == [500, 302, 204]
    assert await written_mails(stage.deps) == []


async def test_each_attempt_uses_the_address_that_is_valid_then(stage: Stage, clock: FakeClock) -> None:
    async with receiver(status(500)) as old, receiver() as new:
        webhook = await stage.webhook(old.url)
        await stage.append()
        await stage.run_due()
        await webhooks.update_webhook(stage.deps, stage.account_id, webhook.id, url=new.url, by=ALICE)
        clock.advance(SCHEDULE[0])
        await stage.run_due()
        assert (len(old.requests), len(new.requests)) == (1, 1)
    assert [attempt.url for attempt in (await stage.only()).attempts] == [old.url, new.url]


async def test_a_deletion_between_attempts_ends_the_delivery_when_its_retry_is_due(
    stage: Stage, clock: FakeClock
) -> None:
    async with receiver(status(500)) as there:
        webhook = await stage.webhook(there.url)
        await stage.append(7)
        await stage.run_due()
        await webhooks.delete_webhook(stage.deps, stage.account_id, webhook.id, by=ALICE)
        assert {one.state for one in await stage.log()} == {DeliveryState.RESCHEDULED}
        clock.advance(SCHEDULE[0])
        assert await stage.run_due() == 0
        await stage.append()  # nobody is subscribed any more
        assert len(there.requests) == 7
    assert Counter(one.state for one in await stage.log()) == {DeliveryState.WEBHOOK_NOT_FOUND: 7}
    assert {one.attempt_count for one in await stage.log()} == {1}


async def test_what_waits_survives_a_restart(stage: Stage, clock: FakeClock) -> None:
    async with receiver(status(500, 200)) as there:
        await stage.webhook(there.url)
        await stage.append()
        assert await stage.worker().run_due() == 1
        clock.advance(SCHEDULE[0])
        assert await stage.worker().run_due() == 1  # another worker, with nothing but the database
        assert len(there.requests) == 2
    assert (await stage.only()).delivery.state is DeliveryState.SUCCESS


async def test_both_webhooks_of_an_account_get_the_event_and_fail_apart(stage: Stage, clock: FakeClock) -> None:
    async with receiver() as good, receiver(status(500)) as bad:
        await stage.webhook(good.url, name="good")
        await stage.webhook(bad.url, name="bad")
        (event,) = await stage.append()
        await stage.run_due()
        clock.advance(SCHEDULE[0])
        await stage.run_due()
        assert [r.event_id for r in good.requests] == [str(event.id)]
        assert [r.event_id for r in bad.requests] == [str(event.id)] * 2
    assert {one.webhook_name: one.state for one in await stage.log()} == {
        "good": DeliveryState.SUCCESS,
        "bad": DeliveryState.RESCHEDULED,
    }


async def test_a_webhook_gets_the_types_it_subscribed_to(stage: Stage) -> None:
    async with receiver() as there:
        await stage.webhook(there.url, types=[EventType.USER_FEEDBACK])
        await stage.append()
        assert await stage.run_due() == 0
        assert there.requests == []


async def test_another_accounts_webhook_gets_nothing(stage: Stage) -> None:
    charlie = await stage.another_account()
    async with receiver() as there:
        await charlie.webhook(there.url)
        await stage.append()
        assert await stage.run_due() == 0


async def test_how_a_receiver_fails_is_told_in_words(hasty: Stage, clock: FakeClock) -> None:
    told: dict[str, str | None] = {}
    async with receiver() as there:
        webhook = await hasty.webhook(there.url)
        await hasty.append()
        there.answer = hang
        await hasty.run_due()
        told["hang"] = (await hasty.only()).attempts[-1].error
        async with Outbound(LOOPBACK, patience=ENOUGH) as outbound:
            stage = replace(hasty, outbound=outbound)
            for name, answer in (("reset", reset), ("status", status(404))):
                there.answer = answer
                clock.advance(SCHEDULE[len(told) - 1])
                await stage.run_due()
                told[name] = (await stage.only()).attempts[-1].error
            await webhooks.update_webhook(stage.deps, stage.account_id, webhook.id, url="http://127.0.0.1:1/", by=ALICE)
            clock.advance(SCHEDULE[len(told) - 1])
            await stage.run_due()
            told["closed port"] = (await stage.only()).attempts[-1].error
    assert told == {
        "hang": "the answer took longer than 0.5 s",
        "reset": "the connection was closed without an answer",
        "status": "the answer was 404",
        "closed port": "connection refused",
    }


async def test_an_answer_that_never_ends_is_a_failure_whatever_its_status(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    time, jumps = LoopTime(monkeypatch), iter((0, 0, 60))  # its head and some of its body have come
    when_heard(monkeypatch, lambda: time.move(next(jumps, 0)))
    async with receiver(drip) as there:
        await stage.webhook(there.url)
        await stage.append()
        await stage.run_due()
        found = await stage.only()
    assert found.delivery.state is DeliveryState.RESCHEDULED
    (attempt,) = found.attempts
    assert (attempt.status, attempt.note) == (200, None)
    assert attempt.error == "the answer began with 200 and was not complete after 60 s"
    assert attempt.answer_body
    assert set(attempt.answer_body) == {ord(".")}


async def test_410_stops_a_delivery_only_where_the_webhook_says_so(stage: Stage, clock: FakeClock) -> None:
    async with receiver(status(410)) as there:
        await stage.webhook(there.url, name="heeds", gone=True)
        await stage.webhook(there.url, name="ignores")
        await stage.append()
        await stage.run_due()
    assert {one.webhook_name: one.state for one in await stage.log()} == {
        "heeds": DeliveryState.STOPPED,
        "ignores": DeliveryState.RESCHEDULED,
    }
    assert clock.now()


async def test_retry_after_delays_only_where_the_webhook_says_so(stage: Stage, clock: FakeClock) -> None:
    async with receiver(status(503, headers={"Retry-After": "180"})) as there:
        await stage.webhook(there.url, name="heeds", retry_after=True)
        await stage.webhook(there.url, name="ignores")
        await stage.append()
        await stage.run_due()
    waits = {one.webhook_name: one.next_attempt_at for one in await stage.log()}
    assert waits == {"heeds": clock.now() + timedelta(seconds=180), "ignores": clock.now() + timedelta(seconds=120)}


async def test_a_paused_webhook_rests_and_then_gets_everything(stage: Stage) -> None:
    async with receiver() as there:
        webhook = await stage.webhook(there.url)
        await webhooks.pause_webhook(stage.deps, stage.account_id, webhook.id, by=ALICE)
        await stage.append(3)
        assert await stage.run_due() == 0
        await webhooks.resume_webhook(stage.deps, stage.account_id, webhook.id, by=ALICE)
        assert await stage.run_due() == 3
        assert len(there.requests) == 3


async def test_events_appended_at_once_are_all_delivered(stage: Stage) -> None:
    async with receiver() as there:
        await stage.webhook(there.url)
        working = asyncio.create_task(stage.worker().run())
        made = await asyncio.gather(*(stage.append(5) for _ in range(8)))
        wanted = {str(event.id) for some in made for event in some}
        await there.has(len(wanted))
        working.cancel()
        await asyncio.wait([working])
        assert Counter(r.event_id for r in there.requests) == dict.fromkeys(wanted, 1)


async def test_an_odd_yes_is_a_success_with_a_note(stage: Stage) -> None:
    async def odd(_: web.Request) -> web.Response:
        return web.Response(headers={"X-Trace": "a" * 7000, "X-More": "b" * 9000}, text="noted")

    async with receiver(odd) as there:
        await stage.webhook(there.url)
        await stage.append()
        await stage.run_due()
    found = await stage.only()
    (attempt,) = found.attempts
    assert (found.delivery.state, attempt.status, attempt.error) == (DeliveryState.SUCCESS, 200, None)
    assert attempt.note == "a header was 9,008 bytes long"


async def test_a_retry_of_a_type_that_was_removed_is_not_sent(stage: Stage, clock: FakeClock) -> None:
    async with receiver(status(500)) as there:
        webhook = await stage.webhook(there.url)
        await stage.append(6)
        await stage.run_due()
        types = [EventType.USER_FEEDBACK]
        await webhooks.update_webhook(stage.deps, stage.account_id, webhook.id, event_types=types, by=ALICE)
        clock.advance(SCHEDULE[0])
        assert await stage.run_due() == 0
        assert len(there.requests) == 6
    found = await stage.log()
    assert {(one.state, one.attempt_count, one.ended_at, one.next_attempt_at) for one in found} == {
        (DeliveryState.WEBHOOK_NOT_FOUND, 1, clock.now(), None)
    }
    with pytest.raises(Conflict, match="no longer receives events of this type"):
        await deliveries.resend(stage.deps, stage.account_id, found[0].id, by=ALICE)
    await webhooks.update_webhook(stage.deps, stage.account_id, webhook.id, event_types=list(EventType), by=ALICE)
    assert (await deliveries.resend(stage.deps, stage.account_id, found[0].id, by=ALICE)).state is DeliveryState.PENDING


async def test_a_type_that_is_back_before_its_retry_is_sent(stage: Stage, clock: FakeClock) -> None:
    async with receiver(status(500, 200)) as there:
        webhook = await stage.webhook(there.url)
        await stage.append()
        await stage.run_due()
        for types in ([EventType.USER_FEEDBACK], list(EventType)):
            await webhooks.update_webhook(stage.deps, stage.account_id, webhook.id, event_types=types, by=ALICE)
        clock.advance(SCHEDULE[0])
        await stage.run_due()
    assert (await stage.only()).delivery.state is DeliveryState.SUCCESS


async def test_deliveries_of_a_suspended_account_wait_until_it_is_back(stage: Stage, clock: FakeClock) -> None:
    async with receiver() as there:
        await stage.webhook(there.url)
        await accounts.update_account(stage.deps, stage.account_id, state=AccountState.SUSPENDED, by=SYSTEM)
        await stage.append()
        clock.advance(timedelta(hours=1))
        assert await stage.run_due() == 0
        await accounts.update_account(stage.deps, stage.account_id, state=AccountState.ACTIVE, by=SYSTEM)
        assert await stage.run_due() == 1
    assert (await stage.only()).delivery.state is DeliveryState.SUCCESS
