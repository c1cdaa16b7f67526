"""The worker: does every kind of background work until it is stopped."""

from callmark.domain.background import service as background
from callmark.domain.background.registry import works
from callmark.domain.deps import Deps
from callmark.domain.handsets import presence
from callmark.domain.personalisation import partitions
from callmark.domain.webhooks.dispatch import jobs as webhooks
from callmark.kit.name_lookup import SystemResolver
from callmark.kit.outbound import Outbound, allowed_networks
from callmark.kit.worker import Worker


async def run_worker(deps: Deps) -> None:
    """Runs until cancelled."""
    await prepare(deps)
    async with Outbound(allowed_networks(deps.settings), resolver=SystemResolver()) as outbound:
        await _worker(deps).run(works(deps, outbound))


def check(deps: Deps) -> None:
    """Raises SetupError when this process lacks what a worker needs."""
    webhooks.check(deps)


async def prepare(deps: Deps) -> None:
    """What must be there before the first request: partitions of today and tomorrow, the periodic jobs' rows."""
    await partitions.begin_partitions(deps)
    await presence.find_lost(deps)
    await background.add_periodic_jobs(deps)


async def run_due_once(deps: Deps) -> int:
    """Runs everything that is due now, once; how many rows, or webhooks. For tests and one-shot commands."""
    async with Outbound(allowed_networks(deps.settings)) as outbound:
        return sum([await _worker(deps).run_due(work) for work in works(deps, outbound)])


def _worker(deps: Deps) -> Worker:
    return Worker(deps.db, deps.gather, deps.fabric, deps.clock, deps.real_clock, deps.health)
