"""Whether the platform is idle: nothing that is due is left to be done."""

from typing import Annotated

from msgspec import Meta, Struct
from starlette.requests import Request
from starlette.routing import BaseRoute

from callmark.domain.background import service as background
from callmark.domain.deps import Deps
from callmark.domain.work_names import WorkName
from callmark.surfaces.emulator.control_api.routing import control_route
from callmark.surfaces.http import Response, render


class WorkOut(Struct, frozen=True):
    """The background work of the platform."""

    idle: Annotated[bool, Meta(description="Whether nothing is due or under way.")]
    work: Annotated[dict[str, int], Meta(description="Of each kind of work, how much is due or under way.")]


def work_routes(deps: Deps) -> list[BaseRoute]:
    """What tests ask before they look at what was done."""

    async def get_work(_: Request) -> Response:
        found, now = await background.look_at_queues(deps), deps.clock.now()
        work = {queue.name: queue.waiting + queue.running for queue in found.queues}
        work[WorkName.DELIVERIES] = found.deliveries.waiting
        work[WorkName.PERIODIC] = sum(job.is_running or job.is_due(now) for job in found.periodic)
        if any(job.is_due(now) and not job.is_running for job in found.periodic):
            await deps.wake(WorkName.PERIODIC, WorkName.DELETIONS)  # else tests wait until a worker looks for them
        return render(WorkOut(not any(work.values()), work))

    return [control_route("work", GET=get_work)]
