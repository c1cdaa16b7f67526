"""What an account configures, on a real database."""

import asyncio
from collections.abc import AsyncGenerator
from datetime import timedelta
from uuid import uuid4

import pytest
from tests.domain.webhooks.receiving import Stage, staged
from tests.support.audit_log import log_of
from tests.support.factories import ALICE

from callmark.domain.deps import Deps
from callmark.domain.events.model import EventType
from callmark.domain.ids import AccountId
from callmark.domain.webhooks import service as webhooks
from callmark.kit.errors import Conflict, InvalidInput, NotFound

URL = "https://hooks.acme.example/events?key=wxyz"


@pytest.fixture
async def stage(deps: Deps) -> AsyncGenerator[Stage]:
    async with staged(deps) as made:
        yield made


async def test_a_webhook_is_there_as_it_was_made(stage: Stage) -> None:
    made = await stage.webhook(URL, name=" Orders ", types=[EventType.CALL_ME_BACK])
    assert (made.name, made.url, made.event_types) == ("Orders", URL, {EventType.CALL_ME_BACK})
    assert (made.honours_retry_after, made.stops_on_gone, made.paused_at) == (False, False, None)
    assert await webhooks.get_webhook(stage.deps, stage.account_id, made.id) == made
    assert await webhooks.list_webhooks(stage.deps, stage.account_id) == [made]


async def test_a_sixth_webhook_is_refused_also_when_six_are_made_at_once(stage: Stage) -> None:
    made = await asyncio.gather(*(stage.webhook(URL, name=f"{i}") for i in range(6)), return_exceptions=True)
    assert sum(isinstance(one, Conflict) for one in made) == 1
    living = await webhooks.list_webhooks(stage.deps, stage.account_id)
    assert len(living) == 5
    await webhooks.delete_webhook(stage.deps, stage.account_id, living[0].id, by=ALICE)
    await stage.webhook(URL, name=living[0].name)  # place and name are free at once


async def test_a_name_is_unique_whatever_its_case_among_the_accounts_living_ones(stage: Stage) -> None:
    first = await stage.webhook(URL, name="Größe")
    for name in ("größe", " GRÖSSE ", "Gro\u0308ße"):
        with pytest.raises(Conflict, match="already exists"):
            await stage.webhook(URL, name=name)
    second = await stage.webhook(URL, name="other")
    with pytest.raises(Conflict, match="already exists"):
        await webhooks.update_webhook(stage.deps, stage.account_id, second.id, name="Größe", by=ALICE)
    same = await webhooks.update_webhook(stage.deps, stage.account_id, first.id, name="GRÖßE", by=ALICE)
    assert same.name == "GRÖßE"
    async with stage.deps.db.connection() as tx:  # a twin that earlier versions let be made
        await tx.execute("UPDATE webhook SET name = $2 WHERE id = $1", second.id, "Gro\u0308ße")
    kept = await webhooks.update_webhook(stage.deps, stage.account_id, second.id, stops_on_gone=True, by=ALICE)
    assert kept.name == "Gro\u0308ße"
    await (await stage.another_account()).webhook(URL, name="Größe")


async def test_an_address_that_may_not_be_called_by_now_keeps_no_other_part_from_changing(
    stage: Stage, deps: Deps
) -> None:
    """The networks that may be called have been narrowed; the console's form sends the address with every change."""
    inside = "http://127.0.0.1:8000/hook"
    made = await stage.webhook(inside)
    changed = await webhooks.update_webhook(deps, stage.account_id, made.id, name="Orders", url=inside, by=ALICE)
    assert (changed.name, changed.url) == ("Orders", inside)
    with pytest.raises(InvalidInput):
        await webhooks.update_webhook(deps, stage.account_id, made.id, url=f"{inside}2", by=ALICE)


async def test_what_cannot_be_is_not_made(stage: Stage) -> None:
    for name, url, types, why in (
        ("a" * 51, URL, list(EventType), "at most 50"),
        ("a", "ftp://x.example", list(EventType), "http"),
        ("a", "http://10.0.0.1/", list(EventType), "private"),
        ("a", URL, [], "at least one"),
    ):
        with pytest.raises(InvalidInput, match=why):
            await stage.webhook(url, name=name, types=types)
    assert await webhooks.list_webhooks(stage.deps, stage.account_id) == []
    with pytest.raises(NotFound):
        await webhooks.create_webhook(
            stage.deps,
            AccountId(uuid4()),
            name="a",
            url=URL,
            event_types=list(EventType),
            by=ALICE,
        )


async def test_an_update_changes_what_it_names(stage: Stage) -> None:
    made = await stage.webhook(URL)
    changed = await webhooks.update_webhook(
        stage.deps, stage.account_id, made.id, event_types=[EventType.USER_FEEDBACK], stops_on_gone=True, by=ALICE
    )
    assert (changed.name, changed.url, changed.event_types) == (made.name, URL, {EventType.USER_FEEDBACK})
    assert (changed.honours_retry_after, changed.stops_on_gone) == (False, True)
    assert await webhooks.get_webhook(stage.deps, stage.account_id, made.id) == changed


async def test_a_name_from_before_a_rule_does_not_block_another_change(stage: Stage) -> None:
    made = await stage.webhook(URL)
    async with stage.deps.db.connection() as tx:
        await tx.execute("UPDATE webhook SET name = $2 WHERE id = $1", made.id, "Or\u200bders")
    changed = await webhooks.update_webhook(
        stage.deps, stage.account_id, made.id, name="Or\u200bders", stops_on_gone=True, by=ALICE
    )
    assert (changed.name, changed.stops_on_gone) == ("Or\u200bders", True)
    with pytest.raises(InvalidInput):
        await webhooks.update_webhook(stage.deps, stage.account_id, made.id, name="Or\u200bder", by=ALICE)


async def test_pausing_and_resuming_may_be_repeated(stage: Stage) -> None:
    made = await stage.webhook(URL)
    paused = await webhooks.pause_webhook(stage.deps, stage.account_id, made.id, by=ALICE)
    assert paused.paused_at
    assert await webhooks.pause_webhook(stage.deps, stage.account_id, made.id, by=ALICE) == paused
    for _ in range(2):
        assert (await webhooks.resume_webhook(stage.deps, stage.account_id, made.id, by=ALICE)).paused_at is None


async def test_a_deleted_webhook_keeps_no_secret(stage: Stage) -> None:
    made = [await stage.webhook(URL, name=name) for name in ("deleted", "kept")]
    for one in made:
        overlap = timedelta(hours=1)
        await webhooks.rotate_secret(stage.deps, stage.account_id, one.id, overlap=overlap, by=ALICE)
    await webhooks.delete_webhook(stage.deps, stage.account_id, made[0].id, by=ALICE)
    held = "sealed_secret <> '' OR sealed_old_secrets <> '{}' OR old_secrets_until <> '{}'"
    async with stage.deps.db.connection() as tx:
        assert await tx.fetchval(f"SELECT array_agg(name) FROM webhook WHERE {held}") == ["kept"]


async def test_every_change_is_in_the_audit_log_without_the_address(stage: Stage) -> None:
    of = (stage.deps, stage.account_id, (await stage.webhook(URL)).id)
    await webhooks.update_webhook(*of, name="Orders 2", by=ALICE)
    await webhooks.update_webhook(*of, url="https://hooks.acme.example/new?key=wxyz", by=ALICE)
    await webhooks.rotate_secret(*of, overlap=timedelta(hours=2), by=ALICE)
    await webhooks.pause_webhook(*of, by=ALICE)
    await webhooks.resume_webhook(*of, by=ALICE)
    await webhooks.delete_webhook(*of, by=ALICE)
    entries = (await log_of(stage.deps, stage.account_id))[::-1]
    assert [(one.action, one.details.get("is_address_new")) for one in entries] == [
        ("webhook.created", True),
        ("webhook.changed", False),
        ("webhook.changed", True),
        ("webhook.rotated", None),
        ("webhook.paused", None),
        ("webhook.resumed", None),
        ("webhook.deleted", None),
    ]
    assert {one.actor_email for one in entries} == {ALICE.email}
    assert all(one.details["webhook_id"] == str(of[2]) and "wxyz" not in str(one.details) for one in entries)
