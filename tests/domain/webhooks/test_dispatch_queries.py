"""The SQL that records what became of deliveries."""

from datetime import datetime

from tests.support.engines import Engines
from tests.support.factories import make_cast
from tests.support.fake_clock import FakeClock

from callmark.domain.deps import Deps
from callmark.domain.events.model import EventType
from callmark.domain.ids import AccountId, DeliveryId, EventId, WebhookId
from callmark.domain.webhooks.dispatch import recording
from callmark.domain.webhooks.dispatch.queries import EndedAttempt
from callmark.domain.webhooks.model import Attempt, Configuration, DeliveryState, DueDelivery, Secrets, Verdict
from callmark.kit.ids import new_id
from callmark.kit.postgres.database import Tx, connect


async def fill(tx: Tx, account_id: AccountId, now: datetime, count: int) -> list[DeliveryId]:
    """Deliveries of one instant; their ids."""
    rows = await tx.fetch(
        "INSERT INTO delivery (id, account_id, webhook_id, event_id, event_type, event_number, created_at, state)"
        " SELECT gen_random_uuid(), $1, gen_random_uuid(), gen_random_uuid(), 'cmb', n, $2, 'pending'"
        " FROM generate_series(1, $3::int) n RETURNING id",
        account_id,
        now,
        count,
    )
    return [DeliveryId(row[0]) for row in rows]


def delivered(delivery_id: DeliveryId, account_id: AccountId, now: datetime) -> EndedAttempt:
    types = frozenset(EventType)
    to = Configuration(
        WebhookId(new_id()), account_id, "hook", "https://example.com", Secrets(b""), *(True, True, False), types
    )
    attempt = Attempt(new_id(), 1, now, 5, "https://example.com", "", 200, "", b"", None)
    due = DueDelivery(delivery_id, now, EventId(new_id()), 0, 0, b"{}", to)
    return EndedAttempt(due, attempt, Verdict(DeliveryState.SUCCESS, None), now)


async def test_a_day_without_statistics_is_not_read_to_record_what_became_of_a_few(
    engines: Engines, deps: Deps, clock: FakeClock
) -> None:
    account_id, now = (await make_cast(deps)).account.id, clock.now()
    async with connect(engines.dsn) as tx:
        await tx.execute("SET plan_cache_mode = force_generic_plan")
        kept = [delivered(DeliveryId(new_id()), account_id, now)]
        await recording.record(tx, kept)  # its plan is kept from here
        ids = await fill(tx, account_id, now, 2000)
        async with tx.transaction():
            await recording.record_within(tx, [delivered(one, account_id, now) for one in ids[:5]])
            read = await tx.fetchval(
                "SELECT sum(idx_tup_fetch) FROM pg_stat_xact_user_tables WHERE relname ~ '^deliver'"
            )
            done = await tx.fetchval("SELECT count(*) FROM delivery WHERE state = 'success'")
    assert done == 5
    assert read < 20  # of 2,000


async def test_what_was_recorded_is_recorded_again_when_the_answer_to_its_commit_was_lost(
    deps: Deps, clock: FakeClock
) -> None:
    account_id, now = (await make_cast(deps)).account.id, clock.now()
    async with deps.db.connection() as tx:
        (delivery_id,) = await fill(tx, account_id, now, 1)
        ended = [delivered(delivery_id, account_id, now)]
    for _ in range(2):
        await deps.gather(recording.record, ended)
    async with deps.db.connection() as tx:
        attempts = await tx.fetchval("SELECT count(*) FROM attempt WHERE delivery_id = $1", delivery_id)
        state = await tx.fetchval("SELECT state FROM delivery WHERE id = $1", delivery_id)
    assert (attempts, state) == (1, "success")
