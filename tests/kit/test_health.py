"""Readiness, as `/readyz` shows it."""

from callmark.domain.deps import Deps
from callmark.kit.health import readiness, readyz


async def test_running_engines_at_head_are_ready(deps: Deps) -> None:
    assert [(check.name, check.ok) for check in await readiness(deps.db, deps.fabric)] == [
        ("postgresql", True),
        ("schema", True),
        ("nats", True),
    ]


async def test_a_lost_fabric_is_named(deps: Deps) -> None:
    await deps.fabric.close()
    status, body = await readyz(deps.db, deps.fabric)
    assert status == 503
    assert b'{"name":"nats","ok":false,"reason":"not connected"}' in body
