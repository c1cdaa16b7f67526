"""How a webhook does now, and since when."""

from collections.abc import AsyncGenerator
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from tests.domain.webhooks.receiving import Stage, receiver, staged, status
from tests.support.factories import ALICE
from tests.support.fake_clock import FakeClock
from tests.support.rows_read import rows_read

from callmark.domain.deps import Deps
from callmark.domain.ids import WebhookId
from callmark.domain.webhooks import service as webhooks
from callmark.domain.webhooks.deliveries import health, queries
from callmark.domain.webhooks.deliveries.health import LATE_AFTER, HealthState, health_of
from callmark.domain.webhooks.deliveries.queries import AttemptOutcome, WaitingDeliveries
from callmark.domain.webhooks.model import SCHEDULE

NOW = datetime(2026, 3, 1, 10, tzinfo=UTC)
NOTHING = WaitingDeliveries(None, 0)
_MINUTE, _DAY = timedelta(minutes=1), timedelta(days=1)


def yes(ago: timedelta) -> AttemptOutcome:
    return AttemptOutcome(NOW - ago, None)


def no(ago: timedelta) -> AttemptOutcome:
    return AttemptOutcome(NOW - ago, "the answer was 500")


@pytest.mark.parametrize(
    ("outcomes", "waiting", "found"),
    [
        ([], NOTHING, (HealthState.IDLE, None)),
        ([no(26 * _DAY)], NOTHING, (HealthState.IDLE, NOW - 26 * _DAY)),
        ([yes(_MINUTE), no(26 * _DAY)], NOTHING, (HealthState.WORKING, NOW - _MINUTE)),
        ([yes(20 * _DAY)], NOTHING, (HealthState.WORKING, NOW - 20 * _DAY)),
        ([no(_MINUTE), no(5 * _MINUTE), yes(6 * _MINUTE)], NOTHING, (HealthState.FAILING, NOW - 5 * _MINUTE)),
        ([no(2 * _DAY)], WaitingDeliveries(NOW + _DAY, 1), (HealthState.FAILING, NOW - 2 * _DAY)),
        ([yes(_DAY)], WaitingDeliveries(NOW - LATE_AFTER, 0), (HealthState.LATE, NOW - LATE_AFTER)),
        ([], WaitingDeliveries(NOW - _MINUTE, 0), (HealthState.LATE, NOW - _MINUTE)),
        (
            [yes(timedelta(seconds=1))],
            WaitingDeliveries(NOW - _MINUTE, 0),
            (HealthState.WORKING, NOW - timedelta(seconds=1)),
        ),
    ],
)
def test_health_is_about_now(
    outcomes: list[AttemptOutcome], waiting: WaitingDeliveries, found: tuple[HealthState, datetime | None]
) -> None:
    assert health_of(None, outcomes, waiting, NOW) == found
    assert health_of(NOW - _DAY, outcomes, waiting, NOW) == (HealthState.PAUSED, NOW - _DAY)


@pytest.fixture
async def stage(deps: Deps) -> AsyncGenerator[Stage]:
    async with staged(deps) as made:
        yield made


async def test_health_follows_what_happens(stage: Stage, clock: FakeClock) -> None:
    async with receiver(status(200)) as there:
        webhook = await stage.webhook(there.url)

        async def look() -> tuple[HealthState, int]:
            found = await health.look(stage.deps, await webhooks.get_webhook(stage.deps, stage.account_id, webhook.id))
            return found.health, found.retries

        assert await look() == (HealthState.IDLE, 0)
        await stage.append()
        clock.advance(LATE_AFTER)
        assert await look() == (HealthState.LATE, 0)  # nobody has made the attempt
        await stage.run_due()
        assert await look() == (HealthState.WORKING, 0)
        there.answer = status(500)
        clock.advance(_MINUTE)
        await stage.append()
        await stage.run_due()
        assert await look() == (HealthState.FAILING, 1)
        there.answer = status(200)
        clock.advance(SCHEDULE[0])
        await stage.run_due()
        assert await look() == (HealthState.WORKING, 0)
        await webhooks.pause_webhook(stage.deps, stage.account_id, webhook.id, by=ALICE)
        assert await look() == (HealthState.PAUSED, 0)


async def test_of_many_that_wait_for_their_first_attempt_none_is_read_to_count_retries(deps: Deps) -> None:
    async with deps.db.transaction() as tx:
        await tx.execute(_WAITING, _PAUSED, NOW)
        await tx.execute("ANALYZE waiting_delivery")
        before = await rows_read(tx, "waiting_delivery")
        assert await queries.select_waiting(tx, _PAUSED) == WaitingDeliveries(NOW, 3)
        assert await queries.select_outcomes(tx, _PAUSED, NOW - _DAY, NOW) == []
        assert await rows_read(tx, "waiting_delivery") - before < 20  # of 3,000


_PAUSED = WebhookId(UUID(int=5))
_WAITING = """
INSERT INTO waiting_delivery (delivery_id, webhook_id, due_at, created_at, event_id, event_number, attempt_count,
  failures, body)
SELECT gen_random_uuid(), $1, $2, $2, gen_random_uuid(), n, 0, (n % 1000 = 0)::int, '{}' FROM generate_series(1, 3000) n
"""
