"""The background work of a process: every kind of it, until it is stopped."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from callmark.domain.background import service as background
from callmark.domain.background.registry import works
from callmark.domain.deps import Deps
from callmark.domain.handsets import presence
from callmark.domain.personalisation import partitions
from callmark.domain.webhooks.dispatch import jobs as webhooks
from callmark.kit.outbound.client import Outbound, allowed_networks
from callmark.kit.outbound.name_lookup import SystemResolver
from callmark.kit.tasks import end
from callmark.kit.worker import Worker


async def run_worker(deps: Deps) -> None:
    """Runs until cancelled, after `prepare`."""
    async with Outbound(allowed_networks(deps.settings), resolver=SystemResolver()) as outbound:
        worker = Worker(deps.db, deps.gather, deps.fabric, deps.clock, deps.real_clock, deps.health)
        await worker.run(works(deps, outbound))


def check(deps: Deps) -> None:
    """Raises SetupError when this process lacks what a worker needs."""
    webhooks.check(deps)


async def prepare(deps: Deps) -> None:
    """What must be there before the first request: partitions of today and tomorrow, the periodic jobs' rows."""
    await partitions.begin_partitions(deps)
    await presence.find_lost(deps)
    await background.add_periodic_jobs(deps)


async def run_beside(stop: asyncio.Event, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Runs `work` until `stop` is set, then cancels it. Raises what it raises; RuntimeError when it ends on its own."""
    working = asyncio.create_task(work())
    stopping = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait({working, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            await working
        if not stop.is_set():
            raise RuntimeError("the background work ended unexpectedly")
    finally:
        await end([stopping, working])
