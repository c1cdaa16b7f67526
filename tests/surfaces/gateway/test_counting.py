"""What operators learn of open streams, over all gateways, and how they end one."""

from datetime import timedelta

import pytest
from tests.support.engines import Engines
from tests.support.factories import phone
from tests.surfaces.gateway.helpers import another_process, make_handset, online, served

from callmark.domain.deps import Deps
from callmark.domain.handsets import directory, service as handsets
from callmark.domain.policy.model import SYSTEM
from callmark.kit.ids import new_id
from callmark.kit.roles import ALL_ROLES


@pytest.fixture(params=["http", ALL_ROLES])
async def two_processes(deps: Deps, request: pytest.FixtureRequest) -> None:
    """Two processes that serve HTTP are known to live."""
    async with deps.db.connection() as tx:
        await tx.execute(
            "INSERT INTO process (id, kind, started_at, heartbeat_at, clock_version)"
            " SELECT id, $3, $2, $2, 0 FROM unnest($1::uuid[]) id",
            [new_id(), new_id()],
            deps.real_clock.now(),
            request.param,
        )


@pytest.mark.usefixtures("two_processes")
async def test_streams_are_counted_over_all_gateways_or_not_at_all(
    deps: Deps, engines: Engines, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other, away = [await make_handset(deps, phone()) for _ in range(3)]
    async with served(deps) as here, online(here, one.token):
        assert await directory.count_connected(deps) is None  # the other gateway does not answer
        monkeypatch.setattr(directory, "_WITHIN", timedelta(seconds=30))
        async with (
            another_process(deps, engines.nats_url) as second,
            served(second) as there,
            online(there, other.token),
        ):
            assert await directory.count_connected(deps) == 2
            asked = [one.number, other.number, away.number]
            assert await directory.connected_among(deps, asked) == {one.number, other.number}


async def test_a_handset_that_an_operator_forgets_loses_its_stream(deps: Deps) -> None:
    owner = await make_handset(deps, phone())
    async with served(deps) as at, online(at, owner.token) as handset:
        await handsets.forget_number(deps, owner.number, by=SYSTEM)
        assert (await handset.closed())[0] == 4401
