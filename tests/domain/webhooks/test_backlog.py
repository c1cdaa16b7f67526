"""How dispatch stands over all webhooks, in figures."""

from collections.abc import AsyncGenerator
from datetime import timedelta

import pytest
from tests.domain.webhooks.receiving import Stage, receiver, staged
from tests.support.factories import ALICE
from tests.support.fake_clock import FakeClock

from callmark.domain.accounts import service as accounts
from callmark.domain.accounts.model import AccountState
from callmark.domain.deps import Deps
from callmark.domain.policy.model import SYSTEM
from callmark.domain.webhooks import service as webhooks
from callmark.domain.webhooks.dispatch.backlog import Backlog, read_backlog


@pytest.fixture
async def stage(deps: Deps) -> AsyncGenerator[Stage]:
    async with staged(deps) as made:
        yield made


async def test_deliveries_are_told_by_why_they_wait(deps: Deps, stage: Stage, clock: FakeClock) -> None:
    assert await read_backlog(deps) == Backlog(0, 0, 0, 0, None, is_more=False)
    charlie = await stage.another_account()
    async with receiver() as there, receiver() as other:
        webhook = await stage.webhook(there.url)
        await charlie.webhook(other.url)
        began = clock.now()
        await stage.append(2)
        clock.advance(timedelta(seconds=5))
        await charlie.append(1)
        assert await read_backlog(deps) == Backlog(3, 0, 0, 0, began, is_more=False)
        await webhooks.pause_webhook(deps, stage.account_id, webhook.id, by=ALICE)
        found = await read_backlog(deps)
        assert (found.waiting, found.paused, found.oldest_due_at) == (1, 2, clock.now())


async def test_deliveries_of_a_suspended_account_are_not_late(deps: Deps, stage: Stage, clock: FakeClock) -> None:
    """They wait until it is active again, and hide none that is."""
    charlie = await stage.another_account()
    async with receiver() as there, receiver() as other:
        await stage.webhook(there.url)
        await charlie.webhook(other.url)
        began = clock.now()
        await stage.append(2)
        clock.advance(timedelta(seconds=5))
        await charlie.append(1)
        await accounts.update_account(deps, stage.account_id, state=AccountState.SUSPENDED, by=SYSTEM)
        assert await read_backlog(deps) == Backlog(1, 0, 2, 0, clock.now(), is_more=False)
        await accounts.update_account(deps, stage.account_id, state=AccountState.ACTIVE, by=SYSTEM)
        assert await read_backlog(deps) == Backlog(3, 0, 0, 0, began, is_more=False)
