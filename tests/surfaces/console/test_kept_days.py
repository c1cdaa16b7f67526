"""Pages and emails say for how many days this installation keeps things."""

from collections.abc import AsyncGenerator
from datetime import timedelta

import pytest
from msgspec.structs import replace
from tests.domain.webhooks.receiving import receiver, staged, status
from tests.support.fake_clock import FakeClock
from tests.support.mail_settings import with_mail_server
from tests.surfaces.console.browser import make_business, text_of, visitors
from tests.surfaces.console.desk import Desk

from callmark.domain.deps import Deps
from callmark.domain.webhooks.model import SCHEDULE

WEBHOOKS = "/console/webhooks"


@pytest.fixture(name="deps")
def deps_that_keep_little(deps: Deps) -> Deps:
    deps = with_mail_server(deps)
    return replace(deps, settings=replace(deps.settings, event_retention_days=8, callback_retention_days=1))


@pytest.fixture
async def desk(deps: Deps) -> AsyncGenerator[Desk]:
    business = await make_business(deps)
    async with staged(deps) as stage, visitors(stage.deps) as browse:
        alice = await browse.as_member(business.admin)
        yield Desk(replace(stage, account_id=business.account.id), business, browse, alice)


async def test_pages_say_for_how_long_events_and_requests_stay(desk: Desk) -> None:
    webhook = await desk.stage.webhook("https://hooks.example.com")
    paused = text_of(await desk.alice.follow(await desk.alice.post(f"{WEBHOOKS}/{webhook.id}/pause")))
    assert "Events wait for up to 8 days." in paused
    assert "stay in the log for 8 days" in text_of(await desk.alice.get(f"{WEBHOOKS}/{webhook.id}/delete"))
    assert "in the last 8 days" in text_of(await desk.alice.get("/console/webhook-events"))
    done = text_of(await desk.alice.get("/console/callbacks?state=done"))
    assert "stay here for 1 day after they were made, or after the time chosen for the call" in done


async def test_what_is_said_of_a_failing_webhook_says_for_how_long_its_events_are_kept(
    desk: Desk, clock: FakeClock
) -> None:
    async with receiver(status(500)) as there:
        await desk.stage.webhook(there.url)
        await desk.stage.append()
        for pause in (timedelta(), *SCHEDULE, timedelta(days=2)):
            clock.advance(pause)
            await desk.stage.run_due()
        await desk.stage.append()
        await desk.stage.run_due()
    alice = await desk.browse.as_member(desk.business.admin)  # her session is over by then
    assert "New events are kept for 8 days." in text_of(await alice.get(WEBHOOKS))
    async with desk.stage.deps.db.connection() as tx:
        sent = " ".join(row["plain"] for row in await tx.fetch("SELECT plain FROM mail"))
    assert "New events are kept for 8 days." in " ".join(sent.split())
