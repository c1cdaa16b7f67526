"""Records of an account that is active again come back, whatever happens meanwhile (contract D51)."""

import asyncio
from collections.abc import AsyncGenerator
from datetime import timedelta
from functools import partial

import pytest
from tests.support.engines import Engines
from tests.support.factories import make_cast, phone
from tests.support.waiting import Growing, until, until_locked
from tests.surfaces.gateway.helpers import (
    make_handset,
    new_record,
    online,
    patient,
    push,
    push_patiently,
    ref,
    served,
    store_records,
)
from tests.surfaces.gateway.relays import behind_a_relay, is_lost, relayed
from tests.surfaces.gateway.suspended_account import Scene

from callmark.domain.accounts.model import AccountState
from callmark.domain.deps import Deps
from callmark.domain.personalisation import jobs, service as personalisation
from callmark.domain.personalisation.model import Outcome
from callmark.domain.personalisation.suspension import jobs as switches
from callmark.domain.policy.model import SYSTEM
from callmark.kit.postgres.database import connect


@pytest.fixture
async def scene(deps: Deps) -> AsyncGenerator[Scene]:
    async with served(deps) as address:
        yield Scene(deps, await make_cast(deps), await make_handset(deps, phone()), address)


async def is_settled(sender: Deps) -> bool:
    return sender.fabric.settled


async def test_a_record_that_came_back_while_the_gateway_had_lost_the_fabric_comes_again(
    deps: Deps, engines: Engines
) -> None:
    cast, owner = await make_cast(deps), await make_handset(deps, phone())
    async with behind_a_relay(deps, engines) as (there, relay), online(there, owner.token) as handset:
        scene = Scene(deps, cast, owner, there)
        pushing = asyncio.create_task(push_patiently(deps, cast, owner.number))
        frame = await handset.receive("identity")
        await handset.send("ack", record=frame["record"])
        assert (await pushing).outcome is Outcome.SUCCESS
        await scene.switch(AccountState.SUSPENDED)
        assert (await handset.receive("withdraw"))["record"] == frame["record"]
        await relay.cut()
        await scene.switch(AccountState.ACTIVE)
        await relay.join()
        assert (await handset.receive("identity"))["id"] == frame["id"]


async def test_a_record_that_comes_back_while_a_handset_syncs_comes_after_its_withdrawal(
    scene: Scene, engines: Engines
) -> None:
    record = await push(scene.deps, scene.cast, scene.owner.number)
    await scene.switch(AccountState.SUSPENDED, tell=False)
    async with online(scene.address, scene.owner.token) as handset:
        async with connect(engines.dsn) as other, other.transaction():
            await other.execute("LOCK TABLE label IN ACCESS EXCLUSIVE MODE")  # the withdrawals are read, not the page
            syncing = asyncio.create_task(handset.sync([str(record.key.id)]))
            await until_locked(scene.deps.db, 1)
            await scene.switch(AccountState.ACTIVE, tell=False)
        ((withdrawal, identity), _) = await syncing
    assert (withdrawal["type"], withdrawal["record"]) == ("withdraw", ref(record))
    assert (identity["type"], identity["id"]) == ("identity", str(record.key.id))


async def test_what_waits_for_its_first_push_is_not_brought_back_beside_it(scene: Scene) -> None:
    (record,) = await store_records(scene.deps, scene.cast, new_record(scene.deps, scene.cast, scene.owner.number))
    await scene.switch(AccountState.SUSPENDED, tell=False)
    await scene.switch(AccountState.ACTIVE, tell=False)
    async with online(scene.address, scene.owner.token) as handset:
        pushing = asyncio.create_task(scene.work(jobs.batches(scene.deps)))
        frame = await handset.receive("identity")
        await scene.work(switches.switches(scene.deps))
        await handset.settled()  # nothing came in between
        await handset.send("ack", record=frame["record"])
        await pushing
    done = await personalisation.get_record(scene.deps, scene.cast.account.id, record.key.id)
    assert (done.outcome, done.first_outcome) == (Outcome.SUCCESS, None)


async def test_a_batch_that_a_switch_makes_due_while_it_is_pushed_fails_nowhere(scene: Scene) -> None:
    (record,) = await store_records(scene.deps, scene.cast, new_record(scene.deps, scene.cast, scene.owner.number))
    async with online(scene.address, scene.owner.token) as handset:
        first = asyncio.create_task(scene.work(jobs.batches(scene.deps)))
        await handset.receive("identity")
        await scene.switch(AccountState.SUSPENDED, tell=False)
        await scene.switch(AccountState.ACTIVE)
        second = asyncio.create_task(scene.work(jobs.batches(scene.deps)))
        frame = await handset.receive("identity")
        await handset.send("ack", record=frame["record"])
        await second
        done = await personalisation.get_record(scene.deps, scene.cast.account.id, record.key.id)
        first.cancel()
        await asyncio.wait({first})
    assert (done.outcome, done.first_outcome) == (Outcome.SUCCESS, None)


async def test_what_is_withdrawn_while_it_is_brought_back_is_withdrawn_once_more(scene: Scene) -> None:
    record = await push(scene.deps, scene.cast, scene.owner.number)
    await scene.switch(AccountState.SUSPENDED, tell=False)
    await scene.switch(AccountState.ACTIVE, tell=False)
    async with online(scene.address, scene.owner.token) as handset:
        bringing = asyncio.create_task(scene.work(switches.switches(patient(scene.deps))))
        frame = await handset.receive("identity")
        await personalisation.withdraw_record(scene.deps, scene.cast.account.id, record.key.id, by=SYSTEM)
        await handset.receive("withdraw")
        await handset.send("ack", record=frame["record"])
        await bringing
        assert (await handset.receive("withdraw"))["record"] == ref(record)


async def test_all_records_are_brought_back_again_when_nats_was_lost_on_the_way(deps: Deps, engines: Engines) -> None:
    cast, owner = await make_cast(deps), await make_handset(deps, phone())
    for _ in range(51):  # more batches than a page has
        await push(deps, cast, owner.number)
    come = Growing[str]()

    def on_push(key: str, reply: str, _payload: bytes) -> None:
        come.append(key)
        if len(come) > 50:
            deps.fabric.acknowledge(reply)

    async with relayed(deps, engines) as (sender, relay):
        scene = Scene(patient(sender), cast, owner, "")
        await scene.switch(AccountState.SUSPENDED, tell=False)
        await scene.switch(AccountState.ACTIVE, tell=False)
        await deps.fabric.attach(owner.number, on_push)
        bringing = asyncio.create_task(scene.work(switches.switches(scene.deps)))
        await come.until(lambda keys: len(keys) == 50)
        async with deps.db.transaction() as tx:
            await tx.execute("LOCK TABLE batch IN ACCESS EXCLUSIVE MODE")  # the next page waits
            await relay.cut()
            await until(partial(is_lost, sender))
            await relay.join()
            await until(partial(is_settled, sender))
        await bringing
    async with deps.db.connection() as tx:
        due = await tx.fetchval("SELECT due_at FROM account_switch WHERE account_id = $1", cast.account.id)
    assert due == deps.clock.now() + timedelta(seconds=2)
