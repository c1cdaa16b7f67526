"""Readiness, as `/readyz` shows it: what can be tried is tried."""

import asyncio
from collections.abc import AsyncGenerator

import msgspec
import pytest
from tests.e2e.play import OwnEngines, deps_of, own_engines
from tests.e2e.serving import tree
from tests.support.first_starts import FirstStarts
from tests.support.stopped_processes import suspended
from tests.support.waiting import until

from callmark.domain.deps import Deps
from callmark.kit import health
from callmark.kit.health import LATE_AFTER_S, Health, readiness, readyz


@pytest.fixture(autouse=True)
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Engines that are well answer, however busy this machine is."""
    monkeypatch.setattr(health, "ANSWER_WITHIN_S", 30)


async def failing(deps: Deps, *, beside: bool = False) -> dict[str, str]:
    """The checks that fail, as `/readyz` answers, in time: a statement alone would wait fifteen seconds."""
    async with asyncio.timeout(60):
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
async def own(first_starts: FirstStarts) -> AsyncGenerator[OwnEngines]:
    async with own_engines(first_starts) as started:
        yield started


async def test_engines_that_hang_are_found_out_in_time(own: OwnEngines, monkeypatch: pytest.MonkeyPatch) -> None:
    async with deps_of(own) as deps:
        assert await failing(deps) == {}
        monkeypatch.setattr(health, "ANSWER_WITHIN_S", 2)
        for engine, name in ((own.nats, "nats"), (own.postgres, "postgresql")):
            with suspended(tree(engine.pid)):
                found = await failing(deps)
            assert "no answer in time" in found[name]

            async def well() -> bool:
                return await failing(deps) == {}

            await until(well)


async def roles(deps: Deps, role: str | None = None) -> tuple[int, dict[str, str]]:
    """The status, and what each role needs that is away."""
    status, body = await readyz(deps.db, deps.fabric, deps.health, beside=True, role=role)
    return status, {one["name"]: one["reason"] for one in msgspec.json.decode(body)["roles"]}


async def test_without_nats_the_api_takes_batches_and_real_time_and_gateways_wait(deps: Deps) -> None:
    deps.health.roles = frozenset({"api", "console", "gateway"})
    assert await roles(deps) == (200, dict.fromkeys(("api", "console", "gateway", "real_time"), ""))
    await deps.fabric.close()
    stand = {"api": "", "console": "", "gateway": "needs nats", "real_time": "needs nats"}
    assert await roles(deps) == (503, stand)
    assert [(await roles(deps, role))[0] for role in stand] == [200, 200, 503, 503]
    deps.health.roles = frozenset({"api"})
    assert await roles(deps) == (200, {"api": "", "real_time": "needs nats"})


async def test_without_postgresql_nothing_is_ready(deps: Deps) -> None:
    deps.health.roles = frozenset({"api", "console", "gateway", "worker"})
    await deps.db.close()
    status, stand = await roles(deps)
    assert status == 503
    assert set(stand.values()) == {"needs postgresql, schema"}


async def test_a_part_that_is_late_stops_the_roles_of_its_own_process_alone(deps: Deps) -> None:
    deps.health.roles = frozenset({"api"})
    deps.health.beside = lambda: {"worker-1": "does not answer"}
    assert (await roles(deps))[0] == 503
    assert (await roles(deps, "api"))[0] == 200
    deps.health.ask("handsets", lambda: "are not connected")
    assert await roles(deps, "api") == (503, {"api": "needs handsets", "real_time": "needs handsets"})


async def test_a_process_that_is_about_to_end_is_not_ready(deps: Deps) -> None:
    deps.health.roles = frozenset({"api"})
    deps.health.is_stopping = True
    assert await failing(deps) == {"stopping": "this process is about to end"}
    assert (await roles(deps, "api"))[0] == 503
