"""Changes of one recipient at the same moment: each takes effect, and what is gone stays gone."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable

import pytest
from tests.domain.alerts.recipients import OPS, PAUSED, channel, link_of, tell
from tests.domain.webhooks.members import make_members
from tests.domain.webhooks.receiving import Stage, staged
from tests.support.audit_log import log_of
from tests.support.factories import ALICE
from tests.support.waiting import until_locked

from callmark.domain.alerts import recipients, service as alerts
from callmark.domain.alerts.model import AlertKind, Recipient
from callmark.domain.deps import Deps
from callmark.domain.ids import RecipientId
from callmark.kit.errors import NotFound

FAILED = [AlertKind.DELIVERY_FAILED.value]
READER = "192.0.2.1"


@pytest.fixture
async def stage(deps: Deps) -> AsyncGenerator[Stage]:
    async with staged(deps) as made:
        await make_members(made)
        yield made


async def waiting(stage: Stage) -> Recipient:
    """An address whose reader has the link and has not followed it."""
    return await recipients.add_email(stage.deps, stage.account_id, OPS, PAUSED, by=ALICE)


async def confirmed(stage: Stage) -> Recipient:
    await waiting(stage)
    return await recipients.confirm(stage.deps, await link_of(stage, "confirm"), READER)


async def one_behind_the_other(
    stage: Stage, one: Recipient, *changes: Callable[[], Awaitable[Recipient]]
) -> list[Recipient | BaseException]:
    """What the changes come to: all have read the recipient before the first of them writes."""
    async with stage.deps.db.transaction() as tx:
        await tx.execute("SELECT FROM alert_recipient WHERE id = $1 FOR UPDATE", one.id)
        running: list[asyncio.Future[Recipient]] = []
        for change in changes:
            running.append(asyncio.ensure_future(change()))
            await until_locked(stage.deps.db, len(running))
    return await asyncio.gather(*running, return_exceptions=True)


async def seen(stage: Stage, recipient_id: RecipientId) -> Recipient:
    return await recipients.get_recipient(stage.deps, stage.account_id, recipient_id)


async def actions(stage: Stage) -> list[str]:
    return [one.action for one in await log_of(stage.deps, stage.account_id) if one.action.startswith("alerts.")]


async def test_an_address_that_was_stopped_does_not_come_back_with_a_choice_of_alerts(stage: Stage) -> None:
    one = await confirmed(stage)
    await tell(stage)
    link = await link_of(stage, "stop")
    of = stage.deps, stage.account_id, one.id
    _, chosen = await one_behind_the_other(
        stage,
        one,
        lambda: recipients.stop(stage.deps, link, READER),
        lambda: recipients.change_kinds(*of, FAILED, by=ALICE),
    )
    assert isinstance(chosen, NotFound)
    with pytest.raises(NotFound):
        await seen(stage, one.id)
    assert (await actions(stage))[0] == "alerts.stopped"


async def test_an_address_stays_confirmed_beside_a_choice_of_alerts(stage: Stage) -> None:
    one = await waiting(stage)
    link = await link_of(stage, "confirm")
    of = stage.deps, stage.account_id, one.id
    await one_behind_the_other(
        stage,
        one,
        lambda: recipients.confirm(stage.deps, link, READER),
        lambda: recipients.change_kinds(*of, FAILED, by=ALICE),
    )
    after = await seen(stage, one.id)
    assert (after.is_waiting, after.alert_kinds) == (False, {AlertKind.DELIVERY_FAILED})


async def test_a_choice_of_alerts_stays_beside_a_confirmation(stage: Stage) -> None:
    one = await waiting(stage)
    link = await link_of(stage, "confirm")
    of = stage.deps, stage.account_id, one.id
    _, at_last = await one_behind_the_other(
        stage,
        one,
        lambda: recipients.change_kinds(*of, FAILED, by=ALICE),
        lambda: recipients.confirm(stage.deps, link, READER),
    )
    assert at_last == await seen(stage, one.id)
    assert isinstance(at_last, Recipient)
    assert (at_last.is_waiting, at_last.alert_kinds) == (False, {AlertKind.DELIVERY_FAILED})


async def test_an_address_that_was_removed_is_not_confirmed(stage: Stage) -> None:
    one = await waiting(stage)
    link = await link_of(stage, "confirm")
    of = stage.deps, stage.account_id, one.id
    _, confirmation = await one_behind_the_other(
        stage, one, lambda: recipients.remove(*of, by=ALICE), lambda: recipients.confirm(stage.deps, link, READER)
    )
    assert isinstance(confirmation, NotFound)
    with pytest.raises(NotFound):
        await seen(stage, one.id)
    assert await actions(stage) == ["alerts.removed", "alerts.added"]


async def test_a_link_that_is_followed_twice_at_once_is_noted_once(stage: Stage) -> None:
    one = await waiting(stage)
    confirm = await link_of(stage, "confirm")
    both = await one_behind_the_other(stage, one, *[lambda: recipients.confirm(stage.deps, confirm, READER)] * 2)
    assert both == [await seen(stage, one.id)] * 2
    await tell(stage)
    stop = await link_of(stage, "stop")
    _, second = await one_behind_the_other(stage, one, *[lambda: recipients.stop(stage.deps, stop, READER)] * 2)
    assert isinstance(second, NotFound)
    assert await actions(stage) == ["alerts.stopped", "alerts.confirmed", "alerts.added"]


async def test_an_address_that_was_stopped_meanwhile_is_not_removed_again(stage: Stage) -> None:
    one = await confirmed(stage)
    await tell(stage)
    link = await link_of(stage, "stop")
    of = stage.deps, stage.account_id, one.id
    _, removal = await one_behind_the_other(
        stage, one, lambda: recipients.stop(stage.deps, link, READER), lambda: recipients.remove(*of, by=ALICE)
    )
    assert isinstance(removal, NotFound)
    assert (await actions(stage))[0] == "alerts.stopped"


async def test_two_first_choices_for_the_admins_are_made_one_after_the_other(stage: Stage) -> None:
    (admins,) = await recipients.list_recipients(stage.deps, stage.account_id)
    of = stage.deps, stage.account_id, admins.id
    await asyncio.gather(*(recipients.change_kinds(*of, kinds, by=ALICE) for kinds in (FAILED, PAUSED)))
    async with stage.deps.db.connection() as tx:
        (after,) = await alerts.list_in(tx, stage.account_id)
    assert after.alert_kinds in ({AlertKind.DELIVERY_FAILED}, {AlertKind.WEBHOOK_PAUSED})


async def test_an_alert_goes_to_the_others_while_a_channel_is_removed(stage: Stage) -> None:
    one, other = [await channel(stage, "https://hooks.example.com/x") for _ in range(2)]
    async with stage.deps.db.transaction() as tx:
        await tx.execute("DELETE FROM alert_recipient WHERE id = $1", one.id)
        telling = asyncio.create_task(tell(stage))
        await until_locked(stage.deps.db, 1)
    await telling
    async with stage.deps.db.connection() as tx:
        rows = await tx.fetch("SELECT recipient_id FROM alert_post")
    assert [row["recipient_id"] for row in rows] == [other.id]
