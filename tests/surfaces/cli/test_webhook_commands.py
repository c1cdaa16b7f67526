"""`callmark webhook` as a shell runs it."""

import asyncio
import json
from collections.abc import AsyncGenerator, Generator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import click
import pytest
from tests.domain.webhooks.receiving import Stage, receiver, staged, status
from tests.support.copies import held
from tests.support.engines import SECRET_KEY, Engines
from tests.support.fake_clock import FakeClock
from tests.surfaces.cli.running import Here

from callmark.domain.accounts import service as accounts
from callmark.domain.accounts.model import AccountState
from callmark.domain.deps import Deps
from callmark.domain.policy.model import SYSTEM
from callmark.kit.settings import read_settings
from callmark.surfaces.cli.options import where_again

URL = "https://hooks.acme.example/events?key=abc"


@pytest.fixture
async def stage(deps: Deps) -> AsyncGenerator[Stage]:
    async with staged(deps) as made:
        yield made


@pytest.fixture
def here(engines: Engines) -> Generator[Here]:
    settings = read_settings(
        {},
        postgres_dsn=engines.dsn,
        nats_url=engines.nats_url,
        secret_key=SECRET_KEY,
        outgoing_networks="127.0.0.0/8",
    )
    with Here(settings) as made:
        yield made


async def run(here: Here, *args: str) -> Any:
    """The JSON of a command, which has a loop of its own."""
    return await asyncio.to_thread(here.json, "webhook", *args)


async def test_a_webhook_is_made_changed_and_deleted(here: Here, stage: Stage) -> None:
    account = ("--account", str(stage.account_id))
    made = await run(here, "create", *account, "--name", "orders", "--url", URL, "--events", "cmb,user_feedback")
    assert made["secret"].startswith("whsec_")
    assert (made["url"], made["event_types"]) == (URL, ["cmb", "user_feedback"])
    assert "secret" not in await run(here, "show", made["id"], *account)
    changed = await run(here, "update", made["id"], *account, "--events", "cmb", "--stop-on-410")
    assert (changed["event_types"], changed["stop_on_410"], changed["honour_retry_after"]) == (["cmb"], True, False)
    changed = await run(here, "update", made["id"], *account, "--retry-on-410")
    assert not changed["stop_on_410"]
    rotated = await run(here, "rotate", made["id"], *account, "--overlap-hours", "1.5")
    assert rotated["secret"] != made["secret"]
    assert rotated["old_secret_until"]
    assert (await run(here, "pause", made["id"], *account))["paused_at"]
    assert (await run(here, "resume", made["id"], *account))["paused_at"] is None
    (listed,) = await run(here, "list", *account)
    assert listed["id"] == made["id"]
    await run(here, "delete", made["id"], *account)
    assert await run(here, "list", *account) == []


async def test_what_cannot_be_is_told_in_one_line(here: Here, stage: Stage) -> None:
    account = ("--account", str(stage.account_id))
    create = ("webhook", "create", *account, "--name", "orders", "--url")
    told = await asyncio.to_thread(here.error, *create, "http://10.0.0.1/")
    assert told == "url cannot be called: its address is private"
    assert (await asyncio.to_thread(here.run, *create, URL, "--events", "cmb,nonsense")).code == 2


async def test_a_test_sends_call_me_back_unless_asked_otherwise(here: Here, stage: Stage) -> None:
    account = ("--account", str(stage.account_id))
    async with receiver() as there:
        webhook = await run(here, "create", *account, "--name", "orders", "--url", there.url)
        for option in ((), ("--event", "cmb")):
            tried = await run(here, "test", webhook["id"], *account, *option)
            assert (tried["state"], tried["event_type"]) == ("success", "cmb")


async def test_deliveries_are_tried_looked_at_resent_and_recovered(here: Here, stage: Stage, clock: FakeClock) -> None:
    account = ("--account", str(stage.account_id))
    clock.advance(datetime.now(UTC) - clock.now())  # commands go by the real clock
    began_at = clock.now()
    async with receiver(status(500, 410, 200)) as there:
        webhook = await run(here, "create", *account, "--name", "orders", "--url", there.url, "--stop-on-410")
        test = ("webhook", "test", webhook["id"], *account, "--event", "user_feedback")
        refused = await asyncio.to_thread(here.run, *test, "--json")
        tried = json.loads(refused.out)
        assert refused.code == 1
        assert (tried["state"], tried["is_test"], tried["attempts"][0]["status"]) == ("failed", True, 500)
        (listed,) = await run(here, "deliveries", *account, "--event", "user_feedback")
        assert listed["id"] == tried["id"]
        assert await run(here, "deliveries", *account, "--event", "cmb") == []
        await stage.append()
        await stage.run_due()
        (stopped,) = await run(here, "deliveries", *account, "--webhook", webhook["id"], "--state", "stopped")
        since = ("--since", f"{began_at:%Y-%m-%dT%H:%M:%SZ}")
        recover = ("recover", webhook["id"], *account, *since)
        assert await run(here, *recover, "--dry-run") == {"count": 1, "dry_run": True}
        assert await run(here, *recover) == {"count": 1, "dry_run": False}
        clock.advance(timedelta(minutes=1))
        await stage.run_due()
        shown = await run(here, "delivery", stopped["id"], *account)
        assert shown["state"] == "success"
        assert [attempt["status"] for attempt in shown["attempts"]] == [410, 200]
        assert shown["attempts"][1]["answer_body"] == "noted"
        assert (await run(here, "resend", stopped["id"], *account))["state"] == "pending"
        first, more = await asyncio.to_thread(here.first, "webhook", "deliveries", *account)
        assert more == f"--after {first['id']}"
        assert len(await run(here, "deliveries", *account, *more.split())) == 1
        text = await asyncio.to_thread(here.text, "webhook", "delivery", stopped["id"], *account)
        assert "number" in text
        await it_says_when_events_are_sent(here, stage, webhook["id"], stopped["id"], *since)


async def it_says_when_events_are_sent(here: Here, stage: Stage, webhook: str, delivery: str, *since: str) -> None:
    account = ("--account", str(stage.account_id))
    resend = ("webhook", "resend", delivery, *account)
    assert "Sending it again now." in await asyncio.to_thread(here.text, *resend)
    await accounts.update_account(stage.deps, stage.account_id, state=AccountState.SUSPENDED, by=SYSTEM)
    assert "which is suspended" in await asyncio.to_thread(here.text, *resend)
    await run(here, "pause", webhook, *account)
    assert "when you resume the webhook" in await asyncio.to_thread(here.text, *resend)
    assert "when you resume the webhook" in await asyncio.to_thread(
        here.text, "webhook", "recover", webhook, *account, *since
    )
    async with held(stage.deps):
        assert "which is a copy, is released" in await asyncio.to_thread(here.text, *resend)


@pytest.mark.parametrize(("data", "option"), [(None, ""), (Path("/srv/my data"), " --data '/srv/my data'")])
def test_a_command_to_paste_leads_to_the_same_installation(data: Path | None, option: str) -> None:
    with click.Context(click.Command("resume")) as context:
        context.params = {"data": data}
        assert where_again() == option
