"""What handsets see of an account that is suspended, and of one that is active again (contract D51)."""

from collections.abc import AsyncGenerator
from datetime import timedelta

import pytest
from tests.domain.personalisation.taken_uploads import take
from tests.support.factories import make_cast, phone
from tests.support.fake_clock import FakeClock
from tests.support.statement_rows import count_rows_of_statements, rows_of_statements
from tests.surfaces.gateway.helpers import (
    CALLER,
    make_handset,
    new_record,
    online,
    outcome_of,
    push,
    ref,
    served,
    store_records,
)
from tests.surfaces.gateway.suspended_account import Scene

from callmark.domain.accounts import service as accounts
from callmark.domain.accounts.model import AccountState
from callmark.domain.deps import Deps
from callmark.domain.personalisation import jobs
from callmark.domain.personalisation.batches import service as batches
from callmark.domain.personalisation.model import Outcome
from callmark.domain.personalisation.suspension import jobs as switches
from callmark.domain.personalisation.sweeping.jobs import sweep
from callmark.domain.personalisation.uploads import jobs as upload_jobs, service as uploads
from callmark.domain.policy.model import SYSTEM
from callmark.kit.errors import NotFound
from callmark.kit.postgres.piecewise import PIECE
from callmark.kit.work import LEASE
from callmark.kit.worker import Worker

WAITING = """
INSERT INTO batch (id, account_id, accepted_at, record_count, ends_from, ends_to, due_at)
SELECT lpad(to_hex(n), 32, '0')::uuid, $1, $2, 1, $2, $2, 'infinity' FROM generate_series(1, $3::int) n
"""


@pytest.fixture
async def scene(deps: Deps) -> AsyncGenerator[Scene]:
    async with served(deps) as address:
        yield Scene(deps, await make_cast(deps), await make_handset(deps, phone()), address)


async def test_connected_handsets_drop_the_open_records_and_get_them_back(scene: Scene) -> None:
    record = await push(scene.deps, scene.cast, scene.owner.number)
    async with online(scene.address, scene.owner.token) as handset:
        assert await scene.source(handset) == "call_record"
        await scene.switch(AccountState.SUSPENDED)
        assert (await handset.receive("withdraw"))["record"] == ref(record)
        assert await scene.source(handset) == "none"
        assert await handset.sync() == ([], None)
        await scene.switch(AccountState.ACTIVE)
        assert (await handset.receive("identity"))["id"] == str(record.key.id)
        assert await scene.source(handset) == "call_record"


async def test_a_handset_that_was_away_drops_and_gets_back_with_its_sync(scene: Scene) -> None:
    record = await push(scene.deps, scene.cast, scene.owner.number)
    held = [str(record.key.id)]
    await scene.switch(AccountState.SUSPENDED)
    async with online(scene.address, scene.owner.token) as handset:
        ((frame,), _) = await handset.sync(held)
        assert (frame["type"], frame["record"]) == ("withdraw", ref(record))
    await scene.switch(AccountState.ACTIVE)
    async with online(scene.address, scene.owner.token) as handset:
        ((frame,), _) = await handset.sync()
        assert (frame["type"], frame["id"]) == ("identity", held[0])


async def test_what_ended_or_was_withdrawn_meanwhile_stays_away(scene: Scene, clock: FakeClock) -> None:
    await store_records(scene.deps, scene.cast, new_record(scene.deps, scene.cast, scene.owner.number))
    async with online(scene.address, scene.owner.token) as handset:
        await scene.switch(AccountState.SUSPENDED)
        await handset.receive("withdraw")
        clock.advance(timedelta(hours=2))
        await scene.switch(AccountState.ACTIVE)
        assert await scene.source(handset) == "none"


async def test_another_accounts_record_shows_while_the_newest_is_suspended(scene: Scene) -> None:
    other = await make_cast(scene.deps)
    await store_records(scene.deps, other, new_record(scene.deps, other, scene.owner.number))
    await store_records(scene.deps, scene.cast, new_record(scene.deps, scene.cast, scene.owner.number))
    await scene.switch(AccountState.SUSPENDED, tell=False)
    async with online(scene.address, scene.owner.token) as handset:
        shown = await handset.ask("resolve", "resolved", caller_number=CALLER)
        assert shown["identity"]["name"] == other.label.name


async def test_batches_wait_for_the_end_of_the_suspension(scene: Scene) -> None:
    await scene.switch(AccountState.SUSPENDED)
    (record,) = await store_records(scene.deps, scene.cast, new_record(scene.deps, scene.cast, scene.owner.number))
    await scene.work(jobs.batches(scene.deps))
    assert await outcome_of(scene.deps, scene.cast, record.key.id) is Outcome.PENDING
    await scene.switch(AccountState.ACTIVE)
    await scene.work(jobs.batches(scene.deps))
    assert await outcome_of(scene.deps, scene.cast, record.key.id) is Outcome.FAILED_TO_PUSH  # it is not connected


async def test_a_batch_whose_window_ends_during_the_suspension_fails_and_is_done(
    scene: Scene, clock: FakeClock
) -> None:
    await scene.switch(AccountState.SUSPENDED)
    (record,) = await store_records(scene.deps, scene.cast, new_record(scene.deps, scene.cast, scene.owner.number))
    await scene.work(jobs.batches(scene.deps))
    clock.advance(timedelta(hours=2))
    await sweep(scene.deps)
    assert await outcome_of(scene.deps, scene.cast, record.key.id) is Outcome.FAILED_TO_PUSH
    await scene.work(jobs.batches(scene.deps))
    async with scene.deps.db.connection() as tx:  # it is done, though the account is suspended still
        assert await tx.fetchval("SELECT due_at FROM batch WHERE id = $1", record.batch_id) is None


async def test_a_batch_waits_for_its_last_window_to_end_and_is_not_looked_at_before(scene: Scene) -> None:
    await scene.switch(AccountState.SUSPENDED)
    (record,) = await store_records(scene.deps, scene.cast, new_record(scene.deps, scene.cast, scene.owner.number))
    await scene.work(jobs.batches(scene.deps))
    assert await scene.due_at("batch", record.batch_id) == record.key.ends_at


async def test_a_batch_that_is_cancelled_during_the_suspension_is_done(scene: Scene) -> None:
    await scene.switch(AccountState.SUSPENDED)
    (record,) = await store_records(scene.deps, scene.cast, new_record(scene.deps, scene.cast, scene.owner.number))
    await scene.work(jobs.batches(scene.deps))
    await batches.withdraw_batch(scene.deps, scene.cast.account.id, record.batch_id, by=SYSTEM)
    await scene.work(jobs.batches(scene.deps))
    assert await scene.due_at("batch", record.batch_id) is None


async def test_an_account_that_is_active_again_while_a_worker_looks_at_its_batch_waits_for_nothing(
    scene: Scene,
) -> None:
    await scene.switch(AccountState.SUSPENDED)
    (record,) = await store_records(scene.deps, scene.cast, new_record(scene.deps, scene.cast, scene.owner.number))
    work = jobs.batches(scene.deps)
    (claimed,) = await scene.worker.claim(work, 1)
    waits_until = await work.run(claimed)
    await scene.switch(AccountState.ACTIVE)
    async with scene.deps.db.connection() as tx:
        await work.finish(tx, [(claimed.row["id"], claimed.lease_id, waits_until)])
    await scene.work(work)
    assert await outcome_of(scene.deps, scene.cast, record.key.id) is Outcome.FAILED_TO_PUSH  # it is not connected


async def test_however_many_batches_wait_they_are_made_due_piece_by_piece(scene: Scene) -> None:
    await scene.switch(AccountState.SUSPENDED)
    async with scene.deps.db.transaction() as tx:
        await tx.execute(WAITING, scene.cast.account.id, scene.deps.clock.now(), PIECE + 3)
        await count_rows_of_statements(tx, "batch", "UPDATE")
    await accounts.update_account(scene.deps, scene.cast.account.id, state=AccountState.ACTIVE, by=SYSTEM)
    await scene.work(switches.switches(scene.deps))
    async with scene.deps.db.connection() as tx:
        assert await rows_of_statements(tx, "batch") == [3, PIECE]


async def test_an_upload_goes_on_when_the_account_is_active_again(scene: Scene) -> None:
    upload = await take(scene.deps, scene.cast, f"phone\n{scene.owner.number}\n")
    await scene.switch(AccountState.SUSPENDED)
    await scene.work(upload_jobs.uploads(scene.deps))
    assert await uploads.batches_of(scene.deps, scene.cast.account.id, upload.id) == []
    await scene.switch(AccountState.ACTIVE)
    await scene.work(upload_jobs.uploads(scene.deps))
    assert len(await uploads.batches_of(scene.deps, scene.cast.account.id, upload.id)) == 1


async def test_an_upload_whose_windows_end_during_the_suspension_ends_and_is_forgotten(
    scene: Scene, clock: FakeClock
) -> None:
    upload = await take(scene.deps, scene.cast, f"phone\n{scene.owner.number}\n")
    await scene.switch(AccountState.SUSPENDED)
    work = upload_jobs.uploads(scene.deps)
    await scene.work(work)
    end = clock.now() + timedelta(hours=1)
    assert await scene.due_at("upload", upload.id) == end
    clock.advance(timedelta(hours=1))
    await scene.work(work)
    assert await uploads.batches_of(scene.deps, scene.cast.account.id, upload.id) == []  # it has not ended yet
    clock.advance(switches.LOOK_AFTER)
    await scene.work(work)
    progress = await uploads.read_progress(scene.deps, scene.cast.account.id, upload.id)
    assert (progress.outcomes, progress.is_done) == ({Outcome.INVALID: 1}, True)
    clock.advance(timedelta(days=scene.deps.settings.retention_days + 2))
    await upload_jobs.forget_old_uploads(scene.deps)
    with pytest.raises(NotFound):
        await uploads.get_upload(scene.deps, scene.cast.account.id, upload.id)


async def test_an_upload_of_an_account_without_the_feature_ends_with_its_windows(
    scene: Scene, clock: FakeClock
) -> None:
    upload = await take(scene.deps, scene.cast, f"phone\n{scene.owner.number}\n")
    await accounts.update_account(scene.deps, scene.cast.account.id, features=[], by=SYSTEM)
    work = upload_jobs.uploads(scene.deps)
    await scene.work(work)
    assert await uploads.batches_of(scene.deps, scene.cast.account.id, upload.id) == []
    clock.advance(timedelta(hours=2))
    await scene.work(work)
    assert await scene.due_at("upload", upload.id) is None


async def test_all_of_many_records_are_told_and_once_more_for_pushes_under_way(scene: Scene, clock: FakeClock) -> None:
    for _ in range(120):  # more batches than a page has
        await store_records(scene.deps, scene.cast, new_record(scene.deps, scene.cast, scene.owner.number))
    async with online(scene.address, scene.owner.token) as handset:
        await scene.switch(AccountState.SUSPENDED)
        first = {(await handset.receive("withdraw"))["record"]["id"] for _ in range(120)}
        clock.advance(switches.AGAIN_AFTER)
        await scene.work(switches.switches(scene.deps))
        again = {(await handset.receive("withdraw"))["record"]["id"] for _ in range(120)}
        clock.advance(switches.AGAIN_AFTER)
        await scene.work(switches.switches(scene.deps))
        assert await scene.source(handset) == "none"  # nothing came in between
    assert len(first) == 120
    assert again == first


async def test_a_worker_that_died_while_telling_is_followed_by_another(scene: Scene) -> None:
    await store_records(scene.deps, scene.cast, new_record(scene.deps, scene.cast, scene.owner.number))
    async with online(scene.address, scene.owner.token) as handset:
        await scene.switch(AccountState.SUSPENDED, tell=False)
        real = FakeClock(scene.deps.real_clock.now())
        work = switches.switches(scene.deps)
        assert await Worker(scene.deps.db, scene.deps.gather, scene.deps.fabric, scene.deps.clock, real).claim(
            work, 9
        )  # and dies
        real.advance(LEASE * 2)
        await Worker(scene.deps.db, scene.deps.gather, scene.deps.fabric, scene.deps.clock, real).run_due(work)
        await handset.receive("withdraw")


async def test_suspending_a_suspended_account_tells_nobody_again(scene: Scene, clock: FakeClock) -> None:
    await scene.switch(AccountState.SUSPENDED)
    clock.advance(switches.AGAIN_AFTER)
    await scene.work(switches.switches(scene.deps))
    await scene.switch(AccountState.SUSPENDED, tell=False)
    async with scene.deps.db.connection() as tx:
        due = await tx.fetchval("SELECT due_at FROM account_switch WHERE account_id = $1", scene.cast.account.id)
    assert due is None
