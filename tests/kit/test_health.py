"""Readiness, as `/readyz` shows it: what can be tried is tried."""

import asyncio
from collections.abc import AsyncGenerator

import msgspec
import pytest
from tests.e2e.play import OwnEngines, deps_of, own_engines
from tests.e2e.serving import tree
from tests.suspending import suspended
from tests.waiting import until

from callmark.domain.deps import Deps
from callmark.kit.health import LATE_AFTER_S, Health, readiness, readyz


async def failing(deps: Deps, *, beside: bool = False) -> dict[str, str]:
    """The checks that fail, as `/readyz` answers, in time."""
    async with asyncio.timeout(5):
        status, body = await readyz(deps.db, deps.fabric, deps.health, beside=beside)
    answer = msgspec.json.decode(body)
    assert answer["ready"] is (status == 200)
    return {check["name"]: check["reason"] for check in answer["checks"] if not check["ok"]}


async def test_running_engines_at_head_are_ready(deps: Deps) -> None:
    assert [(check.name, check.ok) for check in await readiness(deps.db, deps.fabric, deps.health)] == [
        ("postgresql", True),
        ("schema", True),
        ("nats", True),
    ]


async def test_a_lost_fabric_is_named(deps: Deps) -> None:
    await deps.fabric.close()
    assert list(await failing(deps)) == ["nats"]


async def test_what_is_wrong_beside_is_told_where_it_is_asked_for(deps: Deps) -> None:
    deps.health.beside = lambda: {"worker-1": "ended (exit status 1)"}
    assert await failing(deps) == {}
    assert await failing(deps, beside=True) == {"worker-1": "ended (exit status 1)"}


def test_a_part_that_stands_still_is_late() -> None:
    now = 100.0
    health = Health(lambda: now)
    health.turned("deliveries")
    now += LATE_AFTER_S
    assert health.troubles() == {}
    now += 2
    assert health.troubles() == {"deliveries": "has not run for 7 s"}
    health.turned("deliveries")
    assert health.troubles() == {}


def test_a_part_is_asked_how_it_is() -> None:
    health = Health()
    health.ask("handsets", lambda: "2 of 9 are not connected")
    assert health.troubles() == {"handsets": "2 of 9 are not connected"}


@pytest.fixture
async def own() -> AsyncGenerator[OwnEngines]:
    async with own_engines() as started:
        yield started


async def test_engines_that_hang_are_found_out_in_time(own: OwnEngines) -> None:
    async with deps_of(own) as deps:
        assert await failing(deps) == {}
        for engine, name in ((own.nats, "nats"), (own.postgres, "postgresql")):
            with suspended(tree(engine.pid)):
                found = await failing(deps)
            assert "no answer in time" in found[name]

            async def well() -> bool:
                return await failing(deps) == {}

            await until(well, 20)
