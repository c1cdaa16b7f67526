"""A process on the engines of a test, as metrics and the doctor see it."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from msgspec.structs import replace

from callmark.domain.deps import Deps
from callmark.kit.clock import ProductClock, SystemClock
from callmark.kit.health import Health
from callmark.kit.heartbeats import LiveProcess


@asynccontextmanager
async def living(deps: Deps, kind: str) -> AsyncGenerator[Deps]:
    """A process of that kind on the same engines."""
    real = SystemClock()
    live = LiveProcess(kind, deps.db, deps.fabric, ProductClock(real), real)
    await live.start()
    health = Health()
    health.process_id = live.id
    yield replace(deps, health=health)
    await live.stop()
