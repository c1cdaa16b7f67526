"""Runs due work in a test, once and without a process."""

from callmark.domain.background.registry import works
from callmark.domain.deps import Deps
from callmark.kit.outbound.client import Outbound, allowed_networks
from callmark.kit.worker import Worker


async def run_due_once(deps: Deps) -> int:
    """Runs everything that is due now; how many rows, or webhooks."""
    worker = Worker(deps.db, deps.gather, deps.fabric, deps.clock, deps.real_clock, deps.health)
    async with Outbound(allowed_networks(deps.settings)) as outbound:
        return sum([await worker.run_due(work) for work in works(deps, outbound)])
