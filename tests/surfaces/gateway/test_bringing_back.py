"""Records of an account that is active again come back, whatever happens meanwhile (contract D51)."""

import asyncio
from collections.abc import AsyncGenerator

import pytest
from tests.domain.personalisation.test_partitions import until_waiting
from tests.engines import Engines
from tests.factories import make_cast, phone
from tests.surfaces.gateway.helpers import make_handset, online, push, ref, served
from tests.surfaces.gateway.test_suspension import Scene
from tests.surfaces.gateway.test_two_gateways import behind_a_relay

from callmark.domain.accounts.model import AccountState
from callmark.domain.deps import Deps
from callmark.domain.personalisation.model import Outcome
from callmark.kit.db import connect


@pytest.fixture
async def scene(deps: Deps) -> AsyncGenerator[Scene]:
    async with served(deps) as address:
        yield Scene(deps, await make_cast(deps), await make_handset(deps, phone()), address)


async def test_a_record_that_came_back_while_the_gateway_had_lost_the_fabric_comes_again(
    deps: Deps, engines: Engines
) -> None:
    cast, owner = await make_cast(deps), await make_handset(deps, phone())
    async with behind_a_relay(deps, engines) as (there, relay), online(there, owner.token) as handset:
        scene = Scene(deps, cast, owner, there)
        pushing = asyncio.create_task(push(deps, cast, owner.number))
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
            await until_waiting(engines.dsn, 1)
            await scene.switch(AccountState.ACTIVE, tell=False)
        ((withdrawal, identity), _) = await syncing
    assert (withdrawal["type"], withdrawal["record"]) == ("withdraw", ref(record))
    assert (identity["type"], identity["id"]) == ("identity", str(record.key.id))
