import re
from collections.abc import AsyncGenerator
from datetime import timedelta
from html import escape

import pytest
from aiohttp import web
from msgspec.structs import replace
from tests.domain.webhooks.receiving import receiver, staged, status
from tests.support.audit_log import log_of
from tests.support.copies import held
from tests.support.fake_clock import FakeClock
from tests.surfaces.console.browser import (
    errors_of,
    links_of,
    make_business,
    text_of,
    visitors,
)
from tests.surfaces.console.desk import EVIL, Desk

from callmark.domain.deps import Deps
from callmark.domain.webhooks import service as webhooks
from callmark.domain.webhooks.model import SCHEDULE
from callmark.surfaces.console.request import with_query

BOTH = ["cmb", "user_feedback"]
LIST = "/console/webhooks"
EVENTS = "/console/webhook-events"
URL = "https://hooks.example.com/callmark?key=s%2fecret&x"


@pytest.fixture
async def desk(deps: Deps) -> AsyncGenerator[Desk]:
    business = await make_business(deps)
    async with staged(deps) as stage, visitors(stage.deps) as browse:
        alice = await browse.as_member(business.admin)
        yield Desk(replace(stage, account_id=business.account.id), business, browse, alice)


async def test_a_webhook_is_made_and_its_secret_shown_this_once(desk: Desk) -> None:
    made = await desk.alice.post(
        f"{LIST}/new", {"name": " orders ", "url": URL, "event_types": BOTH, "stops_on_gone": "on"}
    )
    shown = await desk.alice.follow(made)
    (webhook,) = await webhooks.list_webhooks(desk.stage.deps, desk.business.account.id)
    assert (webhook.name, webhook.url, webhook.honours_retry_after, webhook.stops_on_gone) == (
        "orders",
        URL,
        False,
        True,
    )
    assert webhook.created_by_email == desk.business.admin.email
    assert shown.status_code == 200
    secret = shown.text.partition('data-copy="whsec_')[2].partition('"')[0]
    assert len(secret) > 20
    for path in (LIST, f"{LIST}/{webhook.id}/edit", EVENTS):
        assert secret not in (await desk.alice.get(path)).text
    assert "no events sent" in text_of(await desk.alice.get(LIST))
    (entry,) = await log_of(desk.stage.deps, desk.business.account.id)
    assert (entry.action, entry.subject) == ("webhook.created", "orders")
    assert "s%2fecret" not in str(entry.details)


async def test_a_sixth_webhook_is_refused_and_no_longer_offered(desk: Desk) -> None:
    for number in range(5):
        await desk.stage.webhook(URL, name=f"w{number}")
    sixth = await desk.alice.post(f"{LIST}/new", {"name": "sixth", "url": URL, "event_types": BOTH})
    assert sixth.status_code == 422
    assert "at most 5 webhooks" in errors_of(sixth)[""]
    assert 'value="sixth"' in sixth.text
    assert f"{LIST}/new" not in links_of(await desk.alice.get(LIST))
    await desk.alice.follow(
        await desk.alice.post(
            f"{LIST}/{(await webhooks.list_webhooks(desk.stage.deps, desk.business.account.id))[0].id}/delete"
        )
    )
    again = await desk.alice.post(f"{LIST}/new", {"name": "W0", "url": URL, "event_types": BOTH})
    assert again.status_code == 303


_WRONG: tuple[tuple[dict[str, object], str, str], ...] = (
    ({"name": " ORDERS "}, "name", "A webhook named 'ORDERS' already exists"),
    ({"name": "x" * 51}, "name", "Webhook name must be at most 50 characters"),
    ({"name": " "}, "name", "Webhook name is required"),
    ({"url": "hooks.example.com"}, "url", "URL must be a complete address that starts with http:// or https://"),
    (
        {"url": "ftp://hooks.example.com"},
        "url",
        "URL must be a complete address that starts with http:// or https://",
    ),
    ({"url": "http://10.0.0.8/x"}, "url", "URL cannot be called"),
    ({"url": "https://hooks.example.com/" + "x" * 2048}, "url", "URL must be at most 2048 characters"),
    ({"event_types": []}, "event_types", "Choose at least one event type"),
)


async def test_what_the_contract_refuses_is_refused_beside_its_field(desk: Desk) -> None:
    await desk.stage.webhook(URL)
    good: dict[str, object] = {"name": "second & last", "url": URL, "event_types": ["cmb"]}
    found: list[str] = []
    for wrong, field, said in _WRONG:
        refused = await desk.alice.post(f"{LIST}/new", good | wrong)
        told = errors_of(refused).get(field, "")
        is_kept = f'value="{escape(str((good | wrong)["name"]))}"' in refused.text
        if refused.status_code != 422 or not told.startswith(said) or not is_kept:
            found.append(f"{wrong}: {refused}, {told!r}, kept: {is_kept}")
        if len(there := await webhooks.list_webhooks(desk.stage.deps, desk.business.account.id)) != 1:
            found.append(f"{wrong}: {there}")
    assert found == []
    accepted = await desk.alice.post(f"{LIST}/new", good | {"name": "x" * 50})
    assert accepted.status_code == 303


async def test_a_webhook_is_changed_with_its_switches(desk: Desk) -> None:
    webhook = await desk.stage.webhook(URL, gone=True)
    form = await desk.alice.get(f"{LIST}/{webhook.id}/edit")
    assert escape(URL) in form.text
    changed = {"name": "orders", "url": f"{URL}2", "event_types": "user_feedback", "honours_retry_after": "on"}
    await desk.alice.follow(await desk.alice.post(f"{LIST}/{webhook.id}/edit", changed))
    new = await webhooks.get_webhook(desk.stage.deps, desk.business.account.id, webhook.id)
    assert (new.url, new.honours_retry_after, new.stops_on_gone, len(new.event_types)) == (f"{URL}2", True, False, 1)
    await desk.stage.webhook(URL, name="Other")
    taken = await desk.alice.post(f"{LIST}/{webhook.id}/edit", changed | {"name": "other"})
    assert errors_of(taken) == {"name": "A webhook named 'other' already exists"}


async def test_a_test_shows_the_receivers_answer_at_once_and_as_text(desk: Desk) -> None:
    async def answer(_: web.Request) -> web.Response:
        return web.Response(status=503, text=f"<script>alert(1)</script>{EVIL}", headers={"X-Why": EVIL})

    async with receiver(answer) as there:
        webhook = await desk.stage.webhook(there.url)
        chosen = await desk.alice.get(f"{LIST}/{webhook.id}/test")
        assert 'value="cmb" selected' in chosen.text
        shown = await desk.alice.follow(
            await desk.alice.post(f"{LIST}/{webhook.id}/test", {"event_type": "user_feedback"})
        )
    assert b"user_feedback_payload" in there.requests[0].body
    said = text_of(shown)
    assert "the answer was 503" in said
    assert there.requests[0].headers["webhook-signature"] in said
    assert EVIL in said
    assert EVIL not in shown.text
    assert "<script>alert" not in shown.text
    assert "test" in text_of(await desk.alice.get(EVENTS))
    assert await desk.actions() == ["webhook.created", "webhook.tested"]
    assert not any("resend" in link for link in links_of(shown))


async def test_a_receiver_that_is_not_there_is_told_in_words(desk: Desk) -> None:
    webhook = await desk.stage.webhook("http://127.0.0.1:1/hook")
    shown = await desk.alice.follow(await desk.alice.post(f"{LIST}/{webhook.id}/test", {"event_type": "cmb"}))
    assert "no response" in text_of(shown)
    assert "No answer came." in text_of(shown)


async def test_a_webhook_is_paused_and_resumed_and_deleted_with_what_waits(desk: Desk) -> None:
    webhook = await desk.stage.webhook(URL)
    paused = await desk.alice.follow(await desk.alice.post(f"{LIST}/{webhook.id}/pause"))
    assert "Paused" in text_of(paused)
    await desk.stage.append(2)
    await desk.stage.run_due()
    (delivery, _) = await desk.stage.log()
    waits = await desk.alice.get(f"{EVENTS}/{delivery.id}")
    assert "The webhook is paused. The event is sent when it is resumed." in text_of(waits)
    assert "every 2s" not in waits.text
    assert "after it is resumed" in text_of(await desk.alice.get(EVENTS))
    tried = await desk.alice.follow(await desk.alice.post(f"{EVENTS}/{delivery.id}/resend"))
    assert "The event is sent when the webhook is resumed." in text_of(tried)
    asked = text_of(await desk.alice.get(f"{LIST}/{webhook.id}/delete"))
    assert "2 deliveries that are still waiting" in asked
    await desk.alice.post(f"{LIST}/{webhook.id}/resume")
    assert "every 2s" in (await desk.alice.get(f"{EVENTS}/{delivery.id}")).text
    assert (await webhooks.get_webhook(desk.stage.deps, desk.business.account.id, webhook.id)).paused_at is None
    gone = await desk.alice.follow(await desk.alice.post(f"{LIST}/{webhook.id}/delete"))
    assert "orders was deleted" in text_of(gone)
    assert (await desk.alice.get(f"{LIST}/{webhook.id}/edit")).status_code == 404
    done = ["webhook.created", "webhook.paused", "delivery.resent", "webhook.resumed", "webhook.deleted"]
    assert await desk.actions() == done


@pytest.mark.parametrize(("hours", "said"), [("0", "no longer valid"), ("24", "valid for 24 hours")])
async def test_a_secret_is_rotated_with_the_overlap_that_was_chosen(desk: Desk, hours: str, said: str) -> None:
    made = await desk.stage.created(URL)
    rotated = await desk.alice.post(f"{LIST}/{made.webhook.id}/rotate", {"overlap": hours})
    shown = await desk.alice.follow(rotated)
    assert "whsec_" in shown.text
    assert made.secret not in shown.text
    assert said in text_of(shown)
    new = await webhooks.get_webhook(desk.stage.deps, desk.business.account.id, made.webhook.id)
    until = desk.stage.deps.clock.now() + timedelta(hours=int(hours))
    assert new.old_secret_until == (until if hours != "0" else None)
    refused = await desk.alice.post(f"{LIST}/{made.webhook.id}/rotate", {"overlap": "169"})
    assert errors_of(refused) == {"overlap": "Choose how long to keep the current secret"}
    if hours == "24":
        assert "An old secret is still valid. It expires" in text_of(await desk.alice.get(LIST))
        await desk.alice.post(f"{LIST}/{made.webhook.id}/rotate", {"overlap": "1"})
        (listed, asked) = [text_of(await desk.alice.get(at)) for at in (LIST, f"{LIST}/{made.webhook.id}/rotate")]
        assert "2 old secrets are still valid. The next one expires in 1 hour" in listed
        assert "2 older secrets are also still valid. The next one expires in 1 hour" in asked


async def test_the_log_is_filtered_and_paged_by_key(desk: Desk, clock: FakeClock) -> None:
    async with receiver(status(200)) as there:
        orders = await desk.stage.webhook(there.url)
        await desk.stage.append(52)
        await desk.stage.run_due()
        clock.advance(timedelta(hours=2))
        other = await desk.stage.webhook("http://127.0.0.1:1/", name="other")
        (event,) = await desk.stage.append(1)
        await desk.stage.run_due()
    first = await desk.alice.get(EVENTS, webhook=str(orders.id), state="success")
    assert first.text.count('data-label="Created"') == 50
    following = next(link for link in links_of(first) if "after=" in link)
    assert str(orders.id) in following
    second = await desk.alice.get(following)
    assert second.text.count('data-label="Created"') == 3
    for wanted, count in (
        ({"q": str(event.id)}, 2),
        ({"q": f" …{str(event.id)[-8:].upper()} "}, 2),
        ({"q": str(event.id)[-6:]}, 2),
        ({"webhook": str(other.id)}, 1),
        ({"state": "rescheduled"}, 1),
        ({"type": "user_feedback"}, 0),
        ({"span": "hour"}, 2),
        ({"q": "not an id"}, 0),
        ({"after": "nonsense", "state": "nonsense"}, 50),
    ):
        assert (await desk.alice.get(with_query(EVENTS, **wanted))).text.count('data-label="Created"') == count, wanted


async def test_the_log_of_a_deleted_webhook_can_be_chosen_while_it_is_kept(desk: Desk, clock: FakeClock) -> None:
    webhook = await desk.stage.webhook("http://127.0.0.1:1/", name="<old>")
    await desk.stage.append(1)
    await desk.stage.run_due()
    await desk.alice.post(f"{LIST}/{webhook.id}/delete")
    offered = f'<option value="{webhook.id}">&lt;old&gt; (deleted)</option>'
    assert offered in (await desk.alice.get(EVENTS)).text
    chosen = await desk.alice.get(EVENTS, webhook=str(webhook.id))
    assert offered.replace('">', '" selected>') in chosen.text
    assert chosen.text.count('data-label="Created"') == 1
    clock.advance(timedelta(days=desk.stage.deps.settings.event_retention_days))
    assert "(deleted)" not in (await desk.alice.get(EVENTS)).text


async def test_a_failed_event_shows_its_attempts_and_its_next_and_is_sent_again(desk: Desk) -> None:
    async with receiver(status(500, 200)) as there:
        await desk.stage.webhook(there.url)
        await desk.stage.append(1)
        await desk.stage.run_due()
        (delivery,) = await desk.stage.log()
        shown = await desk.alice.get(f"{EVENTS}/{delivery.id}")
        assert "Rescheduled" in text_of(shown)
        assert "in 2 minutes" in text_of(shown)
        assert "Liefer-Set ü" in text_of(shown)
        assert f">POST {escape(there.url)}\nContent-Type: application/json\n" in shown.text
        assert re.search(r'aria-label="Response headers of attempt 1">500\n\w', shown.text)
        again = await desk.alice.follow(await desk.alice.post(f"{EVENTS}/{delivery.id}/resend"))
        assert "The event is being sent again" in text_of(again)
        await desk.stage.run_due()
    shown = await desk.alice.get(f"{EVENTS}/{delivery.id}")
    assert "Success" in text_of(shown)
    assert shown.text.count("an-attempt-line") == 2
    assert shown.text.count('id="attempt-') == 2  # what was opened stays open while the page updates
    assert await desk.actions() == ["webhook.created", "delivery.resent"]


async def test_on_a_copy_an_event_that_is_sent_again_waits_for_the_release(desk: Desk) -> None:
    await desk.stage.webhook(URL)
    await desk.stage.append(1)
    await desk.stage.run_due()
    (delivery,) = await desk.stage.log()
    async with held(desk.stage.deps):
        tried = await desk.alice.follow(await desk.alice.post(f"{EVENTS}/{delivery.id}/resend"))
        await desk.alice.post(f"{LIST}/{delivery.webhook_id}/pause")
        resumed = await desk.alice.follow(await desk.alice.post(f"{LIST}/{delivery.webhook_id}/resume"))
    assert "The event is sent when this installation, which is a copy, is released." in text_of(tried)
    assert "Waiting events are sent when this installation, which is a copy, is released." in text_of(resumed)


async def test_what_failed_is_counted_first_and_then_sent_again(desk: Desk, clock: FakeClock) -> None:
    began = clock.now()
    async with receiver(status(500)) as there:
        webhook = await desk.stage.webhook(there.url)
        paused = await desk.stage.webhook(there.url, name="paused")
        await desk.stage.append(3)
        for pause in (timedelta(), *SCHEDULE):
            clock.advance(pause)
            await desk.stage.run_due()
    desk.alice = await desk.browse.as_member(desk.business.admin)  # three days later
    since = {"since": began.strftime("%Y-%m-%dT%H:%M")}
    counted = await desk.alice.post(f"{LIST}/{webhook.id}/recover", since)
    assert "3 deliveries can be sent again" in text_of(counted)
    assert {one.state.value for one in await desk.stage.log()} == {"failed"}
    sent = await desk.alice.follow(await desk.alice.post(f"{LIST}/{webhook.id}/recover/send", since))
    assert "3 deliveries are being sent again" in text_of(sent)
    await desk.alice.post(f"{LIST}/{paused.id}/pause")
    sent = await desk.alice.follow(await desk.alice.post(f"{LIST}/{paused.id}/recover/send", since))
    assert "3 deliveries are sent when the webhook is resumed." in text_of(sent)
    assert {one.state.value for one in await desk.stage.log()} == {"pending"}
    nothing = await desk.alice.post(f"{LIST}/{webhook.id}/recover", since)
    assert "Nothing to recover" in text_of(nothing)
    wrong = await desk.alice.post(f"{LIST}/{webhook.id}/recover", {"since": "yesterday"})
    assert errors_of(wrong) == {"since": "Choose a day and a time"}
    recovered = ["webhook.recovered", "webhook.paused", "webhook.recovered"]
    assert await desk.actions() == ["webhook.created", "webhook.created", *recovered]


async def test_recover_begins_with_the_oldest_event_that_failed(desk: Desk, clock: FakeClock) -> None:
    async with receiver(status(500)) as there:
        webhook = await desk.stage.webhook(there.url)
        day_ago = f"{clock.now() - timedelta(days=1):%Y-%m-%dT%H:%M}"
        assert f'value="{day_ago}"' in (await desk.alice.get(f"{LIST}/{webhook.id}/recover")).text
        (event,) = await desk.stage.append()
        for pause in (timedelta(), *SCHEDULE):
            clock.advance(pause)
            await desk.stage.run_due()
    since = f"{event.created_at:%Y-%m-%dT%H:%M}"
    desk.alice = await desk.browse.as_member(desk.business.admin)  # days have passed since she signed in
    assert f'value="{since}"' in (await desk.alice.get(f"{LIST}/{webhook.id}/recover")).text
    counted = await desk.alice.post(f"{LIST}/{webhook.id}/recover", {"since": since})
    assert "1 delivery can be sent again" in text_of(counted)


async def test_health_is_told_with_its_instant_and_an_odd_answer_with_its_note(desk: Desk, clock: FakeClock) -> None:
    async def odd(_: web.Request) -> web.Response:
        return web.Response(headers={"X-More": "b" * 9000}, text="noted")

    async with receiver(status(500)) as there:
        await desk.stage.webhook(there.url)
        await desk.stage.append()
        await desk.stage.run_due()
        failing = text_of(await desk.alice.get(LIST))
        assert "Failing started just now the answer was 500 1 waiting for a retry" in failing, failing
        assert "Failing started just now" in text_of(await desk.alice.get("/console"))
        there.answer = odd
        clock.advance(SCHEDULE[0])
        await desk.stage.run_due()
        assert "Working last delivered just now" in text_of(await desk.alice.get(LIST))
    found = await desk.stage.only()
    shown = text_of(await desk.alice.get(f"{EVENTS}/{found.delivery.id}"))
    assert "delivered (see note)" in shown
    assert "a header was 9,008 bytes long" in shown


async def test_a_webhook_that_the_platform_paused_is_announced_tested_and_resumed(desk: Desk, clock: FakeClock) -> None:
    async with receiver(status(500)) as there:
        webhook = await desk.stage.webhook(there.url)
        await desk.stage.append()
        for pause in (timedelta(), *SCHEDULE, timedelta(days=2)):
            clock.advance(pause)
            await desk.stage.run_due()
        await desk.stage.append()
        await desk.stage.run_due()
        alice = await desk.browse.as_member(desk.business.admin)  # her session is over by then
        for path in ("/console", LIST):
            said = text_of(await alice.get(path))
            assert "orders was paused" in said
            assert "had accepted no event for five days" in said
        assert f'action="{LIST}/{webhook.id}/resume"' in (await alice.get(LIST)).text
        assert f'href="{LIST}/{webhook.id}/test"' in (await alice.get(LIST)).text
        there.answer = status(200)
        resumed = await alice.follow(await alice.post(f"{LIST}/{webhook.id}/resume"))
        assert "Some had failed before; you can send them again" in text_of(resumed)
        assert "Since" in text_of(resumed)
    for path in ("/console", LIST):
        assert "was paused" not in text_of(await alice.get(path))
