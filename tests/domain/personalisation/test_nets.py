"""What is left pending is found, whatever its batch says: due again while it can be pushed, failed past its window."""

from datetime import timedelta

from tests.domain.personalisation.counted_calls import count_all, long_after, submit
from tests.support.due_work import run_due_once
from tests.support.factories import Cast, make_cast
from tests.support.fake_clock import FakeClock

from callmark.domain.deps import Deps
from callmark.domain.personalisation import pushing_queries, service
from callmark.domain.personalisation.model import Batch, Outcome
from callmark.domain.personalisation.sweeping.jobs import sweep


async def mark_done(deps: Deps, batch: Batch) -> None:
    """As if something had cleared the flag too early."""
    async with deps.db.connection() as tx:
        await tx.execute("UPDATE batch SET due_at = NULL WHERE id = $1", batch.id)


async def is_due(deps: Deps, batch: Batch) -> bool:
    async with deps.db.connection() as tx:
        return await tx.fetchval("SELECT due_at IS NOT NULL FROM batch WHERE id = $1", batch.id)


async def outcomes(deps: Deps, cast: Cast, batch: Batch) -> set[Outcome]:
    return {record.outcome for record in await service.records_of_batch(deps, batch.id, cast.account.id)}


async def test_a_batch_marked_done_with_pending_records_is_due_again(deps: Deps) -> None:
    cast = await make_cast(deps)
    batch = await submit(deps, cast, count=3)
    await mark_done(deps, batch)
    await count_all(deps)
    assert await is_due(deps, batch)
    await run_due_once(long_after(deps))
    assert await outcomes(deps, cast, batch) == {Outcome.NOT_REGISTERED}
    assert not await is_due(deps, batch)


async def test_a_batch_due_again_is_counted_once_when_it_is_done(deps: Deps) -> None:
    cast = await make_cast(deps)
    batch = await submit(deps, cast, count=3)
    await mark_done(deps, batch)
    await count_all(deps)
    await run_due_once(long_after(deps))
    await count_all(deps)
    await count_all(deps)
    async with deps.db.connection() as tx:
        row = await tx.fetchrow(
            "SELECT accepted, not_registered FROM record_day WHERE account_id = $1", cast.account.id
        )
    assert row
    assert tuple(row) == (3, 3)


async def test_a_record_left_pending_by_a_batch_marked_done_fails_after_its_window(
    deps: Deps, clock: FakeClock
) -> None:
    cast = await make_cast(deps)
    batch = await submit(deps, cast, count=3)
    await mark_done(deps, batch)
    clock.advance(timedelta(hours=2))
    await sweep(deps)
    assert await outcomes(deps, cast, batch) == {Outcome.FAILED_TO_PUSH}


async def test_a_record_left_pending_by_a_batch_counted_as_done_fails_after_its_window(
    deps: Deps, clock: FakeClock
) -> None:
    cast = await make_cast(deps)
    batch = await submit(deps, cast, count=3)
    await run_due_once(deps)
    await count_all(deps)
    await sweep(deps)
    async with deps.db.connection() as tx:
        await tx.execute("UPDATE call_record SET outcome = 'pending', settled_at = NULL WHERE batch_id = $1", batch.id)
    clock.advance(timedelta(hours=2))
    await sweep(deps)
    assert await outcomes(deps, cast, batch) == {Outcome.FAILED_TO_PUSH}


async def test_a_batch_is_done_when_none_of_its_records_is_pending(deps: Deps) -> None:
    cast = await make_cast(deps)
    batch = await submit(deps, cast, count=2)
    first, second = await service.records_of_batch(deps, batch.id, cast.account.id)

    async def is_done() -> bool:
        async with deps.db.connection() as tx:
            (pushed,) = await pushing_queries.look_again(tx, [batch])
        return pushed.is_done

    await service.acknowledge(deps, [first.key])
    assert not await is_done()
    await service.acknowledge(deps, [second.key])
    assert await is_done()
